//! GitLab's Code Quality report: a subset of Code Climate's issues, shown beside the change of a merge request.

use std::io::{self, Write};

use serde::Serialize;

use super::words::{fix_words, message_words, place};
use crate::{Disposition, Judged, Report, RuleResult, Severity};

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Place,
}

#[derive(Serialize)]
struct Place {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// Writes the findings that the policy has not settled, as an array. GitLab compares two reports by their fingerprints, so
/// that what was there before a change is not shown as new. The same report gives the same bytes.
pub fn gitlab(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let findings =
        report.rules.iter().flat_map(|rule| rule.findings.iter().map(move |judged| (rule, judged)));
    let issues: Vec<Issue<'_>> =
        findings.filter(|(_, judged)| is_open(judged)).map(|(rule, judged)| issue(rule, judged)).collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    out.write_all(b"\n")
}

fn is_open(judged: &Judged) -> bool {
    matches!(judged.disposition, Disposition::Gating | Disposition::Incomplete | Disposition::BelowThreshold)
}

fn issue<'a>(rule: &'a RuleResult, judged: &'a Judged) -> Issue<'a> {
    let location = place(&judged.finding);
    let path = location.map(|location| location.path.to_string()).unwrap_or_default();
    let mut description = format!("{}: {}", rule.name, message_words(&judged.finding));
    for fix in fix_words(&judged.finding.fixes) {
        description.extend(["; ", &fix]);
    }
    Issue {
        description,
        check_name: &rule.id,
        fingerprint: &judged.fingerprint,
        severity: severity(judged.severity),
        // Paths are relative to the repository, and a leading `./` is not understood.
        location: Place {
            path: path.trim_start_matches('/').to_owned(),
            lines: Lines { begin: location.and_then(|location| location.line).unwrap_or(1).max(1) },
        },
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "minor",
        Severity::Medium => "major",
        Severity::High => "critical",
        Severity::Critical => "blocker",
    }
}
