//! The order in which files are judged where the results are told one after the other.

use std::cmp::Ordering;

use hardpan_image::{Entry, EntryId, FileKind, Index};

/// The regular files of an index, ordered by the bytes of their paths.
///
/// The paths themselves are never made, which for a whole system would take more memory than its judgement: below a
/// directory every path has a slash behind the directory's name, so that siblings compared with that slash are in the order
/// of the paths below them.
pub(crate) fn files_by_path(index: &Index<'_>) -> Vec<EntryId> {
    let mut files = Vec::new();
    let mut open = vec![index.root()];
    let mut siblings: Vec<Entry<'_>> = Vec::new();
    while let Some(id) = open.pop() {
        if index.entry(id).metadata.kind == FileKind::File {
            files.push(id);
        }
        siblings.extend(index.children(id));
        siblings.sort_by(by_path);
        open.extend(siblings.drain(..).rev().map(|entry| entry.id));
    }
    files
}

fn by_path(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    let common = a.name.len().min(b.name.len());
    let rest = |entry: &Entry<'_>| entry.name[common..].iter().copied().chain(slash(entry).copied()).next();
    // Names in a directory differ, so that the first byte behind what they share decides.
    a.name[..common].cmp(&b.name[..common]).then_with(|| rest(a).cmp(&rest(b)))
}

fn slash(entry: &Entry<'_>) -> Option<&'static u8> {
    (entry.metadata.kind == FileKind::Directory).then_some(&b'/')
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;

    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_paths() {
        let paths =
            ["/a-b", "/a/z", "/a.b", "/a0", "/a/b/c", "/a/b-c", "/a/b.c", "/z", "/a/b/b/a", "/\u{e4}"];
        let tree = paths.iter().fold(MemoryTree::new(), |tree, path| tree.file(path, 0o644, "x"));
        let tree = tree.directory("/empty", 0o755).symlink("/link", "a");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let found: Vec<Vec<u8>> = files_by_path(&index).into_iter().map(|id| index.path(id)).collect();
        let mut wanted = paths.map(|path| path.as_bytes().to_vec());
        wanted.sort();
        assert_eq!(found, wanted);
    }
}
