//! What the tests of several readers share.

use std::collections::BTreeMap;

use hardpan_image::{FileKind, Index, Tree};

/// Everything that a rule could see of a tree, by path.
pub(crate) fn contents(tree: &dyn Tree) -> BTreeMap<Vec<u8>, String> {
    let index = Index::build(tree, &|_| true).unwrap().unwrap();
    let mut all = BTreeMap::new();
    for entry in index.entries() {
        let metadata = entry.metadata;
        let content = match metadata.kind {
            FileKind::File => format!("{:?}", digest(&index.read(entry.id, 1 << 30).unwrap())),
            FileKind::Symlink => index.read_link(entry.id).unwrap().escape_ascii().to_string(),
            _ => String::new(),
        };
        // Directories count their subdirectories, and that count is the file system's own affair.
        let links = if metadata.kind == FileKind::Directory { 0 } else { metadata.links };
        let facts = format!(
            "{:?} {:o} {}:{} {links} {:?} {} {content} {:?}",
            metadata.kind,
            metadata.mode,
            metadata.uid,
            metadata.gid,
            metadata.rdev,
            if metadata.kind == FileKind::File { metadata.size } else { 0 },
            index.xattrs(entry.id).unwrap(),
        );
        all.insert(index.path(entry.id), facts);
    }
    all
}

fn digest(bytes: &[u8]) -> (usize, u64) {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (bytes.len(), hasher.finish())
}
