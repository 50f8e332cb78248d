//! The trait that every reader implements.

use crate::{Error, ReadAt, read_exact_at};

/// A node of one tree: an inode number where the format has them, otherwise whatever the reader chose. Means nothing to
/// another tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

/// What is known of a node without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with set-id and sticky: `mode & 0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes, for regular files and symbolic links.
    pub size: u64,
    /// Names that the node has, as the format records it.
    pub links: u64,
    /// Two entries with equal `(device, inode)` are one file.
    pub device: u64,
    /// See [`Metadata::device`].
    pub inode: u64,
    /// Major and minor number of a device node.
    pub rdev: Option<(u32, u32)>,
    /// Seconds since 1970.
    pub mtime: i64,
}

impl Metadata {
    /// Whether any execute bit is set.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// A name in a directory. `.` and `..` are never listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name: no `/`, no NUL, not empty; readers report others as anomalies instead.
    pub name: Box<[u8]>,
    /// What it names.
    pub node: NodeId,
    /// What [`Tree::metadata`] would say, where the listing had to learn it anyway.
    pub metadata: Option<Metadata>,
}

/// What a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Its names, in any order.
    Entries(Vec<DirEntry>),
    /// Deliberately not entered.
    NotEntered {
        /// Why: it is a mount point of `proc`, say.
        reason: String,
        /// Whether there may be files of the host in it; a view of the kernel has none.
        hides_files: bool,
    },
}

/// An extended attribute, with its namespace in the name (`security.selinux`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// The name.
    pub name: Box<[u8]>,
    /// The value.
    pub value: Box<[u8]>,
}

/// Something that a sound writer would not have made, found while reading. Whatever it concerns is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anomaly {
    /// The place in the tree, or empty if it concerns the whole of it.
    pub path: Vec<u8>,
    /// What it is, with structure and offset.
    pub what: String,
    /// Whether entries may be missing because of it, so that nothing can be said to be absent.
    pub hides_entries: bool,
}

/// What a tree was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// A directory of this machine.
    Directory,
    /// A tar archive.
    Tar,
    /// A tar archive in gzip.
    TarGzip,
    /// A tar archive in xz.
    TarXz,
    /// A tar archive in Zstandard.
    TarZstd,
    /// A cpio archive, such as an initramfs, compressed or not.
    Cpio,
    /// An image of an OCI image layout.
    Oci,
    /// An image of an archive by `docker save`.
    DockerArchive,
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
    /// Made in memory.
    Memory,
}

impl TreeKind {
    /// Whether it was read from a file that somebody packed, so that attributes of files may have been left behind.
    pub fn is_packed(self) -> bool {
        !matches!(self, Self::Directory | Self::Memory)
    }

    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Tar => "tar",
            Self::TarGzip => "tar.gz",
            Self::TarXz => "tar.xz",
            Self::TarZstd => "tar.zst",
            Self::Cpio => "cpio",
            Self::Oci => "oci",
            Self::DockerArchive => "docker-archive",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Memory => "memory",
        }
    }
}

/// A read-only tree of files.
///
/// Nothing a method returns is trusted to be consistent: a hostile image may list a directory inside itself. [`crate::Index`]
/// is what guards against that.
pub trait Tree: Send + Sync {
    /// What it was read from.
    fn kind(&self) -> TreeKind;

    /// The root directory.
    fn root(&self) -> NodeId;

    /// What is known of a node without reading it.
    fn metadata(&self, node: NodeId) -> Result<Metadata, Error>;

    /// The names in a directory.
    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error>;

    /// The target of a symbolic link, at most [`MAX_LINK_TARGET`] bytes.
    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error>;

    /// The extended attributes, ordered by name.
    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error>;

    /// The bytes of a regular file. Never blocks on, or follows, anything else.
    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error>;

    /// The first bytes of a regular file, as many as there are and fit. It is for who looks at every file to open the few
    /// that matter: what is seen here may be of another file than the one that [`Tree::open`] opens later.
    fn peek(&self, file: NodeId, start: &mut [u8]) -> Result<usize, Error> {
        let source = self.open(file)?;
        let wanted = usize::try_from(source.len()).unwrap_or(usize::MAX).min(start.len());
        read_exact_at(&*source, &mut start[..wanted], 0).map_err(Error::io("read"))?;
        Ok(wanted)
    }

    /// What was odd about the source as a whole.
    fn anomalies(&self) -> Vec<Anomaly>;
}

/// `PATH_MAX` of Linux: no longer target can be used, so a longer one is damage.
pub const MAX_LINK_TARGET: usize = 4096;
