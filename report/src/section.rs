//! Sections of the policy: what is asked of some executables, told apart by path, kind, machine and language.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use globset::GlobMatcher;

use crate::policy::Override;
use crate::{BytePath, Finding, Language, Location, Outcome, Roots, Row, escape_str};

/// What is asked of the executables that it matches. Each of the four conditions is met by any of its values, or
/// by every file where it is `None`; a file must meet them all.
#[derive(Clone, Debug)]
pub struct Section {
    /// Patterns of paths.
    pub paths: Option<Vec<GlobMatcher>>,
    /// As in [`Row::kind`].
    pub kinds: Option<BTreeSet<String>>,
    /// As in [`Row::machine`].
    pub machines: Option<BTreeSet<String>>,
    /// Languages.
    pub languages: Option<BTreeSet<Language>>,
    /// What to make of rules, by id. It asks for the whole of the property: what sections before allowed of it counts
    /// no more.
    pub rules: BTreeMap<String, Override>,
    /// Rules, by id, that may be unknown because the file does not tell. What could not be read is never meant.
    pub allow_unknown: BTreeSet<String>,
    /// Rules, by id, that may hold in part.
    pub allow_partial: BTreeSet<String>,
    /// Who asks for it.
    pub origin: Origin,
}

/// Where a section is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a profile that comes with Hardpan, by its name.
    Profile(String),
    /// In the user's own file.
    File(Location),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(name) => write!(f, "the profile {name}"),
            Self::File(Location { path, line: Some(line), .. }) => write!(f, "{path}:{line}"),
            Self::File(location) => write!(f, "{}", location.path),
        }
    }
}

impl Section {
    /// Where the user wrote it; `None` for a section of a profile.
    pub(crate) fn place(&self) -> Option<&Location> {
        match &self.origin {
            Origin::File(location) => Some(location),
            Origin::Profile(_) => None,
        }
    }

    /// Its conditions in words, the same whatever line it stands on.
    pub(crate) fn words(&self) -> String {
        let globs = |globs: &Vec<GlobMatcher>| {
            globs.iter().map(|glob| escape_str(glob.glob().glob())).collect::<Vec<_>>().join(", ")
        };
        let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(", ");
        let languages = |values: &BTreeSet<Language>| {
            values.iter().map(|language| language.as_str()).collect::<Vec<_>>().join(", ")
        };
        let conditions = [
            self.paths.as_ref().map(|paths| format!("path {}", globs(paths))),
            self.kinds.as_ref().map(|kinds| format!("kind {}", list(kinds))),
            self.machines.as_ref().map(|machines| format!("arch {}", list(machines))),
            self.languages.as_ref().map(|values| format!("language {}", languages(values))),
        ];
        let conditions: Vec<String> = conditions.into_iter().flatten().collect();
        if conditions.is_empty() { "every file".to_owned() } else { conditions.join(", ") }
    }

    /// Whether the section is about the file in this row of the matrix.
    pub(crate) fn matches_row(&self, row: &Row, roots: &Roots) -> bool {
        self.matches(roots, Some(&row.path), Some((row.kind, &row.machine, row.language)))
    }

    /// Whether the section is about what was found. A finding that is of no executable, or of one that is too damaged
    /// to be told, has its path only.
    pub(crate) fn matches_finding(&self, finding: &Finding, roots: &Roots) -> bool {
        let traits = finding.file.as_ref().map(|file| (file.kind, &*file.machine, file.language));
        self.matches(roots, finding.location.as_ref().map(|location| &location.path), traits)
    }

    fn matches(
        &self,
        roots: &Roots,
        path: Option<&BytePath>,
        traits: Option<(&str, &str, Language)>,
    ) -> bool {
        let path_matches = self.paths.as_ref().is_none_or(|globs| {
            let is_meant = |path: &[u8]| globs.iter().any(|glob| glob.is_match(OsStr::from_bytes(path)));
            path.is_some_and(|path| roots.means(path, is_meant))
        });
        let asks_for_traits = self.kinds.is_some() || self.machines.is_some() || self.languages.is_some();
        let traits_match = traits.map_or(!asks_for_traits, |(kind, machine, language)| {
            self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
                && self.machines.as_ref().is_none_or(|machines| machines.contains(machine))
                && self.languages.as_ref().is_none_or(|languages| languages.contains(&language))
        });
        path_matches && traits_match
    }
}

/// What the sections make of one finding, each with the section that says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand<'p> {
    /// The severity, or that the rule is off for the file.
    pub(crate) severity: Option<(Override, &'p Section)>,
    unknown: Option<&'p Section>,
    partial: Option<&'p Section>,
}

impl<'p> Demand<'p> {
    /// The last section that matches and names the rule decides. A severity takes earlier allowances back, since it
    /// asks for the property anew; an allowance leaves the severity as it is.
    pub(crate) fn of(sections: &'p [Section], rule: &str, finding: &Finding, roots: &Roots) -> Self {
        let mut demand = Self::default();
        for section in sections.iter().filter(|section| section.matches_finding(finding, roots)) {
            if let Some(wanted) = section.rules.get(rule) {
                demand = Self { severity: Some((*wanted, section)), ..Self::default() };
            }
            if section.allow_unknown.contains(rule) {
                demand.unknown = Some(section);
            }
            if section.allow_partial.contains(rule) {
                demand.partial = Some(section);
            }
        }
        demand
    }

    /// Why the finding is allowed, if it is.
    pub(crate) fn allowance(&self, outcome: Outcome) -> Option<String> {
        if let Some((Override::Off, section)) = self.severity {
            return Some(format!("{} does not ask for it here", section.origin));
        }
        match outcome {
            Outcome::Unknown => self.unknown.map(|section| format!("{} lets it be unknown", section.origin)),
            Outcome::Partial => {
                self.partial.map(|section| format!("{} lets it hold in part", section.origin))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;

    use super::*;
    use crate::{FileTraits, Severity};

    fn section(line: u32) -> Section {
        Section {
            paths: None,
            kinds: None,
            machines: None,
            languages: None,
            rules: BTreeMap::new(),
            allow_unknown: BTreeSet::new(),
            allow_partial: BTreeSet::new(),
            origin: Origin::File(Location::line("hardpan.toml", line)),
        }
    }

    fn paths(globs: &[&str]) -> Vec<GlobMatcher> {
        let compile =
            |glob: &&str| GlobBuilder::new(glob).literal_separator(true).build().unwrap().compile_matcher();
        globs.iter().map(compile).collect()
    }

    fn finding(outcome: Outcome) -> Finding {
        let mut finding = Finding::fail(Some(Location::file("/usr/lib/libx.so")), "k", "bad");
        finding.outcome = outcome;
        finding.file = Some(std::sync::Arc::new(FileTraits {
            kind: "shared object",
            machine: "aarch64".into(),
            language: Language::Rust,
            build_id: None,
        }));
        finding
    }

    fn words(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn each_condition_is_met_by_any_of_its_values_and_all_conditions_must_be_met() {
        let file = finding(Outcome::Fail);
        let all = Section {
            paths: Some(paths(&["/nowhere", "/usr/**"])),
            kinds: Some(words(&["PIE", "shared object"])),
            machines: Some(words(&["aarch64"])),
            languages: Some([Language::Go, Language::Rust].into()),
            ..section(1)
        };
        assert!(
            all.matches_finding(&file, &Roots::default())
                && section(1).matches_finding(&file, &Roots::default())
        );
        for other in [
            Section { paths: Some(paths(&["/opt/**", "/usr/*"])), ..all.clone() },
            Section { kinds: Some(words(&["PIE"])), ..all.clone() },
            Section { machines: Some(words(&["x86-64"])), ..all.clone() },
            Section { languages: Some([Language::CFamily].into()), ..all.clone() },
        ] {
            assert!(!other.matches_finding(&file, &Roots::default()), "{other:?}");
        }
    }

    #[test]
    fn what_is_of_no_known_executable_has_its_path_only() {
        let mut file = finding(Outcome::Fail);
        file.file = None;
        assert!(section(1).matches_finding(&file, &Roots::default()));
        assert!(
            Section { paths: Some(paths(&["/usr/**"])), ..section(1) }
                .matches_finding(&file, &Roots::default())
        );
        assert!(
            !Section { kinds: Some(words(&["shared object"])), ..section(1) }
                .matches_finding(&file, &Roots::default())
        );
        assert!(
            !Section { machines: Some(words(&["aarch64"])), ..section(1) }
                .matches_finding(&file, &Roots::default())
        );
        assert!(
            !Section { languages: Some([Language::Rust].into()), ..section(1) }
                .matches_finding(&file, &Roots::default())
        );
        file.location = None;
        assert!(section(1).matches_finding(&file, &Roots::default()));
        assert!(
            !Section { paths: Some(paths(&["**"])), ..section(1) }.matches_finding(&file, &Roots::default())
        );
    }

    #[test]
    fn the_last_section_that_names_the_rule_decides_and_a_severity_takes_allowances_back() {
        let gives = |line, wanted| Section { rules: [("T-001".into(), wanted)].into(), ..section(line) };
        let allows = |line| Section { allow_partial: ["T-001".into()].into(), ..section(line) };
        let high = Override::Severity(Severity::High);
        let partial = finding(Outcome::Partial);
        let allowance = |sections: &[Section]| {
            Demand::of(sections, "T-001", &partial, &Roots::default()).allowance(partial.outcome)
        };
        assert_eq!(allowance(&[gives(1, high)]), None);
        let allowed = Some("hardpan.toml:2 lets it hold in part".to_owned());
        assert_eq!(allowance(&[gives(1, high), allows(2)]), allowed);
        assert_eq!(allowance(&[allows(2), gives(1, high)]), None);
        assert_eq!(
            allowance(&[gives(1, high), gives(3, Override::Off)]),
            Some("hardpan.toml:3 does not ask for it here".to_owned())
        );
        assert_eq!(allowance(&[gives(3, Override::Off), gives(1, high)]), None);
        // Another rule's demands are no matter of this one, and a failure is neither unknown nor partial.
        assert!(
            Demand::of(&[allows(1)], "T-002", &partial, &Roots::default())
                .allowance(Outcome::Partial)
                .is_none()
        );
        assert!(
            Demand::of(&[allows(1)], "T-001", &partial, &Roots::default()).allowance(Outcome::Fail).is_none()
        );
        assert!(
            Demand::of(&[allows(1)], "T-001", &partial, &Roots::default())
                .allowance(Outcome::Unknown)
                .is_none()
        );
    }
}
