//! Verification as veritysetup does it: with the parameters of the superblock, or of options where there is none.

use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::{Damage, Error, Layout, Superblock, VerifyError, verify};

use super::super::device::Device;
use super::super::subject::Subject;
use super::super::verify::{VerifyArgs, read_superblock, repairs};
use super::super::with_progress;
use super::args::Options;
use super::{NO_PERMISSION, WRONG_PARAMETERS, say};
use crate::Context;
use crate::context::Interrupted;

pub(super) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<u8> {
    let subject = args.subject()?.map_err(anyhow::Error::msg)?;
    let data = subject.data.lending();
    let result = with_progress(context, subject.layout.data_end, |progress| {
        verify(&subject.data_in(&data), &subject.hash.file, &subject.expected, progress)
    });
    match result {
        Ok(_) => Ok(0),
        Err(VerifyError::Error(Error::Cancelled)) => Err(Interrupted::NO_VERDICT.into()),
        Err(VerifyError::Corrupt(damage)) => corrupt(&damage, &subject, context),
        Err(error @ VerifyError::Error(Error::TooShort { .. })) => {
            say(&error.to_string());
            say("Verification of data area failed.");
            Ok(NO_PERMISSION)
        }
        Err(error) => Err(error).context("not verified"),
    }
}

/// Refuses options that say otherwise than the superblock. veritysetup passes over them, and verifies something else than
/// it was asked to.
pub(super) fn check_superblock(hash: &Path, options: &Options) -> anyhow::Result<()> {
    let hash = Device::open(hash, "hash")?;
    let name = hash.path.display();
    let parsed = Superblock::parse(&read_superblock(&hash, options.hash_offset.unwrap_or(0))?);
    let params = parsed.with_context(|| format!("Device {name} is not a valid VERITY device."))?.params;
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let given = [
        ("format", number(options.format), params.hash_type.number().to_string()),
        ("hash", options.hash.clone(), params.algorithm.name().to_owned()),
        ("data-block-size", number(options.data_block_size), params.data_block_size.bytes().to_string()),
        ("hash-block-size", number(options.hash_block_size), params.hash_block_size.bytes().to_string()),
        ("data-blocks", number(options.data_blocks().map(Into::into)), params.data_blocks.to_string()),
        ("salt", options.salt.as_ref().map(|salt| salt.to_lowercase()), params.salt.to_string()),
    ];
    for (option, wanted, found) in given {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            bail!("the superblock of {name} has {found} for --{option}, not {wanted}");
        }
    }
    Ok(())
}

/// How many whole blocks the data device has, which is what a tree without a superblock covers if nothing is said.
pub(super) fn whole_blocks(data: &Path, options: &Options) -> anyhow::Result<u64> {
    let block = options.data_block_size.unwrap_or(4096).max(1);
    Ok(Device::open(data, "data")?.len / block)
}

/// Says what is wrong, first as veritysetup does and then all of it, and returns the exit code.
fn corrupt(damage: &Damage, subject: &Subject, context: &Context) -> anyhow::Result<u8> {
    if damage.is_slack_only() {
        // Bytes that the kernel never maps: veritysetup does not look at them.
        damage.slack.iter().for_each(|slack| say(&format!("Warning: {slack}")));
        return Ok(0);
    }
    let code = if damage.wrong_root.is_some() {
        say("Verification of root hash failed.");
        WRONG_PARAMETERS
    } else {
        let position = first_bad(damage, &subject.layout, subject);
        if let Some(at) = position {
            say(&format!("Verification failed at position {at}."));
        }
        say("Verification of data area failed.");
        NO_PERMISSION
    };
    damage.to_string().lines().for_each(|line| say(&format!("  {line}")));
    let Some(layout) = &subject.fec_layout else { return Ok(code) };
    // What parity can restore counts as veritysetup counts it, but only if the root hash proves each block of it.
    match repairs(subject, layout, context)? {
        Ok(repairs) => {
            let count = repairs.data_blocks().count() + repairs.hash_blocks().count();
            say(&format!("Found {count} repairable errors with FEC device."));
            Ok(0)
        }
        Err(error) => {
            say(&format!("  parity cannot repair it: {error}"));
            Ok(code)
        }
    }
}

/// Where the first bad block of the lowest row with one starts, in bytes on its device.
fn first_bad(damage: &Damage, layout: &Layout, subject: &Subject) -> Option<u64> {
    let params = &subject.expected.params;
    let first = |ranges: &[std::ops::Range<u64>]| ranges.first().map(|range| range.start);
    if let Some(block) = first(damage.data.ranges()) {
        return Some(block * u64::from(params.data_block_size.bytes()));
    }
    damage.levels.iter().find_map(|level| {
        let block = first(level.bad.ranges()).or_else(|| first(level.unclean.ranges()))?;
        Some(layout.levels[level.level].start + block * u64::from(params.hash_block_size.bytes()))
    })
}
