//! The rules that are built in.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{KernelRule, Profile, RawRule};

/// Every kernel rule, by id.
pub fn rules() -> &'static [KernelRule] {
    &RULES
}

/// The rules of a profile, by id.
pub fn rules_of(profile: Profile) -> impl Iterator<Item = &'static KernelRule> {
    rules().iter().filter(move |rule| rule.profile <= profile)
}

static RULES: LazyLock<Vec<KernelRule>> = LazyLock::new(|| {
    let mut rules: Vec<KernelRule> =
        CATALOGUES.iter().flat_map(|(name, text)| read(name, text)).map(KernelRule::from).collect();
    rules.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    rules
});

fn read(name: &str, text: &str) -> Vec<RawRule> {
    match toml::from_str::<Catalogue>(text) {
        Ok(catalogue) => catalogue.rule,
        // The text is part of the binary, and a test reads it, so that this cannot happen to a user.
        Err(error) => unreachable!("the built-in kernel rules, {name}: {error}"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    rule: Vec<RawRule>,
}

/// Every file of `rules/`; a test compares the list with the directory.
const CATALOGUES: &[(&str, &str)] = &[
    ("attack-surface.toml", include_str!("../../rules/attack-surface.toml")),
    ("bpf-and-tracing.toml", include_str!("../../rules/bpf-and-tracing.toml")),
    ("command-line.toml", include_str!("../../rules/command-line.toml")),
    ("cpu-mitigations.toml", include_str!("../../rules/cpu-mitigations.toml")),
    ("debug.toml", include_str!("../../rules/debug.toml")),
    ("devices-and-dma.toml", include_str!("../../rules/devices-and-dma.toml")),
    ("filesystems.toml", include_str!("../../rules/filesystems.toml")),
    ("heap.toml", include_str!("../../rules/heap.toml")),
    ("integrity-and-verity.toml", include_str!("../../rules/integrity-and-verity.toml")),
    ("kernel.toml", include_str!("../../rules/kernel.toml")),
    ("lsm.toml", include_str!("../../rules/lsm.toml")),
    ("memory-safety.toml", include_str!("../../rules/memory-safety.toml")),
    ("modules.toml", include_str!("../../rules/modules.toml")),
    ("network.toml", include_str!("../../rules/network.toml")),
    ("stack-and-control-flow.toml", include_str!("../../rules/stack-and-control-flow.toml")),
    ("sysctl.toml", include_str!("../../rules/sysctl.toml")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use hardpan_report::{Outcome, PAGE_SECTIONS};

    use super::*;
    use crate::Sample;

    #[test]
    fn every_file_of_the_directory_is_built_in() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let files = std::fs::read_dir(&directory).unwrap();
        let files: BTreeSet<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let built: BTreeSet<String> = CATALOGUES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(files, built);
    }

    /// Each rule of each file, with what is lost when it becomes a [`KernelRule`].
    fn all() -> Vec<(&'static str, RawRule)> {
        CATALOGUES
            .iter()
            .flat_map(|(name, text)| read(name, text).into_iter().map(move |raw| (*name, raw)))
            .collect()
    }

    #[test]
    fn every_rule_is_whole() {
        let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
        for (file, raw) in all() {
            let (id, name) = (raw.id.clone(), raw.name.clone());
            let mut wrong = |text: &str| faults.push(format!("{file}: {id}: {text}"));
            let is_id = id
                .strip_prefix("KRN-")
                .is_some_and(|number| number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit()));
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if !is_id || name.is_empty() || !name.bytes().all(is_name) {
                wrong("the id is KRN-NNN, and the name is kebab-case");
            }
            if !seen.insert(id.clone()) || !seen.insert(name) || !seen.insert(raw.title.clone()) {
                wrong("its id, name or title is another's too");
            }
            if raw.profiles.len() != 1 || (file == "kernel.toml") != (raw.profiles[0] == Profile::Base) {
                wrong("it names one profile, the least strict; base is for kernel.toml");
            }
            if raw.why.len() < 40 || raw.fix.len() < 20 || raw.sources.is_empty() || raw.any.is_empty() {
                wrong("why, fix, sources or any is missing or says nothing");
            }
            if file != "kernel.toml" && (raw.pass.is_none() || raw.fail.is_none()) {
                wrong("it has no passing or no failing sample");
            }
            let rule = KernelRule::from(raw);
            rule.tests().into_iter().filter_map(super::super::Test::fault).for_each(|fault| wrong(&fault));
            for section in PAGE_SECTIONS {
                if rule.meta.section(section).is_empty() {
                    wrong(&format!("the page has no section {section}"));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn every_rule_says_of_its_samples_what_they_are_for() {
        let mut faults = Vec::new();
        for rule in rules() {
            let samples = &rule.samples;
            let mut expect = |kind: &str, sample: &Option<Sample>, wanted: Outcome| {
                let Some(sample) = sample else { return };
                match sample.judge(rule) {
                    Ok(verdict) if verdict.outcome() == wanted => {}
                    Ok(verdict) => faults.push(format!(
                        "{} ({}): the sample `{kind}` is judged {}: {}",
                        rule.meta.id,
                        rule.meta.name,
                        verdict.outcome(),
                        verdict.summary
                    )),
                    Err(error) => faults.push(format!("{}: the sample `{kind}`: {error}", rule.meta.id)),
                }
            };
            expect("pass", &samples.pass, Outcome::Pass);
            expect("fail", &samples.fail, Outcome::Fail);
            expect("not-applicable", &samples.not_applicable, Outcome::NotApplicable);
        }
        assert!(faults.is_empty(), "{} samples:\n{}", faults.len(), faults.join("\n"));
    }

    #[test]
    fn profiles_contain_each_other() {
        let count = |profile| rules_of(profile).count();
        assert!(count(Profile::Base) <= count(Profile::Recommended));
        assert_eq!(count(Profile::Strict), rules().len());
    }
}
