//! What one test says of the facts, and how several of them add up.

use hardpan_report::{Cause, Evidence, Finding, Outcome};

/// What one test says.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) cause: Cause,
    /// One sentence; for a pass what holds, otherwise what is wrong.
    pub(super) text: String,
    pub(super) evidence: Vec<Evidence>,
}

impl Answer {
    pub(super) fn pass(text: String, evidence: Evidence) -> Self {
        Self { outcome: Outcome::Pass, cause: Cause::Undecided, text, evidence: vec![evidence] }
    }

    pub(super) fn fail(text: String, evidence: Evidence) -> Self {
        Self { outcome: Outcome::Fail, cause: Cause::Undecided, text, evidence: vec![evidence] }
    }

    pub(super) fn decide(holds: bool, text: String, evidence: Evidence) -> Self {
        if holds { Self::pass(text, evidence) } else { Self::fail(text, evidence) }
    }

    /// A pass on a part of the facts is none.
    pub(super) fn unless(self, troubles: &[Finding]) -> Self {
        match troubles.first() {
            Some(trouble) if self.outcome == Outcome::Pass => {
                let cause = trouble.cause.unwrap_or(Cause::Undecided);
                let text = format!("{}, as far as could be read: {}", self.text, trouble.message);
                Self { outcome: Outcome::Unknown, cause, text, evidence: self.evidence }
            }
            _ => self,
        }
    }

    /// The worst of several; a pass of all shows the facts of each.
    pub(super) fn all(answers: Vec<Self>) -> Self {
        let rank = |answer: &Self| match answer.outcome {
            Outcome::NotApplicable => 0,
            Outcome::Pass => 1,
            Outcome::Partial => 2,
            Outcome::Unknown => 3,
            Outcome::Fail => 4,
        };
        let worst = answers.iter().map(rank).max();
        let mut decisive = answers.into_iter().filter(|answer| Some(rank(answer)) == worst);
        let Some(mut first) = decisive.next() else {
            return Self::unknown(Cause::Undecided, "there is nothing to hold the rule against");
        };
        for other in decisive {
            if first.outcome == Outcome::Pass && !first.text.contains(&other.text) {
                first.text = format!("{}, and {}", first.text, other.text);
            }
            first.evidence.extend(other.evidence);
        }
        first
    }

    pub(super) fn not_applicable(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            cause: Cause::Undecided,
            text: text.into(),
            evidence: Vec::new(),
        }
    }

    pub(super) fn unknown(cause: Cause, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown, cause, text: text.into(), evidence: Vec::new() }
    }
}
