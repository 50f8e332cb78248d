//! `hardpan verity verify`.

use std::io::{self, Write};

use anyhow::Context as _;
use hardpan_verity::fec::{Damaged, FecLayout, Found, RepairError, check_parity, find_repairs};
use hardpan_verity::{
    BlockRanges, BlockSource, Damage, Error, RootHash, SlackArea, Verified, VerifyError, verify,
};
use serde_json::{Value, json};

use super::output::print_json;
use super::subject::{NoSubject, Subject};
use super::{CORRUPT, VerifyArgs, with_progress};
use crate::Context;
use crate::context::Interrupted;

pub(super) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<u8> {
    let subject = match Subject::open(&args.data, &args.hash, args.fec.place()?, &args.trust)? {
        Ok(subject) => subject,
        Err(NoSubject { root, error }) => return failed(args, &root, &error, None),
    };
    let fec = subject.fec_layout()?;
    let result = with_progress(context, subject.layout.data_end, |progress| {
        verify(&subject.data(), &subject.hash(), &subject.expected, progress)
    });
    match result {
        Ok(verified) => passed(args, &verified, &subject, fec.as_ref(), context),
        Err(error) if error.is_failure() => {
            let advice = fec.map(|fec| advice(&subject, &fec, context)).transpose()?;
            failed(args, &subject.expected.root, &error, advice)
        }
        Err(_) if !context.goes_on() => Err(Interrupted::NO_VERDICT.into()),
        Err(error) => Err(error).context("not verified"),
    }
}

/// What parity could do about the damage.
struct Advice {
    text: String,
    json: Value,
}

/// Searches for repairs without making them.
fn advice(subject: &Subject, layout: &FecLayout, context: &Context) -> anyhow::Result<Advice> {
    let store = tempfile::tempfile().context("cannot make a temporary file")?;
    let (data, hash) = (subject.data(), subject.hash());
    let fec = &subject.fec()?.device.file;
    let damaged = Damaged { data: &data, hash: &hash, fec, layout, expected: &subject.expected };
    let found = with_progress(context, subject.layout.data_end, |progress| {
        find_repairs(damaged, &store, 0, progress)
    });
    match found {
        Ok(Found::Repairs(repairs)) => {
            let (data, hash) = (repairs.data_blocks(), repairs.hash_blocks());
            let text = format!(
                "parity can repair all of it ({} data and {} hash blocks): use hardpan verity repair",
                data.count(),
                hash.count()
            );
            Ok(Advice {
                text,
                json: json!({ "repairable": true, "data": ranges_json(&data), "hash": ranges_json(&hash) }),
            })
        }
        Err(
            RepairError::Error(Error::Cancelled) | RepairError::Verify(VerifyError::Error(Error::Cancelled)),
        ) => Err(Interrupted::NO_VERDICT.into()),
        Err(RepairError::Unrepairable { repairable, .. }) => Ok(Advice {
            text: format!("parity cannot repair it ({repairable} blocks could be repaired, but not all)"),
            json: json!({ "repairable": false, "blocks": repairable }),
        }),
        Err(error) if error.is_failure() => Ok(Advice {
            text: format!("parity cannot repair it: {error}"),
            json: json!({ "repairable": false, "blocks": 0 }),
        }),
        Err(error) => Err(error).context("not repaired"),
        Ok(_) => anyhow::bail!("data or tree changed while they were verified"),
    }
}

fn passed(
    args: &VerifyArgs,
    verified: &Verified,
    subject: &Subject,
    fec: Option<&FecLayout>,
    context: &Context,
) -> anyhow::Result<u8> {
    let block = u64::from(verified.params().data_block_size.bytes());
    let partial = subject.data().size()? % block;
    // Zero, as the verification found; but what is added to it later nothing would find.
    if !subject.expected.one_device && partial != 0 {
        let path = subject.data.path.display();
        let reason = format!("the last {partial} bytes of {path} are no whole block and not protected");
        return report(args, verified.root(), &reason, &Value::Null, &Value::Null);
    }
    if let Some(reason) = fec.map(|fec| parity_damage(subject, fec, context)).transpose()?.flatten() {
        return report(args, verified.root(), &reason, &Value::Null, &json!({ "parity": "damaged" }));
    }
    if args.json {
        let root = verified.root().to_string();
        print_json(
            &json!({ "verified": true, "root_hash": root, "data_blocks": verified.params().data_blocks }),
        )?;
    }
    Ok(0)
}

/// What is wrong with the parity of data and tree that are sound.
pub(super) fn parity_damage(
    subject: &Subject,
    layout: &FecLayout,
    context: &Context,
) -> anyhow::Result<Option<String>> {
    let fec = subject.fec()?;
    let bytes = layout.covered_blocks() * layout.block_size;
    let checked = with_progress(context, bytes, |progress| {
        check_parity(&subject.data.file, &subject.hash.file, &fec.device.file, layout, progress)
    });
    let path = fec.device.path.display();
    let advice = "data and tree are sound; renew it with hardpan verity repair --parity";
    match checked {
        Ok(rounds) if rounds.is_empty() => Ok(None),
        Ok(rounds) => {
            let (count, all) = (rounds.count(), layout.rounds);
            Ok(Some(format!("the parity in {path} is damaged in {count} of {all} rounds: {advice}")))
        }
        Err(error @ Error::TooShort { .. }) => Ok(Some(format!("{error}: {advice}"))),
        Err(Error::Cancelled) => Err(Interrupted::NO_VERDICT.into()),
        Err(error) => Err(error).context("the parity was not checked"),
    }
}

fn failed(
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
    let code = report(args, root, &error.to_string(), &damage, &fec.unwrap_or_default())?;
    if let VerifyError::Corrupt(damage) = error {
        advise_of_slack(damage)?;
    }
    text.map_or(Ok(()), |text| writeln!(io::stderr(), "  {text}"))?;
    Ok(code)
}

/// Says what to do about bytes that are not covered.
pub(super) fn advise_of_slack(damage: &Damage) -> io::Result<()> {
    if damage.slack.is_empty() {
        return Ok(());
    }
    writeln!(
        io::stderr(),
        "  bytes that are not covered must be zero: cut them off, or overwrite them with zeros"
    )
}

fn report(
    args: &VerifyArgs,
    root: &RootHash,
    reason: &str,
    damage: &Value,
    fec: &Value,
) -> anyhow::Result<u8> {
    if args.json {
        let root = root.to_string();
        print_json(
            &json!({ "verified": false, "root_hash": root, "reason": reason, "damage": damage, "fec": fec }),
        )?;
    }
    let path = args.data.display();
    // Only parity is damaged where that is all there is to say.
    let what =
        if fec["parity"].is_null() { "is not what the root hash stands for" } else { "has damaged parity" };
    explain(&format!("verification failed: {path} {what}"), reason)?;
    Ok(CORRUPT)
}

/// Says on standard error what is wrong, and in indented lines why.
pub(super) fn explain(headline: &str, reason: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{headline}")?;
    reason.lines().try_for_each(|line| writeln!(io::stderr(), "  {line}"))
}

pub(super) fn damage_json(damage: &Damage) -> Value {
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
