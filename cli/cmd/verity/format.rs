//! `hardpan verity format`.

mod place;
mod root_file;
mod write;

use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hardpan_verity::fec::FecLayout;
use hardpan_verity::{BlockSize, Descriptor, Layout, Params, RootHash, Salt, Seed, Superblock, Uuid};
use rustix::rand::{GetRandomFlags, getrandom};

pub(super) use self::place::check_overlap;
use self::place::{Covered, Place};
use self::root_file::check_root_hash_file;
use self::write::Job;
use super::args::{KindArgs, PlaceArgs, StrengthArgs, ThreadArgs};
use super::device::{Device, extent_of};
use super::fec::{FecArgs, FecTarget};
use super::output::{Lines, Tree, print_line};
use crate::Context;

/// Compute the hash tree of a file or device and print its root hash
///
/// Byte for byte what veritysetup writes. A hash file of its own is replaced in one step; within a device or behind an
/// offset the superblock is written last. So whatever interrupts the work, nothing is left that looks like a finished tree.
///
/// What is longer than the tree must not keep what was there before: a hash file ends with the tree, and a block device that
/// is only for hashes is overwritten with zeros from the tree to its end. Where data and tree share a file or device, what
/// lies after the tree is left alone, except with --append. With --fec-device parity is written as well, before the tree is
/// in its place.
///
/// Exit codes: 0 done, 2 the work could not be done.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity format root.img root.hash --json > root.json
  hardpan verity verify root.img root.hash --params root.json
  hardpan verity format root.img --append --seed 0123456789abcdef0123456789abcdef   reproducible, in one file")]
pub(crate) struct FormatArgs {
    /// The file or block device to protect
    data: PathBuf,
    /// Where the hash tree goes: a file, a block device, or DATA itself with --hash-offset
    #[arg(required_unless_present = "append", conflicts_with = "append")]
    hash: Option<PathBuf>,
    /// Put the hash area into DATA itself, after the data, and print where. A tree that is there already is replaced if
    /// --data-blocks says where the data ends; anything else that is there is not overwritten
    #[arg(long, conflicts_with = "hash_offset")]
    append: bool,
    #[command(flatten)]
    kind: KindArgs,
    #[command(flatten)]
    strength: StrengthArgs,
    /// The salt in hexadecimal digits, up to 256 bytes, or - for none [default: 32 random bytes]
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    salt: Option<Salt>,
    /// The UUID in the superblock [default: a random one]
    #[arg(long, conflicts_with = "no_superblock")]
    uuid: Option<Uuid>,
    /// Derive salt and UUID from 16 bytes, given as 32 hexadecimal digits or as a UUID, as systemd-repart does; --salt and
    /// --uuid go before it
    #[arg(long, value_name = "HEX|UUID")]
    seed: Option<Seed>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    fec: FecArgs,
    /// Cover only the first N blocks [default: all of DATA]
    #[arg(long, value_name = "N")]
    data_blocks: Option<NonZeroU64>,
    /// Lengthen DATA, a regular file, with zeros to a whole block if its last block is partial
    #[arg(long, conflicts_with = "data_blocks")]
    pad: bool,
    /// Write the root hash to this file as well, as hexadecimal digits without a newline
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadArgs,
    /// Print a descriptor of the image as JSON, which `verify --params` takes
    #[arg(long)]
    json: bool,
}

impl FormatArgs {
    /// Where the tree goes.
    fn hash_path(&self) -> &Path {
        self.hash.as_deref().unwrap_or(&self.data)
    }

    fn salt(&self) -> anyhow::Result<Salt> {
        match (&self.salt, self.seed) {
            (Some(salt), _) => Ok(salt.clone()),
            (None, Some(seed)) => Ok(seed.salt()),
            (None, None) => random_salt(),
        }
    }

    fn uuid(&self) -> anyhow::Result<Uuid> {
        match (self.uuid, self.seed) {
            (Some(uuid), _) => Ok(uuid),
            (None, Some(seed)) => Ok(seed.uuid()),
            (None, None) => random_uuid(),
        }
    }
}

pub(super) fn run(args: &FormatArgs, context: &Context) -> anyhow::Result<u8> {
    args.threads.apply()?;
    let mut data = Device::open(&args.data, "data")?;
    let existing = extent_of(args.hash_path(), "hash")?;
    let is_same = |hash| data.is_same(hash, args.hash_path(), "hash");
    let one_device = existing.map(is_same).transpose()?.unwrap_or(false);
    let fec = FecTarget::new(&args.fec, &data, args.hash_path(), existing)?;
    check_root_hash_file(args, &data, existing, fec.as_ref())?;
    let covered = Covered::find(args, &data, one_device)?;
    let params = args.kind.params(covered.data_blocks, args.salt()?);
    args.strength.check(params.algorithm)?;
    let place = Place::find(args, &params, &data, one_device, context)?;
    fec.as_ref().map_or(Ok(()), |fec| fec.check(&params, place.area, place.layout.end))?;
    warn_of_large_blocks(&params)?;
    warn_of_tail(&data, &place.layout, &covered, one_device)?;
    let uuid = place.area.has_superblock().then(|| args.uuid()).transpose()?;
    let superblock = uuid.map(|uuid| Superblock { params: params.clone(), uuid });
    covered.pad(&mut data)?;
    let job = Job { data: &data, params: &params, place: &place, fec, superblock, existing, context };
    let (root, fec) = job.write(args.hash_path(), args.root_hash_file.as_deref())?;
    print(args, &job, root, fec.as_ref())?;
    Ok(0)
}

/// Data blocks that most kernels do not map. Hash blocks may be larger than a page.
fn warn_of_large_blocks(params: &Params) -> io::Result<()> {
    let size = params.data_block_size.bytes();
    if size <= BlockSize::DEFAULT.bytes() {
        return Ok(());
    }
    writeln!(
        io::stderr(),
        "warning: a kernel maps no data blocks larger than its pages, which have 4096 bytes on most machines; these have \
         {size}"
    )
}

fn warn_of_tail(data: &Device, layout: &Layout, covered: &Covered, one_device: bool) -> io::Result<()> {
    let tail = data.len.saturating_sub(layout.data_end);
    if one_device || tail == 0 || covered.padding > 0 {
        return Ok(());
    }
    let path = data.path.display();
    writeln!(io::stderr(), "warning: the last {tail} bytes of {path} are not covered by the root hash")
}

fn random_salt() -> anyhow::Result<Salt> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(Salt::new(&bytes)?)
}

fn random_uuid() -> anyhow::Result<Uuid> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(Uuid::from_random_bytes(bytes))
}

fn fill_random(bytes: &mut [u8]) -> anyhow::Result<()> {
    // Up to 256 bytes come whole or not at all.
    getrandom(bytes, GetRandomFlags::empty()).context("cannot get random bytes")?;
    Ok(())
}

fn print(args: &FormatArgs, job: &Job<'_>, root: RootHash, fec: Option<&FecLayout>) -> anyhow::Result<()> {
    let (params, area) = (job.params, job.place.area);
    let uuid = job.superblock.as_ref().map(|superblock| superblock.uuid);
    if args.json {
        let descriptor = Descriptor { params: params.clone(), root, area, uuid };
        return Ok(print_line(&descriptor.to_json_with(fec)?)?);
    }
    let tree = Tree { params, layout: &job.place.layout, area, uuid, fec };
    let mut lines = Lines::new(format!("VERITY header information for {}", args.hash_path().display()));
    tree.add_to(&mut lines);
    lines.add_line(format!("Root hash:      \t{root}"));
    tree.add_size_to(&mut lines);
    if args.append {
        lines.add("Hash offset", &format!("{} [bytes]", area.offset()));
    }
    Ok(lines.print()?)
}
