//! Repaired copies: a temporary file beside the place of the copy, moved there once it verifies.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::super::device::{Device, Relation, extent_of};
use crate::Context;
use crate::context::Interrupted;
use crate::replace::{persist, real_path, temporary_beside};

/// A copy that waits for its place.
pub(super) struct RepairedCopy {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl RepairedCopy {
    /// Copies `device`. Where the file system can, the copy shares what is not repaired.
    pub(super) fn of(device: &Device, path: &Path, context: &Context) -> anyhow::Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let temporary = temporary_beside(path).with_context(cannot)?;
        let mut source = &device.file;
        source.rewind().with_context(|| format!("cannot read {}", device.path.display()))?;
        let mut left = device.len;
        // In pieces, so that a signal ends it; each is one call to the kernel, which need not bring the bytes here.
        while left > 0 {
            if !context.goes_on() {
                return Err(Interrupted::NO_REPAIR.into());
            }
            let copied =
                io::copy(&mut source.take(left.min(PIECE)), &mut temporary.as_file()).with_context(cannot)?;
            if copied == 0 {
                bail!("{} became shorter while it was copied", device.path.display());
            }
            left -= copied;
        }
        Ok(Self { temporary, path: path.to_owned() })
    }

    pub(super) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Moves the copy to its place.
    pub(super) fn persist(self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.path.display());
        self.temporary.as_file().sync_all().with_context(cannot)?;
        persist(self.temporary, &self.path).with_context(cannot)
    }
}

/// A copy must not replace what it is a copy of, nor the other devices, nor `inputs`, nor another copy.
pub(super) fn check_places(copies: &[&Path], devices: &[&Device], inputs: &[&Path]) -> anyhow::Result<()> {
    let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let inputs: Vec<_> = inputs.iter().filter_map(|path| identity(path)).collect();
    for (index, path) in copies.iter().enumerate() {
        let extent = extent_of(path, "output")?;
        if extent.is_some() && !path.is_file() {
            bail!("output {} is a block device: leave --output out to repair in place", path.display());
        }
        let touches = |device: &&Device| {
            extent.is_some_and(|extent| device.extent().relation(extent) != Relation::Apart)
        };
        let is_input = identity(path).is_some_and(|copy| inputs.contains(&copy));
        let is_device = devices.iter().any(touches);
        let place = |path: &Path| {
            real_path(path).with_context(|| format!("cannot find the directory of {}", path.display()))
        };
        let mut is_other = false;
        for other in &copies[..index] {
            is_other |= place(other)? == place(path)?;
        }
        if is_device || is_input || is_other {
            bail!("output {} is also something else: give it a file of its own", path.display());
        }
    }
    Ok(())
}

const PIECE: u64 = 64 << 20;
