//! What a scan adds up to, one stretch after the other.

use hardpan_report::{LanguageShare, RuleMeta, Verdict};

use crate::matrix::Languages;
use crate::scan::Scan;
use crate::verdict::Verdicts;

/// Everything but the table, from the stretches of a scan.
#[derive(Debug, Default)]
pub struct Summary {
    verdicts: Verdicts,
    languages: Languages,
    elf_files: u64,
}

impl Summary {
    /// Adds a stretch, or a whole scan. Without the facts behind findings, which a gate needs none of, findings weigh a
    /// fraction.
    pub fn add(&mut self, scan: &Scan, with_evidence: bool) {
        self.verdicts.add(scan, with_evidence);
        scan.elves.iter().for_each(|elf| self.languages.add(elf));
        self.elf_files += scan.elves.len() as u64;
    }

    /// How many ELF files there were.
    pub fn elf_files(&self) -> u64 {
        self.elf_files
    }

    /// How much is written in which language, the most bytes first.
    pub fn languages(&self) -> Vec<LanguageShare> {
        self.languages.shares()
    }

    /// As [`crate::verdicts`] has them of a whole scan.
    pub fn verdicts(self) -> Vec<(&'static RuleMeta, Verdict)> {
        self.verdicts.finish()
    }
}
