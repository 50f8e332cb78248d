//! What one test says of the facts, and how several of them add up.

use hardpan_report::{Cause, Evidence, Finding, Outcome};

use crate::facts::Gap;

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
        Self::decisive(answers, |outcome| match outcome {
            Outcome::NotApplicable => 0,
            Outcome::Pass => 1,
            Outcome::Partial => 2,
            Outcome::Unknown => 3,
            Outcome::Fail => 4,
        })
    }

    /// The best of several. What is unknown outweighs what fails, since it may hold.
    pub(super) fn any(answers: Vec<Self>) -> Self {
        Self::decisive(answers, |outcome| match outcome {
            Outcome::NotApplicable => 0,
            Outcome::Fail => 1,
            Outcome::Partial => 2,
            Outcome::Unknown => 3,
            Outcome::Pass => 4,
        })
    }

    /// Those of the highest rank, as one.
    fn decisive(answers: Vec<Self>, rank: fn(Outcome) -> u8) -> Self {
        let highest = answers.iter().map(|answer| rank(answer.outcome)).max();
        let mut decisive = answers.into_iter().filter(|answer| Some(rank(answer.outcome)) == highest);
        let Some(mut first) = decisive.next() else {
            return Self::unknown(Cause::Undecided, "there is nothing to hold the rule against");
        };
        let mut told = 1;
        for other in decisive {
            // What is not known of one thing after another is mostly one reason. More than a few facts are for the evidence.
            let is_new = first.outcome != Outcome::Unknown && !first.text.contains(&other.text);
            if is_new && told < MAX_TOLD {
                first.text = format!("{}, and {}", first.text, other.text);
                told += 1;
            }
            // Several ways to boot mostly share their facts.
            let new = other.evidence.into_iter().filter(|evidence| !first.evidence.contains(evidence));
            let new: Vec<Evidence> = new.collect();
            first.evidence.extend(new);
        }
        first
    }

    /// What it says of the opposite. What is unknown stays so.
    pub(super) fn turned(self) -> Self {
        let outcome = match self.outcome {
            Outcome::Pass => Outcome::Fail,
            Outcome::Fail => Outcome::Pass,
            other => other,
        };
        let opposite = |evidence: Evidence| {
            let wanted = match &*evidence.wanted {
                "" => "".into(),
                wanted => format!("not: {wanted}").into(),
            };
            Evidence { wanted, ..evidence }
        };
        Self { outcome, evidence: self.evidence.into_iter().map(opposite).collect(), ..self }
    }

    pub(super) fn of_gap(gap: Gap) -> Self {
        let evidence = gap.place.map(|place| Evidence::new("undecided by", "this", "").at(place));
        Self { evidence: evidence.into_iter().collect(), ..Self::unknown(gap.cause, gap.why) }
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

/// Facts that one sentence names.
const MAX_TOLD: usize = 3;
