//! What is known of an image before it is looked at, and from where.

use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::fec::{FecShape, Roots};
use hardpan_verity::table::{CreatedTarget, TableLine, VerityTable};
use hardpan_verity::{
    Algorithm, BlockSize, Descriptor, HashArea, HashType, Layout, Params, RootHash, Salt, Superblock, Uuid,
};

use super::super::cmdline::CmdlineDevices;
use super::super::device::Device;
use super::super::input::{MAX_TEXT, read_text};
use super::{KnownArgs, read_superblock};

/// What data and tree are to be.
pub(in super::super) struct Known {
    pub(in super::super) params: Params,
    pub(in super::super) root: RootHash,
    pub(in super::super) area: HashArea,
    pub(in super::super) uuid: Option<Uuid>,
    /// Where parity lies on the hash device, if a table says so.
    pub(in super::super) parity: Option<Range<u64>>,
    /// How much parity there is and where it starts, if a descriptor or a table says so.
    pub(in super::super) shape: Option<FecShape>,
}

impl Known {
    /// What the caller says. The inner error is the reason why a superblock or a descriptor does not hold what it must.
    pub(in super::super) fn find(args: &KnownArgs, hash: &Device) -> anyhow::Result<Result<Self, String>> {
        let source = &args.source;
        if let Some(path) = &source.params {
            return from_descriptor(args, path);
        }
        if let Some(text) = &source.table {
            return from_table(args, &parse_table(text)?).map(Ok);
        }
        if let Some(path) = &source.table_file {
            let table = parse_table(&read_text(path, "table", MAX_TEXT)?).with_context(|| in_file(path))?;
            return from_table(args, &table).map(Ok);
        }
        let mut root = None;
        if let Some(path) = &source.cmdline {
            let cmdline = read_text(path, "command line", MAX_TEXT)?;
            let found = in_cmdline(&cmdline, args.device_name.as_deref()).with_context(|| in_file(path))?;
            match found {
                InCmdline::Target(target) => return from_target(args, &target).map(Ok),
                InCmdline::Root(bytes) => root = Some(bytes),
            }
        }
        if source.trust_superblock {
            return from_superblock(args, hash);
        }
        from_options(args, root.as_deref()).map(Ok)
    }
}

fn from_descriptor(args: &KnownArgs, path: &Path) -> anyhow::Result<Result<Known, String>> {
    let text = read_text(path, "descriptor", MAX_TEXT)?;
    // The very bytes that were checked are parsed, and not before.
    if let Err(reason) = args.signature.check(text.as_bytes())? {
        return Ok(Err(reason));
    }
    let parsed = Descriptor::parse_with_parity(text.as_bytes()).with_context(|| in_file(path))?;
    let (Descriptor { params, root, area, uuid }, shape) = parsed;
    let root = agreed_root(args, params.algorithm, Some(root))?;
    Ok(Ok(Known { params, root, area, uuid, parity: None, shape }))
}

fn from_options(args: &KnownArgs, root: Option<&[u8]>) -> anyhow::Result<Known> {
    let (Some(data_blocks), Some(salt)) = (args.data_blocks, &args.salt) else {
        bail!(
            "what the tree is must be known from a source that is trusted: give --params, --table, --table-file or \
             --cmdline, or --data-blocks and --salt, or else --trust-superblock"
        );
    };
    let params = args.kind.params(data_blocks, salt.clone());
    let root = root.map(|bytes| RootHash::from_bytes(params.algorithm, bytes)).transpose()?;
    let root = agreed_root(args, params.algorithm, root)?;
    Ok(Known { params, root, area: args.place.area()?, uuid: args.uuid, parity: None, shape: None })
}

fn from_superblock(args: &KnownArgs, hash: &Device) -> anyhow::Result<Result<Known, String>> {
    let area = args.place.area()?;
    let params = match Superblock::parse(&read_superblock(hash, area.offset())?) {
        Ok(superblock) => superblock.params,
        Err(error) if error.is_unsupported() => return Err(error.into()),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let root = agreed_root(args, params.algorithm, None)?;
    Ok(Ok(Known { params, root, area, uuid: args.uuid, parity: None, shape: None }))
}

fn from_target(args: &KnownArgs, target: &CreatedTarget) -> anyhow::Result<Known> {
    if args.kind.is_given() || args.data_blocks.is_some() {
        bail!(
            "the command line has all parameters of {}: leave the options out that say them again",
            target.name
        );
    }
    check_length(&target.table, target.start_sector, target.sectors)?;
    from_table(args, &target.table)
}

fn from_table(args: &KnownArgs, table: &VerityTable) -> anyhow::Result<Known> {
    let wrong = || "verity table";
    let data_blocks =
        NonZeroU64::new(table.data_blocks).context("verity table, data blocks: there are none")?;
    let mut params = Params::new(data_blocks, Salt::new(&table.salt).with_context(wrong)?);
    params.hash_type =
        HashType::from_number(table.hash_type).context("verity table, version: is neither 0 nor 1")?;
    params.algorithm = table.algorithm.parse::<Algorithm>().with_context(wrong)?;
    params.data_block_size = BlockSize::new(table.data_block_size).with_context(wrong)?;
    params.hash_block_size = BlockSize::new(table.hash_block_size).with_context(wrong)?;
    let area = area_of_table(args, &params, table)?;
    let root = RootHash::from_bytes(params.algorithm, &table.root)?;
    let root = agreed_root(args, params.algorithm, Some(root))?;
    let (parity, shape) = (parity_of_table(table)?, shape_of_table(table)?);
    Ok(Known { params, root, area, uuid: args.uuid, parity, shape })
}

/// A table says where the tree starts. The kernel knows of no superblock; where there is room for one before the tree,
/// veritysetup and `format` have put one, unless options say otherwise.
fn area_of_table(args: &KnownArgs, params: &Params, table: &VerityTable) -> anyhow::Result<HashArea> {
    let block = u64::from(params.hash_block_size.bytes());
    let start =
        table.hash_start_block.checked_mul(block).context("verity table, hash start block: too large")?;
    let area = match start.checked_sub(block) {
        _ if args.place.is_given() => args.place.area()?,
        Some(before) => HashArea::with_superblock(before)?,
        None => HashArea::without_superblock(0),
    };
    let layout = Layout::new(params, area)?;
    if layout.start != start {
        bail!(
            "the table has the tree start at byte {start}, the hash area at {} at byte {}: correct --hash-offset or \
             --no-superblock, or leave them out",
            area.offset(),
            layout.start
        );
    }
    Ok(area)
}

/// What a table says of parity, wherever that is.
fn shape_of_table(table: &VerityTable) -> anyhow::Result<Option<FecShape>> {
    let Some(fec) = &table.options.fec else { return Ok(None) };
    let roots = Roots::new(fec.roots.into()).context("verity table")?;
    let offset =
        fec.start.checked_mul(table.hash_block_size.into()).context("verity table, fec_start: too large")?;
    Ok(Some(FecShape { roots, offset }))
}

/// Where the table has parity on the hash device.
fn parity_of_table(table: &VerityTable) -> anyhow::Result<Option<Range<u64>>> {
    let Some(fec) = table.options.fec.as_ref().filter(|fec| fec.device == table.hash_device) else {
        return Ok(None);
    };
    let range = || {
        let block = u64::from(table.hash_block_size);
        let rounds = fec.blocks.div_ceil(u64::from(255_u32.checked_sub(fec.roots).filter(|rest| *rest > 0)?));
        let start = fec.start.checked_mul(block)?;
        let size = rounds.checked_mul(block)?.checked_mul(fec.roots.into())?;
        Some(start..start.checked_add(size)?)
    };
    range().map(Some).context("verity table: the FEC options are not possible")
}

/// Reads a line of a table, or the parameters of a target alone.
fn parse_table(text: &str) -> anyhow::Result<VerityTable> {
    let TableLine { range, table } = TableLine::parse(text)?;
    if let Some((start, sectors)) = range {
        check_length(&table, start, sectors)?;
    }
    Ok(table)
}

/// A device that maps another part of the data than the tree covers is not what would be verified.
fn check_length(table: &VerityTable, start: u64, sectors: u64) -> anyhow::Result<()> {
    let covered = table.data_blocks.checked_mul(u64::from(table.data_block_size) / 512);
    if start == 0 && covered == Some(sectors) {
        return Ok(());
    }
    bail!(
        "the table maps {sectors} sectors from {start} on, its {} data blocks of {} bytes are others",
        table.data_blocks,
        table.data_block_size
    )
}

enum InCmdline {
    Target(Box<CreatedTarget>),
    Root(Vec<u8>),
}

/// The one verity device of that name, or else the one root hash.
fn in_cmdline(cmdline: &str, name: Option<&str>) -> anyhow::Result<InCmdline> {
    let CmdlineDevices { created: mut targets, systemd } = CmdlineDevices::read(cmdline)?;
    let mut roots: Vec<_> =
        [systemd.root, systemd.usr].into_iter().flatten().map(|device| device.root).collect();
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    targets.retain(|target| name.is_none_or(|name| target.name == name));
    match (targets.len(), name) {
        (1, _) => Ok(InCmdline::Target(Box::new(targets.remove(0)))),
        (0, Some(name)) => bail!("dm-mod.create= makes no verity device {name} (there: {names})"),
        (0, None) if roots.len() == 1 => Ok(InCmdline::Root(roots.remove(0))),
        (0, None) if roots.is_empty() => {
            bail!("no dm-mod.create= with a verity target, no roothash=, no usrhash=")
        }
        (0, None) => bail!("several root hashes: give the one that is meant as an argument"),
        _ => bail!("several verity devices ({names}): say which with --device-name"),
    }
}

/// The root hash of the argument, of the file and of the source, which must not differ.
fn agreed_root(args: &KnownArgs, algorithm: Algorithm, source: Option<RootHash>) -> anyhow::Result<RootHash> {
    let given = match (&args.root_hash, &args.root_hash_file) {
        (Some(text), _) => Some(RootHash::parse(algorithm, text)?),
        (None, Some(path)) => Some(root_of_file(algorithm, path)?),
        (None, None) => None,
    };
    match (given, source) {
        (Some(given), Some(source)) if given != source => {
            bail!("the root hash given is {given}, the source of the parameters has {source}")
        }
        (Some(root), _) | (None, Some(root)) => Ok(root),
        (None, None) => bail!("give the root hash, as an argument after HASH or with --root-hash-file"),
    }
}

/// The root hash in a file: the digits and at most one newline.
pub(in super::super) fn root_of_file(algorithm: Algorithm, path: &Path) -> anyhow::Result<RootHash> {
    let text = read_text(path, "root hash file", MAX_TEXT)?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    RootHash::parse(algorithm, digits).with_context(|| format!("root hash file {}", path.display()))
}

fn in_file(path: &Path) -> String {
    format!("in {}", path.display())
}
