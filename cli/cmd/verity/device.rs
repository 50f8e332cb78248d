//! Files and block devices: which they are, how long, and whether two are the same.

mod extent;
mod lending;

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_sys::dm::DeviceNumber;
use hardpan_verity::BlockSource;

pub(super) use extent::{Extent, Relation};
pub(super) use lending::Lending;

/// An open file or block device.
pub(super) struct Device {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The length at opening, in bytes.
    pub(super) len: u64,
    extent: Extent,
    /// The number of a block device.
    number: Option<DeviceNumber>,
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
        extent(&path.metadata().with_context(cannot)?, path, role)?;
        let file = options.open(path).with_context(cannot)?;
        let metadata = file.metadata().with_context(cannot)?;
        let extent = extent(&metadata, path, role)?;
        let len = file.size().with_context(|| format!("cannot find out the length of {}", path.display()))?;
        let is_block = metadata.file_type().is_block_device();
        let number = is_block.then(|| DeviceNumber::of_node(metadata.rdev()));
        Ok(Self { path: path.to_owned(), file, len, extent, number })
    }

    /// Whether what is at `other`, which is called `role`, is the same file or device.
    ///
    /// # Errors
    ///
    /// A part of it is neither the same nor another: offsets would mean two things.
    pub(super) fn is_same(&self, other: Extent, path: &Path, role: &str) -> anyhow::Result<bool> {
        match self.extent.relation(other) {
            Relation::Apart => Ok(false),
            Relation::Same => Ok(true),
            Relation::Overlapping => bail!(
                "{role} {} and {} have bytes in common at different offsets (one is a part of the other): name both by the \
                 same file or device",
                path.display(),
                self.path.display()
            ),
        }
    }

    /// For reading much of it, where it lies.
    pub(super) fn lending(&self) -> Lending<'_> {
        Lending::new(&self.file)
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// The number of a block device.
    pub(super) fn number(&self) -> Option<DeviceNumber> {
        self.number
    }

    pub(super) fn is_block_device(&self) -> bool {
        self.number.is_some()
    }

    /// The first byte in `range` that is not zero. `goes_on` is asked now and then, and ends the search.
    pub(super) fn first_nonzero(
        &self,
        range: Range<u64>,
        goes_on: impl Fn() -> bool,
    ) -> anyhow::Result<Option<u64>> {
        let mut buffer = vec![0; CHUNK];
        let mut offset = range.start;
        while goes_on() {
            let cannot = || format!("cannot read {} at offset {offset}", self.path.display());
            // Holes are skipped: a file may be made of them, as long as a file can be.
            offset = self.file.next_data(offset).with_context(cannot)?.start.max(offset);
            if offset >= range.end {
                break;
            }
            let len = usize::try_from(range.end - offset).unwrap_or(CHUNK).min(CHUNK);
            let read = self.file.read_exact_at(&mut buffer[..len], offset);
            read.with_context(|| format!("cannot read {} at offset {offset}", self.path.display()))?;
            if let Some(at) = buffer[..len].iter().position(|byte| *byte != 0) {
                return Ok(Some(offset + at as u64));
            }
            offset += len as u64;
        }
        Ok(None)
    }
}

/// The extent of what is at `path`, or `None` if nothing is.
pub(super) fn extent_of(path: &Path, role: &str) -> anyhow::Result<Option<Extent>> {
    match path.metadata() {
        Ok(metadata) => extent(&metadata, path, role).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {role} {}", path.display())),
    }
}

fn extent(metadata: &Metadata, path: &Path, role: &str) -> anyhow::Result<Extent> {
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_block_device() {
        return Ok(Extent::of(metadata));
    }
    let name = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_char_device() => "a character device",
        () => "of another kind",
    };
    bail!("{role} {} is {name}: use a regular file or a block device", path.display())
}

/// Large enough that a read costs little beside what it brings.
const CHUNK: usize = 1 << 20;
