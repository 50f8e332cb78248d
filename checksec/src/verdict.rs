//! What each rule says of the whole index.

use std::sync::Arc;

use hardpan_report::{
    BytePath, Cause, Evidence, FileTraits, Finding, Judgement, Location, Outcome, RuleMeta, Tally, Verdict,
    escape_str,
};

use crate::rules::{RULES, WELL_FORMED};
use crate::scan::{Elf, Scan};

/// One verdict for each of [`RULES`], in their order.
///
/// A file of which nothing can be told is one finding, of the rule about its form, and counts as unknown for all.
pub fn verdicts(scan: &Scan) -> Vec<(&'static RuleMeta, Verdict)> {
    let mut verdicts = Verdicts::default();
    verdicts.add(scan, true);
    verdicts.finish()
}

/// Verdicts in the making, from one stretch of a scan after the other.
#[derive(Debug)]
pub(crate) struct Verdicts {
    rules: Vec<(Tally, Vec<Finding>)>,
    seen: Seen,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    elves: u64,
    opened: u64,
    unreadable: u64,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self { rules: vec![(Tally::default(), Vec::new()); RULES.len()], seen: Seen::default() }
    }
}

impl Verdicts {
    /// Adds a stretch of a scan, with the facts behind its findings or without.
    pub(crate) fn add(&mut self, scan: &Scan, with_evidence: bool) {
        self.seen.elves += scan.elves.len() as u64;
        self.seen.opened += scan.files_opened;
        self.seen.unreadable += scan.unreadable.len() as u64;
        let known: Vec<Known> = scan.elves.iter().map(Known::of).collect();
        for (index, (rule, (tally, findings))) in RULES.iter().zip(&mut self.rules).enumerate() {
            let from = findings.len();
            add(scan, &known, (index, rule.meta()), tally, findings);
            if !with_evidence {
                findings[from..].iter_mut().for_each(|finding| finding.evidence = Vec::new());
            }
        }
    }

    pub(crate) fn finish(self) -> Vec<(&'static RuleMeta, Verdict)> {
        let seen = self.seen;
        let verdict = |(tally, mut findings): (Tally, Vec<Finding>)| {
            findings.sort_by(|a, b| a.location.cmp(&b.location));
            Verdict::over("executables", tally, summary(tally), findings, vec![coverage(seen)])
        };
        RULES.iter().map(|rule| rule.meta()).zip(self.rules.into_iter().map(verdict)).collect()
    }
}

/// What the findings of one file share.
struct Known {
    path: BytePath,
    traits: Arc<FileTraits>,
}

impl Known {
    fn of(elf: &Elf) -> Self {
        Self { path: BytePath::from(elf.path.as_slice()), traits: Arc::new(elf.traits()) }
    }
}

fn add(
    scan: &Scan,
    known: &[Known],
    (rule, meta): (usize, &'static RuleMeta),
    tally: &mut Tally,
    findings: &mut Vec<Finding>,
) {
    let reports_files = meta.id == WELL_FORMED;
    for (elf, known) in scan.elves.iter().zip(known) {
        match (elf.judgements.get(rule), &elf.facts) {
            (Some(judgement), _) => {
                tally.count(judgement.outcome);
                findings.extend(finding(known, judgement, meta));
            }
            (None, facts) => {
                tally.count(Outcome::Unknown);
                if let (true, Err(error)) = (reports_files, facts) {
                    let location = Location::offset(elf.path.as_slice(), error.offset());
                    findings.push(unknown(error.cause(), location, meta, &error.to_string()));
                }
            }
        }
    }
    for file in &scan.unreadable {
        tally.count(Outcome::Unknown);
        if reports_files {
            findings.push(unknown(file.cause, Location::file(file.path.as_slice()), meta, &file.reason));
        }
    }
    // Executables may be there too, and a rule that did not see them cannot pass. The places are findings of their own,
    // of the rule that everything be read.
    tally.unknown += scan.hidden_places;
}

fn finding(known: &Known, judgement: &Judgement, meta: &RuleMeta) -> Option<Finding> {
    if matches!(judgement.outcome, Outcome::Pass | Outcome::NotApplicable) {
        return None;
    }
    let Known { path, traits } = known;
    Some(Finding {
        outcome: judgement.outcome,
        cause: judgement.cause,
        confidence: judgement.confidence,
        location: Some(Location { path: path.clone(), offset: None, line: None }),
        key: meta.name.to_string(),
        message: judgement.message.to_string(),
        evidence: judgement.evidence.iter().map(|evidence| placed(evidence, path)).collect(),
        fixes: meta.fixes_for(judgement.outcome, traits.language),
        file: Some(Arc::clone(traits)),
    })
}

/// Rules know offsets only.
pub(crate) fn placed(evidence: &Evidence, path: &BytePath) -> Evidence {
    let location = evidence.location.as_ref();
    let location = location.map(|place| Location { path: path.clone(), ..*place });
    Evidence { location, ..evidence.clone() }
}

fn unknown(cause: Cause, location: Location, meta: &RuleMeta, reason: &str) -> Finding {
    Finding::unknown(cause, Some(location), meta.name.as_ref(), escape_str(reason))
}

pub(crate) fn summary(tally: Tally) -> String {
    let judged = tally.pass + tally.partial + tally.fail + tally.unknown;
    if judged == 0 {
        return "no file that it concerns".into();
    }
    let rest = [(tally.fail, "fail"), (tally.partial, "partial"), (tally.unknown, "unknown")];
    let rest = rest
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(*count)));
    let rest = rest.collect::<Vec<_>>().join(", ");
    let pass = format!("{} of {} pass", thousands(tally.pass), thousands(judged));
    if rest.is_empty() { pass } else { format!("{pass}; {rest}") }
}

fn coverage(seen: Seen) -> Evidence {
    let text = format!(
        "{} ELF files judged, {} files opened, {} of them unreadable",
        thousands(seen.elves),
        thousands(seen.opened),
        thousands(seen.unreadable)
    );
    Evidence::new("files looked at", text, "")
}

/// Digits in groups of three.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }

    #[test]
    fn summaries() {
        let tally = |pass, fail, unknown| Tally { pass, fail, not_applicable: 5, unknown, partial: 0 };
        let partial = Tally { partial: 2, ..tally(1, 3, 4) };
        assert_eq!(summary(partial), "1 of 10 pass; 3 fail, 2 partial, 4 unknown");
        assert_eq!(summary(tally(4012, 131, 17)), "4,012 of 4,160 pass; 131 fail, 17 unknown");
        assert_eq!(summary(tally(3, 0, 1)), "3 of 4 pass; 1 unknown");
        assert_eq!(summary(tally(3, 0, 0)), "3 of 3 pass");
        assert_eq!(summary(tally(0, 0, 0)), "no file that it concerns");
    }
}
