//! Whether a rule is about a kernel at all.

use hardpan_report::{Cause, Outcome};

use super::{Answer, Sense};
use crate::{Boot, KernelRule};

impl KernelRule {
    /// Why it does not apply, or why that is not known; `None` if it does.
    pub(super) fn applies(&self, boot: &Boot<'_>) -> Option<Answer> {
        self.of_arch(boot).or_else(|| self.of_version(boot)).or_else(|| self.when(boot))
    }

    fn of_arch(&self, boot: &Boot<'_>) -> Option<Answer> {
        let wanted = || self.arch.iter().map(|arch| arch.as_str()).collect::<Vec<_>>().join(" and ");
        match boot.arch() {
            _ if self.arch.is_empty() => None,
            Some(arch) if self.arch.contains(&arch) => None,
            Some(arch) => Some(Answer::not_applicable(format!(
                "the kernel is for {arch}, and the rule for {}",
                wanted()
            ))),
            None if boot.kconfig.is_some_and(crate::kconfig::Kconfig::is_other_arch) => {
                let text = format!("the kernel is for another architecture than {}", wanted());
                Some(Answer::not_applicable(text))
            }
            None => {
                let gap = boot.facts.no_kconfig("the architecture (or --arch), which the rule depends on");
                Some(Answer::of_gap(gap))
            }
        }
    }

    fn of_version(&self, boot: &Boot<'_>) -> Option<Answer> {
        match boot.version() {
            _ if self.kernel.is_any() => None,
            Some(version) if self.kernel.contains(version) => None,
            Some(version) => {
                let text =
                    format!("the kernel is Linux {version}, and the rule for versions {}", self.kernel);
                Some(Answer::not_applicable(text))
            }
            None => {
                let gap = boot
                    .facts
                    .no_kconfig("the kernel's version (or --kernel-version), which the rule depends on");
                Some(Answer::of_gap(gap))
            }
        }
    }

    /// All of the conditions hold, or the rule says nothing; what is unknown leaves open whether it does.
    fn when(&self, boot: &Boot<'_>) -> Option<Answer> {
        let answers: Vec<Answer> = self.when.iter().map(|test| test.check(boot, Sense::Wanted)).collect();
        let find = |wanted: fn(Outcome) -> bool| answers.iter().position(|answer| wanted(answer.outcome));
        let fails = find(|outcome| matches!(outcome, Outcome::Fail | Outcome::NotApplicable));
        let at = fails.or_else(|| find(|outcome| outcome != Outcome::Pass))?;
        let answer = answers.into_iter().nth(at)?;
        if fails.is_some() {
            return Some(Answer::not_applicable(format!("the rule does not apply: {}", answer.text)));
        }
        let cause = if answer.outcome == Outcome::Unknown { answer.cause } else { Cause::Undecided };
        let text = format!("whether the rule applies is not known: {}", answer.text);
        Some(Answer { evidence: answer.evidence, ..Answer::unknown(cause, text) })
    }
}
