//! cpio archives in the new format.

use crate::common::pack::{cpio, gzip};
use crate::common::take::Take;
use crate::common::tree;

/// Nothing is read past what is there. Where the input does not begin as an archive, its bytes name the files of one that our
/// own writer makes, and those and no others are in the tree.
pub fn check(bytes: &[u8]) {
    if bytes.starts_with(b"0707") || bytes.starts_with(&[0x1f, 0x8b]) {
        tree::check(bytes);
        return;
    }
    let mut input = Take(bytes);
    let names: Vec<(String, Vec<u8>)> = (0..8)
        .map(|number| {
            (format!("dir{}/file{number}", input.byte() % 3), bytes[..bytes.len().min(number * 7)].to_vec())
        })
        .collect();
    let members: Vec<_> =
        names.iter().map(|(name, content)| (0o100_644, 0, 1, &name[..], &content[..])).collect();
    let tree = tree::check(&cpio(&members)).expect("it is an archive");
    assert!(tree::is_sound(&*tree));
    let mut wanted: Vec<_> = names.into_iter().map(|(name, content)| (format!("/{name}"), content)).collect();
    wanted.sort();
    assert_eq!(tree::files(&*tree), wanted);
}

/// An archive with links of both kinds, two that follow each other, and one in gzip.
pub fn seeds() -> Vec<Vec<u8>> {
    let archive = cpio(&[
        (0o040_755, 1, 2, "usr", b""),
        (0o100_755, 2, 2, "usr/a", b""),
        (0o100_755, 2, 2, "usr/b", b"the bytes come last"),
        (0o120_777, 3, 1, "bin", b"usr"),
        (0o020_600, 4, 1, "null", b""),
    ]);
    vec![
        archive.clone(),
        [&archive[..], &archive].concat(),
        [&archive[..], &gzip(&archive)].concat(),
        vec![1, 2, 3],
    ]
}
