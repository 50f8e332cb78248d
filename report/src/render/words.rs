//! Words and numbers that the views for people share, so that a report reads the same in each of them.

use std::fmt::Write as _;

use crate::{
    Confidence, Disposition, Evidence, Finding, Fix, Gate, Judged, Location, Outcome, Report, RuleResult,
    Severity, Tally,
};

/// The word for an outcome where it stands alone.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Partial => "PARTIAL",
        Outcome::Fail => "FAIL",
        Outcome::NotApplicable => "N/A",
        Outcome::Unknown => "UNKNOWN",
    }
}

/// The word for the whole run.
///
/// The exit code decides, and not the number of findings, since it is what the caller acts on.
pub(super) fn gate_word(gate: &Gate) -> &'static str {
    match gate.exit_code {
        0 => "PASSED",
        1 => "FAILED",
        _ => "INCOMPLETE",
    }
}

/// What the policy made of a finding, in a few words; `None` where it fails the run as findings do.
pub(super) fn disposition_words(disposition: &Disposition) -> Option<String> {
    Some(match disposition {
        Disposition::Gating => return None,
        Disposition::Incomplete => "makes the run incomplete".into(),
        Disposition::BelowThreshold => "below the threshold".into(),
        Disposition::NotAsked => "not asked about".into(),
        Disposition::Off => "its rule is switched off".into(),
        Disposition::Allowed { why } => format!("allowed: {why}"),
        Disposition::Known => "known from the baseline".into(),
        Disposition::Waived { reason, owner, expires } => {
            format!("waived by {owner} until {expires}: {reason}")
        }
    })
}

/// How a finding differs from what its rule's heading says, and what the policy made of it; `None` where it is neither.
pub(super) fn policy_words(heading: Severity, judged: &Judged) -> Option<String> {
    let severity = (judged.severity != heading).then(|| format!("severity {} here", judged.severity));
    let parts: Vec<String> = severity.into_iter().chain(disposition_words(&judged.disposition)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What to add to a build, one line for each flag, with the tools that take it alike named together.
pub(super) fn fix_words(fixes: &[Fix]) -> Vec<String> {
    let mut flags: Vec<(&str, Vec<&str>)> = Vec::new();
    for fix in fixes {
        match flags.iter_mut().find(|(flag, _)| *flag == fix.add) {
            Some((_, tools)) => tools.push(fix.toolchain.as_str()),
            None => flags.push((fix.add, vec![fix.toolchain.as_str()])),
        }
    }
    flags.iter().map(|(flag, tools)| format!("add with {}: {flag}", tools.join(" or "))).collect()
}

/// What to add, if it is the same for all findings that name anything.
pub(super) fn shared_fixes(rule: &RuleResult) -> Option<&[Fix]> {
    let mut named = rule.findings.iter().map(|judged| &judged.finding.fixes[..]).filter(|it| !it.is_empty());
    let first = named.next()?;
    named.all(|fixes| fixes == first).then_some(first)
}

/// What is said behind a message that the facts do not prove; empty where they do.
pub(super) fn sureness(finding: &Finding) -> &'static str {
    match finding.confidence {
        Confidence::Heuristic => " (likely)",
        Confidence::Proven => "",
    }
}

/// A finding's message where nothing else says its outcome.
pub(super) fn message_words(finding: &Finding) -> String {
    format!("{}{}{}", outcome_prefix(finding.outcome), finding.message, sureness(finding))
}

/// What stands before a message that is no plain failure.
pub(super) fn outcome_prefix(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unknown => "unknown: ",
        Outcome::Partial => "in part: ",
        _ => "",
    }
}

/// The place of a finding: its own, else that of its first fact that has one.
pub(super) fn place(finding: &Finding) -> Option<&Location> {
    let of_evidence = || finding.evidence.iter().find_map(|evidence| evidence.location.as_ref());
    finding.location.as_ref().or_else(of_evidence)
}

/// `/etc/fstab:3`, `/bin/x at byte 64`, or the bare path.
pub(super) fn location_words(location: &Location) -> String {
    format!("{}{}", location.path, spot_words(location))
}

/// A fact's place beside its finding's: only what the reader does not know yet; empty if nothing.
pub(super) fn evidence_place(finding: Option<&Location>, evidence: &Evidence) -> String {
    match (&evidence.location, finding) {
        (None, _) => String::new(),
        (Some(here), Some(known)) if here == known => String::new(),
        (Some(here), Some(known)) if here.path == known.path => match (here.line, here.offset) {
            (Some(line), _) => format!("line {line}"),
            (None, Some(offset)) => format!("byte {offset}"),
            (None, None) => String::new(),
        },
        (Some(here), _) => location_words(here),
    }
}

/// `1,234 executables: 1,200 pass, 30 fail, 4 unknown`, leaving out what is zero.
pub(super) fn tally_words(tally: &Tally, unit: &str) -> String {
    let total = count(tally.total());
    let parts = tally_parts(tally);
    if parts.is_empty() { format!("{total} {unit}") } else { format!("{total} {unit}: {}", parts.join(", ")) }
}

/// What a tally counted, each with its word, worst first, leaving out what is zero.
pub(super) fn tally_parts(tally: &Tally) -> Vec<String> {
    let counts = [
        (tally.fail, "fail"),
        (tally.partial, "partial"),
        (tally.unknown, "unknown"),
        (tally.pass, "pass"),
        (tally.not_applicable, "not applicable"),
    ];
    counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n))).collect()
}

/// What was read, in one sentence.
pub(super) fn coverage_words(report: &Report) -> String {
    let coverage = &report.coverage;
    if report.processes.is_some() {
        let (files, elf_files) = (count(coverage.files), count(coverage.elf_files));
        return format!(
            "{} processes, with code from {files} files ({elf_files} of them ELF)",
            count(coverage.entries)
        );
    }
    let mut words = format!(
        "{} entries: {} files ({} of them ELF), {} directories",
        count(coverage.entries),
        count(coverage.files),
        count(coverage.elf_files),
        count(coverage.directories)
    );
    match coverage.closed_libraries {
        0 => {}
        1 => words.push_str("; 1 static library not opened"),
        many => {
            // Writing to a String cannot fail.
            let _ = write!(words, "; {} static libraries not opened", count(many));
        }
    }
    words
}

/// A count with a comma at each thousand.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes in binary units with three or more significant digits: `512 B`, `1.50 KiB`, `12.3 MiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    // Integer arithmetic in hundredths keeps the text the same on every machine.
    let mut hundredths = u128::from(number) * 100 / 1024;
    let mut unit = 0;
    while hundredths >= 102_400 && unit + 1 < UNITS.len() {
        hundredths /= 1024;
        unit += 1;
    }
    let (whole, part) = (hundredths / 100, hundredths % 100);
    match whole {
        0..10 => format!("{whole}.{part:02} {}", UNITS[unit]),
        10..100 => format!("{whole}.{} {}", part / 10, UNITS[unit]),
        _ => format!("{whole} {}", UNITS[unit]),
    }
}

fn spot_words(location: &Location) -> String {
    match (location.line, location.offset) {
        (Some(line), _) => format!(":{line}"),
        (None, Some(offset)) => format!(" at byte {offset}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Toolchain;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(12_900_000), "12.3 MiB");
        assert_eq!(bytes(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn tools_that_take_the_same_flag_are_named_together() {
        let fix = |toolchain, add| Fix { toolchain, add };
        let fixes = [
            fix(Toolchain::Gcc, "-Wl,-z,now"),
            fix(Toolchain::Clang, "-Wl,-z,now"),
            fix(Toolchain::Rustc, "-C relro-level=full"),
        ];
        let words = ["add with gcc or clang: -Wl,-z,now", "add with rustc: -C relro-level=full"];
        assert_eq!(fix_words(&fixes), words);
        assert!(fix_words(&[]).is_empty());
    }

    #[test]
    fn a_fact_says_only_what_its_finding_does_not() {
        let finding = Location::file("/bin/x");
        let fact = |location| Evidence::new("a", "b", "c").at(location);
        assert_eq!(evidence_place(Some(&finding), &fact(Location::file("/bin/x"))), "");
        assert_eq!(evidence_place(Some(&finding), &fact(Location::offset("/bin/x", 64))), "byte 64");
        assert_eq!(evidence_place(Some(&finding), &fact(Location::line("/etc/y", 3))), "/etc/y:3");
        assert_eq!(evidence_place(None, &fact(Location::offset("/bin/x", 64))), "/bin/x at byte 64");
    }
}
