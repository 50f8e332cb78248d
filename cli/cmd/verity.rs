//! `hardpan verity`: dm-verity hash trees.

mod device;
mod dump;
mod fec;
mod format;
mod output;
mod repair;
mod subject;
mod verify;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{Args, Subcommand};
use hardpan_verity::{HashArea, Salt, Uuid};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Context;

/// The exit code for a verification that failed.
const CORRUPT: u8 = 1;

/// What to do with a hash tree.
#[derive(Subcommand)]
pub(crate) enum VerityCommand {
    Format(FormatArgs),
    Verify(VerifyArgs),
    Repair(repair::RepairArgs),
    Dump(DumpArgs),
}

/// Compute the hash tree of a file or device and print its root hash
///
/// Type 1, sha256, blocks of 4096 bytes, byte for byte as veritysetup writes it. A hash file of its own is replaced in one
/// step; within a device or behind an offset the superblock is written last. So whatever interrupts the work, nothing is
/// left that looks like a finished tree. With --fec-device parity is written as well, before the tree is in its place.
///
/// Exit codes: 0 done, 2 the work could not be done.
#[derive(Args)]
pub(crate) struct FormatArgs {
    /// The file or block device to protect
    data: PathBuf,
    /// Where the hash tree goes: a file, a block device, or DATA itself with --hash-offset
    hash: PathBuf,
    /// The salt in hexadecimal digits, up to 256 bytes, or - for none [default: 32 random bytes]
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    salt: Option<Salt>,
    /// The UUID in the superblock [default: a random one]
    #[arg(long, conflicts_with = "no_superblock")]
    uuid: Option<Uuid>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    fec: fec::FecArgs,
    /// Cover only the first N blocks [default: all of DATA]
    #[arg(long, value_name = "N")]
    data_blocks: Option<NonZeroU64>,
    /// Write the root hash to this file as well, as hexadecimal digits without a newline
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Verify data and hash tree against a root hash, all of it, and list everything that is wrong
///
/// A root hash does not say how many blocks it covers: hash blocks can be passed off as data under the same root. So the
/// number of blocks and the salt must come from where the root hash comes from, and a superblock has to agree. Bytes that the
/// root hash does not cover, after the data and around the tree, must be zero.
///
/// With --fec-device it also says whether parity could repair what is wrong, and checks the parity of what is right. What
/// parity could repair is corrupt all the same: nothing counts as verified that is not stored so.
///
/// Exit codes: 0 verified, 1 corrupt or not what is expected, 2 the work could not be done.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The protected file or block device
    data: PathBuf,
    /// Where the hash tree is; may be DATA with --hash-offset
    hash: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    fec: fec::FecArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What data and tree are expected to be.
#[derive(Args)]
struct TrustArgs {
    /// The root hash in hexadecimal digits
    #[arg(required_unless_present = "root_hash_file", conflicts_with = "root_hash_file")]
    root_hash: Option<String>,
    /// Take the root hash from this file: the digits and at most one newline
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
    /// The number of data blocks, from a source that is trusted
    #[arg(long, value_name = "N", requires = "salt")]
    data_blocks: Option<NonZeroU64>,
    /// The salt in hexadecimal digits, or - for none, from a source that is trusted
    #[arg(long, value_name = "HEX", allow_hyphen_values = true, requires = "data_blocks")]
    salt: Option<Salt>,
    /// Take the number of data blocks and the salt from the superblock, which nothing authenticates
    #[arg(long, conflicts_with_all = ["data_blocks", "salt", "no_superblock"])]
    trust_superblock: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

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

/// Where the hash area is.
#[derive(Args)]
struct PlaceArgs {
    /// Where the hash area starts, in bytes: a multiple of 512, or of 4096 without a superblock
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    hash_offset: u64,
    /// There is no superblock: the tree itself starts at the hash offset
    #[arg(long)]
    no_superblock: bool,
}

impl PlaceArgs {
    fn area(&self) -> anyhow::Result<HashArea> {
        if self.no_superblock {
            return Ok(HashArea::without_superblock(self.hash_offset));
        }
        Ok(HashArea::with_superblock(self.hash_offset)?)
    }
}

/// Runs the command and returns the exit code.
pub(crate) fn run(command: VerityCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        VerityCommand::Format(args) => format::run(&args, context),
        VerityCommand::Verify(args) => verify::run(&args, context),
        VerityCommand::Repair(args) => repair::run(&args, context),
        VerityCommand::Dump(args) => dump::run(&args),
    }
}

/// Runs `work` with a progress callback that shows a bar of `bytes`, if somebody watches, and stops on a signal.
fn with_progress<T>(
    context: &Context,
    bytes: u64,
    work: impl FnOnce(hardpan_verity::Progress<'_>) -> T,
) -> T {
    let target = if context.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    let result = work(&|done| {
        bar.inc(done);
        !context.cancelled.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    result
}
