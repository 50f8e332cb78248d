//! What happened during the run: whether it did its work, what it could not read, and what is summed up.

use serde_json::{Value, json};

use super::{BASE, uri};
use crate::render::words::count;
use crate::{Problem, Report};

/// Notifications for each list of places; the rest is counted. Services keep the file in memory as a whole.
const NOTICE_LIMIT: usize = 1_000;

/// A rule whose findings are summed up.
pub(super) struct SummedUp {
    /// Its id.
    pub(super) rule: String,
    /// How many findings it has.
    pub(super) findings: usize,
}

/// The kinds of notification. GitHub's checker wants a full description and help of these as it does of rules.
pub(super) fn descriptors() -> Value {
    [
        ("not-read", "NotRead", "error", "Part of the subject could not be read.", NOT_READ),
        ("not-entered", "NotEntered", "note", "Part of the subject was left out on purpose.", NOT_ENTERED),
        (
            "summed-up",
            "SummedUp",
            "warning",
            "A rule has more findings than a run may have results.",
            SUMMED_UP,
        ),
    ]
    .iter()
    .map(|(id, name, level, short, help)| {
        json!({
            "id": id,
            "name": name,
            "shortDescription": { "text": short },
            "fullDescription": { "text": short },
            "help": { "text": help, "markdown": help },
            "defaultConfiguration": { "level": level },
        })
    })
    .collect()
}

const NOT_READ: &str = "What depends on it is unknown, and the run is incomplete. Repair the subject, or give the \
    check the rights to read it.";
const NOT_ENTERED: &str =
    "Other file systems are not part of the subject. Name them as subjects of their own to check them.";
const SUMMED_UP: &str = "The other forms of the report list every finding.";

/// The one invocation.
pub(super) fn invocation(report: &Report, summed_up: &[SummedUp]) -> Value {
    let mut notices = problems("not-read", "error", &report.coverage.problems);
    notices.extend(problems("not-entered", "note", &report.coverage.not_entered));
    notices.extend(summed_up.iter().map(summary));
    let is_complete = report.gate.incomplete == 0 && report.gate.exit_code < 2;
    json!({
        "executionSuccessful": is_complete,
        "exitCode": report.gate.exit_code,
        "exitCodeDescription": report.gate.summary,
        "toolExecutionNotifications": notices,
    })
}

fn problems(kind: &str, level: &str, problems: &[Problem]) -> Vec<Value> {
    let mut notices: Vec<Value> =
        problems.iter().take(NOTICE_LIMIT).map(|problem| notice(kind, level, problem)).collect();
    let hidden = problems.len().saturating_sub(NOTICE_LIMIT);
    if hidden > 0 {
        let text =
            format!("{} more of this kind are in the other forms of the report.", count(hidden as u64));
        notices.push(json!({ "descriptor": { "id": kind }, "level": level, "message": { "text": text } }));
    }
    notices
}

fn notice(kind: &str, level: &str, problem: &Problem) -> Value {
    let cause = problem.cause.map(|cause| format!(" ({})", cause.as_str())).unwrap_or_default();
    json!({
        "descriptor": { "id": kind },
        "level": level,
        "message": { "text": format!("{}: {}{cause}", problem.path, problem.reason) },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": uri::relative(&problem.path), "uriBaseId": BASE } },
        }],
    })
}

fn summary(rule: &SummedUp) -> Value {
    let findings = count(rule.findings as u64);
    let text = format!(
        "{} has {findings} findings, which are summed up here because a run may have {} results at most; the other \
         forms of the report list them.",
        rule.rule,
        count(super::RESULT_LIMIT as u64)
    );
    json!({
        "descriptor": { "id": "summed-up" },
        "associatedRule": { "id": rule.rule },
        "level": "warning",
        "message": { "text": text },
    })
}
