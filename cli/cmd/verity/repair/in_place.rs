//! Repairing in place: fill a journal, seal it, write, verify, remove it.

use std::fs::File;

use anyhow::{Context as _, bail};
use hardpan_verity::fec::{Found, JOURNAL_CONTENTS, Journal, JournalError, Part, Repairs, SealedJournal};
use hardpan_verity::{Error, VerifyError};

use super::super::device::Device;
use super::super::output::say;
use super::super::with_progress;
use super::Job;
use super::journal::JournalFile;
use super::report::Verdict;
use crate::context::Interrupted;

/// What a search in place ended with.
enum Prepared {
    /// A sealed journal, and the devices to write to.
    Sealed(Repairs, Targets),
    /// Nothing to write.
    Done(Verdict),
}

/// The devices to write to, open for that where something is to be written.
struct Targets {
    data: Option<File>,
    hash: Option<File>,
}

impl Job<'_> {
    /// Repairs in place. An interruption leaves data and tree untouched, or a sealed journal that the next run carries out.
    pub(super) fn in_place(&self) -> anyhow::Result<Verdict> {
        let mut journal = JournalFile::open(self.args.journal.as_deref(), self.subject)?;
        let left = journal.read()?;
        if let Some(Journal::Sealed(sealed)) = left {
            let repairs = self.resume(&journal, sealed)?;
            let targets = self.targets(&repairs)?;
            return self.carry_out(repairs, &targets, journal);
        }
        if left.is_some() {
            say("an earlier repair was interrupted before it wrote anything: starting anew");
            journal.remove()?;
        }
        let verdict = match self.prepare(&journal) {
            Ok(Prepared::Sealed(repairs, targets)) => return self.carry_out(repairs, &targets, journal),
            Ok(Prepared::Done(verdict)) => Ok(verdict),
            Err(error) => Err(error),
        };
        let removed = journal.remove();
        verdict.and_then(|verdict| removed.map(|()| verdict))
    }

    fn prepare(&self, journal: &JournalFile) -> anyhow::Result<Prepared> {
        match self.search(journal, JOURNAL_CONTENTS)? {
            Ok(Found::Repairs(repairs)) => {
                let targets = self.targets(&repairs)?;
                journal.seal(&repairs)?;
                Ok(Prepared::Sealed(repairs, targets))
            }
            Ok(_) => self.sound().map(Prepared::Done),
            Err(error) => Ok(Prepared::Done(Verdict::Corrupt(error))),
        }
    }

    /// The repairs of a run that was interrupted.
    fn resume(&self, journal: &JournalFile, sealed: SealedJournal) -> anyhow::Result<Repairs> {
        let path = journal.path().display();
        say(&format!("finishing the repair in journal {path}"));
        let data = self.subject.data();
        let damaged = self.damaged(&data)?;
        let advice = || {
            format!(
                "journal {path} does not make of data and tree what the root hash stands for: if it is not that of \
                 something else, remove it to repair anew"
            )
        };
        let bytes = self.subject.layout.data_end;
        match with_progress(self.context, bytes, |progress| sealed.verify(journal, damaged, progress)) {
            Err(JournalError::Verify(VerifyError::Error(Error::Cancelled))) => {
                Err(Interrupted::NO_REPAIR.into())
            }
            repairs => repairs.with_context(advice),
        }
    }

    /// Opens what is to be written to, before the journal is sealed: a device that cannot be written is an error first.
    fn targets(&self, repairs: &Repairs) -> anyhow::Result<Targets> {
        let open =
            |device: &Device, role, needed: bool| needed.then(|| device.reopen_writable(role)).transpose();
        Ok(Targets {
            data: open(&self.subject.data, "data", !repairs.data_blocks().is_empty())?,
            hash: open(&self.subject.hash, "hash", !repairs.hash_blocks().is_empty())?,
        })
    }

    /// Writes what is in the sealed journal to where it belongs, verifies all of it, and removes the journal. Signals wait
    /// until it is written.
    fn carry_out(
        &self,
        repairs: Repairs,
        targets: &Targets,
        mut journal: JournalFile,
    ) -> anyhow::Result<Verdict> {
        let left =
            || format!("the repair is not finished; journal {} has the rest", journal.path().display());
        for (part, target) in [(Part::Data, &targets.data), (Part::Tree, &targets.hash)] {
            let Some(target) = target else { continue };
            repairs.write(part, &journal, target).with_context(left)?;
            target.sync_all().with_context(left)?;
        }
        self.verify(&self.subject.data(), &self.subject.hash.file, Interrupted::REPAIR_UNVERIFIED)
            .with_context(left)?;
        journal.remove()?;
        let (parity, renewed) = self.parity()?;
        Ok(Verdict::Repaired { repairs, parity, renewed })
    }
}

impl Device {
    /// The same device once more, for writing.
    pub(super) fn reopen_writable(&self, role: &str) -> anyhow::Result<File> {
        let device = Self::open_writable(&self.path, role)?;
        if !device.is_same(self.extent(), &self.path, role)? {
            bail!("{role} {} was replaced by something else meanwhile", self.path.display());
        }
        Ok(device.file)
    }
}
