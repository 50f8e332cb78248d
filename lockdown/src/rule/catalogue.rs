//! The rules that are built in.

use std::sync::LazyLock;

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
    let raw: Vec<RawRule> = match serde_json::from_str(CATALOGUE) {
        Ok(rules) => rules,
        // The text is part of the binary, and a test reads it, so that this cannot happen to a user.
        Err(error) => unreachable!("the built-in kernel rules: {error}"),
    };
    raw.into_iter().map(KernelRule::from).collect()
});

/// Every file of `rules/`, as build.rs puts them together, by id.
const CATALOGUE: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.json"));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use hardpan_report::{Outcome, PAGE_SECTIONS};
    use serde::Deserialize;

    use super::*;
    use crate::Sample;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Catalogue {
        rule: Vec<RawRule>,
    }

    /// Each rule of each file as people write it, with what is lost when it becomes a [`KernelRule`].
    fn all() -> Vec<(String, RawRule)> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
        let read = |path: std::path::PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let catalogue = toml::from_str::<Catalogue>(&text);
            let rules = catalogue.unwrap_or_else(|error| panic!("{name}: {error}")).rule;
            rules.into_iter().map(move |raw| (name.clone(), raw))
        };
        files.flat_map(read).collect()
    }

    #[test]
    fn what_is_built_in_is_what_is_written() {
        let mut written: Vec<KernelRule> = all().into_iter().map(|(_, raw)| KernelRule::from(raw)).collect();
        written.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
        assert_eq!(written.len(), rules().len());
        for (written, built) in written.into_iter().zip(rules()) {
            let without = KernelRule { samples: crate::Samples::default(), ..written };
            assert_eq!(format!("{without:?}"), format!("{built:?}"));
        }
    }

    #[test]
    fn reports_quote_what_stands_on_the_page() {
        for KernelRule { meta, .. } in rules() {
            assert_eq!(meta.rationale(), meta.section("Why it matters"), "{}", meta.id);
            assert_eq!(meta.remedy(), meta.section("How to fix it"), "{}", meta.id);
        }
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
        for (_, raw) in all() {
            let rule = &KernelRule::from(raw);
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
