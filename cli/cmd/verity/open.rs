//! `hardpan verity open`.

mod args;
mod devices;

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_lockdown::mapping::{self, Extent, Mapped, OpenError, OpenFailure, Plan, open};
use hardpan_sys::KernelLog;
use hardpan_sys::dm::{Control, DevMapper};
use hardpan_sys::keyring::{MAX_PAYLOAD, add_thread_key};
use hardpan_verity::table::{Fec, VerityTable};
use hardpan_verity::{HashArea, Layout, Params, RootHash, Superblock, Uuid};
use serde_json::{Value, json};

use super::format::check_overlap;
use super::output::print_json;
use super::verify::{ranges_json, read_superblock, root_of_file};
use super::{CORRUPT, with_progress};
use crate::Context;
use crate::context::Interrupted;

pub(super) use args::OpenArgs;
use devices::{Devices, MappedDevice};

pub(super) fn run(args: &OpenArgs, context: &Context) -> anyhow::Result<u8> {
    let area = args.place.area()?;
    let devices = Devices::open(args)?;
    let (params, uuid) = params(args, &devices.hash, area)?;
    let root = root_hash(args, &params)?;
    let layout = Layout::new(&params, area)?;
    let one_device = devices.hash_is_data();
    check_overlap(&args.data, layout.data_end, area, one_device)?;
    devices.data.check_len(layout.data_end)?;
    devices.hash.check_len(layout.end)?;
    let fec = fec(args, &params, &layout, &devices)?;
    let signature = args.root_hash_signature.as_deref().map(read_signature).transpose()?;
    let attached = devices.attach()?;
    let mut table = VerityTable::new(&params, area, &root, &attached.data, &attached.hash)?;
    table.options = args.reactions.options();
    table.options.fec = attached
        .fec
        .as_deref()
        .zip(fec)
        .map(|(device, fec)| Fec::new(device, fec.roots, fec.blocks, fec.start));
    table.options.signature_key =
        signature.map(|bytes| add_signature(&bytes, args.name.as_str())).transpose()?;
    let extent = args.verify.extent();
    let plan = Plan { name: args.name.clone(), uuid: mapping::uuid(uuid, &args.name), table, extent };
    activate(args, &plan, context)
}

fn activate(args: &OpenArgs, plan: &Plan, context: &Context) -> anyhow::Result<u8> {
    let mut log = KernelLog::listen();
    let mut kernel = Control::open()?;
    let bytes = match plan.extent {
        Extent::All => plan.table.sectors().unwrap_or_default() * 512,
        Extent::Ends => 0,
    };
    let result =
        with_progress(context, bytes, |progress| open(&mut kernel, &DevMapper::default(), plan, progress));
    match result {
        Ok(mapped) => succeeded(args, plan, &mapped),
        Err(failure) if failure.is_corrupt() => corrupt(args, &failure, &mut log),
        Err(OpenFailure { reason: OpenError::Cancelled, left: None, .. }) => {
            Err(Interrupted::NO_MAPPING.into())
        }
        Err(failure) => Err(unusable(&failure, plan, &mut log)),
    }
}

/// The parameters that the caller gave, with which a superblock must agree, or those of the superblock if the caller
/// trusts it; and the superblock's UUID.
fn params(args: &OpenArgs, hash: &MappedDevice, area: HashArea) -> anyhow::Result<(Params, Option<Uuid>)> {
    let given = args.tree.params()?;
    let place = || format!("{} at offset {}", hash.path().display(), area.offset());
    let superblock = area.has_superblock().then(|| {
        let bytes = read_superblock(&hash.device, area.offset())?;
        Superblock::parse(&bytes).with_context(place)
    });
    let superblock = superblock.transpose()?;
    let uuid = superblock.as_ref().map(|superblock| superblock.uuid);
    let params = match (given, superblock) {
        (Some(params), None) => params,
        (Some(params), Some(superblock)) => {
            let differences = superblock.differences(&params);
            if let Some(first) = differences.first() {
                bail!("the superblock of {} is not what was asked for: {first}", place());
            }
            params
        }
        (None, Some(superblock)) => superblock.params,
        (None, None) => bail!("without a superblock, give --data-blocks and --salt"),
    };
    if params.algorithm.is_weak() && !args.tree.danger_allow_weak_hash {
        bail!(
            "{} is weak: who builds an image can build another one with the same root hash; \
             --danger-allow-weak-hash opens it all the same",
            params.algorithm.name()
        );
    }
    Ok((params, uuid))
}

fn root_hash(args: &OpenArgs, params: &Params) -> anyhow::Result<RootHash> {
    match (&args.root_hash, &args.root_hash_file) {
        (Some(text), _) => Ok(RootHash::parse(params.algorithm, text)?),
        (None, Some(path)) => root_of_file(params.algorithm, path),
        (None, None) => bail!("give the root hash, or --root-hash-file"),
    }
}

/// The parity, as the table has it but for the device.
struct Parity {
    roots: u32,
    blocks: u64,
    start: u64,
}

/// Which blocks the parity covers: the data, and the hash device from the tree to its end, or to the parity if that is on the
/// same device. So veritysetup made it; the kernel has to be told the same.
fn fec(
    args: &OpenArgs,
    params: &Params,
    layout: &Layout,
    devices: &Devices,
) -> anyhow::Result<Option<Parity>> {
    let Some(device) = &devices.fec else { return Ok(None) };
    let block_size = u64::from(params.data_block_size.bytes());
    if params.data_block_size != params.hash_block_size {
        bail!("error correction needs data and hash blocks of one size");
    }
    let offset = args.fec.offset;
    if !offset.is_multiple_of(block_size) {
        bail!("--fec-offset {offset} is no multiple of the block size {block_size}");
    }
    let shared = device.is_same(&devices.hash);
    let end = if shared { offset } else { devices.hash.device.len };
    let behind_tree = end.checked_sub(layout.end).is_some();
    if !behind_tree {
        bail!("--fec-offset {offset} is before the end of the tree at {} on the same device", layout.end);
    }
    let blocks = params.data_blocks.get() + (end - layout.start) / block_size;
    let covered_per_round = 255 - u64::from(args.fec.roots);
    let parity = blocks.div_ceil(covered_per_round) * u64::from(args.fec.roots) * block_size;
    device.check_len(offset.saturating_add(parity))?;
    Ok(Some(Parity { roots: args.fec.roots, blocks, start: offset / block_size }))
}

fn read_signature(path: &Path) -> anyhow::Result<Vec<u8>> {
    let place = || format!("root hash signature {}", path.display());
    let size = path.metadata().with_context(place)?.len();
    if size == 0 || size > MAX_PAYLOAD as u64 {
        bail!("{} has {size} bytes; a key of the kernel has 1 to {MAX_PAYLOAD}", place());
    }
    let signature = std::fs::read(path).with_context(place)?;
    // A SEQUENCE in DER. What is inside the kernel judges; but PEM it would refuse without a word.
    if signature.first() != Some(&0x30) {
        bail!("{} is no PKCS#7 in DER, which is what the kernel reads", place());
    }
    Ok(signature)
}

/// Adds the signature as a key that only this thread has, and returns the key's description.
fn add_signature(signature: &[u8], name: &str) -> anyhow::Result<String> {
    let description = format!("hardpan:{name}");
    add_thread_key(&description, signature).context("cannot hand the root hash signature to the kernel")?;
    Ok(description)
}

fn succeeded(args: &OpenArgs, plan: &Plan, mapped: &Mapped) -> anyhow::Result<u8> {
    let corrected = mapped.status.corrected_blocks;
    if args.json {
        let fields = json!({
            "name": plan.name.as_str(),
            "node": mapped.node.to_string_lossy(),
            "device": mapped.number.to_string(),
            "verified": !mapped.status.corrupted,
            "read": if plan.extent == Extent::All { "full" } else { "ends" },
            "corrected_blocks": corrected,
            "table": plan.table.to_string(),
        });
        print_json(&fields)?;
    } else {
        super::output::Lines::new(mapped.node.display().to_string()).print()?;
    }
    if mapped.status.corrupted {
        writeln!(io::stderr(), "warning: {} is open and corrupt, which is ignored as asked for", plan.name)?;
    }
    Ok(0)
}

fn corrupt(args: &OpenArgs, failure: &OpenFailure, log: &mut KernelLog) -> anyhow::Result<u8> {
    let blocks = match &failure.reason {
        OpenError::Corrupt { blocks, .. } => ranges_json(blocks),
        _ => Value::Null,
    };
    let messages = log.messages(KERNEL_PREFIX);
    if args.json {
        let reason = failure.to_string();
        print_json(&json!({ "verified": false, "reason": reason, "corrupt": blocks, "kernel": messages }))?;
    }
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "not opened: {} is not what the root hash stands for", args.data.display())?;
    writeln!(stderr, "  {failure}")?;
    messages.iter().try_for_each(|message| writeln!(stderr, "  kernel: {}", message.escape_debug()))?;
    Ok(CORRUPT)
}

/// The failure with what the kernel logged about it, and what its error number stands for here.
fn unusable(failure: &OpenFailure, plan: &Plan, log: &mut KernelLog) -> anyhow::Error {
    let errno = match &failure.reason {
        OpenError::Load { error, .. } => error.errno(),
        _ => None,
    };
    let meaning = match errno {
        Some(ENOKEY) if plan.table.options.signature_key.is_some() => {
            "\n  no certificate in the kernel's keyrings verifies the root hash signature"
        }
        Some(ENOKEY) => "\n  the kernel requires a root hash signature (--root-hash-signature)",
        Some(EKEYREJECTED) => "\n  the root hash signature is not one of this root hash",
        Some(E2BIG) => "\n  the data device or the hash device is shorter than the table says",
        _ => "",
    };
    let quoted: Vec<String> =
        log.messages(KERNEL_PREFIX).iter().map(|message| format!("\n  kernel: {message}")).collect();
    anyhow::anyhow!("not opened: {failure}{meaning}{}", quoted.concat())
}

/// What device-mapper's messages begin with.
const KERNEL_PREFIX: &str = "device-mapper: ";
const E2BIG: i32 = 7;
const ENOKEY: i32 = 126;
const EKEYREJECTED: i32 = 129;
