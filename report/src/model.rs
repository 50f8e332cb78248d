//! The report: the one value that every renderer is a view of.
//!
//! Its JSON form is the published interface (`docs/report.schema.json`); fields are only ever added.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::{BytePath, Cause, Confidence, Evidence, Finding, Outcome, Pillar, ProcessTable, Severity, Tally};

/// A whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the JSON form: `hardpan-report/1`.
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// The command: `audit` or `checksec`.
    pub command: &'static str,
    /// What was judged.
    pub subject: Subject,
    /// What was read, and what could not be.
    pub coverage: Coverage,
    /// What the policy made of it all.
    pub gate: Gate,
    /// Findings and rules by outcome and disposition.
    pub totals: Totals,
    /// The pillars, in order; for `checksec` only the one that it judges.
    pub pillars: Vec<PillarResult>,
    /// Every rule that ran, ordered by pillar and id.
    pub rules: Vec<RuleResult>,
    /// Running processes by property; of `checksec` only, where it judges those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<ProcessTable>,
    /// Executables by property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// Languages of the programs and libraries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<LanguageShare>,
}

impl Report {
    /// The value of [`Report::schema`].
    pub const SCHEMA: &'static str = "hardpan-report/1";

    /// The pillars' rules, in order.
    pub fn rules_of(&self, pillar: Pillar) -> impl Iterator<Item = &RuleResult> {
        self.rules.iter().filter(move |rule| rule.pillar == Some(pillar))
    }
}

/// What made the report.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// `hardpan`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// The format of what was read (`directory`, `tar.gz`, `deb`, `oci`, …), `files` or `processes` of the host, or `inputs` of several kinds.
    pub kind: &'static str,
    /// As the user named it.
    pub path: BytePath,
    /// Whether facts of the running host were used.
    pub live: bool,
    /// `PRETTY_NAME` of its `os-release`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
}

/// What was read, and what could not be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Coverage {
    /// Entries of every kind.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// ELF files.
    pub elf_files: u64,
    /// Static libraries that were not opened, so that their members were not judged.
    pub closed_libraries: u64,
    /// Mounts and file systems that were not entered, with the reason.
    pub not_entered: Vec<Problem>,
    /// What could not be read, with the reason.
    pub problems: Vec<Problem>,
}

/// Something that was not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where.
    pub path: BytePath,
    /// What kind of trouble; absent where it was a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The reason, escaped.
    pub reason: String,
}

/// What the policy made of the findings.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// Severity from which findings fail the run; `None` when the gate is off.
    pub fail_on: Option<Severity>,
    /// The process exit code: 0, 1 or 2.
    pub exit_code: u8,
    /// Findings that fail the run.
    pub gating: u64,
    /// Findings that say the run is incomplete.
    pub incomplete: u64,
    /// Findings that a section of the policy allows.
    pub allowed: u64,
    /// Findings that a waiver covers.
    pub waived: u64,
    /// Findings that the baseline has already.
    pub known: u64,
    /// The day that waivers' expiry was held against, `YYYY-MM-DD`.
    pub day: String,
    /// One sentence: passed, or what failed.
    pub summary: String,
}

/// Counts over the whole report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Rules by outcome.
    pub rules: Tally,
    /// Findings that fail, by severity.
    pub failures: BTreeMap<&'static str, u64>,
    /// Findings that are unknown.
    pub unknowns: u64,
}

/// One pillar at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct PillarResult {
    /// Which.
    pub id: Pillar,
    /// 1 to 10.
    pub number: u8,
    /// Its heading.
    pub title: &'static str,
    /// What it promises.
    pub promise: &'static str,
    /// The worst outcome of its rules.
    pub outcome: Outcome,
    /// Rules by outcome.
    pub rules: Tally,
    /// One sentence.
    pub summary: String,
}

/// One rule's result.
#[derive(Clone, Debug, Serialize)]
pub struct RuleResult {
    /// `FAMILY-NNN`.
    pub id: Cow<'static, str>,
    /// Kebab-case name.
    pub name: Cow<'static, str>,
    /// The property as a statement.
    pub title: Cow<'static, str>,
    /// Its pillar; `None` for rules about the configuration of Hardpan itself.
    pub pillar: Option<Pillar>,
    /// The highest of its findings', else as the policy has it for the rule.
    pub severity: Severity,
    /// The outcome.
    pub outcome: Outcome,
    /// One sentence.
    pub summary: String,
    /// Why a failure matters.
    pub rationale: String,
    /// What to do about one.
    pub remedy: String,
    /// Facts behind a pass, or about the rule as a whole.
    pub evidence: Vec<Evidence>,
    /// What was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// The plural of what was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Failures and unknowns, ordered by path.
    pub findings: Vec<Judged>,
}

/// A finding and what the policy made of it.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// A stable name across runs: rule, path and key.
    pub fingerprint: String,
    /// How much it matters: a section of the policy may ask more or less of some files.
    pub severity: Severity,
    /// What the policy made of it.
    pub disposition: Disposition,
}

/// What the policy made of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Disposition {
    /// Fails the run.
    Gating,
    /// Makes the run incomplete.
    Incomplete,
    /// Too mild for the threshold.
    BelowThreshold,
    /// Nobody gave the input that it takes.
    NotAsked,
    /// Its rule is switched off.
    Off,
    /// A section of the policy does not ask for it, or lets it be so.
    Allowed {
        /// Which section, and what it lets be.
        why: String,
    },
    /// In the baseline already.
    Known,
    /// Accepted by somebody, for a time.
    Waived {
        /// Why.
        reason: String,
        /// Who answers for it.
        owner: String,
        /// Until when, `YYYY-MM-DD`.
        expires: String,
    },
}

/// Executables by property: the table that people know from checksec.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// One for each property.
    pub columns: Vec<Column>,
    /// One for each ELF file, ordered by path.
    pub rows: Vec<Row>,
}

/// A property.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// The rule that judges it.
    pub rule: Cow<'static, str>,
    /// A heading of at most ten characters.
    pub title: &'static str,
}

/// One ELF file.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Where.
    pub path: BytePath,
    /// `PIE`, `executable`, `static PIE`, `shared object`, `kernel module`, `object file`, …
    pub kind: &'static str,
    /// The machine in readelf's short form: `x86-64`, `aarch64`.
    pub machine: Cow<'static, str>,
    /// Its language.
    pub language: Language,
    /// How the language was told; empty if it was not.
    pub language_evidence: Cow<'static, str>,
    /// The build id of its linker, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<Box<str>>,
    /// Bytes.
    pub size: u64,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
}

/// One property of one file.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The outcome.
    pub outcome: Outcome,
    /// How sure it is.
    pub confidence: Confidence,
    /// A word or two.
    pub label: Cow<'static, str>,
    /// One sentence; empty for a pass.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub message: Cow<'static, str>,
    /// The facts behind it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub evidence: Box<[Evidence]>,
}

/// What a policy can tell executables by, besides their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileTraits {
    /// As in [`Row::kind`].
    pub kind: &'static str,
    /// As in [`Row::machine`].
    pub machine: Cow<'static, str>,
    /// Its language.
    pub language: Language,
    /// As in [`Row::build_id`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<Box<str>>,
}

/// The language that most of an executable was written in, as far as the file shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Rust, perhaps with C libraries linked in.
    Rust,
    /// Go.
    Go,
    /// C or C++.
    CFamily,
    /// Nothing in the file tells.
    Unknown,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Go, Self::CFamily, Self::Unknown];

    /// Whether the language's compiler rules out memory errors outside marked parts; `None` if it is not known.
    pub fn is_memory_safe(self) -> Option<bool> {
        match self {
            Self::Rust | Self::Go => Some(true),
            Self::CFamily => Some(false),
            Self::Unknown => None,
        }
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::CFamily => "C/C++",
            Self::Unknown => "unknown",
        }
    }
}

/// How much is written in one language.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageShare {
    /// Which.
    pub language: Language,
    /// Whether it is memory-safe; `None` if the language is not known.
    pub memory_safe: Option<bool>,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of all files, in percent.
    pub files_percent: f64,
    /// Of all bytes, in percent.
    pub bytes_percent: f64,
}
