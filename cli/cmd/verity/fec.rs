//! Where parity is, on the command line, and how `format` writes it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::fec::{FecArea, FecLayout, FecShape, Roots, encode};
use hardpan_verity::{BlockSource as _, Error, HashArea, Params};
use tempfile::NamedTempFile;

use super::device::{Device, Extent, Relation, extent_of};
use super::output::Lines;
use super::with_progress;
use crate::Context;
use crate::context::Interrupted;
use crate::replace::{persist, real_path, temporary_beside};

/// Where parity is. Names and defaults are veritysetup's.
#[derive(Args)]
pub(super) struct FecArgs {
    /// Where the parity is (forward error correction): a file, a block device, or DATA or HASH with --fec-offset
    #[arg(long, value_name = "FILE")]
    fec_device: Option<PathBuf>,
    #[command(flatten)]
    shape: FecShapeArgs,
}

/// How much parity there is, and where it starts.
#[derive(Args)]
pub(super) struct FecShapeArgs {
    /// How many of every 255 bytes are parity, 2 to 24: so many lost blocks of 255 can be repaired [default: 2, or what
    /// the source of the parameters has]
    #[arg(long, value_name = "N")]
    fec_roots: Option<Roots>,
    /// Where the parity starts on its device, in bytes: a multiple of the block size [default: 0, or what the source of
    /// the parameters has]
    #[arg(long, value_name = "BYTES")]
    fec_offset: Option<u64>,
}

impl FecArgs {
    /// Where the parity is and how much of it, if there is any.
    pub(super) fn place(&self) -> anyhow::Result<Option<(&Path, &FecShapeArgs)>> {
        let shape = &self.shape;
        if self.fec_device.is_none() && (shape.fec_roots.is_some() || shape.fec_offset.is_some()) {
            bail!("--fec-roots and --fec-offset are about the parity: say with --fec-device where it is");
        }
        Ok(self.fec_device.as_deref().map(|path| (path, shape)))
    }
}

impl FecShapeArgs {
    pub(super) fn area(&self, on_data_device: bool, on_hash_device: bool) -> FecArea {
        let (roots, offset) = (self.fec_roots.unwrap_or(Roots::DEFAULT), self.fec_offset.unwrap_or(0));
        FecArea { roots, offset, on_data_device, on_hash_device }
    }

    /// The same where a descriptor or table knows what is not said here. What is said otherwise is refused: with another
    /// shape no parity yields anything.
    pub(super) fn agreed(&self, known: Option<FecShape>) -> anyhow::Result<Self> {
        let Some(known) = known else {
            return Ok(Self { fec_roots: self.fec_roots, fec_offset: self.fec_offset });
        };
        if let Some(roots) = self.fec_roots.filter(|roots| *roots != known.roots) {
            bail!("--fec-roots is {roots}, the source of the parameters has {}", known.roots);
        }
        if let Some(offset) = self.fec_offset.filter(|offset| *offset != known.offset) {
            bail!("--fec-offset is {offset}, the source of the parameters has {}", known.offset);
        }
        Ok(Self { fec_roots: Some(known.roots), fec_offset: Some(known.offset) })
    }
}

/// Where `format` is to write parity.
pub(super) struct FecTarget {
    path: PathBuf,
    pub(super) area: FecArea,
    existing: Option<Extent>,
    is_block: bool,
}

/// Parity in a temporary file, which waits for its place.
pub(super) struct PendingFec {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl PendingFec {
    pub(super) fn persist(self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write FEC file {}", self.path.display());
        persist(self.temporary, &self.path).with_context(cannot)
    }
}

impl FecTarget {
    /// The target that the arguments name, if any. `hash` need not exist yet.
    pub(super) fn new(
        args: &FecArgs,
        data: &Device,
        hash: &Path,
        hash_extent: Option<Extent>,
    ) -> anyhow::Result<Option<Self>> {
        let Some((path, shape)) = args.place()? else { return Ok(None) };
        let existing = extent_of(path, "FEC")?;
        let cannot = || format!("cannot write FEC file {}", path.display());
        let is_hash_path = real_path(path).with_context(cannot)? == real_path(hash)?;
        let touches = |other: Extent| existing.is_some_and(|fec| fec.relation(other) != Relation::Apart);
        if hash_extent
            .is_some_and(|hash| existing.is_some_and(|fec| fec.relation(hash) == Relation::Overlapping))
        {
            bail!("FEC {} and {} have bytes in common at different offsets", path.display(), hash.display());
        }
        let on_hash_device = is_hash_path || hash_extent.is_some_and(touches);
        let is_data = |fec| data.is_same(fec, path, "FEC");
        let on_data_device = existing.map(is_data).transpose()?.unwrap_or(false);
        let is_block = existing.is_some() && !path.is_file();
        let area = shape.area(on_data_device, on_hash_device);
        Ok(Some(Self { path: path.to_owned(), area, existing, is_block }))
    }

    /// Checks, before anything is written, that the parity has a place where nothing else is.
    pub(super) fn check(&self, params: &Params, area: HashArea, tree_end: u64) -> anyhow::Result<()> {
        // A hash device that is longer is looked at once it is written; the place does not depend on that.
        FecLayout::new(params, area, self.area, tree_end)?;
        Ok(())
    }

    /// Whether `extent` or `path` is the place of the parity.
    pub(super) fn is_at(&self, path: &Path, extent: Option<Extent>) -> anyhow::Result<bool> {
        let touches = |fec: Extent| extent.is_some_and(|extent| extent.relation(fec) != Relation::Apart);
        Ok(real_path(path)? == real_path(&self.path)? || self.existing.is_some_and(touches))
    }

    /// Writes the parity for `data` and the tree in `hash`: onto `hash` if it belongs there, into a file that waits for
    /// its place if it has one of its own, or in place.
    pub(super) fn write(
        &self,
        data: &Device,
        hash: &File,
        (params, area): (&Params, HashArea),
        context: &Context,
    ) -> anyhow::Result<(FecLayout, Option<PendingFec>)> {
        let cannot = || format!("cannot write FEC area in {}", self.path.display());
        let layout = FecLayout::new(params, area, self.area, hash.size()?)?;
        let encode =
            |sink: &File| encode_parity(&data.file, hash, &layout, sink, context, Interrupted::NO_TREE);
        if self.area.on_hash_device {
            check_room(&self.path, self.is_block, hash, &layout)?;
            if hash.size()? < layout.parity_start {
                // What lies between tree and parity is covered, and has to be there.
                hash.set_len(layout.parity_start).with_context(cannot)?;
            }
            encode(hash).with_context(cannot)?;
            return Ok((layout, None));
        }
        if self.area.offset == 0 && !self.is_block {
            let temporary = temporary_beside(&self.path).with_context(cannot)?;
            encode(temporary.as_file()).with_context(cannot)?;
            temporary.as_file().sync_all().with_context(cannot)?;
            return Ok((layout, Some(PendingFec { temporary, path: self.path.clone() })));
        }
        let target = match self.existing {
            Some(_) => Device::open_writable(&self.path, "FEC")?.file,
            None => File::create_new(&self.path).with_context(cannot)?,
        };
        check_room(&self.path, self.is_block, &target, &layout)?;
        encode(&target).with_context(cannot)?;
        target.sync_all().with_context(cannot)?;
        Ok((layout, None))
    }
}

/// Computes the parity into `sink`, with a bar, until a signal; `interrupted` says what that leaves.
pub(super) fn encode_parity(
    data: &File,
    hash: &File,
    layout: &FecLayout,
    sink: &File,
    context: &Context,
    interrupted: Interrupted,
) -> anyhow::Result<()> {
    let bytes = layout.covered_blocks() * layout.block_size;
    match with_progress(context, bytes, |progress| encode(data, hash, layout, sink, progress)) {
        Err(Error::Cancelled) => Err(interrupted.into()),
        other => Ok(other?),
    }
}

/// A block device cannot grow.
fn check_room(path: &Path, is_block: bool, device: &File, layout: &FecLayout) -> anyhow::Result<()> {
    let (len, end) = (device.size()?, layout.parity_end());
    if is_block && len < end {
        bail!("{}: the FEC area ends at byte {end}, the device at {len}", path.display());
    }
    Ok(())
}

/// The lines that veritysetup prints before the salt, not in the columns of the others.
pub(super) fn add_to(layout: &FecLayout, lines: &mut Lines) {
    lines.add_line(format!("FEC RS roots:   \t{}", layout.roots));
    lines.add_line(format!("FEC blocks:     \t{}", layout.parity_size / layout.block_size));
}

/// The line that veritysetup prints last, and only where the area is the whole device.
pub(super) fn add_size_to(layout: &FecLayout, lines: &mut Lines) {
    if layout.parity_start == 0 {
        lines.add_line(format!("FEC device size: \t{} [bytes]", layout.parity_size));
    }
}
