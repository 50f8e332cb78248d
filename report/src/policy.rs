//! The user's policy, as the sink applies it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::GlobMatcher;
use jiff::civil::Date;

use crate::baseline::Baseline;
use crate::section::Section;
use crate::{Finding, Location, Roots, Severity, escape_str};

/// The user's policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Findings of this severity or more fail the run; `None` switches the gate off.
    pub fail_on: Option<Severity>,
    /// What to make of rules, by id.
    pub overrides: BTreeMap<String, Override>,
    /// What to make of them for some executables, in order: the last that matches a file and names a rule decides.
    pub sections: Vec<Section>,
    /// What is accepted for a time.
    pub waivers: Vec<Waiver>,
    /// What was there before.
    pub baseline: Option<Baseline>,
    /// The day that expiry is held against.
    pub today: Date,
}

/// What to make of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// Its findings are shown and never gate.
    Off,
    /// Its findings have another severity.
    Severity(Severity),
}

/// Findings that somebody accepted for a time.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// Which paths; every path if `None`.
    pub path: Option<GlobMatcher>,
    /// The build id of the one executable that is meant, in lower-case hexadecimal; any file if `None`.
    pub build_id: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// The line of the configuration file that it is written on.
    pub at: Location,
}

impl Waiver {
    /// Whether it is about this finding of the rule. What it asks for must all be so; a file of which nothing is known
    /// has no build id.
    pub(crate) fn covers(&self, rule: &str, finding: &Finding, roots: &Roots) -> bool {
        let path_matches = self.path.as_ref().is_none_or(|glob| {
            let location = finding.location.as_ref();
            let is_meant = |path: &[u8]| glob.is_match(OsStr::from_bytes(path));
            location.is_some_and(|location| roots.means(&location.path, is_meant))
        });
        let file_matches = self.build_id.as_deref().is_none_or(|wanted| {
            let seen = finding.file.as_ref().and_then(|file| file.build_id.as_deref());
            seen == Some(wanted)
        });
        self.rule == rule && path_matches && file_matches
    }

    /// What it is about, for messages: the rule and who answers for it.
    pub(crate) fn words(&self) -> String {
        format!("the waiver of {} by {}", self.rule, escape_str(&self.owner))
    }

    /// What tells it from other waivers, whatever line it stands on.
    pub(crate) fn key(&self) -> String {
        let path = self.path.as_ref().map_or("", |glob| glob.glob().glob());
        let key = format!("{}:{}", self.rule, escape_str(path));
        match &self.build_id {
            Some(id) => format!("{key}:{id}"),
            None => key,
        }
    }
}
