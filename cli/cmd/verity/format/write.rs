//! Writing the hash area, so that nothing is left that looks finished and is not.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::fec::FecLayout;
use hardpan_verity::{BlockSink, Error, Params, RootHash, SUPERBLOCK_SIZE, Superblock, build};

use super::super::device::{Device, Extent};
use super::super::fec::{FecTarget, PendingFec};
use super::super::with_progress;
use super::place::Place;
use super::root_file::RootHashFile;
use crate::Context;
use crate::context::Interrupted;
use crate::replace::{persist, temporary_beside};

/// The root hash, and where the parity is if there is any.
pub(super) type Written = (RootHash, Option<FecLayout>);

/// All that is decided before the work begins.
pub(super) struct Job<'a> {
    pub(super) data: &'a Device,
    pub(super) params: &'a Params,
    pub(super) place: &'a Place,
    pub(super) fec: Option<FecTarget>,
    pub(super) superblock: Option<Superblock>,
    /// What is at the place of the hash area, if anything is.
    pub(super) existing: Option<Extent>,
    pub(super) context: &'a Context,
}

impl Job<'_> {
    /// Writes the hash area, in a file of its own if it can be, and the file with the root hash.
    pub(super) fn write(&self, hash: &Path, root_file: Option<&Path>) -> anyhow::Result<Written> {
        // A device that holds its own tree has an offset, so that it is never replaced.
        let replace = self.existing.is_none() || hash.is_file() && self.place.area.offset() == 0;
        if replace {
            return self.replace(hash, root_file);
        }
        let target = Device::open_writable(hash, "hash")
            .with_context(|| format!("cannot write hash area in {}", hash.display()))?;
        let written = self.write_in_place(&target, root_file);
        if written.is_err() && self.place.lengthens {
            // What went wrong is worth telling more than that its rest could not be cut off.
            let _ = target.file.set_len(target.len);
        }
        written
    }

    /// Makes the hash file beside its place and moves it there when it is complete.
    fn replace(&self, hash: &Path, root_file: Option<&Path>) -> anyhow::Result<Written> {
        let cannot = || format!("cannot write hash file {}", hash.display());
        let temporary = temporary_beside(hash).with_context(cannot)?;
        let root = self.build(temporary.as_file()).with_context(cannot)?;
        let (fec, pending) = self.write_fec(temporary.as_file())?;
        self.write_superblock(temporary.as_file()).with_context(cannot)?;
        let root_file = root_file.map(|path| RootHashFile::prepare(path, &root)).transpose()?;
        pending.map_or(Ok(()), PendingFec::persist)?;
        persist(temporary, hash).with_context(cannot)?;
        root_file.map_or(Ok(()), RootHashFile::persist)?;
        Ok((root, fec))
    }

    /// Writes where something else may be as well. An old superblock goes first and the new one comes last.
    fn write_in_place(&self, target: &Device, root_file: Option<&Path>) -> anyhow::Result<Written> {
        let hash = &target.path;
        let cannot = || format!("cannot write hash area in {}", hash.display());
        let end = self.place.layout.end;
        if target.is_block_device() && target.len < end {
            bail!("{}: the hash area ends at byte {end}, the device at {}", hash.display(), target.len);
        }
        self.invalidate(target).with_context(cannot)?;
        let root = self.build(&target.file).with_context(cannot)?;
        if self.place.to_the_end {
            self.clear_rest(target).with_context(cannot)?;
        }
        let (fec, pending) = self.write_fec(&target.file)?;
        target.file.sync_all().with_context(cannot)?;
        let root_file = root_file.map(|path| RootHashFile::prepare(path, &root)).transpose()?;
        pending.map_or(Ok(()), PendingFec::persist)?;
        self.write_superblock(&target.file).with_context(cannot)?;
        root_file.map_or(Ok(()), RootHashFile::persist)?;
        Ok((root, fec))
    }

    /// Takes away the superblock that may be there, durably, before anything that it describes changes.
    fn invalidate(&self, target: &Device) -> io::Result<()> {
        let area = self.place.area;
        if !area.has_superblock() || target.len <= area.offset() {
            return Ok(());
        }
        target.file.write_all_at(&[0; SUPERBLOCK_SIZE], area.offset())?;
        target.file.sync_all()
    }

    /// Takes away what an earlier, larger tree left after this one: a file ends with the tree, a device has zeros. They are
    /// written only where there are none, which spares flash and keeps what is not there thin.
    fn clear_rest(&self, target: &Device) -> anyhow::Result<()> {
        let end = self.place.layout.end;
        if !target.is_block_device() {
            return Ok(target.file.set_len(end)?);
        }
        let zeros = vec![0; WIPE_SIZE];
        let mut from = end;
        while let Some(first) = target.first_nonzero(from..target.len, || self.context.goes_on())? {
            let len = usize::try_from(target.len - first).unwrap_or(WIPE_SIZE).min(WIPE_SIZE);
            target.file.write_all_at(&zeros[..len], first)?;
            from = first + len as u64;
        }
        if self.context.goes_on() { Ok(()) } else { Err(Interrupted::NO_TREE.into()) }
    }

    /// Writes the parity, if there is to be any, for the data and the tree in `hash`.
    fn write_fec(&self, hash: &File) -> anyhow::Result<(Option<FecLayout>, Option<PendingFec>)> {
        let Some(fec) = &self.fec else { return Ok((None, None)) };
        let (layout, pending) = fec.write(self.data, hash, (self.params, self.place.area), self.context)?;
        Ok((Some(layout), pending))
    }

    fn build(&self, sink: &File) -> anyhow::Result<RootHash> {
        let built = with_progress(self.context, self.place.layout.data_end, |progress| {
            build(&self.data.lending(), self.params, sink, self.place.area, progress)
        });
        match built {
            Err(Error::Cancelled) => Err(Interrupted::NO_TREE.into()),
            other => Ok(other?),
        }
    }

    fn write_superblock(&self, sink: &File) -> io::Result<()> {
        if let Some(superblock) = &self.superblock {
            sink.write_all_at(&superblock.encode(), self.place.area.offset())?;
        }
        sink.sync_all()
    }
}

/// How many zeros are written at a time.
const WIPE_SIZE: usize = 1 << 20;
