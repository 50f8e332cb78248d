//! `hardpan verity plan`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::{Arrangement, Plan, Salt, whole_mebibytes};
use serde_json::{Value, json};

use super::args::KindArgs;
use super::device::Device;
use super::output::{Lines, print_json};
use super::size::Size;

/// Compute how long tree and parity will be, before any work
///
/// Sizes are whole numbers of bytes, or of KiB, MiB, GiB or TiB. The parity covers data and tree, without the superblock.
///
/// Exit codes: 0 done, 2 it cannot be.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are the options")]
#[command(after_help = "\
Examples:
  hardpan verity plan --size 3GiB                    how large a hash partition a 3 GiB image needs
  hardpan verity plan --total 4GiB --fec-roots 2     how much data fits into 4 GiB with tree and parity
  hardpan verity plan --data root.img --append       where `format --append` will put the tree")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    room: RoomArgs,
    #[command(flatten)]
    kind: KindArgs,
    /// There is no superblock
    #[arg(long)]
    no_superblock: bool,
    /// Tree and parity follow the data on its own device; otherwise each has a device of its own
    #[arg(long)]
    append: bool,
    /// The number of parity bytes for error correction, 2 to 24: of 255 bytes, half as many wrong ones can be corrected, or
    /// as many whose place is known [default: no error correction]
    #[arg(long, value_name = "N")]
    fec_roots: Option<u32>,
    /// Count a partial last block as a whole one, as `format --pad` makes it
    #[arg(long, conflicts_with = "total")]
    pad: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct RoomArgs {
    /// The length of the data
    #[arg(long)]
    size: Option<Size>,
    /// Take the length of this file or device
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The length of everything together: plan for as much data as fits, to the byte. Partitions that are rounded up to whole
    /// MiB may need up to 3 MiB more
    #[arg(long, value_name = "SIZE")]
    total: Option<Size>,
}

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<u8> {
    let plan = plan(args)?;
    if args.json {
        print_json(&json(&plan, args))?;
    } else {
        lines(&plan, args).print()?;
    }
    Ok(0)
}

fn plan(args: &PlanArgs) -> anyhow::Result<Plan> {
    let (appended, superblock) = (args.append, !args.no_superblock);
    let arrangement = Arrangement { appended, superblock, fec_roots: args.fec_roots };
    // The salt does not change any length.
    let params = |data_blocks| args.kind.params(data_blocks, Salt::default());
    if let Some(Size(total)) = args.room.total {
        return Ok(Plan::largest(total, &params(NonZeroU64::MIN), arrangement)?);
    }
    let data = args.room.data.as_ref().map(|path| Device::open(path, "data")).transpose()?;
    let size = data.map_or(args.room.size.map(|size| size.0), |data| Some(data.len));
    let size = size.context("give --size, --data or --total")?;
    Ok(Plan::new(&params(data_blocks(args, size)?), arrangement)?)
}

fn data_blocks(args: &PlanArgs, size: u64) -> anyhow::Result<NonZeroU64> {
    let block = u64::from(args.kind.data_block_size().bytes());
    let rest = size % block;
    if rest > 0 && !args.pad {
        bail!(
            "{size} bytes are no whole number of blocks of {block} bytes: {rest} are left over; count them as a block with \
             --pad"
        );
    }
    NonZeroU64::new(size.div_ceil(block)).context("there is no data")
}

fn lines(plan: &Plan, args: &PlanArgs) -> Lines {
    let mut lines = Lines::new("Sizes in bytes".to_owned());
    let mut add = |label: &str, value: u64| lines.add(label, &value.to_string());
    add("Data", plan.data_size);
    add("Data blocks", plan.params.data_blocks.get());
    add("Hash area", plan.hash_size);
    add("Hash offset", plan.area.offset());
    add("Hash start block", hash_start_block(plan));
    add("Hash blocks", plan.layout.tree_blocks());
    let levels: Vec<String> = plan.layout.levels.iter().rev().map(|level| level.blocks.to_string()).collect();
    lines.add("Levels", &if levels.is_empty() { "none".to_owned() } else { levels.join(" ") });
    let mut add = |label: &str, value: u64| lines.add(label, &value.to_string());
    if let Some(fec) = plan.fec {
        add("FEC area", fec.size);
        add("FEC offset", fec.offset);
        add("FEC blocks", fec.covered_blocks);
    }
    add("Total", plan.total);
    for (name, size) in partitions(plan, args) {
        if let Some(size) = size {
            lines.add(&format!("{name} partition"), &format!("{} MiB", size >> 20));
        }
    }
    lines
}

fn json(plan: &Plan, args: &PlanArgs) -> Value {
    let partitions: serde_json::Map<String, Value> =
        partitions(plan, args).into_iter().map(|(name, size)| (name.to_lowercase(), json!(size))).collect();
    let fec = plan.fec.map(|fec| {
        json!({ "roots": fec.roots, "size": fec.size, "offset": fec.offset, "covered_blocks": fec.covered_blocks })
    });
    json!({
        "hash_type": plan.params.hash_type.number(),
        "algorithm": plan.params.algorithm.name(),
        "data_block_size": plan.params.data_block_size.bytes(),
        "hash_block_size": plan.params.hash_block_size.bytes(),
        "data_blocks": plan.params.data_blocks,
        "data_size": plan.data_size,
        "hash_size": plan.hash_size,
        "hash_offset": plan.area.offset(),
        "hash_start_block": hash_start_block(plan),
        "hash_blocks": plan.layout.tree_blocks(),
        "levels": plan.layout.levels.iter().rev().map(|level| level.blocks).collect::<Vec<_>>(),
        "superblock": plan.area.has_superblock(),
        "fec": fec,
        "total": plan.total,
        "partitions": partitions,
    })
}

fn hash_start_block(plan: &Plan) -> u64 {
    plan.layout.start / u64::from(plan.params.hash_block_size.bytes())
}

/// How large partitions have to be. None if a number of MiB would be more than there are.
fn partitions(plan: &Plan, args: &PlanArgs) -> Vec<(&'static str, Option<u64>)> {
    if args.append {
        return vec![("Image", whole_mebibytes(plan.total))];
    }
    let mut partitions =
        vec![("Data", whole_mebibytes(plan.data_size)), ("Hash", whole_mebibytes(plan.hash_size))];
    partitions.extend(plan.fec.map(|fec| ("FEC", whole_mebibytes(fec.size))));
    partitions
}
