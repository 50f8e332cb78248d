//! What got better and what got worse between two reports on executables.
//!
//! Its JSON form is published too (`docs/diff.schema.json`); fields are only ever added.

mod pairs;
mod render;
mod side;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{Outcome, Severity, Tool};
pub use pairs::MatchedBy;
pub use render::{markdown, text};
pub use side::{Cell, File, FlagFix, Judged, Side, SideError};

/// The JSON Schema (draft 2020-12) of a [`Diff`].
pub const SCHEMA: &str = include_str!("../../../docs/diff.schema.json");

/// A whole comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// Version of the JSON form: `hardpan-checksec-diff/1`.
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// What was.
    pub old: Subject,
    /// What is.
    pub new: Subject,
    /// Properties that only one side was judged by, and which therefore are not compared.
    pub not_compared: Vec<NotCompared>,
    /// The files of which there is something to say, ordered by path.
    pub files: Vec<FileDiff>,
    /// Counts.
    pub totals: Totals,
    /// What follows from it.
    pub gate: Gate,
}

/// One side.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// As the user named it.
    pub path: String,
    /// What sort of thing it is.
    pub kind: String,
    /// ELF files.
    pub files: u64,
    /// Whether something in it could not be judged.
    pub incomplete: bool,
}

/// A property of one side only.
#[derive(Clone, Debug, Serialize)]
pub struct NotCompared {
    /// The rule that judges it.
    pub rule: String,
    /// Its heading.
    pub property: String,
    /// `old` or `new`.
    pub only_in: &'static str,
}

/// What became of one file.
#[derive(Clone, Debug, Serialize)]
pub struct FileDiff {
    /// The path below what the user named; the old one if the file is gone.
    pub path: String,
    /// What became of it.
    pub state: State,
    /// Where it was, if that is another place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// How it was found again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_by: Option<MatchedBy>,
    /// As in [`crate::Row`].
    pub kind: String,
    /// As in [`crate::Row`].
    pub machine: String,
    /// As in [`crate::Row`].
    pub language: String,
    /// Its properties that are not what they were; of a new file, those that fail.
    pub changes: Vec<Change>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is on both sides.
    Both,
    /// Only the new side has it.
    New,
    /// Only the old side has it.
    Gone,
}

/// What became of one property of one file.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The rule that judges it.
    pub rule: String,
    /// Its heading.
    pub property: String,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it fails the comparison.
    pub counts: bool,
    /// What was; nothing of a new file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Was>,
    /// What is.
    pub new: Was,
    /// How much it matters, if it is a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// One sentence; empty for a pass.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What to add to the build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<FlagFix>,
}

/// Which way a property went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// It fails and did not, or is no longer proven.
    Worse,
    /// It is of a new file, and fails at the threshold.
    Fails,
    /// Neither way can be shown: one of the sides does not tell, or the property has a meaning on one side only.
    Changed,
    /// More of it is proven.
    Better,
}

/// One side of a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Was {
    /// The outcome.
    pub outcome: Outcome,
    /// A word or two.
    pub label: String,
}

/// Counts over a comparison. Properties are counted in `worse`, `settled`, `changed` and `better`, files in the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Files of both sides.
    pub compared: u64,
    /// Of these, files of which every property is as it was.
    pub unchanged: u64,
    /// Of these, files that lie in another place.
    pub moved: u64,
    /// Properties that got worse.
    pub worse: u64,
    /// Properties that got worse where the policy does not mind.
    pub settled: u64,
    /// Properties that cannot be compared.
    pub changed: u64,
    /// Properties that got better.
    pub better: u64,
    /// Files of the new side only.
    pub new: u64,
    /// Of these, files that fail at the threshold.
    pub new_failing: u64,
    /// Files of the old side only.
    pub gone: u64,
}

/// What follows from a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// Severity from which findings fail new files; `None` when the gate is off for them.
    pub fail_on: Option<Severity>,
    /// The process exit code: 0 nothing worse, 1 something worse or a new file that fails, 2 a side is incomplete.
    pub exit_code: u8,
    /// One sentence.
    pub summary: String,
}

impl Diff {
    /// The value of [`Diff::schema`].
    pub const SCHEMA: &'static str = "hardpan-checksec-diff/1";

    /// Compares two sides. New files fail by findings of at least the severity `fail_on`.
    pub fn between(old: &Side, new: &Side, fail_on: Option<Severity>) -> Self {
        let pairs = pairs::pairs(old, new);
        let properties = common(old, new);
        let mut totals = Totals::default();
        let mut files = Vec::new();
        for (was, is, how) in &pairs.both {
            let changes = changes(&properties, was, is);
            let file = FileDiff {
                old_path: (was.place != is.place).then(|| was.place.clone()),
                matched_by: Some(*how),
                ..file(is, State::Both, changes)
            };
            totals.both(&file);
            if !file.changes.is_empty() || file.old_path.is_some() {
                files.push(file);
            }
        }
        for is in &pairs.new {
            let file = file(is, State::New, failures(&new.properties, is, fail_on));
            totals.new += 1;
            totals.new_failing += u64::from(!file.changes.is_empty());
            files.push(file);
        }
        totals.gone = pairs.gone.len() as u64;
        files.extend(pairs.gone.iter().map(|was| file(was, State::Gone, Vec::new())));
        files.sort_by(|a, b| (&a.path, a.state as u8).cmp(&(&b.path, b.state as u8)));
        let incomplete = [old.incomplete, new.incomplete];
        Self {
            schema: Self::SCHEMA,
            tool: Tool { name: "hardpan", version: env!("CARGO_PKG_VERSION") },
            old: subject(old),
            new: subject(new),
            not_compared: not_compared(old, new),
            files,
            totals,
            gate: gate(totals, incomplete, fail_on),
        }
    }
}

impl Totals {
    fn both(&mut self, file: &FileDiff) {
        self.compared += 1;
        self.unchanged += u64::from(file.changes.is_empty());
        self.moved += u64::from(file.old_path.is_some());
        for change in &file.changes {
            *match change.direction {
                Direction::Worse if change.counts => &mut self.worse,
                Direction::Worse | Direction::Fails => &mut self.settled,
                Direction::Changed => &mut self.changed,
                Direction::Better => &mut self.better,
            } += 1;
        }
    }
}

fn subject(side: &Side) -> Subject {
    let (path, kind) = (side.subject.clone(), side.kind.clone());
    Subject { path, kind, files: side.files.len() as u64, incomplete: side.incomplete }
}

/// The properties of both sides, in the order and with the headings of the new one.
fn common(old: &Side, new: &Side) -> Vec<(String, String)> {
    let known: BTreeSet<&String> = old.properties.iter().map(|(rule, _)| rule).collect();
    new.properties.iter().filter(|(rule, _)| known.contains(rule)).cloned().collect()
}

fn not_compared(old: &Side, new: &Side) -> Vec<NotCompared> {
    let missing = |from: &Side, other: &Side, only_in: &'static str| {
        let known: BTreeSet<String> = other.properties.iter().map(|(rule, _)| rule.clone()).collect();
        let only = from.properties.clone().into_iter().filter(move |(rule, _)| !known.contains(rule));
        only.map(move |(rule, property)| NotCompared { rule, property, only_in })
    };
    missing(old, new, "old").chain(missing(new, old, "new")).collect()
}

fn file(file: &File, state: State, changes: Vec<Change>) -> FileDiff {
    FileDiff {
        path: file.place.clone(),
        state,
        old_path: None,
        matched_by: None,
        kind: file.kind.clone(),
        machine: file.machine.clone(),
        language: file.language.clone(),
        changes,
    }
}

fn changes(properties: &[(String, String)], was: &File, is: &File) -> Vec<Change> {
    let mut changes: Vec<Change> = properties
        .iter()
        .filter_map(|(rule, property)| {
            let (old, new) = (was.cells.get(rule)?, is.cells.get(rule)?);
            let direction = direction(old.outcome, new.outcome)?;
            let is_settled = new.finding.as_ref().is_some_and(|finding| finding.settled);
            let counts = direction == Direction::Worse && !is_settled;
            Some(change(rule, property, direction, counts, Some(old), new))
        })
        .collect();
    changes.sort_by_key(|change| change.direction);
    changes
}

/// What fails of a file that was not there before.
fn failures(properties: &[(String, String)], is: &File, fail_on: Option<Severity>) -> Vec<Change> {
    let fails = |finding: &&Judged| {
        !finding.settled && fail_on.is_some_and(|threshold| finding.severity >= threshold)
    };
    let failing = properties.iter().filter_map(|(rule, property)| {
        let new = is.cells.get(rule)?;
        new.finding.as_ref().filter(fails)?;
        Some(change(rule, property, Direction::Fails, true, None, new))
    });
    failing.collect()
}

fn change(
    rule: &str,
    property: &str,
    direction: Direction,
    counts: bool,
    old: Option<&Cell>,
    new: &Cell,
) -> Change {
    let was = |cell: &Cell| Was { outcome: cell.outcome, label: cell.label.clone() };
    // What got better needs no flag.
    let finding = new.finding.as_ref().filter(|_| direction != Direction::Better);
    Change {
        rule: rule.to_owned(),
        property: property.to_owned(),
        direction,
        counts,
        old: old.map(was),
        new: was(new),
        severity: new.finding.as_ref().map(|finding| finding.severity),
        message: new.message.clone(),
        fixes: finding.map(|finding| finding.fixes.clone()).unwrap_or_default(),
    }
}

/// Which way a property went; `None` if it stayed. A failure that was none is worse whatever was, and so is the loss of a
/// proof: what was shown to be there and is not told any more must not pass for an accident. Counts in labels, such as
/// of checked calls, move with every build and say nothing.
fn direction(old: Outcome, new: Outcome) -> Option<Direction> {
    use Outcome::{Fail, NotApplicable, Partial, Pass, Unknown};
    Some(match (old, new) {
        (old, new) if old == new => return None,
        (_, Fail) | (Pass, Partial | Unknown) | (NotApplicable, Partial) => Direction::Worse,
        (Fail | Partial | Unknown, Pass) | (Fail, Partial) => Direction::Better,
        _ => Direction::Changed,
    })
}

fn gate(totals: Totals, incomplete: [bool; 2], fail_on: Option<Severity>) -> Gate {
    let exit_code = match (incomplete.contains(&true), totals.worse + totals.new_failing) {
        (true, _) => 2,
        (false, 1..) => 1,
        (false, 0) => 0,
    };
    let mut parts = Vec::new();
    for (is_incomplete, side) in incomplete.into_iter().zip(["old", "new"]) {
        if is_incomplete {
            parts.push(format!("the {side} side could not be judged in full"));
        }
    }
    parts.push(match totals.worse {
        0 => "nothing is worse".to_owned(),
        1 => "1 property is worse".to_owned(),
        count => format!("{count} properties are worse"),
    });
    for (count, what) in [
        (totals.new_failing, "new failing"),
        (totals.settled, "worse where the policy allows it"),
        (totals.better, "better"),
        (totals.changed, "not comparable"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    Gate { fail_on, exit_code, summary: parts.join("; ") }
}

#[cfg(test)]
mod tests;
