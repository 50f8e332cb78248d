//! Verification with the parameters of the superblock, or of options where there is none.

use std::num::NonZeroU64;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::{
    Algorithm, BlockSize, Damage, Error, Expected, HashArea, HashType, Layout, Params, RootHash, Salt,
    Superblock, VerifyError, verify,
};

use super::super::device::Device;
use super::super::format::check_overlap;
use super::super::verify::{read_superblock, root_of_file};
use super::super::with_progress;
use super::args::Options;
use super::{NO_PERMISSION, WRONG_PARAMETERS, say};
use crate::Context;
use crate::context::Interrupted;

pub(super) fn run(
    data_path: &Path,
    hash_path: &Path,
    root: Option<&str>,
    options: &Options,
    context: &Context,
) -> anyhow::Result<u8> {
    let data = Device::open(data_path, "data")?;
    let hash = Device::open(hash_path, "hash")?;
    let one_device = data.is_same(hash.extent(), hash_path, "hash")?;
    let offset = options.hash_offset.unwrap_or(0);
    let area = match options.no_superblock {
        true => HashArea::without_superblock(offset),
        false => HashArea::with_superblock(offset)?,
    };
    let params = if options.no_superblock {
        from_options(options, &data)?
    } else {
        from_superblock(options, &hash, offset)?
    };
    let root = root_hash(root, options, params.algorithm)?;
    let layout = Layout::new(&params, area)?;
    check_overlap(&data.path, layout.data_end, area, one_device)?;
    let block = u64::from(params.data_block_size.bytes());
    let expected = Expected { one_device, ..Expected::new(params, root, area) };
    let result = with_progress(context, layout.data_end, |progress| {
        verify(&data.file, &hash.file, &expected, progress)
    });
    match result {
        Ok(_) => Ok(0),
        Err(VerifyError::Error(Error::Cancelled)) => Err(Interrupted::NO_VERDICT.into()),
        Err(VerifyError::Corrupt(damage)) => Ok(corrupt(&damage, &layout, block, &expected.params)),
        Err(error @ VerifyError::Error(Error::TooShort { .. })) => {
            say(&error.to_string());
            say("Verification of data area failed.");
            Ok(NO_PERMISSION)
        }
        Err(error) => Err(error).context("not verified"),
    }
}

/// Says what is wrong, first as veritysetup does and then all of it, and returns the exit code.
fn corrupt(damage: &Damage, layout: &Layout, data_block: u64, params: &Params) -> u8 {
    if damage.is_slack_only() {
        // Bytes that the kernel never maps: veritysetup does not look at them.
        for slack in &damage.slack {
            say(&format!("Warning: {slack}"));
        }
        return 0;
    }
    let details = |code| {
        damage.to_string().lines().for_each(|line| say(&format!("  {line}")));
        code
    };
    if damage.wrong_root.is_some() || layout.levels.is_empty() {
        say("Verification of root hash failed.");
        return details(WRONG_PARAMETERS);
    }
    if let Some(position) = first_bad(damage, layout, data_block, u64::from(params.hash_block_size.bytes())) {
        say(&format!("Verification failed at position {position}."));
    }
    say("Verification of data area failed.");
    details(NO_PERMISSION)
}

/// Where the first bad block of the lowest row with one starts, in bytes on its device.
fn first_bad(damage: &Damage, layout: &Layout, data_block: u64, hash_block: u64) -> Option<u64> {
    let first = |ranges: &[std::ops::Range<u64>]| ranges.first().map(|range| range.start);
    if let Some(block) = first(damage.data.ranges()) {
        return Some(block * data_block);
    }
    damage.levels.iter().find_map(|level| {
        let block = first(level.bad.ranges()).or_else(|| first(level.unclean.ranges()))?;
        Some(layout.levels[level.level].start + block * hash_block)
    })
}

/// What the options say of a tree without a superblock; all blocks of the data that are whole, if they do not say how many.
fn from_options(options: &Options, data: &Device) -> anyhow::Result<Params> {
    let size = |value: Option<u64>| match value {
        None => Ok(BlockSize::DEFAULT),
        Some(bytes) => {
            u32::try_from(bytes).ok().and_then(|bytes| BlockSize::new(bytes).ok()).context(BAD_BLOCK_SIZE)
        }
    };
    let data_block_size = size(options.data_block_size)?;
    let all = NonZeroU64::new(data.len / u64::from(data_block_size.bytes()));
    let data_blocks = options.data_blocks().or(all).context("the data device is empty")?;
    let Some(salt) = &options.salt else {
        bail!("without a superblock, give --salt (- for none)");
    };
    let mut params = Params::new(data_blocks, salt.parse::<Salt>()?);
    params.data_block_size = data_block_size;
    params.hash_block_size = size(options.hash_block_size)?;
    if let Some(number) = options.format {
        let found = u32::try_from(number).ok().and_then(HashType::from_number);
        params.hash_type = found.with_context(|| format!("Unsupported VERITY hash type {number}."))?;
    }
    if let Some(name) = &options.hash {
        params.algorithm = name.parse::<Algorithm>()?;
    }
    Ok(params)
}

/// What the superblock says. Options that say otherwise are refused: veritysetup passes over them, and verifies something
/// else than it was asked to.
fn from_superblock(options: &Options, hash: &Device, offset: u64) -> anyhow::Result<Params> {
    let name = hash.path.display();
    let parsed = Superblock::parse(&read_superblock(hash, offset)?);
    let params = parsed.with_context(|| format!("Device {name} is not a valid VERITY device."))?.params;
    let given = [
        ("format", options.format.map(|value| value.to_string()), params.hash_type.number().to_string()),
        ("hash", options.hash.clone(), params.algorithm.name().to_owned()),
        (
            "data-block-size",
            options.data_block_size.map(|value| value.to_string()),
            params.data_block_size.bytes().to_string(),
        ),
        (
            "hash-block-size",
            options.hash_block_size.map(|value| value.to_string()),
            params.hash_block_size.bytes().to_string(),
        ),
        ("data-blocks", options.data_blocks().map(|value| value.to_string()), params.data_blocks.to_string()),
        ("salt", options.salt.as_ref().map(|salt| salt.to_lowercase()), params.salt.to_string()),
    ];
    for (option, wanted, found) in given {
        if wanted.as_ref().is_some_and(|wanted| *wanted != found) {
            bail!("the superblock of {name} has {found} for --{option}, not {}", wanted.unwrap_or_default());
        }
    }
    Ok(params)
}

fn root_hash(text: Option<&str>, options: &Options, algorithm: Algorithm) -> anyhow::Result<RootHash> {
    match (&options.root_hash_file, text) {
        (Some(path), _) => root_of_file(algorithm, path),
        (None, Some(text)) => RootHash::parse(algorithm, text).context("Invalid root hash string specified."),
        (None, None) => bail!("verify: give the root hash, or --root-hash-file"),
    }
}

const BAD_BLOCK_SIZE: &str = "Unsupported VERITY block size.";
