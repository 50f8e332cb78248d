//! The verdict, in words and as JSON.

use std::io::{self, Write};

use hardpan_verity::{BlockRanges, Damage, RootHash, SlackArea, Verified, VerifyError};
use serde_json::{Value, json};

use super::super::CORRUPT;
use super::super::device::Device;
use super::super::output::print_json;
use super::VerifyArgs;

pub(super) fn passed(
    args: &VerifyArgs,
    verified: &Verified,
    data: &Device,
    one_device: bool,
) -> anyhow::Result<u8> {
    let block = u64::from(verified.params().data_block_size.bytes());
    let partial = data.len % block;
    // Zero, as the verification found; but what is added to it later nothing would find.
    if !one_device && partial != 0 {
        let reason = format!(
            "the last {partial} bytes of {} are no whole block and not protected",
            data.path.display()
        );
        return report(args, Some(verified.root()), &reason, &Value::Null);
    }
    if args.json {
        let root = verified.root().to_string();
        print_json(
            &json!({ "verified": true, "root_hash": root, "data_blocks": verified.params().data_blocks }),
        )?;
    }
    Ok(0)
}

pub(super) fn failed(args: &VerifyArgs, root: &RootHash, error: &VerifyError) -> anyhow::Result<u8> {
    let damage = match error {
        VerifyError::Corrupt(damage) => damage_json(damage),
        _ => Value::Null,
    };
    let code = report(args, Some(root), &error.to_string(), &damage)?;
    if matches!(error, VerifyError::Corrupt(damage) if !damage.slack.is_empty()) {
        writeln!(
            io::stderr(),
            "  bytes that are not covered must be zero: cut them off, overwrite them with zeros, or, if something else is \
             meant to be after the tree, say --allow-trailing"
        )?;
    }
    Ok(code)
}

/// What is to be expected is not known: a superblock that is trusted is broken, or a signature is not valid.
pub(super) fn refused(args: &VerifyArgs, reason: &str) -> anyhow::Result<u8> {
    report(args, None, reason, &Value::Null)
}

fn report(args: &VerifyArgs, root: Option<&RootHash>, reason: &str, damage: &Value) -> anyhow::Result<u8> {
    if args.json {
        print_json(
            &json!({ "verified": false, "root_hash": root.map(ToString::to_string), "reason": reason, "damage": damage }),
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
pub(in super::super) fn ranges_json(blocks: &BlockRanges) -> Value {
    let ranges: Vec<[u64; 2]> = blocks.ranges().iter().map(|range| [range.start, range.end - 1]).collect();
    json!({ "count": blocks.count(), "ranges": ranges, "complete": blocks.is_complete() })
}
