//! One file of this machine, held before it is opened.
//!
//! Opening a device can have effects of its own, and opening a FIFO waits for its other end. So a file is first held by a
//! descriptor that does not open it (`O_PATH`), its kind is looked at, and only a regular file is then opened, by that
//! descriptor, so that nobody can put another in its place in between.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};

use crate::ReadAt;
use crate::dir::open_beneath;
use crate::read_at::OpenFile;

/// A file that is held and may not have been opened.
#[derive(Debug)]
pub struct Pinned {
    fd: OwnedFd,
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Whether it is a regular file.
    pub is_regular: bool,
}

impl Pinned {
    /// Holds what a name in `directory` leads to. The last component may be a link, such as those of `/proc`.
    pub fn following(directory: impl AsFd, name: &[u8]) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Self::of(rustix::fs::openat(directory, name, flags, Mode::empty())?)
    }

    /// Holds the file at a path below `root`, on the way to which there may be no link at all.
    pub fn beneath(root: &OwnedFd, path: &[u8]) -> io::Result<Self> {
        Self::of(open_beneath(root, path, OFlags::PATH)?)
    }

    /// Opens it for reading. Anything but a regular file is refused.
    pub fn open(&self) -> io::Result<Box<dyn ReadAt>> {
        if !self.is_regular {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        // The only way from a descriptor that does not read to one that does.
        let name = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(name, flags, Mode::empty())?);
        let len = file.metadata()?.len();
        Ok(Box::new(OpenFile { file, len }))
    }

    fn of(fd: OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            #[expect(clippy::useless_conversion, reason = "the field is 32 bits wide on other machines")]
            links: stat.st_nlink.into(),
            is_regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            fd,
        })
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::CWD;

    use super::*;

    #[test]
    fn a_fifo_is_held_and_never_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let fifo = Pinned::following(CWD, path.as_os_str().as_encoded_bytes()).unwrap();
        assert!(!fifo.is_regular);
        assert_eq!(fifo.open().err().unwrap().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_is_held_is_what_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "old").unwrap();
        let held = Pinned::following(CWD, path.as_os_str().as_encoded_bytes()).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "newer").unwrap();
        let mut bytes = [0; 8];
        assert_eq!(held.open().unwrap().read_at(&mut bytes, 0).unwrap(), 3);
        assert_eq!(&bytes[..3], b"old");
    }
}
