//! Manifests of directories.

use hardpan_verity::fsverity::{Entry, FileDigest, Kind, Manifest, Params, compare};

/// There is one text for each manifest, and no other is accepted.
pub fn check(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    assert_eq!(manifest.encode().as_bytes(), bytes);
    assert!(compare(&manifest, &manifest).is_empty());
    let again = Manifest::new(manifest.params().clone(), manifest.entries().to_vec());
    assert_eq!(again, Ok(manifest));
}

/// An empty manifest, and one with everything.
pub fn seeds() -> Vec<Vec<u8>> {
    let digest: FileDigest = format!("sha256:{}", "0a".repeat(32)).parse().expect("it is a digest");
    let kinds = [
        Kind::Directory,
        Kind::File { size: 1 << 40, digest },
        Kind::Symlink { target: b"a b\\\xff".to_vec() },
        Kind::CharDevice { major: 1, minor: 3 },
        Kind::BlockDevice { major: 8, minor: u32::MAX },
        Kind::Fifo,
        Kind::Socket,
    ];
    let entry = |(index, kind): (usize, Kind)| Entry {
        path: format!("/{}", "x y/".repeat(index) + "z").into_bytes(),
        mode: 0o4755,
        owner: (index % 2 == 0).then_some((0, 7)),
        kind,
    };
    let entries: Vec<Entry> = kinds.into_iter().enumerate().map(entry).collect();
    let manifests = [Vec::new(), entries].map(|entries| Manifest::new(Params::default(), entries));
    manifests.into_iter().map(|manifest| manifest.expect("it is one").encode().into_bytes()).collect()
}
