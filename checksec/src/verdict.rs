//! What each rule says of the whole index.

use hardpan_report::{
    BytePath, Cause, Evidence, Finding, Fix, Judgement, Location, Outcome, RuleMeta, Tally, Verdict,
    escape_str,
};

use crate::rules::{RULES, WELL_FORMED};
use crate::scan::{Elf, Scan};

/// One verdict for each of [`RULES`], in their order.
///
/// A file of which nothing can be told is one finding, of the rule about its form, and counts as unknown for all.
pub fn verdicts(scan: &Scan) -> Vec<(&'static RuleMeta, Verdict)> {
    RULES.iter().enumerate().map(|(index, rule)| (rule.meta(), verdict(scan, index, rule.meta()))).collect()
}

fn verdict(scan: &Scan, rule: usize, meta: &'static RuleMeta) -> Verdict {
    let mut tally = Tally::default();
    let mut findings = Vec::new();
    let reports_files = meta.id == WELL_FORMED;
    for elf in &scan.elves {
        match (elf.judgements.get(rule), &elf.facts) {
            (Some(judgement), _) => {
                tally.count(judgement.outcome);
                findings.extend(finding(elf, &BytePath::from(elf.path.as_slice()), judgement, meta));
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
    findings.sort_by(|a, b| a.location.cmp(&b.location));
    Verdict::over("executables", tally, summary(tally), findings, vec![coverage(scan)])
}

fn finding(elf: &Elf, path: &BytePath, judgement: &Judgement, meta: &RuleMeta) -> Option<Finding> {
    if matches!(judgement.outcome, Outcome::Pass | Outcome::NotApplicable) {
        return None;
    }
    Some(Finding {
        outcome: judgement.outcome,
        cause: judgement.cause,
        confidence: judgement.confidence,
        location: Some(Location { path: path.clone(), offset: None, line: None }),
        key: meta.name.to_string(),
        message: judgement.message.to_string(),
        evidence: judgement.evidence.iter().map(|evidence| placed(evidence, path)).collect(),
        fixes: fixes(judgement.outcome, elf, meta),
        file: Some(Box::new(elf.traits())),
    })
}

/// What to add to the build, for the compilers that may have made the file. What is not known to be amiss needs no
/// flag.
fn fixes(outcome: Outcome, elf: &Elf, meta: &RuleMeta) -> Vec<Fix> {
    if outcome == Outcome::Unknown {
        return Vec::new();
    }
    let language = elf.traits().language;
    meta.fixes.iter().copied().filter(|fix| fix.toolchain.compiles(language)).collect()
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

fn coverage(scan: &Scan) -> Evidence {
    let seen = format!(
        "{} ELF files judged, {} files opened, {} of them unreadable",
        thousands(scan.elves.len() as u64),
        thousands(scan.files_opened),
        thousands(scan.unreadable.len() as u64)
    );
    Evidence::new("files looked at", seen, "")
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
