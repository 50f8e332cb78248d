//! Debian packages.

use crate::common::pack::{ar, gzip, tar};
use crate::common::tree;

/// Nothing is read past what is there. The input is a package, or, without the magic number, what goes into the `data.tar` of
/// one: the tree is then the one that the tar has by itself, and nothing is odd in one only.
pub fn check(bytes: &[u8]) {
    if bytes.starts_with(b"!<arch>") {
        tree::check(bytes);
        return;
    }
    let control = tar(&[("control", b"Package: x\n")]);
    let package = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", bytes)]);
    let Some(packed) = tree::check(&package) else { panic!("a package with any data can be opened") };
    let Some(bare) = tree::check(bytes) else { return };
    if bare.kind().as_str() == "tar" {
        assert_eq!(tree::is_sound(&*packed), tree::is_sound(&*bare));
        assert_eq!(tree::paths(&*packed), tree::paths(&*bare));
    }
}

/// Packages with parts in and out of compression, and a tar.
pub fn seeds() -> Vec<Vec<u8>> {
    let (control, data) =
        (tar(&[("control", b"Package: x\n")]), tar(&[("usr/bin/x", b"abc"), ("etc/y", b"")]));
    let (control_gz, data_gz) = (gzip(&control), gzip(&data));
    let plain = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &data)]);
    let packed = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &control_gz),
        ("_x", b"abc"),
        ("data.tar.gz", &data_gz),
    ]);
    vec![plain, packed, data]
}
