//! Executables by property and by language.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hardpan_report::{
    BytePath, Cell, Column, Confidence, FileTraits, Language, LanguageShare, Matrix, Outcome, Row,
};

use crate::rules::RULES;
use crate::scan::{Elf, Scan};
use crate::verdict::placed;

/// One row for each ELF file, one column for each rule.
pub fn matrix(scan: &Scan) -> Matrix {
    Matrix { columns: columns(), rows: scan.elves.iter().map(row).collect() }
}

/// One column for each rule.
pub fn columns() -> Vec<Column> {
    let column = |rule: &&dyn crate::ElfRule| Column { rule: rule.meta().id.clone(), title: rule.column() };
    RULES.iter().map(column).collect()
}

/// How much of the programs and shared objects is written in which language, the most bytes first.
pub fn languages(scan: &Scan) -> Vec<LanguageShare> {
    let mut languages = Languages::default();
    scan.elves.iter().for_each(|elf| languages.add(elf));
    languages.shares()
}

/// Files and their bytes by language, counted one by one.
#[derive(Debug, Default)]
pub(crate) struct Languages {
    counts: BTreeMap<Language, (u64, u64)>,
}

impl Languages {
    /// Counts a file, if it is a program or a shared object.
    pub(crate) fn add(&mut self, elf: &Elf) {
        // A program that is too damaged to be told from data still is one.
        let language = match &elf.facts {
            Ok(facts) if facts.kind.is_loaded() => facts.origin.language,
            Ok(_) => return,
            Err(_) => Language::Unknown,
        };
        let (files, bytes) = self.counts.entry(language).or_default();
        *files += 1;
        *bytes = bytes.saturating_add(elf.size);
    }

    /// What was counted, the most bytes first.
    pub(crate) fn shares(&self) -> Vec<LanguageShare> {
        let all_files = self.counts.values().map(|(files, _)| files).sum();
        let all_bytes = self.counts.values().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
        let share = |(language, (files, bytes)): (&Language, &(u64, u64))| LanguageShare {
            language: *language,
            memory_safe: language.is_memory_safe(),
            files: *files,
            bytes: *bytes,
            files_percent: percent(*files, all_files),
            bytes_percent: percent(*bytes, all_bytes),
        };
        let mut shares: Vec<LanguageShare> = self.counts.iter().map(share).collect();
        shares.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.language.cmp(&b.language)));
        shares
    }
}

/// What each rule says of one file.
pub fn row(elf: &Elf) -> Row {
    let path = BytePath::from(elf.path.as_slice());
    let cells = RULES.iter().enumerate().map(|(index, _)| match elf.judgements.get(index) {
        Some(judgement) => Cell {
            outcome: judgement.outcome,
            confidence: judgement.confidence,
            label: judgement.label.clone(),
            message: judgement.message.clone(),
            evidence: judgement.evidence.iter().map(|evidence| placed(evidence, &path)).collect(),
        },
        None => damaged(elf),
    });
    let cells = cells.collect();
    let facts = elf.facts.as_ref().ok();
    let FileTraits { kind, machine, language, build_id } = elf.traits();
    Row {
        path,
        kind,
        machine,
        language,
        build_id,
        language_evidence: facts.map_or("", |facts| facts.origin.evidence).into(),
        size: elf.size,
        cells,
    }
}

fn damaged(elf: &Elf) -> Cell {
    let reason = elf.facts.as_ref().err().map(ToString::to_string);
    Cell {
        outcome: Outcome::Unknown,
        confidence: Confidence::Proven,
        label: Cow::Borrowed("damaged"),
        message: reason.unwrap_or_default().into(),
        evidence: Box::default(),
    }
}

/// Rounded to one decimal.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    // Tenths of a percent as a whole number: below 2^53 at any size, so that the division by 10 is the only rounding.
    let tenths = (u128::from(part) * 2000 + u128::from(whole)) / (u128::from(whole) * 2);
    f64::from(u32::try_from(tenths).unwrap_or(1000)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the values are exact multiples of a tenth")]
    fn percentages_round_to_a_tenth() {
        assert_eq!(percent(1, 3), 33.3);
        assert_eq!(percent(2, 3), 66.7);
        assert_eq!(percent(u64::MAX, u64::MAX), 100.0);
        assert_eq!(percent(0, 0), 0.0);
    }
}
