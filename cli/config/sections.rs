//! `[checksec]` of the policy, and the profiles, which are written in the same grammar.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use anyhow::anyhow;
use globset::GlobMatcher;
use hardpan_checksec::profiles::{PROFILES, Profile};
use hardpan_checksec::{Kind, machine_names};
use hardpan_report::policy::Override;
use hardpan_report::section::{Origin, Section};
use hardpan_report::{Language, Pillar};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Complaint, Reader, show};
use crate::cmd::rules;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawChecksec {
    profile: Option<Spanned<String>>,
    #[serde(default)]
    section: Vec<Spanned<RawSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSection {
    path: Option<Spanned<Words>>,
    kind: Option<Spanned<Words>>,
    arch: Option<Spanned<Words>>,
    language: Option<Spanned<Words>>,
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    allow_unknown: Vec<Spanned<String>>,
    #[serde(default)]
    allow_partial: Vec<Spanned<String>>,
}

/// One word, or a list of them.
enum Words {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would read into a buffer that knows no places.
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Words, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map(Words::Many)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A profile, understood.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) description: String,
    pub(crate) sources: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    name: String,
    description: String,
    sources: Vec<String>,
    checksec: RawProfileSections,
}

/// A profile is not made of others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfileSections {
    section: Vec<Spanned<RawSection>>,
}

/// Reads a profile that comes with Hardpan. What can be wrong with it is wrong in this program.
pub(crate) fn profile(profile: &Profile) -> anyhow::Result<Understood> {
    let place = format!("profiles/{}.toml", profile.name);
    let failed = |complaints: &[Complaint]| anyhow!("{}", show(complaints, profile.toml, Path::new(&place)));
    let raw: RawProfile =
        toml::from_str(profile.toml).map_err(|error| failed(&[Complaint::syntax(&error)]))?;
    if raw.name != profile.name {
        return Err(anyhow!("{place} is named {}", raw.name));
    }
    let mut reader = Reader { text: profile.toml, path: Path::new(&place), complaints: Vec::new() };
    let origin = |_: &Reader<'_>, _| Origin::Profile(profile.name.to_owned());
    let sections = raw.checksec.section.into_iter().map(|section| reader.section(section, origin)).collect();
    if !reader.complaints.is_empty() {
        return Err(failed(&reader.complaints));
    }
    Ok(Understood { description: raw.description, sources: raw.sources, sections })
}

impl Reader<'_> {
    /// The name of the profile that the file chooses, and its own sections.
    pub(super) fn checksec(&mut self, raw: RawChecksec) -> (Option<&'static Profile>, Vec<Section>) {
        let chosen = raw.profile.and_then(|name| {
            let found = Profile::named(name.get_ref());
            if found.is_none() {
                let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
                let title = format!("there is no profile `{}`", name.get_ref());
                self.complain(name.span(), &title, &format!("use {}", alternatives(&names)));
            }
            found
        });
        let origin = |reader: &Reader<'_>, start| Origin::File(reader.line(start));
        let sections = raw.section.into_iter().map(|section| self.section(section, origin)).collect();
        (chosen, sections)
    }

    fn section(
        &mut self,
        raw: Spanned<RawSection>,
        origin: impl Fn(&Reader<'_>, usize) -> Origin,
    ) -> Section {
        let (origin, span) = (origin(self, raw.span().start), raw.span());
        let raw = raw.into_inner();
        if raw.rules.is_empty() && raw.allow_unknown.is_empty() && raw.allow_partial.is_empty() {
            let label = "give it rules, allow-unknown or allow-partial";
            self.complain(span, "this section asks for nothing", label);
        }
        let paths: Option<Vec<GlobMatcher>> = raw.path.map(|words| {
            let words = self.words(words);
            words.iter().filter_map(|word| self.glob(word)).collect()
        });
        Section {
            paths,
            kinds: raw.kind.map(|words| self.known(words, "kind of file", kind).into_iter().collect()),
            machines: raw.arch.map(|words| self.known(words, "machine", machine).into_iter().collect()),
            languages: raw
                .language
                .map(|words| self.known(words, "language", language).into_iter().collect()),
            rules: self.demands(raw.rules),
            allow_unknown: self.allowances(&raw.allow_unknown),
            allow_partial: self.allowances(&raw.allow_partial),
            origin,
        }
    }

    fn words(&mut self, words: Spanned<Words>) -> Vec<Spanned<String>> {
        let span = words.span();
        match words.into_inner() {
            Words::One(word) => vec![Spanned::new(span, word)],
            Words::Many(words) => {
                if words.is_empty() {
                    self.complain(span, "a section with an empty list matches no file", "leave the key out");
                }
                words
            }
        }
    }

    fn known<T>(
        &mut self,
        words: Spanned<Words>,
        what: &str,
        understand: impl Fn(&str) -> Result<T, Vec<String>>,
    ) -> Vec<T> {
        let mut known = Vec::new();
        for word in self.words(words) {
            match understand(word.get_ref()) {
                Ok(value) => known.push(value),
                Err(names) => {
                    let title = format!("this is no {what}");
                    self.complain(word.span(), &title, &format!("use {}", alternatives(&names)));
                }
            }
        }
        known
    }

    fn demands(&mut self, raw: BTreeMap<Spanned<String>, Spanned<String>>) -> BTreeMap<String, Override> {
        let mut demands = BTreeMap::new();
        for (rule, wanted) in raw {
            let wanted = self.wanted(&wanted);
            if let (Some(id), Some(wanted)) = (self.executables_rule(&rule), wanted)
                && demands.insert(id, wanted).is_some()
            {
                self.complain(rule.span(), "this rule is named twice", "once by its id and once by its name");
            }
        }
        demands
    }

    fn allowances(&mut self, rules: &[Spanned<String>]) -> BTreeSet<String> {
        rules.iter().filter_map(|rule| self.executables_rule(rule)).collect()
    }

    fn executables_rule(&mut self, rule: &Spanned<String>) -> Option<String> {
        let id = self.rule(rule)?;
        let is_of_executables =
            rules::find(&id).is_some_and(|meta| meta.pillar == Some(Pillar::HardenedExecutables));
        if !is_of_executables {
            let title = format!("{id} is not about executables");
            self.complain(rule.span(), &title, "give it a severity for all in [severity]");
        }
        is_of_executables.then_some(id)
    }
}

/// The printed form of a kind from that or from words with hyphens, in any case of letters.
fn kind(word: &str) -> Result<String, Vec<String>> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], " ");
    let names = || Kind::ALL.iter().map(|kind| kind.as_str().to_owned());
    names().find(|name| plain(name) == plain(word)).ok_or_else(|| names().collect())
}

/// The printed form of a machine from that or from the names that distributions and kernels have for it.
fn machine(word: &str) -> Result<String, Vec<String>> {
    let lower = word.to_ascii_lowercase();
    let usual = match lower.as_str() {
        "x86_64" | "amd64" => "x86-64",
        "arm64" => "aarch64",
        "i686" | "i586" | "x86" => "i386",
        "armhf" | "armel" | "armv7l" => "arm",
        "riscv64" | "riscv32" => "riscv",
        "ppc64le" | "ppc64el" => "ppc64",
        "s390" => "s390x",
        "loongarch64" => "loongarch",
        other => other,
    };
    // As a machine without a name is printed.
    let is_number = usual.strip_prefix("machine ").is_some_and(|number| number.parse::<u16>().is_ok());
    let is_known = is_number || machine_names().any(|name| name == usual);
    is_known.then(|| usual.to_owned()).ok_or_else(|| machine_names().map(str::to_owned).collect())
}

fn language(word: &str) -> Result<Language, Vec<String>> {
    let lower = word.to_ascii_lowercase();
    let names = |language: Language| match language {
        Language::CFamily => vec!["C/C++", "c-family", "c", "c++"],
        other => vec![other.as_str()],
    };
    let is_meant =
        |language: &Language| names(*language).iter().any(|name| name.to_ascii_lowercase() == lower);
    let all = || Language::ALL.into_iter().map(|language| language.as_str().to_owned()).collect();
    Language::ALL.into_iter().find(is_meant).ok_or_else(all)
}

/// `a, b or c`.
fn alternatives(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests;
