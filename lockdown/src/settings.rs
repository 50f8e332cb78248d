//! Sysctls that a profile wants: those that it names, and those that follow from rules.
//!
//! A rule tells which values are good; a setting needs one of them. Where a rule takes several, the one that is set is the one
//! that its page recommends, and a running host that has another good one keeps it: nothing that is stricter is taken back.

use std::collections::BTreeMap;

use crate::Arch;
use crate::boot::config::Sysctl;
use crate::boot::one_way;
use crate::profile::Sysctls;
use crate::rule::{KernelRule, KernelVersion, Test, rules_of};

/// A sysctl that is to have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its name with dots.
    pub key: String,
    /// What is written.
    pub value: String,
    /// Whether it must take effect, or is passed over where the kernel does not have it.
    pub required: bool,
    /// The rule that it follows from; `None` if the profile names it.
    pub rule: Option<Origin>,
}

/// Why a setting is wanted that no profile names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The rule's id.
    pub id: &'static str,
    /// What tells which values are as good as the one that is written.
    test: &'static Test,
}

impl Setting {
    /// Whether a knob that reads so needs no change. Numbers of one knob are separated by a tab where they were written with a
    /// blank.
    pub fn is_met(&self, reading: &str) -> bool {
        let same = reading.split_whitespace().eq(self.value.split_whitespace());
        same || self.rule.as_ref().is_some_and(|rule| rule.test.value_holds(reading.trim()) == Some(true))
    }

    /// The same setting of another network interface, if it is one for all that come.
    pub(crate) fn of_interface(&self, name: &str) -> Option<Self> {
        let Test::Sysctl { key, .. } = self.rule.as_ref()?.test else { return None };
        let is_pattern = key.contains('*') && self.key == key.replace('*', "default");
        // A dot of the name is no separator.
        is_pattern.then(|| Self { key: key.replace('*', &name.replace('.', "/")), ..self.clone() })
    }

    /// Whether it stays until the next boot.
    pub fn is_one_way(&self) -> bool {
        is_one_way(&self.key, &self.value)
    }

    /// What comes first: what can be taken back, then what cannot, and last what keeps modules out, since setting other knobs
    /// may load some.
    fn rank(&self) -> (u8, &str) {
        let rank = match self.key.as_str() {
            "kernel.modules_disabled" => 2,
            _ => u8::from(self.is_one_way()),
        };
        (rank, &self.key)
    }
}

/// Whether a knob with this value cannot be set back before the next boot. Besides those that the boot tries to take back,
/// these are the limits of kexec_load, which only go down (admin-guide/sysctl/kernel).
pub fn is_one_way(key: &str, value: &str) -> bool {
    match key {
        "kernel.kexec_load_limit_panic" | "kernel.kexec_load_limit_reboot" => value != "-1",
        _ => {
            let sysctl = Sysctl { key: key.to_owned(), value: value.to_owned(), required: false };
            one_way(&sysctl).is_some()
        }
    }
}

/// What a profile wants, in the order in which it is safe to set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The settings.
    pub settings: Vec<Setting>,
    /// Rules over sysctls that no setting follows from, by id, with the reason.
    pub left_out: Vec<(String, String)>,
}

/// The kernel that the settings are for, as far as rules depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must find")]
pub struct Kernel {
    /// Its architecture.
    pub arch: Option<Arch>,
    /// Its version.
    pub version: Option<KernelVersion>,
}

impl Kernel {
    /// Whether a rule is about this kernel; what is not known excludes nothing but rules for single architectures, whose limits
    /// differ.
    fn is_meant_by(self, rule: &KernelRule) -> bool {
        let of_arch = rule.arch.is_empty() || self.arch.is_some_and(|arch| rule.arch.contains(&arch));
        of_arch && self.version.is_none_or(|version| rule.kernel.contains(version))
    }
}

impl Settings {
    /// Those of a profile.
    pub fn of(sysctls: &Sysctls, kernel: Kernel) -> Self {
        let mut found: BTreeMap<String, Setting> = BTreeMap::new();
        let mut left_out = Vec::new();
        let rules = sysctls.rules.into_iter().flat_map(rules_of);
        for rule in rules.filter(|rule| kernel.is_meant_by(rule)) {
            match of_rule(rule) {
                Some(Ok(settings)) => {
                    for setting in settings {
                        found.entry(setting.key.clone()).or_insert(setting);
                    }
                }
                Some(Err(reason)) => left_out.push((rule.meta.id.to_string(), reason)),
                None => {}
            }
        }
        sysctls.except.iter().for_each(|key| drop(found.remove(key.name())));
        for (all, required) in [(&sysctls.required, true), (&sysctls.optional, false)] {
            for (key, value) in all {
                let (key, value) = (key.name().to_owned(), value.text().to_owned());
                let setting = Setting { key: key.clone(), value, required, rule: None };
                found.insert(key, setting);
            }
        }
        let mut settings: Vec<Setting> = found.into_values().collect();
        settings.sort_by(|a, b| a.rank().cmp(&b.rank()));
        Self { settings, left_out }
    }
}

/// What one rule wants of sysctls; `None` if it is about something else.
fn of_rule(rule: &'static KernelRule) -> Option<Result<Vec<Setting>, String>> {
    let alternative = rule.any.iter().find_map(sysctl_tests)?;
    let settings = alternative.into_iter().map(|test| of_test(test, &rule.meta.id));
    Some(settings.collect::<Result<Vec<_>, _>>().map(|lists| lists.concat()))
}

/// The tests of an alternative, if all of them are over sysctls.
fn sysctl_tests(test: &'static Test) -> Option<Vec<&'static Test>> {
    match test {
        Test::Sysctl { .. } => Some(vec![test]),
        Test::All(all) => {
            all.iter().map(sysctl_tests).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
        }
        _ => None,
    }
}

fn of_test(test: &'static Test, id: &'static str) -> Result<Vec<Setting>, String> {
    let Test::Sysctl { key, one_of, one_of_text, .. } = test else { return Ok(Vec::new()) };
    if NOT_SET.contains(&key.as_str()) {
        return Ok(Vec::new());
    }
    let preferred = PREFERRED.iter().find(|(known, _)| known == key).map(|(_, value)| value.to_string());
    let first = || one_of.as_ref().and_then(|all| all.first()).map(i64::to_string);
    let text = || one_of_text.as_ref().and_then(|all| all.first()).cloned();
    let value = preferred.or_else(first).or_else(text).filter(|value| test.value_holds(value) == Some(true));
    // The least that a rule takes may be less than what a kernel has by itself.
    let value = value.ok_or_else(|| format!("many values of {key} are good: name one in [sysctl]"))?;
    let setting = |key: String| {
        let rule = Some(Origin { id, test });
        Setting { key, value: value.clone(), required: false, rule }
    };
    // What holds for all interfaces is set for those that are there, and for those to come.
    let names: &[&str] = if key.contains('*') { &["all", "default"] } else { &[""] };
    Ok(names.iter().map(|name| setting(key.replace('*', name))).collect())
}

/// What rules look at and nobody sets: what the kernel counts, and the path of a program of the host.
const NOT_SET: &[&str] = &["kernel.modprobe", "kernel.tainted"];

/// The value to set where a rule is content with several: that which its page recommends.
const PREFERRED: &[(&str, i64)] = &[
    ("fs.protected_fifos", 2),
    ("fs.protected_regular", 2),
    ("fs.suid_dumpable", 0),
    ("kernel.io_uring_disabled", 2),
    ("kernel.kptr_restrict", 2),
    ("kernel.oops_limit", 100),
    ("kernel.panic", 10),
    ("kernel.perf_event_paranoid", 3),
    ("kernel.unprivileged_bpf_disabled", 1),
    ("kernel.warn_limit", 100),
    ("kernel.yama.ptrace_scope", 2),
    ("net.core.bpf_jit_harden", 2),
    ("net.ipv4.conf.all.arp_announce", 2),
    ("net.ipv4.conf.all.arp_ignore", 1),
    ("net.ipv4.conf.all.rp_filter", 1),
    ("net.ipv4.ip_unprivileged_port_start", 1024),
    ("net.ipv4.tcp_syncookies", 1),
    ("net.ipv6.conf.all.accept_source_route", 0),
    ("vm.memfd_noexec", 1),
    ("vm.mmap_min_addr", 65536),
    ("vm.mmap_rnd_bits", 32),
    ("vm.mmap_rnd_compat_bits", 16),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Profile, RuleSet};

    fn settings(toml: &str) -> Settings {
        Settings::of(
            &Profile::parse(format!("profile = 1\n[sysctl]\n{toml}").as_bytes()).unwrap().sysctl,
            KERNEL,
        )
    }

    const KERNEL: Kernel = Kernel { arch: Some(Arch::X86_64), version: None };

    fn keys(settings: &Settings) -> Vec<&str> {
        settings.settings.iter().map(|setting| setting.key.as_str()).collect()
    }

    #[test]
    fn what_is_named_outweighs_rules() {
        let found = settings(
            "rules = \"base\"\nexcept = [\"kernel.sysrq\"]\nrequired = { \"kernel.kptr_restrict\" = 1 }\noptional = { \"a.b\" = \"x y\" }",
        );
        let of = |key: &str| found.settings.iter().find(|setting| setting.key == key);
        assert_eq!(of("kernel.sysrq"), None);
        let restrict = of("kernel.kptr_restrict").unwrap();
        assert_eq!((restrict.value.as_str(), restrict.required, &restrict.rule), ("1", true, &None));
        assert!(of("a.b").unwrap().is_met("x\ty"));
        assert_eq!(of("kernel.randomize_va_space").unwrap().rule.as_ref().unwrap().id, "KRN-015");
        assert!(of("net.ipv4.conf.default.send_redirects").is_some());
        assert!(of("net.ipv4.conf.*.send_redirects").is_none());
    }

    #[test]
    fn what_cannot_be_taken_back_comes_last() {
        let found = settings(
            "required = { \"kernel.modules_disabled\" = 1, \"kernel.kexec_load_disabled\" = 1, \"vm.a\" = 1, \"kernel.yama.ptrace_scope\" = 3 }",
        );
        let order =
            ["vm.a", "kernel.kexec_load_disabled", "kernel.yama.ptrace_scope", "kernel.modules_disabled"];
        assert_eq!(keys(&found), order);
        assert_eq!(found.settings.iter().filter(|setting| setting.is_one_way()).count(), 3);
        assert!(
            !is_one_way("kernel.yama.ptrace_scope", "2")
                && !is_one_way("kernel.unprivileged_bpf_disabled", "2")
        );
    }

    #[test]
    fn stricter_values_are_left_alone() {
        let found = settings("rules = \"base\"");
        let of = |key: &str| found.settings.iter().find(|setting| setting.key == key).unwrap();
        assert!(of("vm.mmap_min_addr").is_met("131072") && !of("vm.mmap_min_addr").is_met("0"));
        assert!(of("kernel.unprivileged_bpf_disabled").is_met("2"));
        assert!(!of("kernel.randomize_va_space").is_met("1") && !of("kernel.randomize_va_space").is_met(""));
        assert!(of("kernel.yama.ptrace_scope").is_met("3"));
    }

    /// A rule over sysctls that no setting follows from would be one that `apply` never fulfils.
    #[test]
    fn every_rule_that_is_over_sysctls_has_settings_that_fulfil_it() {
        let found = settings("rules = \"strict\"");
        assert_eq!(found.left_out, []);
        for (key, value) in PREFERRED {
            let setting = found.settings.iter().find(|setting| setting.key == *key);
            assert!(setting.is_some_and(|setting| setting.value == value.to_string()), "{key} is in no rule");
        }
        let rules = rules_of(RuleSet::Strict).filter(|rule| KERNEL.is_meant_by(rule));
        for test in rules.filter_map(|rule| rule.any.iter().find_map(sysctl_tests)).flatten() {
            let Test::Sysctl { key, .. } = test else { continue };
            if NOT_SET.contains(&key.as_str()) {
                continue;
            }
            let key = key.replace('*', "all");
            let setting = found.settings.iter().find(|setting| setting.key == key).unwrap();
            assert_eq!(test.value_holds(&setting.value), Some(true), "{key}");
        }
    }
}
