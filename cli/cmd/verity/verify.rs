//! `hardpan verity verify`.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::{
    Algorithm, BlockRanges, BlockSource, Damage, Expected, HashArea, Layout, Params, RootHash,
    SUPERBLOCK_SIZE, SlackArea, Superblock, Verified, VerifyError, verify,
};
use serde_json::{Value, json};

use super::device::Device;
use super::format::check_overlap;
use super::output::print_json;
use super::{CORRUPT, VerifyArgs, with_progress};
use crate::Context;
use crate::context::Interrupted;

pub(super) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<u8> {
    let area = args.place.area()?;
    let root = root_hash(args)?;
    let data = Device::open(&args.data, "data")?;
    let hash = Device::open(&args.hash, "hash")?;
    let params = match params(args, &hash, area)? {
        Ok(params) => params,
        Err(error) => return failed(args, &root, &error),
    };
    let one_device = data.is_same(hash.identity());
    let layout = Layout::new(&params, area)?;
    check_overlap(&data.path, layout.data_end, area, one_device)?;
    let expected = Expected { params, root, area, one_device };
    let result = with_progress(context, layout.data_end, |progress| {
        verify(&data.file, &hash.file, &expected, progress)
    });
    match result {
        Ok(verified) => passed(args, &verified, &data, one_device),
        Err(error) if error.is_failure() => failed(args, &expected.root, &error),
        Err(_) if !context.goes_on() => Err(Interrupted::NO_VERDICT.into()),
        Err(error) => Err(error).context("not verified"),
    }
}

/// The parameters that the caller gave, or those of the superblock if the caller trusts it.
fn params(args: &VerifyArgs, hash: &Device, area: HashArea) -> anyhow::Result<Result<Params, VerifyError>> {
    if let (Some(data_blocks), Some(salt)) = (args.data_blocks, &args.salt) {
        return Ok(Ok(Params::new(data_blocks, salt.clone())));
    }
    if !args.trust_superblock {
        bail!("give --data-blocks and --salt from a source that is trusted, or --trust-superblock");
    }
    let superblock = read_superblock(hash, area.offset())?;
    Ok(match Superblock::parse(&superblock) {
        Ok(superblock) => Ok(superblock.params),
        Err(error) if error.is_unsupported() => return Err(error.into()),
        Err(error) => Err(error.into()),
    })
}

/// The bytes at the place of the superblock, fewer if the device ends there.
pub(super) fn read_superblock(hash: &Device, offset: u64) -> anyhow::Result<Vec<u8>> {
    let len = hash.len.saturating_sub(offset).min(SUPERBLOCK_SIZE as u64);
    let mut bytes = vec![0; usize::try_from(len)?];
    let cannot = || format!("cannot read {} at offset {offset}", hash.path.display());
    hash.file.read_exact_at(&mut bytes, offset).with_context(cannot)?;
    Ok(bytes)
}

fn root_hash(args: &VerifyArgs) -> anyhow::Result<RootHash> {
    let Some(path) = &args.root_hash_file else {
        let text = args.root_hash.as_deref().unwrap_or_default();
        return Ok(RootHash::parse(Algorithm::Sha256, text)?);
    };
    root_hash_from_file(path, Algorithm::Sha256)
}

/// The root hash in a file: the digits and at most one newline.
pub(super) fn root_hash_from_file(path: &Path, algorithm: Algorithm) -> anyhow::Result<RootHash> {
    let text = read_root_hash_file(path)
        .with_context(|| format!("cannot read root hash file {}", path.display()))?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    RootHash::parse(algorithm, digits).with_context(|| format!("root hash file {}", path.display()))
}

fn read_root_hash_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_ROOT_HASH_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn passed(args: &VerifyArgs, verified: &Verified, data: &Device, one_device: bool) -> anyhow::Result<u8> {
    let block = u64::from(verified.params().data_block_size.bytes());
    let partial = data.len % block;
    // Zero, as the verification found; but what is added to it later nothing would find.
    if !one_device && partial != 0 {
        let reason = format!(
            "the last {partial} bytes of {} are no whole block and not protected",
            data.path.display()
        );
        return report(args, verified.root(), &reason, &Value::Null);
    }
    if args.json {
        let root = verified.root().to_string();
        print_json(
            &json!({ "verified": true, "root_hash": root, "data_blocks": verified.params().data_blocks }),
        )?;
    }
    Ok(0)
}

fn failed(args: &VerifyArgs, root: &RootHash, error: &VerifyError) -> anyhow::Result<u8> {
    let damage = match error {
        VerifyError::Corrupt(damage) => damage_json(damage),
        _ => Value::Null,
    };
    let code = report(args, root, &error.to_string(), &damage)?;
    if matches!(error, VerifyError::Corrupt(damage) if !damage.slack.is_empty()) {
        writeln!(
            io::stderr(),
            "  bytes that are not covered must be zero: cut them off, or overwrite them with zeros"
        )?;
    }
    Ok(code)
}

fn report(args: &VerifyArgs, root: &RootHash, reason: &str, damage: &Value) -> anyhow::Result<u8> {
    if args.json {
        print_json(
            &json!({ "verified": false, "root_hash": root.to_string(), "reason": reason, "damage": damage }),
        )?;
    }
    writeln!(
        io::stderr(),
        "verification failed: {} is not what the root hash stands for",
        args.data.display()
    )?;
    reason.lines().try_for_each(|line| writeln!(io::stderr(), "  {line}"))?;
    Ok(CORRUPT)
}

fn damage_json(damage: &Damage) -> Value {
    let levels = damage.levels.iter().map(|level| {
        json!({
            "level": level.level,
            "corrupt": ranges_json(&level.bad),
            "unauthenticated": ranges_json(&level.unauthenticated),
            "unclean": ranges_json(&level.unclean),
        })
    });
    let slack = damage.slack.iter().map(|slack| {
        let area = match slack.area {
            SlackArea::AfterSuperblock => "after-superblock",
            SlackArea::AfterTree => "after-tree",
            SlackArea::AfterData => "after-data",
            _ => "other",
        };
        json!({ "area": area, "start": slack.range.start, "end": slack.range.end, "first_nonzero": slack.first })
    });
    json!({
        "computed_root": damage.wrong_root.as_ref().map(ToString::to_string),
        "levels": levels.collect::<Vec<_>>(),
        "data": ranges_json(&damage.data),
        "unauthenticated_data": ranges_json(&damage.unauthenticated_data),
        "slack": slack.collect::<Vec<_>>(),
    })
}

/// First and last block of each range.
pub(super) fn ranges_json(blocks: &BlockRanges) -> Value {
    let ranges: Vec<[u64; 2]> = blocks.ranges().iter().map(|range| [range.start, range.end - 1]).collect();
    json!({ "count": blocks.count(), "ranges": ranges, "complete": blocks.is_complete() })
}

/// Four times the longest digest in hexadecimal digits: more is no root hash, and need not be read.
const MAX_ROOT_HASH_FILE: u64 = 512;
