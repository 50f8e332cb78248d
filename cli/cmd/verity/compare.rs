//! `hardpan verity compare`.

mod look;
mod source;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use hardpan_verity::compare::{Description, Disagreement};
use hardpan_verity::{Expected, Layout, RootHash, VerifyError, verify};
use serde_json::{Value, json};

use self::look::Looked;
use self::source::{Described, SourceArgs};
use super::device::Device;
use super::format::check_overlap;
use super::output::{print_json, print_line};
use super::{CORRUPT, with_progress};
use crate::Context;
use crate::context::Interrupted;

/// Compare what boots an image with the image, and say what differs
///
/// Every field that the description has is held against the superblock and the tree. If all agree, data and tree are
/// verified against the root hash. What the description leaves to the superblock is listed: nothing authenticates that.
///
/// Exit codes: 0 the same, 1 something differs or the image is corrupt, 2 the work could not be done.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity compare --cmdline /proc/cmdline /dev/vda2 /dev/vda3
  hardpan verity compare --table-file - /dev/vda2 /dev/vda3 < table      (from `dmsetup table root`)
  hardpan verity compare --veritytab /etc/veritytab --device-name usr usr.img usr.hash
  hardpan verity compare --dps-signature sig.part root.img root.hash --geometry-only
  hardpan verity compare --data-partuuid UUID --hash-partuuid UUID root.img root.hash")]
pub(crate) struct CompareArgs {
    /// The protected file or block device
    data: PathBuf,
    /// Where the hash tree is [default: in DATA]
    hash: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    /// Which device of several: the name that it will have below /dev/mapper
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,
    /// Where the hash area starts, in bytes [default: 0, or in DATA where the description has it]
    #[arg(long, value_name = "BYTES")]
    hash_offset: Option<u64>,
    /// There is no superblock: the description has everything
    #[arg(long)]
    no_superblock: bool,
    /// Compare superblock, sizes and the root hash of the tree's top; do not verify the data
    #[arg(long)]
    geometry_only: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CompareArgs, context: &Context) -> anyhow::Result<u8> {
    let mut described = args.source.read(args.device_name.as_deref())?;
    let data = Device::open(&args.data, "data")?;
    let hash_path = args.hash.as_ref().unwrap_or(&args.data);
    let hash = Device::open(hash_path, "hash")?;
    let one_device = data.is_same(hash.extent(), hash_path, "hash")?;
    let area = look::area(args, &described.description, one_device)?;
    let mut verdict = Verdict::default();
    match look::look(&described.description, area, &data, &hash)? {
        Looked::Problem(problem) => verdict.problems.push(problem),
        Looked::Image(image) => {
            verdict.differences = described.description.disagreements(&image.borrow())?;
            verdict.root = Some(image.root.clone());
            if image.params.algorithm.is_weak() {
                let name = image.params.algorithm.name();
                described
                    .warnings
                    .push(format!("{name} is weak: a second image with the same root hash can be made"));
            }
            if verdict.differences.is_empty() && !args.geometry_only {
                let expected = Expected { one_device, ..Expected::new(image.params, image.root, area) };
                verdict.verify(&data, &hash, &expected, context)?;
            }
        }
    }
    let left = left_to_superblock(&described.description);
    report(args, &described, &verdict, &left)?;
    Ok(if verdict.is_same() { 0 } else { CORRUPT })
}

/// What was found out.
#[derive(Default)]
struct Verdict {
    differences: Vec<Disagreement>,
    /// What is wrong with the image itself.
    problems: Vec<String>,
    root: Option<RootHash>,
    verified: bool,
}

impl Verdict {
    fn is_same(&self) -> bool {
        self.differences.is_empty() && self.problems.is_empty()
    }

    fn verify(
        &mut self,
        data: &Device,
        hash: &Device,
        expected: &Expected,
        context: &Context,
    ) -> anyhow::Result<()> {
        let layout = Layout::new(&expected.params, expected.area)?;
        check_overlap(&data.path, layout.data_end, expected.area, expected.one_device)?;
        let result = with_progress(context, layout.data_end, |progress| {
            verify(&data.lending(), &hash.file, expected, progress)
        });
        match result {
            Ok(_) => self.verified = true,
            Err(error) if error.is_failure() => self.problems.extend(lines(&error)),
            Err(_) if !context.goes_on() => return Err(Interrupted::NO_VERDICT.into()),
            Err(error) => return Err(error).context("not verified"),
        }
        Ok(())
    }
}

fn lines(error: &VerifyError) -> Vec<String> {
    error.to_string().lines().map(str::to_owned).collect()
}

/// The fields that decide the tree and that the description does not have.
fn left_to_superblock(description: &Description) -> Vec<&'static str> {
    let said = [
        ("hash type", description.hash_type.is_some()),
        ("hash algorithm", description.algorithm.is_some()),
        ("data block size", description.data_block_size.is_some()),
        ("hash block size", description.hash_block_size.is_some()),
        ("data blocks", description.data_blocks.is_some()),
        ("salt", description.salt.is_some()),
    ];
    said.into_iter().filter(|(_, said)| !said).map(|(name, _)| name).collect()
}

fn report(args: &CompareArgs, described: &Described, verdict: &Verdict, left: &[&str]) -> anyhow::Result<()> {
    if args.json {
        return Ok(print_json(&to_json(described, verdict, left))?);
    }
    let mut stderr = io::stderr().lock();
    for warning in &described.warnings {
        writeln!(stderr, "warning: {}: {warning}", described.what)?;
    }
    let image = args.data.display();
    let mut text = if verdict.is_same() {
        format!("{} describes {image}", described.what)
    } else {
        format!("{} does not describe {image}:", described.what)
    };
    let found = verdict.differences.iter().map(ToString::to_string).chain(verdict.problems.iter().cloned());
    found.for_each(|line| text.extend(["\n  ", &line]));
    if verdict.is_same() {
        let how = if verdict.verified { "data and tree were verified" } else { "the data was not verified" };
        text.extend(["; ", how]);
        if !left.is_empty() {
            text.extend(["\nleft to the superblock, which nothing authenticates: ", &left.join(", ")]);
        }
    }
    // The description may hold anything, escape sequences for the terminal as well.
    Ok(print_line(&crate::printable(&text))?)
}

fn to_json(described: &Described, verdict: &Verdict, left: &[&str]) -> Value {
    let differences = verdict.differences.iter().map(|difference| {
        json!({
            "field": difference.field.key(),
            "described": difference.described,
            "image": difference.image,
        })
    });
    json!({
        "same": verdict.is_same(),
        "description": described.what,
        "differences": differences.collect::<Vec<_>>(),
        "problems": verdict.problems,
        "verified": verdict.verified,
        "image_root_hash": verdict.root.as_ref().map(ToString::to_string),
        "left_to_superblock": left,
        "warnings": described.warnings,
    })
}
