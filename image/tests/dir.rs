//! `DirTree` against `walkdir`, which lists by path, on real directories.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hardpan_image::{DirTree, FileKind, Index, ResolveError};

#[test]
fn the_machines_usr_is_listed_as_walkdir_lists_it() {
    let root = Path::new("/usr");
    let tree = DirTree::open(root).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let ours: BTreeMap<Vec<u8>, (u64, u64, u32)> = index
        .entries()
        .map(|entry| {
            let metadata = entry.metadata;
            (index.path(entry.id), (metadata.inode, metadata.links, metadata.mode))
        })
        .collect();
    let theirs: BTreeMap<Vec<u8>, (u64, u64, u32)> = walkdir::WalkDir::new(root)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let relative = entry.path().strip_prefix(root).unwrap().as_os_str().as_bytes();
            let path = [b"/", relative].concat();
            (path, (metadata.ino(), metadata.nlink(), metadata.mode() & 0o7777))
        })
        .collect();
    assert!(theirs.len() > 1000, "a machine without /usr proves nothing");
    assert_eq!(ours.len(), theirs.len());
    for (path, facts) in &theirs {
        assert_eq!(ours.get(path), Some(facts), "{}", path.escape_ascii());
    }
    assert_eq!(index.troubles(), []);
}

#[test]
fn links_resolve_inside_the_tree_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    std::fs::create_dir_all(at("usr/bin")).unwrap();
    std::fs::write(at("usr/bin/tool"), "x").unwrap();
    let link = |target: &str, path: &str| std::os::unix::fs::symlink(target, at(path)).unwrap();
    link("usr/bin", "bin");
    link("/usr/bin/tool", "absolute");
    link("../../../../../../usr/bin/tool", "escape");
    link("loop-b", "loop-a");
    link("loop-a", "loop-b");
    link("bin/tool/x", "through-file");
    let tree = DirTree::open(dir.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let tool = index.lookup(b"/usr/bin/tool").unwrap();
    for path in ["/bin/tool", "/absolute", "/escape", "//usr/./bin/../bin/tool"] {
        assert_eq!(index.resolve(path.as_bytes()), Ok(tool), "{path}");
    }
    assert_eq!(index.resolve(b"/loop-a"), Err(ResolveError::TooManyLinks));
    assert_eq!(index.resolve(b"/through-file"), Err(ResolveError::NotADirectory));
    assert_eq!(index.resolve(b"/bin/none"), Err(ResolveError::NotFound));
    assert_eq!(index.lookup(b"/bin/tool"), None);
}

#[test]
fn an_index_of_some_paths_has_them_and_what_is_above() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
    std::fs::create_dir_all(dir.path().join("c/d")).unwrap();
    for path in ["a/b/one", "a/b/two", "c/d/three", "c/four", "ab"] {
        std::fs::write(dir.path().join(path), "").unwrap();
    }
    let tree = DirTree::open(dir.path()).unwrap();
    let wanted = [b"/a/b/one".to_vec(), b"/c".to_vec()];
    let index = Index::build_only(&tree, &wanted, &|_| true).unwrap().unwrap();
    let mut paths: Vec<_> =
        index.entries().map(|entry| String::from_utf8(index.path(entry.id)).unwrap()).collect();
    paths.sort();
    assert_eq!(paths, ["/", "/a", "/a/b", "/a/b/one", "/c", "/c/d", "/c/d/three", "/c/four"]);
}

#[test]
fn odd_files_are_listed_and_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff\n\x1b[31m")), "odd name").unwrap();
    let tree = DirTree::open(dir.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let kinds: Vec<_> = index.children(index.root()).map(|entry| entry.metadata.kind).collect();
    assert_eq!(kinds, [FileKind::Fifo, FileKind::Socket, FileKind::File]);
    assert!(index.open(index.lookup(b"/fifo").unwrap()).is_err());
    assert_eq!(index.read(index.lookup(b"/\xff\n\x1b[31m").unwrap(), 100).unwrap(), b"odd name");
}

#[test]
fn a_file_that_shrinks_gives_an_error_and_not_half_a_fact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, vec![1; 10_000]).unwrap();
    let tree = DirTree::open(dir.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let source = index.open(index.lookup(b"/file").unwrap()).unwrap();
    std::fs::write(&path, b"").unwrap();
    let error = hardpan_image::read_to_vec(&*source, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
