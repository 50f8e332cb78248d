//! The file that gets the root hash besides the tree.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_verity::RootHash;
use tempfile::NamedTempFile;

use super::super::device::{Device, Extent, Relation, extent_of};
use super::super::fec::FecTarget;
use super::FormatArgs;
use crate::replace::{persist, real_path, temporary_beside};

/// A file with a root hash that waits for its place.
pub(super) struct RootHashFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl RootHashFile {
    /// Writes it beside its place.
    pub(super) fn prepare(path: &Path, root: &RootHash) -> anyhow::Result<Self> {
        let write = || {
            let mut temporary = temporary_beside(path)?;
            write!(temporary, "{root}")?;
            temporary.as_file().sync_all()?;
            Ok::<_, io::Error>(temporary)
        };
        let temporary = write().with_context(|| format!("cannot write root hash file {}", path.display()))?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    pub(super) fn persist(self) -> anyhow::Result<()> {
        persist(self.temporary, &self.path)
            .with_context(|| format!("the tree is written, but not root hash file {}", self.path.display()))
    }
}

/// The root hash must not replace what it is the root of.
pub(super) fn check_root_hash_file(
    args: &FormatArgs,
    data: &Device,
    hash: Option<Extent>,
    fec: Option<&FecTarget>,
) -> anyhow::Result<()> {
    let Some(path) = &args.root_hash_file else { return Ok(()) };
    let root_file = extent_of(path, "root hash file")?;
    let cannot = || format!("cannot write root hash file {}", path.display());
    let is_hash_path = real_path(path).with_context(cannot)? == real_path(args.hash_path())?;
    let touches = |other: Extent| root_file.is_some_and(|file| file.relation(other) != Relation::Apart);
    let is_fec = fec.map_or(Ok(false), |fec| fec.is_at(path, root_file)).with_context(cannot)?;
    if is_hash_path || is_fec || touches(data.extent()) || hash.is_some_and(touches) {
        bail!("root hash file {} is also data, hash or FEC: give it a file of its own", path.display());
    }
    if path.exists() && !path.is_file() {
        bail!("root hash file {} is a block device: use a regular file", path.display());
    }
    Ok(())
}
