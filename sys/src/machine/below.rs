//! Files below a directory that is looked at as a root.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};

use super::Node;

/// Opens what is at `path` below `root`, through links, none of which leads out of `root`.
pub(super) fn open_below(root: &str, path: &str, flags: OFlags) -> io::Result<File> {
    open_resolving(root, path, flags, ResolveFlags::IN_ROOT)
}

fn open_resolving(root: &str, path: &str, flags: OFlags, resolve: ResolveFlags) -> io::Result<File> {
    let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // An absolute path is one below `root`.
    let opened = openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?;
    Ok(opened.into())
}

pub(super) fn node(root: &str, path: &str) -> io::Result<Node> {
    let metadata = open_below(root, path, OFlags::PATH)?.metadata()?;
    Ok(if metadata.is_file() {
        Node::File { executable: metadata.permissions().mode() & 0o111 != 0 }
    } else if metadata.is_dir() {
        let direct = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        match open_resolving(root, path, OFlags::PATH, direct) {
            Ok(_) => Node::Directory,
            Err(_) => Node::LinkToDirectory,
        }
    } else {
        Node::Other
    })
}

pub(super) fn read(root: &str, path: &str, limit: usize) -> io::Result<Vec<u8>> {
    // Not blocking, so that a pipe or device in the place of a file cannot hold the boot up.
    let file = open_below(root, path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    whole(file, limit)
}

/// The whole of a file, if it has no more than `limit` bytes.
pub(super) fn whole(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    if read > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Opens a directory that is no link, below another.
pub(super) fn open_directory(path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    #[test]
    fn no_link_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, root) = (dir.path().join("secret"), dir.path().join("root"));
        std::fs::create_dir_all(root.join("sbin")).unwrap();
        std::fs::write(&outside, "secret").unwrap();
        std::fs::write(root.join("secret"), "inside").unwrap();
        symlink("/secret", root.join("absolute")).unwrap();
        symlink("../../secret", root.join("sbin/relative")).unwrap();
        let root = root.to_str().unwrap();
        assert_eq!(read(root, "/absolute", 100).unwrap(), b"inside");
        assert_eq!(read(root, "/sbin/relative", 100).unwrap(), b"inside");
        assert_eq!(node(root, "/sbin").unwrap(), Node::Directory);
        symlink("/sbin", Path::new(root).join("bin")).unwrap();
        std::fs::create_dir(Path::new(root).join("sbin/inner")).unwrap();
        for path in ["/bin", "/bin/inner"] {
            assert_eq!(node(root, path).unwrap(), Node::LinkToDirectory, "{path}");
        }
        assert_eq!(node(root, "/sbin/inner").unwrap(), Node::Directory);
        assert_eq!(node(root, "/secret").unwrap(), Node::File { executable: false });
        assert_eq!(node(root, "/missing").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read(root, "/secret", 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read(root, "/sbin", 5).is_err());
    }
}
