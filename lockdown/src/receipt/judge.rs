//! What a receipt says about a boot: whether all that was wanted is in force.

use std::fmt;

use super::{BootResult, Outcome, Receipt, Step};

/// What a receipt comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// The worst of it.
    pub verdict: Verdict,
    /// What keeps it from being better, in the order of the boot.
    pub remarks: Vec<Remark>,
}

/// How good a boot was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that was wanted is in force.
    Good,
    /// The system runs, with less than was wanted.
    Weaker,
    /// A step failed, is not there, or the system was not started.
    Failed,
}

impl Judgement {
    /// The same without remarks of a kind.
    #[must_use]
    pub fn without(self, kind: RemarkKind) -> Self {
        Self::of(self.remarks.into_iter().filter(|remark| remark.kind != kind).collect())
    }

    fn of(remarks: Vec<Remark>) -> Self {
        let verdict = remarks.iter().map(|remark| remark.kind.verdict()).max().unwrap_or(Verdict::Good);
        Self { verdict, remarks }
    }
}

impl Verdict {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Weaker => "weaker",
            Self::Failed => "failed",
        }
    }
}

/// Something that is not as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// What kind of thing.
    pub kind: RemarkKind,
    /// The step; for a slot that was refused, its name.
    pub step: String,
    /// What the step is about; may be empty.
    pub subject: String,
    /// What is wrong, in words.
    pub text: String,
}

/// What kind of thing is not as it was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RemarkKind {
    /// The kernel does not have what was wanted, and the configuration put up with it.
    Absent,
    /// A step failed.
    Failed,
    /// A step that should be there is not.
    Missing,
    /// A slot that was preferred was refused.
    Refused,
    /// Something weaker is in force.
    Weaker,
}

impl RemarkKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Weaker => "weaker",
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Failed | Self::Missing => Verdict::Failed,
            Self::Absent | Self::Refused | Self::Weaker => Verdict::Weaker,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, step, subject, text } = self;
        let blank = if subject.is_empty() { "" } else { " " };
        write!(f, "{}: {step}{blank}{subject}: {text}", kind.word())
    }
}

impl Receipt {
    /// Judges the receipt by itself, and by the steps that should be in it, each with its subject; those that every boot has are
    /// looked for in any case.
    pub fn judge(&self, expected: &[(String, String)]) -> Judgement {
        let mut remarks: Vec<Remark> = self
            .refused
            .iter()
            .map(|refused| Remark {
                kind: RemarkKind::Refused,
                step: "slot".to_owned(),
                subject: refused.slot.clone(),
                text: format!("{} ({})", refused.text, refused.reason),
            })
            .collect();
        let start = self.start_of_slot();
        // What failed for a slot that was refused is told with the slot.
        let counts = |(at, step): &(usize, &Step)| *at >= start || !OF_SLOTS.contains(&step.step.as_str());
        let steps: Vec<&Step> = self.steps.iter().enumerate().filter(counts).map(|(_, step)| step).collect();
        remarks.extend(steps.iter().filter_map(|step| remark(step)));
        let has = |name: &str, subject: &str| {
            steps.iter().any(|step| step.step == name && (subject.is_empty() || step.subject == subject))
        };
        let all = ALWAYS.iter().map(|name| (*name, "")).filter(|_| self.result == BootResult::Booted);
        let more = expected.iter().map(|(name, subject)| (name.as_str(), subject.as_str()));
        for (step, subject) in all.chain(more).filter(|(name, subject)| !has(name, subject)) {
            let text = "the receipt has no such step".to_owned();
            let (step, subject) = (step.to_owned(), subject.to_owned());
            let remark = Remark { kind: RemarkKind::Missing, step, subject, text };
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        if self.result == BootResult::Failed {
            let reason = self.reason.clone().unwrap_or_default();
            let text = self.text.clone().unwrap_or_default();
            remarks.push(Remark { kind: RemarkKind::Failed, step: "boot".to_owned(), subject: reason, text });
        }
        Judgement::of(remarks)
    }

    /// The first step of the slot that was booted: each slot begins with its version.
    fn start_of_slot(&self) -> usize {
        let booted = self.result == BootResult::Booted && !self.refused.is_empty();
        let last = self.steps.iter().rposition(|step| step.step == OF_SLOTS[0]);
        last.filter(|_| booted).unwrap_or(0)
    }
}

fn remark(step: &Step) -> Option<Remark> {
    let kind = match step.outcome {
        Outcome::Done | Outcome::Proved => return None,
        Outcome::Weaker => RemarkKind::Weaker,
        Outcome::Absent => RemarkKind::Absent,
        Outcome::Failed => RemarkKind::Failed,
    };
    let errno = step.errno.map(|errno| format!(" (errno {errno})")).unwrap_or_default();
    let text = format!("wanted {:?}, got {:?}{errno}", step.want, step.got);
    Some(Remark { kind, step: step.step.clone(), subject: step.subject.clone(), text })
}

/// The steps that each slot has, the first one first.
const OF_SLOTS: [&str; 8] = [
    "slot-version",
    "slot-tries",
    "devices",
    "signature",
    "verity-open",
    "root-mount",
    "root-contents",
    "policy-check",
];

/// Steps without which nothing was verified.
const ALWAYS: [&str; 2] = ["verity-open", "root-mount"];

#[cfg(test)]
mod tests {
    use super::super::tests::receipt;
    use super::*;

    fn judge(steps: &[&str], expected: &[(&str, &str)]) -> (Verdict, Vec<String>) {
        let receipt = Receipt::parse(receipt("booted", "\"a\"", steps).as_bytes()).unwrap();
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let judgement = receipt.judge(&expected);
        (judgement.verdict, judgement.remarks.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_boot_is_good_if_every_step_is() {
        let good = ["verity-open/a:proved", "root-mount:done", "sysctl/a.b:proved"];
        assert_eq!(judge(&good, &[("sysctl", "a.b")]), (Verdict::Good, Vec::new()));
    }

    #[test]
    fn the_worst_step_decides() {
        let with = |step| judge(&["verity-open:proved", "root-mount:done", step], &[]);
        let (verdict, remarks) = with("sysctl/a.b:absent");
        assert_eq!(
            (verdict, remarks[0].as_str()),
            (Verdict::Weaker, "absent: sysctl a.b: wanted \"1\", got \"0\"")
        );
        assert_eq!(with("enforce:weaker").0, Verdict::Weaker);
        assert_eq!(with("lockdown-probe:failed").0, Verdict::Failed);
    }

    #[test]
    fn a_step_that_is_not_there_is_told() {
        let (verdict, remarks) = judge(&["root-mount:done"], &[("lockdown", "")]);
        assert_eq!(verdict, Verdict::Failed);
        assert!(
            remarks[0].starts_with("missing: verity-open") && remarks[1].starts_with("missing: lockdown")
        );
    }

    #[test]
    fn a_slot_that_was_refused_is_told_once() {
        let refused = "\"refused\": [{\"slot\": \"b\", \"reason\": \"root-hash\", \"text\": \"no\"}]";
        let text = receipt(
            "booted",
            "\"a\"",
            &[
                "module/x.ko:done",
                "slot-version/b:done",
                "signature/b.p7s:failed",
                "slot-version/a:done",
                "verity-open/a:proved",
                "root-mount:done",
            ],
        );
        let receipt = Receipt::parse(text.replace("\"refused\": []", refused).as_bytes()).unwrap();
        let judgement = receipt.judge(&[]);
        assert_eq!(judgement.verdict, Verdict::Weaker);
        assert_eq!(
            judgement.remarks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["refused: slot b: no (root-hash)"]
        );
    }

    #[test]
    fn a_boot_that_failed_is_no_good_one() {
        let receipt = Receipt::parse(receipt("failed", "null", &[]).as_bytes()).unwrap();
        let judgement = receipt.judge(&[]);
        assert_eq!(
            (judgement.verdict, judgement.remarks[0].subject.as_str()),
            (Verdict::Failed, "root-hash")
        );
    }
}
