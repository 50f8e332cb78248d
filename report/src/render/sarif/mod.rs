//! The report as SARIF 2.1.0 (OASIS Standard with errata 01), for code-scanning services.
//!
//! One run holds everything, since services count runs. Section numbers in comments are those of the standard.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{Outcome, Report, RuleResult, Severity};

mod notices;
mod results;
mod uri;

use super::markdown::first_paragraph;
pub use uri::relative as relative_uri;

/// The most results that GitHub takes in a run; a larger file is refused as a whole.
pub const RESULT_LIMIT: usize = 25_000;

/// The schema's own address, as the standard gives it.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The name of the place that all artifact URIs are relative to: the root of what was judged.
const BASE: &str = "SUBJECT";

/// Writes the failures and unknowns as one SARIF run of at most [`RESULT_LIMIT`] results; beyond it, the rules with
/// the most findings are summed up and a notification says so. The same report gives the same bytes.
pub fn sarif(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (results, summed_up) = results::results(report);
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver(report) },
            "automationDetails": { "id": format!("hardpan/{}/", report.command) },
            "columnKind": "unicodeCodePoints",
            // The subject's own place is left out, which 3.14.14 allows: it is of the machine that ran the check.
            "originalUriBaseIds": { BASE: { "description": { "text": "The root of what was judged." } } },
            "invocations": [notices::invocation(report, &summed_up)],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn driver(report: &Report) -> Value {
    let rules: Vec<Value> = report.rules.iter().map(descriptor).collect();
    json!({
        "name": "Hardpan",
        "version": report.tool.version,
        "semanticVersion": report.tool.version,
        "rules": rules,
        "notifications": notices::descriptors(),
    })
}

fn descriptor(rule: &RuleResult) -> Value {
    let first = first_paragraph(&rule.rationale);
    let full = if first.is_empty() { rule.title.clone().into_owned() } else { first };
    let mut descriptor = json!({
        "id": rule.id,
        "name": pascal_case(&rule.name),
        "shortDescription": { "text": sentence(&rule.title) },
        "fullDescription": { "text": full },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "tags": tags(rule) },
    });
    if let Some(help) = help(rule) {
        descriptor["help"] = help;
    }
    if let Some(number) = security_severity(rule.severity) {
        descriptor["properties"]["security-severity"] = number.into();
    }
    descriptor
}

fn help(rule: &RuleResult) -> Option<Value> {
    let parts = [("Why it matters", &rule.rationale), ("How to fix it", &rule.remedy)];
    let present = || parts.iter().filter(|(_, body)| !body.is_empty());
    let join = |before: &str, between: &str| {
        present()
            .map(|(head, body)| format!("{before}{head}{between}{body}"))
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    present().next()?;
    Some(json!({ "text": join("", ":\n\n"), "markdown": join("## ", "\n\n") }))
}

fn tags(rule: &RuleResult) -> Vec<&str> {
    // GitHub reads `security-severity` only of rules that have the tag `security`.
    let pillar = rule.pillar.map_or("configuration", crate::Pillar::as_str);
    vec!["security", pillar]
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The middle of the band that GitHub gives the severity's name to (over 9 critical, from 7 high, from 4 medium, from
/// 0.1 low); what merely informs has none.
fn security_severity(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info => None,
    }
}

/// `kind` and `level` of a result.
///
/// What is unknown is `open`: "the rule was evaluated and there was not enough to decide" is that word's meaning in
/// 3.27.9, whereas `review` asks a person to decide what the tool has facts for. 3.27.10 then demands the level `none`.
/// GitHub reads no kinds and shows every result as an alert, with the rule's `security-severity`; so an unknown
/// stays visible there, and claiming `fail` to be seen would only say what the facts do not prove.
fn kind_and_level(outcome: Outcome, severity: Severity) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Fail | Outcome::Partial => ("fail", level(severity)),
        _ => ("open", "none"),
    }
}

/// `kernel-lockdown` as `KernelLockdown`, the form that 3.49.7 shows and viewers expect.
fn pascal_case(name: &str) -> String {
    name.split('-')
        .flat_map(|word| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)))
        .collect()
}

/// The text with a full stop, as 3.11.3 wants messages to be sentences.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers_and_statements_become_sentences() {
        assert_eq!(pascal_case("kernel-lockdown"), "KernelLockdown");
        assert_eq!(pascal_case("pie"), "Pie");
        assert_eq!(sentence("No shell"), "No shell.");
        assert_eq!(sentence("No shell."), "No shell.");
    }

    #[test]
    fn each_severity_falls_into_the_band_of_its_name() {
        let band = |severity| {
            security_severity(severity).map(|number| match number.parse::<f64>().unwrap() {
                n if n > 9.0 => "critical",
                n if n >= 7.0 => "high",
                n if n >= 4.0 => "medium",
                _ => "low",
            })
        };
        for severity in Severity::ALL {
            assert_eq!(band(severity).unwrap_or("info"), severity.as_str());
        }
    }
}
