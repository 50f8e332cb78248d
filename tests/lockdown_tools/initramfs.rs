//! Our archives, read by our own reader and by cpio.

use std::fs;

use hardpan_image::{FileKind, Index, open_stream};
use hardpan_lockdown::newc::Archive;

use crate::util::{Dir, is_superuser, lacks};

/// Members of every kind, with lengths around multiples of four and an odd name.
fn archive() -> Archive {
    let mut archive = Archive::new(1_700_000_000);
    for len in 0..9_u8 {
        archive
            .file(&format!("files/{}", "n".repeat(usize::from(len) + 1)), 0o640, vec![len; len.into()])
            .unwrap();
    }
    archive.file("a name with blanks and \u{f6}", 0o4755, vec![0; 5000]).unwrap();
    archive.directory("deep/er/empty", 0o700).unwrap();
    archive.link("link", "files/n").unwrap();
    archive.character_device("dev/console", 0o600, (5, 1)).unwrap();
    archive
}

#[test]
fn archives_are_read_back_by_our_own_reader() {
    let bytes = archive().finish().unwrap();
    let tree = open_stream(&bytes[..]).unwrap();
    let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
    assert!(index.troubles().is_empty() && tree.anomalies().is_empty());
    for len in 0..9_usize {
        let id = index.lookup(format!("/files/{}", "n".repeat(len + 1)).as_bytes()).unwrap();
        let metadata = &index.entry(id).metadata;
        assert_eq!((metadata.mode & 0o7777, metadata.mtime, metadata.uid), (0o640, 1_700_000_000, 0));
        assert_eq!(index.read(id, 100).unwrap(), vec![u8::try_from(len).unwrap(); len]);
    }
    let id = index.lookup("/a name with blanks and \u{f6}".as_bytes()).unwrap();
    assert_eq!((index.entry(id).metadata.mode & 0o7777, index.entry(id).metadata.size), (0o4755, 5000));
    assert_eq!(index.read_link(index.lookup(b"/link").unwrap()).unwrap(), b"files/n");
    let console = index.entry(index.lookup(b"/dev/console").unwrap());
    assert_eq!((console.metadata.kind, console.metadata.rdev), (FileKind::CharDevice, Some((5, 1))));
    assert_eq!(index.entry(index.lookup(b"/deep/er/empty").unwrap()).metadata.mode & 0o7777, 0o700);
}

#[test]
fn cpio_lists_and_unpacks_them() {
    if lacks(&["cpio"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("archive", archive().finish().unwrap());
    let listed = String::from_utf8(dir.tool("sh", &["-c", "cpio --list --quiet < archive"])).unwrap();
    let mut names: Vec<&str> = listed.lines().collect();
    assert_eq!(names.len(), 17, "{names:?}");
    assert!(names.is_sorted());
    names.retain(|name| !name.starts_with("dev/"));
    fs::create_dir(dir.path("out")).unwrap();
    // Only the superuser can make a device.
    let dev = if is_superuser() { "" } else { "-f 'dev/*'" };
    let unpack = format!(
        "cd out && cpio --extract --quiet --preserve-modification-time --no-absolute-filenames {dev} < ../archive"
    );
    dir.tool("sh", &["-c", &unpack]);
    for len in 0..9_usize {
        let path = dir.path("out/files").join("n".repeat(len + 1));
        assert_eq!(fs::read(path).unwrap(), vec![u8::try_from(len).unwrap(); len]);
    }
    assert_eq!(fs::read_link(dir.path("out/link")).unwrap().to_str(), Some("files/n"));
    assert!(dir.path("out/deep/er/empty").is_dir());
}
