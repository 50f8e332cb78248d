//! What parity has to do with a verification: whether it could repair what is wrong, and whether it is sound itself.

use anyhow::Context as _;
use hardpan_verity::fec::{Damaged, FecLayout, Found, RepairError, Repairs, check_parity, find_repairs};
use hardpan_verity::{Error, VerifyError};
use serde_json::{Value, json};

use super::super::subject::Subject;
use super::super::with_progress;
use super::report::ranges_json;
use crate::Context;
use crate::context::Interrupted;

/// What parity could do about the damage.
pub(super) struct Advice {
    pub(super) text: String,
    pub(super) json: Value,
}

/// Says what parity could do about the damage that a verification found.
pub(super) fn advice(subject: &Subject, layout: &FecLayout, context: &Context) -> anyhow::Result<Advice> {
    let (text, json) = match repairs(subject, layout, context)? {
        Ok(repairs) => {
            let (data, hash) = (repairs.data_blocks(), repairs.hash_blocks());
            let text = format!(
                "parity can repair all of it ({} data and {} hash blocks): use hardpan verity repair",
                data.count(),
                hash.count()
            );
            (text, json!({ "repairable": true, "data": ranges_json(&data), "hash": ranges_json(&hash) }))
        }
        Err(RepairError::Unrepairable { repairable, .. }) => (
            format!("parity cannot repair it ({repairable} blocks could be repaired, but not all)"),
            json!({ "repairable": false, "blocks": repairable }),
        ),
        Err(error) => {
            let json = json!({ "repairable": false, "blocks": 0 });
            (format!("parity cannot repair it: {error}"), json)
        }
    };
    Ok(Advice { text, json })
}

/// Searches for repairs of what a verification found damaged, without making them. The inner error says why parity cannot
/// repair all of it.
pub(in super::super) fn repairs(
    subject: &Subject,
    layout: &FecLayout,
    context: &Context,
) -> anyhow::Result<Result<Repairs, RepairError>> {
    let store = tempfile::tempfile().context("cannot make a temporary file")?;
    let data = subject.data();
    let fec = &subject.fec()?.device.file;
    let damaged = Damaged { data: &data, hash: &subject.hash.file, fec, layout, expected: &subject.expected };
    let found = with_progress(context, subject.layout.data_end, |progress| {
        find_repairs(damaged, &store, 0, progress)
    });
    match found {
        Ok(Found::Repairs(repairs)) => Ok(Ok(repairs)),
        Ok(_) => anyhow::bail!("data or tree changed while they were verified"),
        Err(
            RepairError::Error(Error::Cancelled) | RepairError::Verify(VerifyError::Error(Error::Cancelled)),
        ) => Err(Interrupted::NO_VERDICT.into()),
        Err(error) if error.is_failure() => Ok(Err(error)),
        Err(error) => Err(error).context("not repaired"),
    }
}

/// What is wrong with the parity of data and tree that are sound.
pub(in super::super) fn parity_damage(
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
