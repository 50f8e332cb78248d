//! Copying a directory of an image into a file system in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, mkdirat, openat,
    readlinkat, statat, symlinkat,
};

use super::below::{open_below, open_directory};

/// How much is copied at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyLimits {
    /// How many directories, files and links.
    pub entries: u64,
    /// How many bytes of files.
    pub bytes: u64,
    /// How many directories below each other.
    pub depth: u32,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Directories, files and links.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
}

/// Copies what is in `source` into `target`: directories, regular files and links, with owners and modes. Anything else is an
/// error: a device or a pipe has no place in what an image ships for `/etc`.
pub(super) fn copy(root: &str, source: &str, target: &str, limits: CopyLimits) -> io::Result<Copied> {
    let from = open_below(root, source, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let to = open_directory(target)?;
    let mut copy = Copy { limits, copied: Copied::default() };
    copy.directory(&from, &to, limits.depth)?;
    Ok(copy.copied)
}

struct Copy {
    limits: CopyLimits,
    copied: Copied,
}

impl Copy {
    fn directory(&mut self, from: &File, to: &File, depth: u32) -> io::Result<()> {
        let depth =
            depth.checked_sub(1).ok_or_else(|| io::Error::other("directories are nested too deeply"))?;
        for entry in Dir::read_from(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.entry(from, to, name, depth).map_err(|error| {
                // The number is kept: it says more than the kind.
                let text = String::from_utf8_lossy(name.to_bytes());
                io::Error::new(error.kind(), format!("{text:?}: {error}"))
            })?;
        }
        Ok(())
    }

    fn entry(&mut self, from: &File, to: &File, name: &std::ffi::CStr, depth: u32) -> io::Result<()> {
        self.copied.entries += 1;
        if self.copied.entries > self.limits.entries {
            return Err(io::Error::other(format!("there are more than {} entries", self.limits.entries)));
        }
        let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                mkdirat(to, name, Mode::RWXU)?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner: File = openat(from, name, flags, Mode::empty())?.into();
                let made: File = openat(to, name, flags, Mode::empty())?.into();
                self.directory(&inner, &made, depth)?;
                own(&made, &stat)
            }
            FileType::RegularFile => {
                let source =
                    openat(from, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made: File = openat(to, name, flags, Mode::RUSR | Mode::WUSR)?.into();
                self.content(&source.into(), &made)?;
                own(&made, &stat)
            }
            FileType::Symlink => {
                let link = readlinkat(from, name, Vec::new())?;
                symlinkat(std::ffi::OsStr::from_bytes(link.to_bytes()), to, name)?;
                let (uid, gid) = owners(&stat);
                Ok(chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
            }
            _ => Err(io::Error::other("it is neither a directory, nor a regular file, nor a link")),
        }
    }

    fn content(&mut self, mut from: &File, mut to: &File) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let len = from.read(&mut buffer)?;
            if len == 0 {
                return Ok(());
            }
            self.copied.bytes = self.copied.bytes.saturating_add(len as u64);
            if self.copied.bytes > self.limits.bytes {
                return Err(io::Error::other(format!("there are more than {} bytes", self.limits.bytes)));
            }
            to.write_all(&buffer[..len])?;
        }
    }
}

/// Owner first: that takes set-user-ID bits away, which the mode then has again.
fn own(file: &impl AsFd, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = owners(stat);
    fchown(file, Some(uid), Some(gid))?;
    Ok(fchmod(file, Mode::from_raw_mode(stat.st_mode & 0o7777))?)
}

fn owners(stat: &Stat) -> (Uid, Gid) {
    (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, metadata, read, read_link, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const LIMITS: CopyLimits = CopyLimits { entries: 100, bytes: 1000, depth: 4 };

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("factory");
        create_dir_all(source.join("a/b/c")).unwrap();
        create_dir_all(dir.path().join("etc")).unwrap();
        write(source.join("a/file"), "content").unwrap();
        set_permissions(source.join("a/file"), PermissionsExt::from_mode(0o4640)).unwrap();
        set_permissions(source.join("a/b"), PermissionsExt::from_mode(0o555)).unwrap();
        symlink("../nowhere", source.join("a/link")).unwrap();
        dir
    }

    fn copied(dir: &tempfile::TempDir, limits: CopyLimits) -> io::Result<Copied> {
        let target = dir.path().join("etc");
        copy(dir.path().to_str().unwrap(), "/factory", target.to_str().unwrap(), limits)
    }

    #[test]
    fn files_directories_and_links_are_copied_with_their_modes() {
        let dir = tree();
        assert_eq!(copied(&dir, LIMITS).unwrap(), Copied { entries: 5, bytes: 7 });
        let etc = dir.path().join("etc");
        assert_eq!(read(etc.join("a/file")).unwrap(), b"content");
        assert_eq!(metadata(etc.join("a/file")).unwrap().permissions().mode() & 0o7777, 0o4640);
        assert_eq!(metadata(etc.join("a/b")).unwrap().permissions().mode() & 0o7777, 0o555);
        assert!(etc.join("a/b/c").is_dir());
        assert_eq!(read_link(etc.join("a/link")).unwrap().to_str(), Some("../nowhere"));
        // What is there already is not written over.
        assert!(copied(&dir, LIMITS).is_err());
    }

    #[test]
    fn there_are_limits() {
        for limits in [
            CopyLimits { entries: 4, ..LIMITS },
            CopyLimits { bytes: 6, ..LIMITS },
            CopyLimits { depth: 3, ..LIMITS },
        ] {
            assert!(copied(&tree(), limits).is_err(), "{limits:?}");
        }
        let exactly = CopyLimits { entries: 5, bytes: 7, depth: 4 };
        assert!(copied(&tree(), exactly).is_ok());
    }

    #[test]
    fn what_has_no_content_is_refused_by_name() {
        let dir = tree();
        let pipe = dir.path().join("factory/a/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let error = copied(&dir, LIMITS).unwrap_err().to_string();
        assert!(error.starts_with("\"a\": \"pipe\": it is neither"), "{error}");
    }
}
