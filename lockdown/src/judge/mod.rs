//! Holding a kernel rule against the facts.

mod answer;
mod applies;
mod cpu;
mod level;
mod modules;
mod sysctl;
mod told;

use hardpan_report::{Cause, Finding, Outcome, Verdict};

use crate::lsm::{Decision, Running};
use crate::{Boot, KernelFacts, KernelRule, Test};
use answer::Answer;

impl KernelRule {
    /// Judges every way to boot; the worst of them counts. In each, one test that holds is enough; otherwise what is unknown
    /// outweighs what fails, since it may hold.
    pub fn check(&self, facts: &KernelFacts<'_>) -> Verdict {
        self.check_boots(&facts.boots())
    }

    pub(crate) fn check_boots(&self, boots: &[Boot<'_>]) -> Verdict {
        Answer::all(boots.iter().map(|boot| self.answer(boot)).collect()).verdict(&self.meta.name)
    }

    fn answer(&self, boot: &Boot<'_>) -> Answer {
        match self.applies(boot) {
            Some(answer) => answer,
            None => Answer::any(self.any.iter().map(|test| test.check(boot, Sense::Wanted)).collect()),
        }
    }
}

/// Whether a test is to hold, or not to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Wanted,
    Unwanted,
}

impl Sense {
    fn turned(self) -> Self {
        match self {
            Self::Wanted => Self::Unwanted,
            Self::Unwanted => Self::Wanted,
        }
    }
}

impl Test {
    /// Negation is carried down to single facts, since a pass is taken back there if the facts are not whole: what fails on a
    /// part of them would otherwise pass when it is turned around.
    fn check(&self, boot: &Boot<'_>, sense: Sense) -> Answer {
        let of = |tests: &[Self]| tests.iter().map(|test| test.check(boot, sense)).collect();
        let answer = match (self, sense) {
            (Self::All(tests), Sense::Wanted) | (Self::AnyOf(tests), Sense::Unwanted) => {
                return Answer::all(of(tests));
            }
            (Self::AnyOf(tests), Sense::Wanted) | (Self::All(tests), Sense::Unwanted) => {
                return Answer::any(of(tests));
            }
            (Self::Not(test), sense) => return test.check(boot, sense.turned()),
            (test, Sense::Wanted) => test.fact(boot),
            (test, Sense::Unwanted) => test.fact(boot).turned(),
        };
        let troubles = &boot.facts.troubles;
        match self {
            Self::Sysctl { .. } => answer.unless(&troubles.sysctls),
            Self::Cmdline { .. } | Self::CmdlineAbsent(_) => answer.unless(&troubles.command_lines),
            Self::Kconfig { .. } => answer.unless(&troubles.kconfigs),
            Self::NoModules if boot.facts.host.is_none() => answer.unless(&troubles.kconfigs),
            Self::ModuleParameter { .. } if boot.facts.host.is_none() => {
                answer.unless(&troubles.command_lines)
            }
            _ => answer,
        }
    }

    /// What one fact says. What is put together of several has been taken apart before.
    fn fact(&self, boot: &Boot<'_>) -> Answer {
        match self {
            Self::Sysctl { key, .. } => self.sysctl(key, boot.facts),
            Self::KeyAbsent(key) => sysctl::key_absent(key, boot.facts),
            Self::Lockdown(level) => level::lockdown(level, boot),
            Self::Lsm(name) => lsm(name, boot),
            Self::ModuleParameter { module, parameter, one_of } => {
                modules::module_parameter(module, parameter, one_of, boot)
            }
            Self::Cmdline { parameter, .. } => self.cmdline(parameter, boot),
            Self::CmdlineAbsent(names) => told::cmdline_absent(names, boot),
            Self::Kconfig { option, .. } => self.kconfig(option, boot),
            Self::CpuVulnerabilities => cpu::vulnerabilities(boot.facts),
            Self::NoModules => modules::no_modules(boot),
            Self::All(_) | Self::AnyOf(_) | Self::Not(_) => {
                Answer::unknown(Cause::Undecided, "a test of several facts is none of one")
            }
        }
    }
}

/// The fact is made elsewhere, once for all rules that ask for it.
fn lsm(name: &str, boot: &Boot<'_>) -> Answer {
    Answer::all(boot.security_module(name).into_iter().map(|decision| of_module(name, decision)).collect())
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

impl Answer {
    fn verdict(self, key: &str) -> Verdict {
        match self.outcome {
            Outcome::Pass => Verdict::pass(self.text, self.evidence),
            Outcome::NotApplicable => Verdict::not_applicable(self.text),
            outcome => {
                let location = self.evidence.iter().find_map(|evidence| evidence.location.clone());
                let mut finding = match outcome {
                    Outcome::Fail => Finding::fail(location, key, self.text),
                    _ => Finding::unknown(self.cause, location, key, self.text),
                };
                finding.evidence = self.evidence;
                Verdict::finding(finding)
            }
        }
    }
}
