//! What holds for every tree, whatever it was read from.

use hardpan_image::{FileKind, Index, OpenOptions, Tree, open_stream_with};

/// Opens the input with little room, and walks through all that is there.
pub(crate) fn check(bytes: &[u8]) -> Option<Box<dyn Tree>> {
    let tree = open_stream_with(bytes, OpenOptions { image: None, limit: LIMIT }).ok()?;
    walk(&*tree);
    Some(tree)
}

/// Names are names, files have the bytes that they say, and links end.
pub(crate) fn walk(tree: &dyn Tree) {
    let Ok(Some(index)) = Index::build(tree, &|_| true) else { return };
    for entry in index.entries().skip(1) {
        assert!(!entry.name.is_empty() && !entry.name.contains(&b'/') && !entry.name.contains(&0));
        assert!(!matches!(entry.name, b"." | b".."));
        if entry.metadata.kind == FileKind::File && entry.metadata.size < LIMIT {
            let bytes = index.read(entry.id, LIMIT);
            assert!(bytes.is_ok_and(|bytes| bytes.len() as u64 == entry.metadata.size));
        }
        let _ = index.read_link(entry.id);
        let _ = index.resolve(&index.path(entry.id));
    }
}

/// Whether nothing was odd.
pub(crate) fn is_sound(tree: &dyn Tree) -> bool {
    tree.anomalies().is_empty()
}

/// The paths of all entries but the root, in order.
pub(crate) fn paths(tree: &dyn Tree) -> Vec<String> {
    entries(tree, |_| true).into_iter().map(|(path, _)| path).collect()
}

/// The files with their bytes, in the order of their paths.
pub(crate) fn files(tree: &dyn Tree) -> Vec<(String, Vec<u8>)> {
    entries(tree, |kind| kind == FileKind::File)
}

/// How many directories there are below the root.
pub(crate) fn directories(tree: &dyn Tree) -> usize {
    entries(tree, |kind| kind == FileKind::Directory).len()
}

fn entries(tree: &dyn Tree, wanted: impl Fn(FileKind) -> bool) -> Vec<(String, Vec<u8>)> {
    let Ok(Some(index)) = Index::build(tree, &|_| true) else { return Vec::new() };
    let entries = index.entries().skip(1).filter(|entry| wanted(entry.metadata.kind));
    let mut entries: Vec<_> = entries
        .map(|entry| {
            let path = index.path(entry.id).escape_ascii().to_string();
            (path, index.read(entry.id, LIMIT).unwrap_or_default())
        })
        .collect();
    entries.sort();
    entries
}

const LIMIT: u64 = 1 << 20;
