//! Holding a kernel rule against the facts.

mod answer;
mod cpu;
mod level;
mod modules;
mod sysctl;
mod told;

use hardpan_report::{Cause, Finding, Outcome, Verdict};

use crate::lsm::{Decision, Running};
use crate::{KernelFacts, KernelRule, Test};
use answer::Answer;

impl KernelRule {
    /// Judges. One test that holds is enough; otherwise what is unknown outweighs what fails, since it may hold.
    pub fn check(&self, facts: &KernelFacts<'_>) -> Verdict {
        let answers: Vec<Answer> = self.any.iter().map(|test| test.check(facts)).collect();
        let rank = |answer: &Answer| match answer.outcome {
            Outcome::Pass => 4,
            Outcome::Unknown => 3,
            Outcome::Partial => 2,
            Outcome::Fail => 1,
            Outcome::NotApplicable => 0,
        };
        let best = answers.iter().map(rank).max().unwrap_or(0);
        let mut decisive: Vec<Answer> = answers.into_iter().filter(|answer| rank(answer) == best).collect();
        if decisive.is_empty() {
            return Verdict::unknown(Cause::Undecided, "the rule tests nothing");
        }
        let first = decisive.remove(0);
        match first.outcome {
            Outcome::Pass => Verdict::pass(first.text, first.evidence),
            Outcome::NotApplicable => Verdict::not_applicable(first.text),
            outcome => {
                let location = first.evidence.iter().find_map(|evidence| evidence.location.clone());
                let others = decisive.into_iter().flat_map(|answer| answer.evidence);
                let mut finding = match outcome {
                    Outcome::Fail => Finding::fail(location, self.meta.name.to_string(), first.text),
                    _ => Finding::unknown(first.cause, location, self.meta.name.to_string(), first.text),
                };
                finding.evidence = first.evidence.into_iter().chain(others).collect();
                Verdict::finding(finding)
            }
        }
    }
}

impl Test {
    fn check(&self, facts: &KernelFacts<'_>) -> Answer {
        match self {
            Self::Sysctl { key, .. } => self.sysctl(key, facts),
            Self::All(tests) => Answer::all(tests.iter().map(|test| test.check(facts)).collect()),
            Self::Lockdown(level) => level::lockdown(level, facts),
            Self::Lsm(name) => lsm(name, facts),
            Self::ModuleParameter { module, parameter, one_of } => {
                modules::module_parameter(module, parameter, one_of, facts)
            }
            Self::Cmdline { parameter, one_of } => told::cmdline(parameter, one_of, facts),
            Self::CmdlineAbsent(names) => told::cmdline_absent(names, facts),
            Self::Kconfig { option, one_of } => told::kconfig(option, one_of, facts),
            Self::CpuVulnerabilities => cpu::vulnerabilities(facts),
            Self::NoModules => modules::no_modules(facts),
        }
    }
}

/// The fact is made elsewhere, once for all rules that ask for it.
fn lsm(name: &str, facts: &KernelFacts<'_>) -> Answer {
    Answer::all(
        facts.security_modules(&[name]).into_iter().map(|decision| of_module(name, decision)).collect(),
    )
}

fn of_module(name: &str, decision: Decision) -> Answer {
    let evidence = decision.evidence(format!("`{name}` among them"));
    match decision.running {
        Running::Yes => Answer::pass(decision.text, evidence),
        Running::No => Answer::fail(decision.text, evidence),
        Running::Unknown(cause) => {
            Answer { evidence: vec![evidence], ..Answer::unknown(cause, decision.text) }
        }
    }
}
