//! The options of the kernel's build that rules name exist, in the versions and architectures that the rules are about.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use hardpan_lockdown::{Arch, KernelRule, KernelVersion, Test, rules};

/// Versions whose Kconfig files were read.
struct Symbols {
    versions: Vec<KernelVersion>,
    of: BTreeMap<&'static str, Symbol>,
}

struct Symbol {
    versions: Vec<KernelVersion>,
    arch: Vec<Arch>,
}

impl Symbols {
    fn read() -> Self {
        let mut lines = include_str!("symbols.txt").lines().filter(|line| !line.starts_with('#'));
        let version = |text: &str| KernelVersion::parse(text).unwrap();
        let versions: Vec<KernelVersion> =
            lines.next().unwrap().split_whitespace().skip(1).map(version).collect();
        let mut of = BTreeMap::new();
        for line in lines {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            let (first, removed) = (version(words[1]), KernelVersion::parse(words[2]));
            let without: Vec<KernelVersion> =
                words.get(4).iter().flat_map(|list| list.split(',')).map(version).collect();
            let has = |at: &&KernelVersion| {
                **at >= first && removed.is_none_or(|removed| **at < removed) && !without.contains(at)
            };
            let versions = versions.iter().filter(has).copied().collect();
            let arch = words[3].parse().map_or_else(|_| Arch::ALL.to_vec(), |arch| vec![arch]);
            assert!(of.insert(words[0], Symbol { versions, arch }).is_none(), "{} is there twice", words[0]);
        }
        Self { versions, of }
    }

    /// Whether one of the options exists there.
    fn have(&self, options: &BTreeSet<&str>, version: KernelVersion, arch: Arch) -> bool {
        options.iter().any(|option| {
            self.of
                .get(option)
                .is_some_and(|symbol| symbol.versions.contains(&version) && symbol.arch.contains(&arch))
        })
    }
}

/// The options that tests name, at whatever depth.
fn options(tests: &[Test]) -> BTreeSet<&str> {
    let mut options = BTreeSet::new();
    for test in tests {
        test.walk(&mut |test| match test {
            Test::Kconfig { option, .. } | Test::Cmdline { module: Some(option), .. } => {
                options.insert(option.as_str());
            }
            _ => {}
        });
    }
    options
}

/// Whether nothing but the build is tested.
fn is_of_the_build(rule: &KernelRule) -> bool {
    let mut only = true;
    for test in &*rule.any {
        test.walk(&mut |test| {
            only &= matches!(test, Test::Kconfig { .. } | Test::All(_) | Test::AnyOf(_) | Test::Not(_));
        });
    }
    only
}

fn arches(rule: &KernelRule) -> Vec<Arch> {
    if rule.arch.is_empty() { Arch::ALL.to_vec() } else { rule.arch.clone() }
}

#[test]
fn every_option_is_one_of_the_kernel_and_every_listed_one_is_used() {
    let symbols = Symbols::read();
    let named: BTreeSet<&str> =
        rules().iter().flat_map(|rule| options(&rule.when).into_iter().chain(options(&rule.any))).collect();
    let listed: BTreeSet<&str> = symbols.of.keys().copied().collect();
    let unknown: Vec<&&str> = named.difference(&listed).collect();
    let unused: Vec<&&str> = listed.difference(&named).collect();
    assert!(unknown.is_empty(), "no version of the kernel that was read has {unknown:?}");
    assert!(unused.is_empty(), "no rule names {unused:?}");
}

/// A kernel that cannot have what a rule of the build wants must not be judged by it.
#[test]
fn what_a_rule_of_the_build_wants_exists_wherever_it_applies() {
    let symbols = Symbols::read();
    let oldest = KernelVersion::parse("5.10").unwrap();
    let mut faults = Vec::new();
    let mut checked = 0;
    for rule in rules().iter().filter(|rule| is_of_the_build(rule)) {
        let options = options(&rule.any);
        for arch in arches(rule) {
            let versions = symbols.versions.iter().filter(|at| **at >= oldest && rule.kernel.contains(**at));
            for version in versions {
                checked += 1;
                if !symbols.have(&options, *version, arch) {
                    faults.push(format!("{}: {version} on {arch} has none of {options:?}", rule.meta.id));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 3000, "only {checked} versions of rules were looked at");
}

/// A condition on an option that an architecture lacks would silence the rule there.
#[test]
fn conditions_can_hold_on_each_architecture_of_their_rule() {
    let symbols = Symbols::read();
    for rule in rules() {
        for test in &*rule.when {
            let options = options(std::slice::from_ref(test));
            for arch in arches(rule) {
                let can = symbols
                    .versions
                    .iter()
                    .any(|at| rule.kernel.contains(*at) && symbols.have(&options, *at, arch));
                assert!(can, "{}: no version on {arch} has one of {options:?}", rule.meta.id);
            }
        }
    }
}
