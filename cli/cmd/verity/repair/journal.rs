//! The file of a journal: made when there is something to put into it, locked, and removed when it is done.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, bail};
use hardpan_verity::fec::{Journal, Repairs};
use hardpan_verity::{BlockSink, BlockSource, Error};
use rustix::fs::OFlags;

use super::super::device::{Relation, extent_of};
use super::super::subject::Subject;
use crate::replace::real_path;

/// A journal that is there, or will be with the first block that is put into it.
pub(super) struct JournalFile {
    path: PathBuf,
    file: OnceLock<File>,
    /// Held while the file is made, by one thread.
    making: Mutex<()>,
}

impl JournalFile {
    /// The journal at `path`, or else beside the hash file. An interrupted run may have left it, and nobody else uses it.
    pub(super) fn open(path: Option<&Path>, subject: &Subject) -> anyhow::Result<Self> {
        let hash = &subject.hash;
        let path = match path {
            Some(path) => path.to_owned(),
            None if hash.is_block_device() => bail!(
                "{} is a block device: say with --journal in which file the journal of the repair goes",
                hash.path.display()
            ),
            None => beside(&hash.path)?,
        };
        let cannot = || format!("cannot open journal {}", path.display());
        let file = OnceLock::new();
        match options().open(&path) {
            Ok(existing) => {
                lock(&existing).with_context(cannot)?;
                // Looked at once it is locked: whoever had the lock may have removed the file.
                check(&existing, &path, subject)?;
                // Only just made, so that it is free.
                let _ = file.set(existing);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(cannot),
        }
        Ok(Self { path, file, making: Mutex::new(()) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What an interrupted run left, if anything.
    pub(super) fn read(&self) -> anyhow::Result<Option<Journal>> {
        let Some(file) = self.file.get() else { return Ok(None) };
        let cannot = || format!("{}: move it away, or name another with --journal", self.path.display());
        Journal::read(file).map(Some).with_context(cannot)
    }

    /// Makes the contents of the journal worth more than what they replace.
    pub(super) fn seal(&self, repairs: &Repairs) -> anyhow::Result<()> {
        let sync = || {
            let failed = |source| Error::Write { what: "journal", offset: 0, source };
            let Some(file) = self.file.get() else { return Ok(()) };
            file.sync_all().map_err(failed)?;
            sync_directory(&self.path).map_err(failed)
        };
        let cannot = || format!("cannot write journal {}", self.path.display());
        Journal::seal(repairs, self, sync).with_context(cannot)
    }

    /// Removes the file, if there is one.
    pub(super) fn remove(&mut self) -> anyhow::Result<()> {
        // Locked until it is removed, so that nobody takes it for theirs, and the one removed is this one.
        let Some(_locked) = self.file.take() else { return Ok(()) };
        let cannot = || format!("cannot remove journal {}", self.path.display());
        fs::remove_file(&self.path).with_context(cannot)?;
        sync_directory(&self.path).with_context(cannot)
    }

    /// The file, made if need be.
    fn file(&self) -> io::Result<&File> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = options().create_new(true).open(&self.path)?;
        lock(&file)?;
        Journal::begin(&file).map_err(io::Error::other)?;
        Ok(self.file.get_or_init(|| file))
    }
}

impl BlockSource for JournalFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let file = self.file.get().ok_or(io::ErrorKind::UnexpectedEof)?;
        BlockSource::read_exact_at(file, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.get().map_or(Ok(0), BlockSource::size)
    }
}

impl BlockSink for JournalFile {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        BlockSink::write_all_at(self.file()?, bytes, offset)
    }
}

/// A link would lead the writing somewhere else.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// The hash file's real path with a suffix.
fn beside(hash: &Path) -> anyhow::Result<PathBuf> {
    let mut path =
        real_path(hash).with_context(|| format!("cannot find {}", hash.display()))?.into_os_string();
    path.push(".repair-journal");
    Ok(path.into())
}

fn check(file: &File, path: &Path, subject: &Subject) -> anyhow::Result<()> {
    let metadata = file.metadata().with_context(|| format!("cannot look at journal {}", path.display()))?;
    let devices = [&subject.data, &subject.hash, &subject.fec()?.device];
    let extent = extent_of(path, "journal")?;
    let is_device = devices
        .iter()
        .any(|device| extent.is_some_and(|extent| device.extent().relation(extent) != Relation::Apart));
    if !metadata.is_file() || metadata.nlink() != 1 || is_device {
        bail!("journal {} is not a regular file of its own: name another with --journal", path.display());
    }
    Ok(())
}

fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another repair is under way")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
