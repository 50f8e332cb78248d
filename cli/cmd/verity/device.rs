//! Files and block devices: which they are, how long, and whether two are the same.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_sys::dm::DeviceNumber;
use hardpan_verity::BlockSource;

/// An open file or block device.
pub(super) struct Device {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The length at opening, in bytes.
    pub(super) len: u64,
    identity: Identity,
    is_block: bool,
}

/// What makes two paths the same device, whatever links lead there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// The device number of a block device, which several nodes may have.
    Block(u64),
    /// Device and inode of a file.
    File(u64, u64),
}

impl Device {
    /// Opens for reading. `role` is what it is called in messages.
    pub(super) fn open(path: &Path, role: &str) -> anyhow::Result<Self> {
        Self::open_with(path, role, OpenOptions::new().read(true))
    }

    /// Opens for reading and writing.
    pub(super) fn open_writable(path: &Path, role: &str) -> anyhow::Result<Self> {
        Self::open_with(path, role, OpenOptions::new().read(true).write(true))
    }

    fn open_with(path: &Path, role: &str, options: &OpenOptions) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open {role} {}", path.display());
        // Looked at before it is opened, since opening a FIFO waits for somebody to write.
        identity(&path.metadata().with_context(cannot)?, path, role)?;
        let file = options.open(path).with_context(cannot)?;
        let metadata = file.metadata().with_context(cannot)?;
        let identity = identity(&metadata, path, role)?;
        let len = file.size().with_context(|| format!("cannot find out the length of {}", path.display()))?;
        let is_block = metadata.file_type().is_block_device();
        Ok(Self { path: path.to_owned(), file, len, identity, is_block })
    }

    /// Whether both are the same file or device.
    pub(super) fn is_same(&self, other: Identity) -> bool {
        self.identity == other
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// The number of a block device.
    pub(super) fn number(&self) -> Option<DeviceNumber> {
        match self.identity {
            Identity::Block(rdev) => Some(DeviceNumber::of_node(rdev)),
            Identity::File(..) => None,
        }
    }

    pub(super) fn is_block_device(&self) -> bool {
        self.is_block
    }
}

/// The identity of what is at `path`, or `None` if nothing is.
pub(super) fn identity_of(path: &Path, role: &str) -> anyhow::Result<Option<Identity>> {
    match path.metadata() {
        Ok(metadata) => identity(&metadata, path, role).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {role} {}", path.display())),
    }
}

fn identity(metadata: &Metadata, path: &Path, role: &str) -> anyhow::Result<Identity> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(Identity::File(metadata.dev(), metadata.ino()));
    }
    if kind.is_block_device() {
        return Ok(Identity::Block(metadata.rdev()));
    }
    let name = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_char_device() => "a character device",
        () => "of another kind",
    };
    bail!("{role} {} is {name}: use a regular file or a block device", path.display())
}
