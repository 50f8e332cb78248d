//! The five outcomes, the reasons for not knowing, and the severities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a rule concluded.
///
/// The order is the order of precedence when several are folded into one: a failure outweighs what is unknown, and
/// either outweighs a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule has no meaning for this subject, and the facts show it.
    NotApplicable,
    /// The facts prove the property.
    Pass,
    /// The facts prove a part of the property and disprove the rest: an attacker still has what is left. It gates like
    /// a failure unless a policy allows it.
    Partial,
    /// The facts needed could not be had; the reason is stated. Never a pass, and it gates.
    Unknown,
    /// The facts disprove the property.
    Fail,
}

impl Outcome {
    /// Every outcome, best first.
    pub const ALL: [Self; 5] = [Self::NotApplicable, Self::Pass, Self::Partial, Self::Unknown, Self::Fail];

    /// The kebab-case name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Partial => "partial",
            Self::Fail => "fail",
            Self::NotApplicable => "not-applicable",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How sure a pass, a partial pass or a failure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The facts leave no other reading.
    #[default]
    Proven,
    /// The facts have another, rarer reading, which the rule's page names.
    Heuristic,
}

impl Confidence {
    /// The lower-case name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Heuristic => "heuristic",
        }
    }
}

/// Why an outcome is [`Outcome::Unknown`].
///
/// The distinction decides the exit code: facts that were never on offer gate like a failure (1), whereas damage that
/// kept the tool from doing its work makes the whole run incomplete (2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The subject does not hold the facts (no kernel configuration in the image, no live host).
    NoFacts,
    /// The user gave some inputs and not this one. It does not gate: what was left out was not asked about.
    NotSupplied,
    /// The facts are there but do not decide the question.
    Undecided,
    /// The operating system refused or failed a read.
    Unreadable,
    /// The bytes break their format.
    Malformed,
    /// The file changed while it was read.
    Changed,
    /// A limit of ours was reached before the end.
    Limit,
    /// There was nothing to judge.
    Empty,
}

impl Cause {
    /// Whether the tool was kept from doing its work, which makes the run incomplete.
    pub fn is_incomplete(self) -> bool {
        matches!(self, Self::Unreadable | Self::Malformed | Self::Changed | Self::Limit | Self::Empty)
    }

    /// The kebab-case name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoFacts => "no-facts",
            Self::NotSupplied => "not-supplied",
            Self::Undecided => "undecided",
            Self::Unreadable => "unreadable",
            Self::Malformed => "malformed",
            Self::Changed => "changed",
            Self::Limit => "limit",
            Self::Empty => "empty",
        }
    }
}

/// How much a failed rule matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; never wrong by itself.
    Info,
    /// Defence in depth.
    Low,
    /// Weakens the host in a way that an attacker needs something else to use.
    Medium,
    /// Breaks one of the ten promises.
    High,
    /// Breaks it in a way that needs nothing else.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The lower-case name, as in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no severity; use info, low, medium, high or critical"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_the_unknown_and_both_outweigh_a_pass() {
        assert!(Outcome::Fail > Outcome::Unknown);
        assert!(Outcome::Unknown > Outcome::Partial);
        assert!(Outcome::Partial > Outcome::Pass);
        assert!(Outcome::Pass > Outcome::NotApplicable);
    }

    #[test]
    fn severities_read_back() {
        for severity in Severity::ALL {
            assert_eq!(severity.as_str().parse(), Ok(severity));
        }
        assert!("urgent".parse::<Severity>().is_err());
    }
}
