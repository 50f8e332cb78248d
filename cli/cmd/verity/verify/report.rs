//! The verdict, in words and as JSON.

use hardpan_verity::{BlockRanges, Damage, RootHash, SlackArea, Verified, VerifyError};
use serde_json::{Value, json};

use super::super::CORRUPT;
use super::super::output::{print_json, say};
use super::super::subject::Subject;
use super::VerifyArgs;
use super::parity::{Advice, parity_damage};
use crate::Context;

pub(super) fn passed(
    args: &VerifyArgs,
    verified: &Verified,
    subject: &Subject,
    context: &Context,
) -> anyhow::Result<u8> {
    if let Some(reason) = subject.partial_block()? {
        return report(args, Some(verified.root()), &reason, &Value::Null, &Value::Null);
    }
    let fec = subject.fec_layout.as_ref();
    if let Some(reason) = fec.map(|fec| parity_damage(subject, fec, context)).transpose()?.flatten() {
        return report(args, Some(verified.root()), &reason, &Value::Null, &json!({ "parity": "damaged" }));
    }
    if args.json {
        let root = verified.root().to_string();
        print_json(
            &json!({ "verified": true, "root_hash": root, "data_blocks": verified.params().data_blocks }),
        )?;
    }
    Ok(0)
}

pub(super) fn failed(
    args: &VerifyArgs,
    root: &RootHash,
    error: &VerifyError,
    advice: Option<Advice>,
) -> anyhow::Result<u8> {
    let damage = match error {
        VerifyError::Corrupt(damage) => damage_json(damage),
        _ => Value::Null,
    };
    let (text, fec) = advice.map(|advice| (advice.text, advice.json)).unzip();
    let code = report(args, Some(root), &error.to_string(), &damage, &fec.unwrap_or_default())?;
    if let VerifyError::Corrupt(damage) = error {
        advise_of_slack(damage);
    }
    if let Some(text) = text {
        say(&format!("  {text}"));
    }
    Ok(code)
}

/// What is to be expected is not known: a superblock that is trusted is broken, or a signature is not valid.
pub(super) fn refused(args: &VerifyArgs, reason: &str) -> anyhow::Result<u8> {
    report(args, None, reason, &Value::Null, &Value::Null)
}

/// Says what to do about bytes that are not covered.
pub(in super::super) fn advise_of_slack(damage: &Damage) {
    if !damage.slack.is_empty() {
        say(
            "  bytes that are not covered must be zero: cut them off, overwrite them with zeros, or, if something else \
             is meant to be after the tree, say --allow-trailing",
        );
    }
}

fn report(
    args: &VerifyArgs,
    root: Option<&RootHash>,
    reason: &str,
    damage: &Value,
    fec: &Value,
) -> anyhow::Result<u8> {
    if args.json {
        let root = root.map(ToString::to_string);
        print_json(
            &json!({ "verified": false, "root_hash": root, "reason": reason, "damage": damage, "fec": fec }),
        )?;
    }
    let path = args.data.display();
    // Only parity is damaged where that is all there is to say.
    let what =
        if fec["parity"].is_null() { "is not what the root hash stands for" } else { "has damaged parity" };
    explain(&format!("verification failed: {path} {what}"), reason);
    Ok(CORRUPT)
}

/// Says on standard error what is wrong, and in indented lines why.
pub(in super::super) fn explain(headline: &str, reason: &str) {
    say(headline);
    reason.lines().for_each(|line| say(&format!("  {line}")));
}

pub(in super::super) fn damage_json(damage: &Damage) -> Value {
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
