//! What rules produce: judgements of one file, verdicts over a subject, and the evidence for both.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::{BytePath, Cause, Confidence, FileTraits, Fix, Outcome};

/// A place inside the subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// Absolute path inside the subject (`/etc/passwd`), whatever the subject's own place on this machine is.
    pub path: BytePath,
    /// Byte offset in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Line in that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Location {
    /// The file as a whole.
    pub fn file(path: impl Into<BytePath>) -> Self {
        Self { path: path.into(), offset: None, line: None }
    }

    /// A line of the file, counted from 1.
    pub fn line(path: impl Into<BytePath>, line: u32) -> Self {
        Self { path: path.into(), offset: None, line: Some(line) }
    }

    /// A byte of the file.
    pub fn offset(path: impl Into<BytePath>, offset: u64) -> Self {
        Self { path: path.into(), offset: Some(offset), line: None }
    }
}

/// One fact: where it was seen, what was seen, and what was wanted.
///
/// `seen` must have passed through [`crate::escape`] if it comes from the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where, if it is a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What was looked at: `DT_FLAGS`, `mount options of /etc`, `entries enumerated`.
    pub what: Cow<'static, str>,
    /// The value seen.
    pub seen: Cow<'static, str>,
    /// The value wanted; empty where the fact merely informs.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub wanted: Cow<'static, str>,
}

impl Evidence {
    /// A fact without a place.
    pub fn new(
        what: impl Into<Cow<'static, str>>,
        seen: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { location: None, what: what.into(), seen: seen.into(), wanted: wanted.into() }
    }

    /// The same fact, with its place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

/// What one per-file rule says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// Why it is unknown; `None` for every other outcome.
    pub cause: Option<Cause>,
    /// How sure it is.
    pub confidence: Confidence,
    /// A word or two for a table cell: `full`, `partial`, `none`, `static`.
    pub label: Cow<'static, str>,
    /// One sentence.
    pub message: Cow<'static, str>,
    /// The facts behind it; never empty for a pass or a failure.
    pub evidence: Vec<Evidence>,
}

impl Judgement {
    /// The facts prove the property.
    pub fn pass(label: impl Into<Cow<'static, str>>, evidence: Evidence) -> Self {
        Self {
            outcome: Outcome::Pass,
            cause: None,
            confidence: Confidence::Proven,
            label: label.into(),
            message: Cow::Borrowed(""),
            evidence: vec![evidence],
        }
    }

    /// The facts disprove it.
    pub fn fail(
        label: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
        evidence: Vec<Evidence>,
    ) -> Self {
        Self::shortcoming(Outcome::Fail, label.into(), message.into(), evidence)
    }

    /// The facts prove a part of it and disprove the rest.
    pub fn partial(
        label: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
        evidence: Vec<Evidence>,
    ) -> Self {
        Self::shortcoming(Outcome::Partial, label.into(), message.into(), evidence)
    }

    fn shortcoming(
        outcome: Outcome,
        label: Cow<'static, str>,
        message: Cow<'static, str>,
        evidence: Vec<Evidence>,
    ) -> Self {
        Self { outcome, cause: None, confidence: Confidence::Proven, label, message, evidence }
    }

    /// The property has no meaning for this file.
    pub fn not_applicable(label: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            cause: None,
            confidence: Confidence::Proven,
            label: label.into(),
            message: reason.into(),
            evidence: Vec::new(),
        }
    }

    /// It cannot be told, and why.
    pub fn unknown(
        cause: Cause,
        label: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            outcome: Outcome::Unknown,
            cause: Some(cause),
            confidence: Confidence::Proven,
            label: label.into(),
            message: reason.into(),
            evidence: Vec::new(),
        }
    }

    /// The same judgement with one more fact.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// The same judgement by facts that have another, rarer reading.
    #[must_use]
    pub fn heuristic(mut self) -> Self {
        self.confidence = Confidence::Heuristic;
        self
    }
}

/// One thing that a rule found, small enough to be waived or kept in a baseline by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// [`Outcome::Fail`], [`Outcome::Partial`] or [`Outcome::Unknown`]; passes are counted, not listed.
    pub outcome: Outcome,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where, if it is a place in the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What tells this finding from others of the same rule and file: a tag, a user name, a parameter. It must not
    /// change when unrelated things do, since fingerprints are made of it.
    #[serde(skip)]
    pub key: String,
    /// One sentence.
    pub message: String,
    /// The facts behind it.
    pub evidence: Vec<Evidence>,
    /// What to add to the build that made the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
    /// What is known of the file, if it is an executable. Shared, since most files have several findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<FileTraits>>,
}

impl Finding {
    /// A failure.
    pub fn fail(location: Option<Location>, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Fail,
            cause: None,
            confidence: Confidence::Proven,
            location,
            key: key.into(),
            message: message.into(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            file: None,
        }
    }

    /// Something that could not be told.
    pub fn unknown(
        cause: Cause,
        location: Option<Location>,
        key: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            outcome: Outcome::Unknown,
            cause: Some(cause),
            confidence: Confidence::Proven,
            location,
            key: key.into(),
            message: reason.into(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            file: None,
        }
    }

    /// The same finding with one more fact.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// A stable name of the finding across runs: rule, path and key, no line numbers and no hashes of content.
    pub fn fingerprint(&self, rule: &str) -> String {
        let path = self.location.as_ref().map(|location| location.path.to_string()).unwrap_or_default();
        format!("{rule}:{path}:{}", self.key)
    }
}

/// How many things of a kind a rule looked at, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Proven.
    pub pass: u64,
    /// Proven in part.
    pub partial: u64,
    /// Disproven.
    pub fail: u64,
    /// Without meaning.
    pub not_applicable: u64,
    /// Not told.
    pub unknown: u64,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Pass => &mut self.pass,
            Outcome::Partial => &mut self.partial,
            Outcome::Fail => &mut self.fail,
            Outcome::NotApplicable => &mut self.not_applicable,
            Outcome::Unknown => &mut self.unknown,
        } += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.pass + self.partial + self.fail + self.not_applicable + self.unknown
    }
}

/// What one rule says of the whole subject.
///
/// A pass cannot be made without evidence: the constructors turn one into [`Outcome::Unknown`], since a pass that
/// nothing proves is the defect this tool exists to avoid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    outcome: Outcome,
    /// One sentence.
    pub summary: String,
    /// Facts behind a pass, or that concern the rule as a whole.
    pub evidence: Vec<Evidence>,
    /// The failures, in whole or in part, and the unknowns.
    pub findings: Vec<Finding>,
    /// What was counted, for rules that judge many things of a kind, with the plural of its name (`executables`).
    pub tally: Option<(Tally, &'static str)>,
}

impl Verdict {
    /// The facts prove the property for the whole subject.
    pub fn pass(summary: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        if evidence.is_empty() {
            return Self::unknown(Cause::Undecided, "the rule gave no evidence for its pass");
        }
        Self { outcome: Outcome::Pass, summary: summary.into(), evidence, findings: Vec::new(), tally: None }
    }

    /// One finding decides, a failure or something unknown.
    pub fn finding(finding: Finding) -> Self {
        Self::of(finding.message.clone(), vec![finding], Vec::new())
    }

    /// It cannot be told.
    pub fn unknown(cause: Cause, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let finding = Finding::unknown(cause, None, "", reason.clone());
        Self::of(reason, vec![finding], Vec::new())
    }

    /// The rule has no meaning here.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            summary: reason.into(),
            evidence: Vec::new(),
            findings: Vec::new(),
            tally: None,
        }
    }

    /// The worst of `findings`, or a pass by `evidence` if there are none.
    pub fn of(summary: impl Into<String>, findings: Vec<Finding>, evidence: Vec<Evidence>) -> Self {
        match findings.iter().map(|finding| finding.outcome).max() {
            None => Self::pass(summary, evidence),
            Some(outcome) => Self { outcome, summary: summary.into(), evidence, findings, tally: None },
        }
    }

    /// A verdict over many things of a kind. `findings` need not list each unknown that `tally` counts, since a file
    /// that nothing could be read of is reported once and not by every rule.
    pub fn over(
        unit: &'static str,
        tally: Tally,
        summary: impl Into<String>,
        findings: Vec<Finding>,
        evidence: Vec<Evidence>,
    ) -> Self {
        let outcome = if tally.fail > 0 {
            Outcome::Fail
        } else if tally.unknown > 0 {
            Outcome::Unknown
        } else if tally.partial > 0 {
            Outcome::Partial
        } else if tally.pass > 0 {
            Outcome::Pass
        } else {
            Outcome::NotApplicable
        };
        Self { outcome, summary: summary.into(), evidence, findings, tally: Some((tally, unit)) }
    }

    /// The outcome, which the findings decide.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_without_evidence_is_unknown() {
        assert_eq!(Verdict::pass("fine", Vec::new()).outcome(), Outcome::Unknown);
        assert_eq!(Verdict::of("fine", Vec::new(), Vec::new()).outcome(), Outcome::Unknown);
        let evidence = vec![Evidence::new("x", "1", "1")];
        assert_eq!(Verdict::pass("fine", evidence).outcome(), Outcome::Pass);
    }

    #[test]
    fn the_worst_finding_decides() {
        let unknown = Finding::unknown(Cause::NoFacts, None, "a", "no facts");
        let fail = Finding::fail(None, "b", "bad");
        assert_eq!(Verdict::of("", vec![unknown.clone()], Vec::new()).outcome(), Outcome::Unknown);
        assert_eq!(Verdict::of("", vec![unknown, fail], Vec::new()).outcome(), Outcome::Fail);
    }

    #[test]
    fn fingerprints_keep_rule_path_and_key() {
        let finding = Finding::fail(Some(Location::line("/etc/passwd", 3)), "uid:0:evil", "second root");
        assert_eq!(finding.fingerprint("API-004"), "API-004:/etc/passwd:uid:0:evil");
    }
}
