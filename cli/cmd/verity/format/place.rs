//! What is covered, and where the hash area goes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::{Arrangement, HashArea, Layout, Params, Plan, Superblock};

use super::super::device::Device;
use super::super::verify::read_superblock;
use super::FormatArgs;
use crate::Context;
use crate::context::Interrupted;

/// How much of the data is covered.
pub(super) struct Covered {
    pub(super) data_blocks: NonZeroU64,
    /// How many zeros are needed to make the last block whole.
    pub(super) padding: u64,
}

impl Covered {
    /// What was asked for, or all there is.
    pub(super) fn find(args: &FormatArgs, data: &Device, one_device: bool) -> anyhow::Result<Self> {
        let block = u64::from(args.kind.data_block_size().bytes());
        let (path, len) = (data.path.display(), data.len);
        if let Some(wanted) = args.data_blocks {
            if wanted.get() > len / block {
                bail!(
                    "{path} has {} whole blocks of {block} bytes, --data-blocks asks for {wanted}",
                    len / block
                );
            }
            return Ok(Self { data_blocks: wanted, padding: 0 });
        }
        check_end_is_known(args, data, one_device)?;
        let Some(data_blocks) = NonZeroU64::new(len.div_ceil(block)) else { bail!("data {path} is empty") };
        let rest = len % block;
        let padding = if rest == 0 { 0 } else { block - rest };
        if padding == 0 || args.pad && !data.is_block_device() {
            return Ok(Self { data_blocks, padding });
        }
        if args.pad {
            bail!("the last block of {path} is partial, and a block device cannot be padded");
        }
        let whole = len / block;
        let leave = if whole == 0 {
            String::new()
        } else {
            format!(", or leave them out with --data-blocks {whole}")
        };
        bail!(
            "the last block of {path} is partial: {rest} of {block} bytes would not be protected; lengthen a file with \
             --pad{leave}"
        )
    }

    /// Lengthens the data by the padding.
    pub(super) fn pad(&self, data: &mut Device) -> anyhow::Result<()> {
        if self.padding == 0 {
            return Ok(());
        }
        let path = &data.path;
        let len = data.len + self.padding;
        // Checked again on the open file, since the length was looked at before.
        let lengthen = || {
            let file = OpenOptions::new().write(true).open(path)?;
            if file.metadata()?.len() != data.len {
                return Err(io::Error::other("its length changed meanwhile"));
            }
            file.set_len(len)?;
            file.sync_all()
        };
        lengthen().with_context(|| format!("cannot pad {}", path.display()))?;
        writeln!(io::stderr(), "padded {} with {} zero bytes to {len} bytes", path.display(), self.padding)?;
        data.len = len;
        Ok(())
    }
}

/// Where the hash area goes.
pub(super) struct Place {
    pub(super) area: HashArea,
    pub(super) layout: Layout,
    /// Whether the area goes to the end of its file or device, so that nothing older may stay behind it.
    pub(super) to_the_end: bool,
    /// Whether the area lengthens the data's own file, which is cut to its old length if that fails.
    pub(super) lengthens: bool,
}

impl Place {
    pub(super) fn find(
        args: &FormatArgs,
        params: &Params,
        data: &Device,
        one_device: bool,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let superblock = !args.place.no_superblock;
        let area = if args.append { HashArea::after_data(params, superblock)? } else { args.place.area()? };
        let layout = Layout::new(params, area)?;
        check_overlap(&data.path, layout.data_end, area, one_device)?;
        let to_the_end = !one_device || args.append && !data.is_block_device();
        let lengthens = args.append && data.len <= area.offset() && !data.is_block_device();
        let place = Self { area, layout, to_the_end, lengthens };
        if args.append {
            place.check_free(params, data, context)?;
        } else if one_device {
            place.warn_of_rest(data, context)?;
        }
        Ok(place)
    }

    /// Refuses to overwrite what is neither zeros nor an older tree of the same data.
    fn check_free(&self, params: &Params, data: &Device, context: &Context) -> anyhow::Result<()> {
        let offset = self.area.offset();
        let end = if data.is_block_device() { self.layout.end.min(data.len) } else { data.len };
        let first = data.first_nonzero(self.layout.data_end..end, || context.goes_on())?;
        if !context.goes_on() {
            return Err(Interrupted::NO_TREE.into());
        }
        let Some(first) = first else { return Ok(()) };
        // What is between data and hash area has to be zero, whatever follows.
        let is_older_tree = first >= offset
            && Superblock::parse(&read_superblock(data, offset)?)
                .is_ok_and(|old| old.params.data_blocks == params.data_blocks);
        if is_older_tree {
            return Ok(());
        }
        bail!(
            "{path} holds something after the data, at byte {first}: --append does not overwrite it; cut it off, or \
             overwrite it with `format {path} {path} --hash-offset {offset}`",
            path = data.path.display()
        )
    }

    /// What is after the tree stays, and `verify` will not take it for nothing.
    fn warn_of_rest(&self, data: &Device, context: &Context) -> anyhow::Result<()> {
        let end = self.layout.end;
        if let Some(first) = data.first_nonzero(end..data.len.max(end), || context.goes_on())? {
            let path = data.path.display();
            writeln!(
                io::stderr(),
                "warning: {path} holds something after the tree, which ends at byte {end} (first at {first}); the root \
                 hash does not cover it, and verify refuses it without --allow-trailing"
            )?;
        }
        Ok(())
    }
}

/// Where the data ends must be said if something else follows it on the same device.
fn check_end_is_known(args: &FormatArgs, data: &Device, one_device: bool) -> anyhow::Result<()> {
    let (path, offset) = (data.path.display(), args.place.hash_offset.unwrap_or(0));
    if args.append && data.is_block_device() {
        bail!("{path} is a block device: say with --data-blocks where the data ends");
    }
    if args.append {
        if let Some(blocks) = appended_before(args, data)? {
            bail!(
                "{path} ends with a hash tree over its first {blocks} blocks: replace it with --data-blocks {blocks}, or \
                 cut it off"
            );
        }
    } else if one_device && offset < data.len {
        bail!(
            "{path} is data and hash device and longer than the hash offset {offset}: say with --data-blocks where the data \
             ends"
        );
    }
    Ok(())
}

/// Over how many blocks a tree of the same kind is appended already. Its length is that of the file for one number of
/// blocks only, and then its superblock says so.
fn appended_before(args: &FormatArgs, data: &Device) -> anyhow::Result<Option<NonZeroU64>> {
    let params = args.kind.params(NonZeroU64::MIN, hardpan_verity::Salt::default());
    let arrangement = Arrangement { appended: true, superblock: true, fec_roots: None };
    let Ok(plan) = Plan::largest(data.len, &params, arrangement) else { return Ok(None) };
    if plan.total != data.len {
        return Ok(None);
    }
    let superblock = Superblock::parse(&read_superblock(data, plan.area.offset())?);
    let blocks = superblock.ok().map(|superblock| superblock.params.data_blocks);
    Ok(blocks.filter(|blocks| *blocks == plan.params.data_blocks))
}

/// On one device, the hash area has to start after the data.
pub(in super::super) fn check_overlap(
    path: &Path,
    data_end: u64,
    area: HashArea,
    one_device: bool,
) -> anyhow::Result<()> {
    if one_device && area.offset() < data_end {
        bail!(
            "data and hash are the same device, {}, where the data ends at byte {data_end}: the hash area at {} would overlap \
             it; use --hash-offset {data_end} or more",
            path.display(),
            area.offset()
        );
    }
    Ok(())
}
