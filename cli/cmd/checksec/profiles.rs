//! `hardpan checksec profiles`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use hardpan_checksec::profiles::{PROFILES, Profile};
use hardpan_report::policy::Override;
use hardpan_report::section::Section;
use serde::Serialize;

use crate::args::ProfilesArgs;
use crate::config::sections;
use crate::exit;

pub(super) fn run(args: &ProfilesArgs) -> anyhow::Result<u8> {
    let chosen = args.name.as_deref().and_then(Profile::named);
    let mut out = std::io::stdout().lock();
    if args.json {
        let asked = PROFILES.iter().filter(|profile| chosen.is_none_or(|chosen| chosen == *profile));
        let described = asked.map(Described::new).collect::<anyhow::Result<Vec<_>>>()?;
        match (&described[..], chosen) {
            ([one], Some(_)) => serde_json::to_writer_pretty(&mut out, one)?,
            (all, _) => serde_json::to_writer_pretty(&mut out, all)?,
        }
        writeln!(out)?;
        return Ok(exit::CLEAN);
    }
    match chosen {
        // Its comments give the reason for each choice, and what is printed can be pasted into hardpan.toml.
        Some(profile) => write!(out, "{}", profile.toml)?,
        None => {
            for profile in PROFILES {
                let description = sections::profile(profile)?.description;
                writeln!(out, "{:<14}{description}", profile.name)?;
            }
        }
    }
    Ok(exit::CLEAN)
}

#[derive(Serialize)]
struct Described {
    name: &'static str,
    description: String,
    sources: Vec<String>,
    sections: Vec<DescribedSection>,
}

/// A section with rules by id and conditions as reports print them; a condition that is absent is met by every file.
#[derive(Serialize)]
struct DescribedSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arch: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Vec<&'static str>>,
    rules: BTreeMap<String, &'static str>,
    allow_unknown: BTreeSet<String>,
    allow_partial: BTreeSet<String>,
}

impl Described {
    fn new(profile: &'static Profile) -> anyhow::Result<Self> {
        let sections::Understood { description, sources, sections } = sections::profile(profile)?;
        let sections = sections.into_iter().map(DescribedSection::new).collect();
        Ok(Self { name: profile.name, description, sources, sections })
    }
}

impl DescribedSection {
    fn new(section: Section) -> Self {
        let wanted = |wanted| match wanted {
            Override::Off => "off",
            Override::Severity(severity) => severity.as_str(),
        };
        let names = |languages: BTreeSet<hardpan_report::Language>| {
            languages.into_iter().map(hardpan_report::Language::as_str).collect()
        };
        Self {
            kind: section.kinds,
            arch: section.machines,
            language: section.languages.map(names),
            rules: section.rules.into_iter().map(|(rule, severity)| (rule, wanted(severity))).collect(),
            allow_unknown: section.allow_unknown,
            allow_partial: section.allow_partial,
        }
    }
}
