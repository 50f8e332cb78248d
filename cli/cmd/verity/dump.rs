//! `hardpan verity dump`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use hardpan_verity::{HashArea, Layout, RawSuperblock, Superblock, SuperblockError};
use serde_json::{Map, Value, json};

use super::CORRUPT;
use super::device::Device;
use super::output::{Lines, Tree, print_json};
use super::verify::read_superblock;

/// Show a superblock, and what is wrong with it
///
/// Exit codes: 0 shown, 1 shown and malformed, 2 there is none or it cannot be read.
#[derive(Args)]
pub(crate) struct DumpArgs {
    /// The hash file or device
    hash: PathBuf,
    /// Where the superblock is, in bytes: a multiple of 512
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    hash_offset: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DumpArgs) -> anyhow::Result<u8> {
    let area = HashArea::with_superblock(args.hash_offset)?;
    let hash = Device::open(&args.hash, "hash")?;
    let bytes = read_superblock(&hash, args.hash_offset)?;
    let place = || format!("{} at offset {}", args.hash.display(), args.hash_offset);
    let raw = RawSuperblock::read(&bytes).with_context(place)?;
    let (anomalies, malformed) = anomalies(&raw, &bytes, area, hash.len);
    let tree = Superblock::parse(&bytes).ok();
    let layout = tree.as_ref().and_then(|tree| Layout::new(&tree.params, area).ok());
    let shown = tree.as_ref().zip(layout.as_ref()).map(|(superblock, layout)| Tree {
        params: &superblock.params,
        layout,
        area,
        uuid: Some(superblock.uuid),
        fec: None,
    });
    if args.json {
        let mut map = shown.map_or_else(|| raw_json(&raw), |tree| tree.json());
        map.insert("anomalies".to_owned(), json!(anomalies));
        print_json(&map.into())?;
    } else {
        print_text(args, &raw, shown.as_ref(), &anomalies)?;
    }
    Ok(if malformed { CORRUPT } else { 0 })
}

/// What is wrong, and whether any of it is wrong by the format, not only not supported.
fn anomalies(raw: &RawSuperblock, bytes: &[u8], area: HashArea, len: u64) -> (Vec<String>, bool) {
    let problems = raw.problems();
    let mut malformed = problems.iter().any(|problem| !problem.is_unsupported());
    let mut anomalies: Vec<String> = problems.iter().map(SuperblockError::to_string).collect();
    if let Ok(superblock) = Superblock::parse(bytes) {
        match Layout::new(&superblock.params, area) {
            Err(error) => anomalies.push(error.to_string()),
            Ok(layout) if layout.end > len => {
                anomalies.push(format!("the tree ends at byte {}, the device at {len}", layout.end));
            }
            Ok(_) => return (anomalies, malformed),
        }
        malformed = true;
    }
    (anomalies, malformed)
}

fn print_text(
    args: &DumpArgs,
    raw: &RawSuperblock,
    tree: Option<&Tree<'_>>,
    anomalies: &[String],
) -> anyhow::Result<()> {
    let mut lines = Lines::new(format!("VERITY header information for {}", args.hash.display()));
    match tree {
        Some(tree) => {
            tree.add_to(&mut lines);
            tree.add_size_to(&mut lines);
        }
        None => add_raw(raw, &mut lines),
    }
    for anomaly in anomalies {
        // Names in a superblock may hold anything, escape sequences for the terminal as well.
        lines.add("Anomaly", &anomaly.escape_debug().to_string());
    }
    Ok(lines.print()?)
}

fn add_raw(raw: &RawSuperblock, lines: &mut Lines) {
    lines.add("UUID", &raw.uuid.to_string());
    lines.add("Hash type", &raw.hash_type.to_string());
    lines.add("Data blocks", &raw.data_blocks.to_string());
    lines.add("Data block size", &raw.data_block_size.to_string());
    lines.add("Hash block size", &raw.hash_block_size.to_string());
    lines.add("Hash algorithm", &raw.algorithm_name().escape_debug().to_string());
    lines.add("Salt", &salt(raw));
}

fn raw_json(raw: &RawSuperblock) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
    put("uuid", json!(raw.uuid.to_string()));
    put("version", json!(raw.version));
    put("hash_type", json!(raw.hash_type));
    put("algorithm", json!(raw.algorithm_name()));
    put("data_block_size", json!(raw.data_block_size));
    put("hash_block_size", json!(raw.hash_block_size));
    put("data_blocks", json!(raw.data_blocks));
    put("salt", json!(salt(raw)));
    map
}

fn salt(raw: &RawSuperblock) -> String {
    // At most 256 bytes, which is what a salt can have.
    hardpan_verity::Salt::new(raw.salt_bytes()).map(|salt| salt.to_string()).unwrap_or_default()
}
