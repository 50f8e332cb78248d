//! `hardpan verity verify`.

mod known;
mod parity;
mod report;
mod signed;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hardpan_verity::{BlockSource, SUPERBLOCK_SIZE, Salt, Uuid, verify};

pub(super) use self::known::{Known, root_of_file};
use self::parity::advice;
pub(super) use self::parity::{parity_damage, repairs};
pub(super) use self::report::{advise_of_slack, damage_json, explain, ranges_json};
use self::report::{failed, passed, refused};
use self::signed::SignatureArgs;
use super::args::{KindArgs, PlaceArgs, StrengthArgs, ThreadArgs};
use super::device::Device;
use super::fec::FecArgs;
use super::subject::Subject;
use super::with_progress;
use crate::Context;
use crate::context::Interrupted;

/// Verify data and hash tree against a root hash, all of it, and list everything that is wrong
///
/// A root hash does not say how many blocks it covers: hash blocks can be passed off as data under the same root. So
/// everything that decides the tree must come from where the root hash comes from: from a descriptor (--params), a kernel
/// table, a kernel command line, or options. A superblock has to agree. Bytes that the root hash does not cover, after the
/// data and around the tree, must be zero.
///
/// With --fec-device it also says whether parity could repair what is wrong, and checks the parity of what is right. What
/// parity could repair is corrupt all the same: nothing counts as verified that is not stored so.
///
/// Exit codes: 0 verified, 1 corrupt or not what is expected, 2 the work could not be done.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity verify root.img root.hash --params root.json
  hardpan verity verify root.img --params root.json --params-signature root.json.p7s --certificate cert.pem
  hardpan verity verify root.img root.hash ROOT_HASH --data-blocks 262144 --salt HEX
  hardpan verity verify /dev/sda2 /dev/sda3 --cmdline /proc/cmdline
  hardpan verity verify root.img root.hash --table \"$(dmsetup table root)\"")]
pub(crate) struct VerifyArgs {
    /// The protected file or block device
    data: PathBuf,
    /// Where the hash tree is [default: in DATA]
    hash: Option<PathBuf>,
    #[command(flatten)]
    known: KnownArgs,
    #[command(flatten)]
    fec: FecArgs,
    /// Do not look at what follows the tree on its device, or what follows the byte OFFSET: something else is there
    #[arg(long, value_name = "OFFSET", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    allow_trailing: Option<u64>,
    #[command(flatten)]
    threads: ThreadArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    /// What is to be verified, or the reason why that cannot be known.
    pub(super) fn subject(&self) -> anyhow::Result<Result<Subject, String>> {
        let hash = self.hash.as_ref().unwrap_or(&self.data);
        Subject::open(&self.data, hash, self.fec.place()?, &self.known)
    }
}

/// What the image is to be.
#[derive(Args)]
pub(super) struct KnownArgs {
    /// The root hash in hexadecimal digits
    #[arg(conflicts_with = "root_hash_file")]
    root_hash: Option<String>,
    /// Take the root hash from this file: the digits and at most one newline
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    signature: SignatureArgs,
    /// The name of the device on the command line [default: the only one]
    #[arg(long, value_name = "NAME", requires = "cmdline")]
    device_name: Option<String>,
    #[command(flatten)]
    kind: KindArgs,
    #[command(flatten)]
    pub(super) strength: StrengthArgs,
    /// The number of data blocks
    #[arg(long, value_name = "N", requires = "salt")]
    data_blocks: Option<NonZeroU64>,
    /// The salt in hexadecimal digits, or - for none
    #[arg(long, value_name = "HEX", allow_hyphen_values = true, requires = "data_blocks")]
    salt: Option<Salt>,
    /// The UUID that the superblock must have [default: any]
    #[arg(long, conflicts_with = "no_superblock")]
    uuid: Option<Uuid>,
    #[command(flatten)]
    place: PlaceArgs,
}

impl KnownArgs {
    /// The files that are read.
    pub(super) fn files(&self) -> Vec<&Path> {
        let source = &self.source;
        let files = [&self.root_hash_file, &source.params, &source.table_file, &source.cmdline];
        let files = files.into_iter().flatten().chain(self.signature.files());
        files.map(PathBuf::as_path).collect()
    }
}

/// Where the parameters come from, if not from options.
#[derive(Args)]
#[group(multiple = false)]
struct SourceArgs {
    /// Take everything, the root hash too, from a descriptor: what `format --json` prints
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "data_blocks", "salt", "uuid", "PlaceArgs"])]
    params: Option<PathBuf>,
    /// Take parameters and root hash from the text of a kernel table, as `dmsetup table` prints it
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["kind", "data_blocks", "salt"])]
    table: Option<String>,
    /// Take parameters and root hash from a file with such a text
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "data_blocks", "salt"])]
    table_file: Option<PathBuf>,
    /// Take them from a kernel command line in this file: the verity device that dm-mod.create= makes. If there is only
    /// roothash= or usrhash=, that is the root hash and the rest must be given by options
    #[arg(long, value_name = "FILE")]
    cmdline: Option<PathBuf>,
    /// Take them from the superblock, which nothing authenticates
    #[arg(long, conflicts_with_all = ["kind", "data_blocks", "salt", "no_superblock"])]
    trust_superblock: bool,
}

pub(super) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<u8> {
    args.threads.apply()?;
    let mut subject = match args.subject()? {
        Ok(subject) => subject,
        Err(reason) => return refused(args, &reason),
    };
    subject.expected.others.extend(args.allow_trailing.map(|from| from..u64::MAX));
    let data = subject.data.lending();
    let result = with_progress(context, subject.layout.data_end, |progress| {
        verify(&subject.data_in(&data), &subject.hash.file, &subject.expected, progress)
    });
    match result {
        Ok(verified) => passed(args, &verified, &subject, context),
        Err(error) if error.is_failure() => {
            let advice = subject.fec_layout.as_ref().map(|fec| advice(&subject, fec, context)).transpose()?;
            failed(args, &subject.expected.root, &error, advice)
        }
        Err(_) if !context.goes_on() => Err(Interrupted::NO_VERDICT.into()),
        Err(error) => Err(error).context("not verified"),
    }
}

/// The bytes at the place of the superblock, fewer if the device ends there.
pub(super) fn read_superblock(hash: &Device, offset: u64) -> anyhow::Result<Vec<u8>> {
    let len = hash.len.saturating_sub(offset).min(SUPERBLOCK_SIZE as u64);
    let mut bytes = vec![0; usize::try_from(len)?];
    let cannot = || format!("cannot read {} at offset {offset}", hash.path.display());
    hash.file.read_exact_at(&mut bytes, offset).with_context(cannot)?;
    Ok(bytes)
}
