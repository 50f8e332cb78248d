//! `hardpan verity repair`.

mod copy;
mod in_place;
mod journal;
mod parity;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::fec::{Damaged, FecLayout, Found, Part, RepairError, find_repairs};
use hardpan_verity::{BlockSink, BlockSource, Error, Verified, VerifyError, verify};

use self::copy::{RepairedCopy, check_places};
use self::report::{Report, Verdict};
use super::args::ThreadArgs;
use super::fec::FecShapeArgs;
use super::subject::Subject;
use super::verify::KnownArgs;
use super::with_progress;
use crate::Context;
use crate::context::Interrupted;
use crate::replace::temporary_beside;

/// Repair data and hash tree by parity (FEC), and prove by the root hash that they are right again
///
/// The tree tells which blocks are bad; parity tells what they held; and what it tells counts only if it hashes up to the
/// root hash. All that is wrong is repaired, or nothing is written. In place, repaired blocks go to a journal first: a run
/// that was interrupted is finished by running the command again. With --output a repaired copy is made instead.
///
/// Exit codes: 0 nothing was wrong, 1 corrupt and not repaired, 2 the work could not be done, 3 repaired.
#[derive(Args)]
pub(crate) struct RepairArgs {
    /// The protected file or block device
    data: PathBuf,
    /// Where the hash tree is; may be DATA with --hash-offset
    hash: PathBuf,
    /// Where the parity is; may be DATA or HASH with --fec-offset
    fec: PathBuf,
    #[command(flatten)]
    known: KnownArgs,
    #[command(flatten)]
    shape: FecShapeArgs,
    /// Say what could be repaired, and write nothing; what is damaged is corrupt then (exit code 1)
    #[arg(long)]
    dry_run: bool,
    /// Write a repaired copy of DATA to this file, and leave DATA as it is; without damage there is no copy
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "parity"])]
    output: Option<PathBuf>,
    /// Write a repaired copy of HASH to this file, if that is damaged
    #[arg(long, value_name = "FILE", requires = "output")]
    hash_output: Option<PathBuf>,
    /// The journal of a repair in place [default: HASH with .repair-journal after its name]
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    journal: Option<PathBuf>,
    /// Write the parity anew if it is damaged, once data and tree are sound
    #[arg(long, conflicts_with = "dry_run")]
    parity: bool,
    #[command(flatten)]
    threads: ThreadArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RepairArgs, context: &Context) -> anyhow::Result<u8> {
    args.threads.apply()?;
    let subject = match Subject::open(&args.data, &args.hash, Some((&args.fec, &args.shape)), &args.known)? {
        Ok(subject) => subject,
        Err(reason) => return Report::new(args, None).unverifiable(&reason),
    };
    let report = Report::new(args, Some(&subject.expected.root));
    let Some(layout) = &subject.fec_layout else {
        // Only a hash device that ends before its tree has no layout.
        let needed = subject.layout.end;
        let error = Error::TooShort { what: "hash area", len: subject.hash.len, needed };
        return report.unverifiable(&error.to_string());
    };
    if let Some(reason) = subject.partial_block()? {
        return report.unverifiable(&reason);
    }
    let job = Job { args, subject: &subject, layout, context };
    let verdict = match (args.dry_run, &args.output) {
        (true, _) => job.dry_run()?,
        (false, Some(output)) => job.copy(output)?,
        (false, None) => job.in_place()?,
    };
    report.print(&verdict)
}

/// One run.
struct Job<'a> {
    args: &'a RepairArgs,
    subject: &'a Subject,
    layout: &'a FecLayout,
    context: &'a Context,
}

impl Job<'_> {
    fn dry_run(&self) -> anyhow::Result<Verdict> {
        let store = tempfile::tempfile().context("cannot make a temporary file")?;
        Ok(match self.search(&store, 0)? {
            Err(error) => Verdict::Corrupt(error),
            Ok(Found::Repairs(repairs)) => Verdict::Repairable(repairs),
            Ok(_) => self.sound()?,
        })
    }

    fn copy(&self, output: &Path) -> anyhow::Result<Verdict> {
        let subject = self.subject;
        let outputs: Vec<_> =
            [Some(output), self.args.hash_output.as_deref()].into_iter().flatten().collect();
        check_places(
            &outputs,
            &[&subject.data, &subject.hash, &subject.fec()?.device],
            &self.args.known.files(),
        )?;
        let store = temporary_beside(output).with_context(|| format!("cannot write {}", output.display()))?;
        let store = store.as_file();
        let repairs = match self.search(store, 0)? {
            Err(error) => return Ok(Verdict::Corrupt(error)),
            Ok(Found::Repairs(repairs)) => repairs,
            Ok(_) => return self.sound(),
        };
        let needs_hash = !subject.expected.one_device && !repairs.hash_blocks().is_empty();
        let hash_output = self.args.hash_output.as_deref().filter(|_| needs_hash);
        if needs_hash && hash_output.is_none() {
            bail!("the hash tree is damaged as well: name a file for its copy with --hash-output");
        }
        let data = RepairedCopy::of(&subject.data, output, self.context)?;
        let hash = hash_output.map(|path| RepairedCopy::of(&subject.hash, path, self.context)).transpose()?;
        let tree = match &hash {
            Some(hash) => hash.file(),
            None if subject.expected.one_device => data.file(),
            // Without repairs, so that nothing is written to it.
            None => &subject.hash.file,
        };
        repairs.write(Part::Data, store, data.file())?;
        repairs.write(Part::Tree, store, tree)?;
        self.verify(&subject.data_in(data.file()), tree, Interrupted::NO_REPAIR)?;
        hash.map_or(Ok(()), RepairedCopy::persist)?;
        data.persist()?;
        Ok(Verdict::Repaired { repairs, parity: None, renewed: false })
    }

    /// Searches for repairs. What proves data or tree corrupt is the inner error.
    fn search(&self, store: &dyn BlockSink, store_start: u64) -> anyhow::Result<Result<Found, RepairError>> {
        let data = self.subject.data();
        let damaged = self.damaged(&data)?;
        let found = with_progress(self.context, self.subject.layout.data_end, |progress| {
            find_repairs(damaged, store, store_start, progress)
        });
        match found {
            Err(error) if error.is_failure() => Ok(Err(error)),
            Err(_) if !self.context.goes_on() => Err(Interrupted::NO_REPAIR.into()),
            Err(error) => Err(error).context("nothing was repaired"),
            Ok(found) => Ok(Ok(found)),
        }
    }

    fn damaged<'a>(&'a self, data: &'a dyn BlockSource) -> anyhow::Result<Damaged<'a>> {
        let (hash, fec) = (&self.subject.hash.file, &self.subject.fec()?.device.file);
        Ok(Damaged { data, hash, fec, layout: self.layout, expected: &self.subject.expected })
    }

    /// Verifies what is written. If that is interrupted, `interrupted` says what it leaves.
    fn verify(
        &self,
        data: &dyn BlockSource,
        hash: &dyn BlockSource,
        interrupted: Interrupted,
    ) -> anyhow::Result<Verified> {
        let bytes = self.subject.layout.data_end;
        match with_progress(self.context, bytes, |progress| {
            verify(data, hash, &self.subject.expected, progress)
        }) {
            Err(VerifyError::Error(Error::Cancelled)) => Err(interrupted.into()),
            verified => {
                verified.context("what was written is not what should be there: the device does not keep it")
            }
        }
    }
}
