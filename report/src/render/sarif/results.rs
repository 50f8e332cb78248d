//! Failures and unknowns as results.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::notices::SummedUp;
use super::{BASE, RESULT_LIMIT, kind_and_level, sentence, uri};
use crate::render::words::{count, evidence_place, fix_words, message_words, place};
use crate::{Disposition, Evidence, Finding, Judged, Location, Outcome, Report, RuleResult, Severity};

/// The results in the order of the report, and the rules whose findings had to be summed up.
pub(super) fn results(report: &Report) -> (Vec<Value>, Vec<SummedUp>) {
    let crowded = crowded(report);
    let is_known = |judged: &Judged| judged.disposition == Disposition::Known;
    let findings = || report.rules.iter().flat_map(|rule| &rule.findings);
    // 3.27.24 and 3.27.23: a property that one result has, every result of the run must have.
    let shape = Shape {
        baseline: report.gate.known > 0 || findings().any(is_known),
        suppressions: findings().any(|judged| suppression(&judged.disposition).is_some()),
    };
    let mut results = Vec::new();
    for (index, rule) in report.rules.iter().enumerate() {
        if crowded.contains(&index) {
            results.extend(sums(index, rule).into_iter().map(|result| result.into_json(shape)));
        } else {
            results.extend(rule.findings.iter().map(|judged| single(index, rule, judged).into_json(shape)));
        }
    }
    let summed_up = crowded
        .iter()
        .map(|index| &report.rules[*index])
        .map(|rule| SummedUp { rule: rule.id.to_string(), findings: rule.findings.len() })
        .collect();
    (results, summed_up)
}

/// Which optional properties the results of this run have.
#[derive(Clone, Copy)]
struct Shape {
    baseline: bool,
    suppressions: bool,
}

/// A result in the making.
struct Draft<'a> {
    index: usize,
    rule: &'a RuleResult,
    judged: &'a Judged,
    severity: Severity,
    message: String,
    markdown: Option<String>,
    fingerprint: String,
    related: Vec<Value>,
}

impl Draft<'_> {
    fn into_json(self, shape: Shape) -> Value {
        let (kind, level) = kind_and_level(self.judged.finding.outcome, self.severity);
        let mut result = json!({
            "ruleId": self.rule.id,
            "ruleIndex": self.index,
            "kind": kind,
            "level": level,
            "message": { "text": self.message },
            "locations": [primary_location(self.judged)],
            "partialFingerprints": { "hardpan/v1": self.fingerprint },
        });
        if let Some(markdown) = self.markdown {
            result["message"]["markdown"] = markdown.into();
        }
        result["properties"] = properties(self.judged);
        if !self.related.is_empty() {
            result["relatedLocations"] = self.related.into();
        }
        if shape.baseline {
            let is_known = self.judged.disposition == Disposition::Known;
            result["baselineState"] = if is_known { "unchanged" } else { "new" }.into();
        }
        if shape.suppressions {
            result["suppressions"] = suppression(&self.judged.disposition).into_iter().collect();
        }
        result
    }
}

fn single<'a>(index: usize, rule: &'a RuleResult, judged: &'a Judged) -> Draft<'a> {
    let finding = &judged.finding;
    let known = place(finding);
    let mut message = sentence(&message_words(finding));
    for evidence in &finding.evidence {
        message.push('\n');
        message.push_str(&fact(known, evidence));
    }
    let markdown = markdown(known, finding);
    for fix in fix_words(&finding.fixes) {
        message.extend(["\n", &fix]);
    }
    let related = finding.evidence.iter().filter_map(related_location).collect();
    let (severity, fingerprint) = (judged.severity, judged.fingerprint.clone());
    Draft { index, rule, judged, severity, message, markdown, fingerprint, related }
}

/// The message with its flags as code, for viewers that show it; where there are none, plain text does. Text of the subject
/// stands in code spans only, in which nothing but backticks means anything.
fn markdown(known: Option<&Location>, finding: &Finding) -> Option<String> {
    if finding.fixes.is_empty() {
        return None;
    }
    let mut text = code(&sentence(&message_words(finding)));
    for evidence in &finding.evidence {
        text.extend(["\n- ", &code(&fact(known, evidence))]);
    }
    for words in fix_words(&finding.fixes) {
        let (tools, flag) = words.split_once(": ").unwrap_or((&words, ""));
        text.extend(["\n- ", tools, ": ", &code(flag)]);
    }
    Some(text)
}

/// A code span (CommonMark 0.31, 6.1) whose fence is longer than any run of backticks in the text.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// What SARIF has no property of its own for (3.8).
fn properties(judged: &Judged) -> Value {
    let finding = &judged.finding;
    let mut properties = json!({ "outcome": finding.outcome, "confidence": finding.confidence });
    if let Some(cause) = finding.cause {
        properties["cause"] = cause.as_str().into();
    }
    if !finding.fixes.is_empty() {
        properties["fixes"] = json!(finding.fixes);
    }
    if let Some(file) = &finding.file {
        properties["file"] = json!(file);
    }
    properties
}

/// One result for all findings of a rule that have the same outcome and that the policy treats alike.
fn sums(index: usize, rule: &RuleResult) -> Vec<Draft<'_>> {
    let mut groups: BTreeMap<(Reverse<Outcome>, String), Vec<&Judged>> = BTreeMap::new();
    for judged in &rule.findings {
        let key = (Reverse(judged.finding.outcome), disposition_key(&judged.disposition));
        groups.entry(key).or_default().push(judged);
    }
    groups
        .into_iter()
        .map(|((outcome, disposition), group)| sum(index, rule, outcome.0, &disposition, &group))
        .collect()
}

fn sum<'a>(
    index: usize,
    rule: &'a RuleResult,
    outcome: Outcome,
    disposition: &str,
    group: &[&'a Judged],
) -> Draft<'a> {
    // A group is made by the first finding that is put into it, and findings are ordered by path.
    let judged = group[0];
    let at = place(&judged.finding)
        .map(|location| format!(", the first in {}", location.path))
        .unwrap_or_default();
    let message =
        format!("{} findings{at}: {}", count(group.len() as u64), sentence(&judged.finding.message));
    let fingerprint = format!("{}::summed-up:{outcome}:{disposition}", rule.id);
    let severity = group.iter().map(|judged| judged.severity).max().unwrap_or(rule.severity);
    Draft { index, rule, judged, severity, message, markdown: None, fingerprint, related: Vec::new() }
}

/// The rules to sum up so that the results are no more than the limit: those with the most findings first, since that
/// keeps the most findings of all others.
fn crowded(report: &Report) -> BTreeSet<usize> {
    let findings = |index: &usize| report.rules[*index].findings.len();
    let mut total: usize = report.rules.iter().map(|rule| rule.findings.len()).sum();
    let mut by_size: Vec<usize> = (0..report.rules.len()).collect();
    by_size.sort_by_key(|index| Reverse(findings(index)));
    let mut crowded = BTreeSet::new();
    for index in by_size {
        if total <= RESULT_LIMIT {
            break;
        }
        total = total - findings(&index) + sums(index, &report.rules[index]).len();
        crowded.insert(index);
    }
    crowded
}

/// Where the finding is; the subject's root if it is about the whole, since GitHub refuses results without a place.
///
/// The region is a line of text even for binary files: GitHub wants `startLine`, and 3.30.1 lets no region say a line
/// and a byte offset that may not mean the same. The offsets are in the related locations.
fn primary_location(judged: &Judged) -> Value {
    let location = place(&judged.finding);
    let path = location.map_or_else(|| uri::ROOT.to_owned(), |location| uri::relative(&location.path));
    let line = location.and_then(|location| location.line).unwrap_or(1).max(1);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": path, "uriBaseId": BASE },
            "region": { "startLine": line },
        },
    })
}

/// The place of a fact, for those that have one.
fn related_location(evidence: &Evidence) -> Option<Value> {
    let location = evidence.location.as_ref()?;
    let mut place =
        json!({ "artifactLocation": { "uri": uri::relative(&location.path), "uriBaseId": BASE } });
    if let Some(region) = region(location) {
        place["region"] = region;
    }
    Some(json!({ "physicalLocation": place, "message": { "text": fact(Some(location), evidence) } }))
}

fn region(location: &Location) -> Option<Value> {
    match (location.line, location.offset) {
        (Some(line), _) => Some(json!({ "startLine": line.max(1) })),
        // SARIF's integers are JSON numbers, which readers keep in doubles or in signed 64 bits.
        (None, Some(offset)) => i64::try_from(offset).ok().map(|offset| json!({ "byteOffset": offset })),
        (None, None) => None,
    }
}

fn fact(known: Option<&Location>, evidence: &Evidence) -> String {
    let mut text = format!("{}: {}", evidence.what, evidence.seen);
    if !evidence.wanted.is_empty() {
        text.extend(["; wanted: ", &evidence.wanted]);
    }
    let place = evidence_place(known, evidence);
    if !place.is_empty() {
        text.extend([" (", &place, ")"]);
    }
    text
}

/// Findings that somebody has decided about. GitHub ignores suppressions and shows such results too; other readers of
/// SARIF do not, and leaving the results out would hide from those what was accepted, by whom, and until when.
fn suppression(disposition: &Disposition) -> Option<Value> {
    let justification = match disposition {
        Disposition::Waived { reason, owner, expires } => format!("{reason} ({owner}, until {expires})"),
        Disposition::NotAsked => "The input that this rule takes was not supplied.".to_owned(),
        Disposition::Off => "The policy switches this rule off.".to_owned(),
        Disposition::Allowed { why } => sentence(&format!("Allowed: {why}")),
        Disposition::Gating | Disposition::Incomplete | Disposition::BelowThreshold | Disposition::Known => {
            return None;
        }
    };
    Some(json!({ "kind": "external", "status": "accepted", "justification": justification }))
}

/// What tells dispositions apart, the same in every run.
fn disposition_key(disposition: &Disposition) -> String {
    match disposition {
        Disposition::Gating => "gating".into(),
        Disposition::Incomplete => "incomplete".into(),
        Disposition::BelowThreshold => "below-threshold".into(),
        Disposition::NotAsked => "not-asked".into(),
        Disposition::Off => "off".into(),
        Disposition::Known => "known".into(),
        Disposition::Allowed { why } => format!("allowed:{why}"),
        Disposition::Waived { reason, owner, expires } => format!("waived:{owner}:{expires}:{reason}"),
    }
}
