//! Which security modules a kernel runs, as far as the facts prove it.
//!
//! For the running kernel that is what it shows; for an image what each of its kernels would do with each of its command
//! lines. Every rule about security modules asks here, so that no two of them can disagree.

mod configured;
mod live;

use std::collections::BTreeSet;

use hardpan_report::{Cause, Evidence, Finding, Location};

use crate::KernelFacts;

/// Whether a security module runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It is proved to.
    Yes,
    /// It is proved not to.
    No,
    /// Neither is.
    Unknown(Cause),
}

/// Whether one of some security modules runs, after one way to boot.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it does.
    pub running: Running,
    /// One sentence: the module that does; or why the first of them does not, or why it is not known of one.
    pub text: String,
    /// The modules that are proved to run, by name and with commas between, or `none`; followed by `proved` where it is not
    /// known whether one of those asked for does.
    pub seen: String,
    /// Where that is told.
    pub place: Option<Location>,
}

impl Decision {
    /// The fact, for a report.
    pub fn evidence(&self, wanted: impl Into<std::borrow::Cow<'static, str>>) -> Evidence {
        let evidence = Evidence::new("security modules", self.seen.clone(), wanted);
        Evidence { location: self.place.clone(), ..evidence }
    }

    fn not_whole(trouble: &Finding) -> Self {
        Self {
            running: Running::Unknown(trouble.cause.unwrap_or(Cause::Undecided)),
            text: trouble.message.clone(),
            seen: "not known".to_owned(),
            place: trouble.location.clone(),
        }
    }
}

impl KernelFacts<'_> {
    /// Whether one of these security modules runs: on the running host, or after each way in which the image may be
    /// booted, which is any of its kernels with any of its command lines, since which goes with which is not in its files.
    /// Ways that differ in nothing that is said here are said once. What could not be read is unknown, and comes first.
    pub fn security_modules(&self, names: &[&str]) -> Vec<Decision> {
        if let Some(shown) = &self.lsm {
            return vec![live::kept(&shown.text, &shown.place).decide(names)];
        }
        if let Some(host) = self.host {
            return vec![live::boot(host, &self.kconfigs).decide(names)];
        }
        let mut decisions = self.not_whole();
        let mut said = BTreeSet::new();
        for boot in self.boots() {
            let decision = boot.configured().decide(names);
            if said.insert((decision.text.clone(), decision.seen.clone(), decision.place.clone())) {
                decisions.push(decision);
            }
        }
        decisions
    }

    fn not_whole(&self) -> Vec<Decision> {
        let troubles = self.troubles.kconfigs.iter().chain(&self.troubles.command_lines);
        troubles.map(Decision::not_whole).collect()
    }
}

impl crate::Boot<'_> {
    /// Whether this security module runs, after this way to boot.
    pub(crate) fn security_module(&self, name: &str) -> Vec<Decision> {
        if self.facts.host.is_some() || self.facts.lsm.is_some() {
            return self.facts.security_modules(&[name]);
        }
        let mut decisions = self.facts.not_whole();
        decisions.push(self.configured().decide(&[name]));
        decisions
    }

    fn configured(&self) -> Boot {
        configured::boot(self)
    }
}

/// A security module of the kernel's source.
struct Module {
    /// As `lsm=` and the kernel's own list have it.
    name: &'static str,
    /// The option that builds it in, without `CONFIG_`. None of them can be a loadable module.
    option: &'static str,
    /// `LSM_FLAG_LEGACY_MAJOR`: `security=` with another name switches it off.
    major: bool,
    /// `LSM_FLAG_EXCLUSIVE`: of these the kernel starts only the first in its order that is not switched off.
    exclusive: bool,
}

impl Module {
    const fn minor(name: &'static str, option: &'static str) -> Self {
        Self { name, option, major: false, exclusive: false }
    }

    const fn exclusive(name: &'static str, option: &'static str) -> Self {
        Self { name, option, major: true, exclusive: true }
    }

    fn stands(&self, running: Running, why: impl Into<String>, place: Option<Location>) -> Standing {
        Standing { name: self.name, running, why: why.into(), place }
    }
}

/// What is known of: all that `lsm=` can choose, as of Linux 6.18. Modules that every kernel starts first (capability) or last
/// (ima, evm, integrity) are not chosen. TOMOYO has stood beside the others since Linux 5.1, the first with `lsm=`.
const MODULES: [Module; 11] = [
    Module::minor("lockdown", "SECURITY_LOCKDOWN_LSM"),
    Module::minor("yama", "SECURITY_YAMA"),
    Module::minor("loadpin", "SECURITY_LOADPIN"),
    Module::minor("safesetid", "SECURITY_SAFESETID"),
    Module::minor("landlock", "SECURITY_LANDLOCK"),
    Module::minor("ipe", "SECURITY_IPE"),
    Module::minor("bpf", "BPF_LSM"),
    Module::exclusive("selinux", "SECURITY_SELINUX"),
    Module::exclusive("smack", "SECURITY_SMACK"),
    Module::exclusive("apparmor", "SECURITY_APPARMOR"),
    Module { name: "tomoyo", option: "SECURITY_TOMOYO", major: true, exclusive: false },
];

/// What is known of one module.
struct Standing {
    name: &'static str,
    running: Running,
    why: String,
    place: Option<Location>,
}

/// One way to boot, or the running kernel: every one of [`MODULES`], in that order.
struct Boot(Vec<Standing>);

impl Boot {
    fn decide(&self, names: &[&str]) -> Decision {
        // By name and not by module, so that the caller's order says which of several is spoken of.
        let asked: Vec<&Standing> =
            names.iter().filter_map(|name| self.0.iter().find(|module| module.name == *name)).collect();
        let first = |wanted: fn(Running) -> bool| asked.iter().find(|module| wanted(module.running));
        let all_known = asked.len() == names.len();
        let decisive = first(|running| running == Running::Yes)
            .or_else(|| first(|running| matches!(running, Running::Unknown(_))))
            .or_else(|| if all_known { asked.first() } else { None });
        let Some(module) = decisive else {
            let text = format!("nothing is known here of a security module `{}`", names.join("`, `"));
            let running = Running::Unknown(Cause::Undecided);
            return Decision { running, text, seen: self.seen(), place: None };
        };
        let state = match module.running {
            Running::Yes => "is active",
            Running::No => "is not active",
            Running::Unknown(_) => "may be active or not",
        };
        let text = format!("the security module `{}` {state}: {}", module.name, module.why);
        let seen = match module.running {
            Running::Unknown(_) => format!("{} proved", self.seen()),
            _ => self.seen(),
        };
        Decision { running: module.running, text, seen, place: module.place.clone() }
    }

    fn seen(&self) -> String {
        let active = self.0.iter().filter(|module| module.running == Running::Yes);
        let names: Vec<&str> = active.map(|module| module.name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Test, rules};

    #[test]
    fn every_module_that_a_rule_asks_for_is_known_and_others_are_unknown() {
        for test in rules().iter().flat_map(crate::KernelRule::tests) {
            if let Test::Lsm(name) = test {
                assert!(MODULES.iter().any(|module| module.name == name), "{name}");
            }
        }
        let facts = KernelFacts::default();
        assert_eq!(facts.security_modules(&["selinux"])[0].seen, "none proved");
        let decision = facts.security_modules(&["made-up"]).remove(0);
        assert_eq!(decision.running, Running::Unknown(Cause::Undecided));
        assert!(decision.text.contains("made-up"));
    }
}
