//! RPM packages.

use crate::common::pack::{cpio, gzip};
use crate::common::{sha256, tree};

/// Nothing is read past what is there. The input is a package, or, without the magic number, a payload that our own writer
/// puts into one with its digest: its tree is then the one that the payload has by itself.
pub fn check(bytes: &[u8]) {
    if bytes.starts_with(&LEAD) {
        tree::check(bytes);
        return;
    }
    let Some(packed) = tree::check(&package(bytes, "none")) else { panic!("any payload can be opened") };
    let Some(bare) = tree::check(bytes) else { return };
    if bare.kind().as_str() == "cpio" && bytes.starts_with(b"0707") {
        assert_eq!(tree::is_sound(&*packed), tree::is_sound(&*bare));
        assert_eq!(tree::paths(&*packed), tree::paths(&*bare));
    }
}

/// Packages with a payload in and out of compression, and a payload.
pub fn seeds() -> Vec<Vec<u8>> {
    let payload = cpio(&[(0o100_755, 1, 2, "./usr/bin/x", b""), (0o100_755, 1, 2, "./usr/bin/y", b"abc")]);
    vec![package(&payload, "none"), package(&gzip(&payload), "gzip"), payload]
}

/// A package with the tags that matter.
fn package(payload: &[u8], compressor: &str) -> Vec<u8> {
    let digest = sha256(payload);
    let main = header(&[
        (1124, 6, b"cpio\0".to_vec()),
        (1125, 6, format!("{compressor}\0").into_bytes()),
        (5092, 8, format!("{digest}\0").into_bytes()),
        (5093, 4, vec![0, 0, 0, 8]),
    ]);
    let sum = sha256(&main);
    let mut package = [&LEAD[..], &[3, 0]].concat();
    package.resize(96, 0);
    package[79] = 5;
    package.extend_from_slice(&header(&[(273, 6, format!("{sum}\0").into_bytes())]));
    package.resize(package.len().next_multiple_of(8), 0);
    [package, main, payload.to_vec()].concat()
}

/// A header with values that are each aligned to four bytes.
fn header(tags: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).expect("seeds are small");
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, value) in tags {
        store.resize(store.len().next_multiple_of(4), 0);
        index.extend([*tag, *kind, number(store.len()), 1].map(u32::to_be_bytes).concat());
        store.extend_from_slice(value);
    }
    let intro =
        [[0x8e, 0xad, 0xe8, 1], [0; 4], number(tags.len()).to_be_bytes(), number(store.len()).to_be_bytes()];
    [intro.concat(), index, store].concat()
}

const LEAD: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
