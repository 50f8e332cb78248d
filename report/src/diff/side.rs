//! One side of a comparison, read from a report in its JSON form, so that a saved report and a fresh one are the same.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::{Outcome, Report, Severity};

/// The executables of one report.
#[derive(Clone, Debug)]
pub struct Side {
    /// What was judged, as the user named it.
    pub subject: String,
    /// What sort of thing it is, as in [`crate::Subject`].
    pub kind: String,
    /// Whether something could not be judged, so that no comparison is whole.
    pub incomplete: bool,
    /// The properties that were judged, by rule, with the heading of each.
    pub properties: Vec<(String, String)>,
    /// The files, ordered by path.
    pub files: Vec<File>,
}

/// One executable.
#[derive(Clone, Debug)]
pub struct File {
    /// The path in the report, escaped.
    pub path: String,
    /// The path below what the user named, by which the same file in another place is known.
    pub place: String,
    /// As in [`crate::Row`].
    pub kind: String,
    /// As in [`crate::Row`].
    pub machine: String,
    /// As in [`crate::Row`].
    pub language: String,
    /// By rule.
    pub cells: BTreeMap<String, Cell>,
}

/// One property of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The outcome.
    pub outcome: Outcome,
    /// A word or two.
    pub label: String,
    /// One sentence; empty for a pass.
    pub message: String,
    /// What the policy made of it, if there is something to be made of.
    pub finding: Option<Judged>,
}

/// What the policy made of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How much it matters.
    pub severity: Severity,
    /// Whether it is waived, allowed or switched off.
    pub settled: bool,
    /// What to add to the build, by tool chain.
    pub fixes: Vec<FlagFix>,
}

/// A flag to add, as in [`crate::Fix`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct FlagFix {
    /// What takes it: `gcc`, `clang`, `rustc`, `go`.
    pub toolchain: String,
    /// The flag.
    pub add: String,
}

/// Why a file is no report to compare with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SideError {
    /// It is not JSON, or not that of a report.
    #[error("it is no JSON report: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("its schema is `{0}`, and this version reads `{schema}`", schema = Report::SCHEMA)]
    Schema(String),
    /// It has no table of executables.
    #[error("it has no matrix; only `checksec` and `audit` make one")]
    NoMatrix,
    /// A row has not as many cells as there are columns.
    #[error("the row of {0} does not fit the columns of its matrix")]
    Row(String),
}

impl Side {
    /// The executables of a report in Hardpan's JSON form. Fields that a later version adds are left alone.
    pub fn parse(json: &[u8]) -> Result<Self, SideError> {
        let schema: Schema = serde_json::from_slice(json)?;
        if schema.schema != Report::SCHEMA {
            return Err(SideError::Schema(schema.schema));
        }
        let raw: Raw = serde_json::from_slice(json)?;
        let matrix = raw.matrix.ok_or(SideError::NoMatrix)?;
        let mut findings = findings(raw.rules);
        let rules: Vec<&String> = matrix.columns.iter().map(|column| &column.rule).collect();
        let mut files = Vec::with_capacity(matrix.rows.len());
        for row in matrix.rows {
            files.push(file(row, &rules, &mut findings)?);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let properties = matrix.columns.iter().map(|column| (column.rule.clone(), column.title.clone()));
        let properties = properties.collect();
        let incomplete = raw.gate.incomplete > 0;
        Ok(Self { subject: raw.subject.path, kind: raw.subject.kind, incomplete, properties, files })
    }

    /// The executables of a report.
    pub fn of(report: &Report) -> Result<Self, SideError> {
        Self::parse(&serde_json::to_vec(report)?)
    }

    /// Takes files as they lie below `root`, an escaped path. A file that is `root` itself keeps its name only, and what
    /// is in an archive that is `root` the name of the member.
    pub fn rooted_at(&mut self, root: &str) {
        let root = root.strip_suffix('/').unwrap_or(root);
        for file in &mut self.files {
            match file.path.strip_prefix(root) {
                Some("") => file.place = format!("/{}", name(&file.path)),
                Some(below) if below.starts_with(['/', '(']) => below.clone_into(&mut file.place),
                _ => {}
            }
        }
    }

    /// The directory or file that the user named when the report was made, if its paths show where it was. Reports over
    /// parts of a host have absolute paths and the name as it was typed, which is the end of it.
    pub fn recorded_root(&self) -> Option<String> {
        let typed = self.subject.strip_prefix("./").unwrap_or(&self.subject);
        let typed = typed.strip_suffix('/').unwrap_or(typed);
        if self.kind != "files" || typed.is_empty() || typed == "." {
            return None;
        }
        let wanted = if typed.starts_with('/') { typed.to_owned() } else { format!("/{typed}") };
        let first = &self.files.first()?.path;
        let end = first.find(&wanted)? + wanted.len();
        let root = &first[..end];
        let holds = |file: &File| {
            file.path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '(']))
        };
        self.files.iter().all(holds).then(|| root.to_owned())
    }
}

/// The last part of an escaped path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the policy made of properties, by rule and path. A rule has one finding for each file.
fn findings(rules: Vec<RawRule>) -> HashMap<(String, String), Judged> {
    let mut found = HashMap::new();
    for rule in rules {
        for finding in rule.findings {
            let Some(location) = finding.location else { continue };
            let judged = Judged {
                // Reports of earlier versions have the rule's only.
                severity: finding.severity.unwrap_or(rule.severity),
                settled: SETTLED.contains(&finding.disposition.kind.as_str()),
                fixes: finding.fixes,
            };
            found.insert((rule.id.clone(), location.path), judged);
        }
    }
    found
}

/// Dispositions by which somebody has said that a finding is to be lived with.
const SETTLED: [&str; 3] = ["allowed", "off", "waived"];

fn file(
    row: RawRow,
    rules: &[&String],
    findings: &mut HashMap<(String, String), Judged>,
) -> Result<File, SideError> {
    if row.cells.len() != rules.len() {
        return Err(SideError::Row(row.path));
    }
    let cells = rules.iter().zip(row.cells).map(|(rule, cell)| {
        let finding = findings.remove(&((*rule).clone(), row.path.clone()));
        let RawCell { outcome, label, message } = cell;
        ((*rule).clone(), Cell { outcome, label, message, finding })
    });
    let cells = cells.collect();
    let RawRow { path, kind, machine, language, .. } = row;
    Ok(File { place: path.clone(), path, kind, machine, language, cells })
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

#[derive(Deserialize)]
struct Raw {
    subject: RawSubject,
    gate: RawGate,
    rules: Vec<RawRule>,
    matrix: Option<RawMatrix>,
}

#[derive(Deserialize)]
struct RawSubject {
    kind: String,
    path: String,
}

#[derive(Deserialize)]
struct RawGate {
    incomplete: u64,
}

#[derive(Deserialize)]
struct RawRule {
    id: String,
    severity: Severity,
    findings: Vec<RawFinding>,
}

#[derive(Deserialize)]
struct RawFinding {
    location: Option<RawLocation>,
    severity: Option<Severity>,
    #[serde(default)]
    fixes: Vec<FlagFix>,
    disposition: RawDisposition,
}

#[derive(Deserialize)]
struct RawLocation {
    path: String,
}

#[derive(Deserialize)]
struct RawDisposition {
    kind: String,
}

#[derive(Deserialize)]
struct RawMatrix {
    columns: Vec<RawColumn>,
    rows: Vec<RawRow>,
}

#[derive(Deserialize)]
struct RawColumn {
    rule: String,
    title: String,
}

#[derive(Deserialize)]
struct RawRow {
    path: String,
    kind: String,
    machine: String,
    language: String,
    cells: Vec<RawCell>,
}

#[derive(Deserialize)]
struct RawCell {
    outcome: Outcome,
    label: String,
    #[serde(default)]
    message: String,
}
