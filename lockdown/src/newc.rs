//! Writing an initramfs: cpio archives of the kind `newc`, as the kernel's buffer-format.rst describes them.
//!
//! The same members give the same bytes, in whatever order they were added: they are written in the order of their names, with
//! inode numbers from 1, one time for all, and root as the owner. Directories above a member are made.

use std::collections::BTreeMap;
use std::io::Write as _;

use thiserror::Error;

/// An archive in the making.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    members: BTreeMap<String, Member>,
    mtime: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    /// Type and permissions, as `stat` has them.
    mode: u32,
    content: Vec<u8>,
    /// Major and minor number of a device node.
    device: (u32, u32),
    /// Whether it was made because something lies below it, and not because it was asked for.
    implied: bool,
}

impl Archive {
    /// An archive without members, in which everything was last changed at `mtime`, in seconds since 1970.
    pub fn new(mtime: u32) -> Self {
        Self { members: BTreeMap::new(), mtime }
    }

    /// Adds a directory with these permissions.
    pub fn directory(&mut self, path: &str, permissions: u32) -> Result<(), NewcError> {
        self.add(path, DIRECTORY | (permissions & PERMISSIONS), Vec::new())
    }

    /// Adds a regular file with these permissions.
    pub fn file(&mut self, path: &str, permissions: u32, content: Vec<u8>) -> Result<(), NewcError> {
        self.add(path, REGULAR | (permissions & PERMISSIONS), content)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), NewcError> {
        if target.is_empty() || target.len() > MAX_PATH || target.contains('\0') {
            return Err(NewcError::Target { path: path.to_owned() });
        }
        self.add(path, LINK | 0o777, target.as_bytes().to_vec())
    }

    /// Adds the node of a character device.
    pub fn character_device(
        &mut self,
        path: &str,
        permissions: u32,
        device: (u32, u32),
    ) -> Result<(), NewcError> {
        let mode = CHARACTER_DEVICE | (permissions & PERMISSIONS);
        self.insert(path, Member { mode, content: Vec::new(), device, implied: false })
    }

    /// The whole archive: members, the trailer, and zeros up to a multiple of 512 bytes, so that another can follow.
    pub fn finish(&self) -> Result<Vec<u8>, NewcError> {
        let mut bytes = Vec::new();
        for (inode, (path, member)) in (1..).zip(&self.members) {
            // The kernel takes directories to have two links; a file with more than one would be looked for by its inode.
            let links = if member.mode & TYPE == DIRECTORY { 2 } else { 1 };
            let size = size_field(path, member.content.len())?;
            let (major, minor) = member.device;
            header(&mut bytes, path, [inode, member.mode, 0, 0, links, self.mtime, size, 0, 0, major, minor]);
            bytes.extend(&member.content);
            pad(&mut bytes, 4);
        }
        header(&mut bytes, TRAILER, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        pad(&mut bytes, 512);
        Ok(bytes)
    }

    fn add(&mut self, path: &str, mode: u32, content: Vec<u8>) -> Result<(), NewcError> {
        size_field(path, content.len())?;
        self.insert(path, Member { mode, content, device: (0, 0), implied: false })
    }

    fn insert(&mut self, path: &str, member: Member) -> Result<(), NewcError> {
        let name = name_of(path)?;
        for (end, _) in name.match_indices('/') {
            let parent = self.members.entry(name[..end].to_owned()).or_insert_with(Member::parent);
            if parent.mode & TYPE != DIRECTORY {
                return Err(NewcError::NoDirectory { path: path.to_owned(), parent: name[..end].to_owned() });
            }
        }
        match self.members.get_mut(name) {
            Some(there) if there.implied && member.mode & TYPE == DIRECTORY => *there = member,
            Some(_) => return Err(NewcError::Repeated { path: path.to_owned() }),
            None => drop(self.members.insert(name.to_owned(), member)),
        }
        Ok(())
    }
}

impl Member {
    fn parent() -> Self {
        Self { mode: DIRECTORY | 0o755, content: Vec::new(), device: (0, 0), implied: true }
    }
}

/// Why something cannot be a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NewcError {
    /// Something lies below what is no directory.
    #[error("initramfs: {path} would lie below {parent}, which is no directory")]
    NoDirectory {
        /// The member.
        path: String,
        /// What is above it.
        parent: String,
    },
    /// A name that the kernel would take otherwise, or that is too long for it.
    #[error(
        "initramfs: {path:?} is no name for a member: use a path of at most {MAX_PATH} bytes, with parts of at most {MAX_NAME}, none \
         of them `.`, `..` or empty"
    )]
    Path {
        /// The name.
        path: String,
    },
    /// Two members of one name.
    #[error("initramfs: {path} is there twice")]
    Repeated {
        /// The name.
        path: String,
    },
    /// The length of a member has 32 bits in the format.
    #[error("initramfs: {path} has {size} bytes, and a member has at most {}", u32::MAX)]
    Size {
        /// The member.
        path: String,
        /// Its length in bytes.
        size: u64,
    },
    /// A link to nothing, or to a name that is too long.
    #[error("initramfs: the link {path} has no target of 1 to {MAX_PATH} bytes")]
    Target {
        /// The link.
        path: String,
    },
}

/// The path without slashes in front, as members are named; the kernel unpacks into the root either way.
fn name_of(path: &str) -> Result<&str, NewcError> {
    let name = path.trim_start_matches('/');
    let parts_are_names =
        name.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= MAX_NAME);
    if parts_are_names && name != TRAILER && name.len() <= MAX_PATH && !name.contains('\0') {
        Ok(name)
    } else {
        Err(NewcError::Path { path: path.to_owned() })
    }
}

fn size_field(path: &str, size: usize) -> Result<u32, NewcError> {
    u32::try_from(size).map_err(|_| NewcError::Size { path: path.to_owned(), size: size as u64 })
}

/// The eleven fields are inode, mode, owner, group, links, time, size, and major and minor numbers of where it was and of the
/// node. The length of the name and the checksum, which this kind does not have, come after them.
fn header(bytes: &mut Vec<u8>, name: &str, fields: [u32; 11]) {
    bytes.extend(MAGIC);
    // A name has at most 4095 bytes; the NUL counts.
    let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
    for field in fields.into_iter().chain([name_size, 0]) {
        // Writing to a vector cannot fail.
        let _ = write!(bytes, "{field:08x}");
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    pad(bytes, 4);
}

/// Archives begin at a multiple of every alignment, so that the length tells the place.
fn pad(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

const MAGIC: &[u8] = b"070701";
/// The name with which an archive ends.
const TRAILER: &str = "TRAILER!!!";
/// `NAME_MAX` of Linux: the file system into which the kernel unpacks refuses longer ones, and the kernel goes on without them.
const MAX_NAME: usize = 255;
/// `PATH_MAX` of Linux, without the NUL: the kernel skips members with longer names.
const MAX_PATH: usize = 4095;

const TYPE: u32 = 0o17_0000;
const DIRECTORY: u32 = 0o04_0000;
const REGULAR: u32 = 0o10_0000;
const LINK: u32 = 0o12_0000;
const CHARACTER_DEVICE: u32 = 0o02_0000;
const PERMISSIONS: u32 = 0o7777;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_the_layout_of_newc() {
        let mut archive = Archive::new(0x1234);
        archive.file("/a", 0o755, b"12345".to_vec()).unwrap();
        let bytes = archive.finish().unwrap();
        assert!(bytes.starts_with(b"07070100000001000081ed000000000000000000000001000012340000000500000000"));
        // The header has 110 bytes, the name two: together already a multiple of four.
        assert_eq!(&bytes[110..120], b"a\x0012345\0\0\0");
        assert!(bytes[120..].starts_with(b"07070100000000"));
        assert_eq!(bytes.len() % 512, 0);
    }

    #[test]
    fn the_order_of_adding_changes_nothing() {
        let files = [("init", 1), ("modules/b.ko", 2), ("modules/a.ko", 3), ("etc/hardpan/boot.conf", 4)];
        let build = |files: &mut dyn Iterator<Item = &(&str, u8)>| {
            let mut archive = Archive::new(0);
            files.for_each(|(name, byte)| archive.file(name, 0o644, vec![*byte]).unwrap());
            archive.finish().unwrap()
        };
        assert_eq!(build(&mut files.iter()), build(&mut files.iter().rev()));
    }

    #[test]
    fn what_the_kernel_would_not_unpack_as_meant_is_refused() {
        let mut archive = Archive::new(0);
        let (too_long, longest) = ("x".repeat(256), vec!["x".repeat(255); 16].join("/"));
        let longer = format!("x/{longest}");
        for path in [
            "",
            "/",
            "a//b",
            "a/../b",
            "./a",
            "a/",
            "TRAILER!!!",
            "a\0b",
            &too_long,
            &format!("{too_long}/a"),
            &longer,
        ] {
            let result = archive.file(path, 0o644, Vec::new());
            assert!(matches!(result, Err(NewcError::Path { .. })), "{path}: {result:?}");
        }
        archive.file("a", 0o644, Vec::new()).unwrap();
        assert!(matches!(archive.file("/a", 0o644, Vec::new()), Err(NewcError::Repeated { .. })));
        assert!(matches!(archive.file("a/b", 0o644, Vec::new()), Err(NewcError::NoDirectory { .. })));
        assert!(matches!(archive.link("l", ""), Err(NewcError::Target { .. })));
        assert_eq!(longest.len(), MAX_PATH);
        assert!(archive.file(&longest, 0o644, Vec::new()).is_ok());
    }

    #[test]
    fn a_directory_that_was_implied_can_get_permissions_of_its_own_once() {
        let mut archive = Archive::new(0);
        archive.file("a/b", 0o644, Vec::new()).unwrap();
        archive.directory("a", 0o700).unwrap();
        assert_eq!(archive.members["a"].mode, 0o4_0700);
        assert!(matches!(archive.directory("a", 0o755), Err(NewcError::Repeated { .. })));
    }

    #[test]
    fn a_member_has_less_than_four_gibibytes() {
        assert_eq!(size_field("a", 0xffff_ffff), Ok(u32::MAX));
        let size = 1 << 32;
        assert_eq!(size_field("a", 1 << 32), Err(NewcError::Size { path: "a".into(), size }),);
    }
}
