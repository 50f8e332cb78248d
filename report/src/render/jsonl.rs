//! JSON Lines (one JSON text a line) of `checksec`, written while the scan goes on.
//!
//! A first line says what is judged by which rules, then each file and each place that could not be read has a line, then
//! each rule and each finding with what the policy made of it. The line of type `end` is the last one: where it is missing,
//! the run was stopped, and nothing may be taken for complete.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::{
    BytePath, Cause, Cell, Coverage, Disposition, Fix, Gate, Judged, Language, LanguageShare, Outcome,
    Problem, Report, Row, RuleMeta, RuleResult, Severity, Subject, Tally, Tool, Totals,
};

/// The JSON Schema (draft 2020-12) of each line.
pub const LINES_SCHEMA: &str = include_str!("../../../docs/checksec-jsonl.schema.json");

/// The version of the form.
const SCHEMA: &str = "hardpan-checksec-lines/1";

/// Makes the lines of one run. Each method makes whole lines; the same run gives the same bytes.
pub struct Lines<'m> {
    /// In the order of the cells of a row.
    rules: Vec<&'m RuleMeta>,
}

impl<'m> Lines<'m> {
    /// Lines about files that these rules judge, in the order of the cells of a row.
    pub fn new(rules: Vec<&'m RuleMeta>) -> Self {
        Self { rules }
    }

    /// The first line.
    pub fn header(&self, subject: &Subject, out: &mut dyn Write) -> io::Result<()> {
        let tool = Tool { name: "hardpan", version: env!("CARGO_PKG_VERSION") };
        let property =
            |rule: &&'m RuleMeta| Property { rule: &rule.id, name: &rule.name, title: &rule.title };
        let properties = self.rules.iter().map(property).collect();
        line(out, &Line::Header { schema: SCHEMA, tool, command: "checksec", subject, properties })
    }

    /// A file.
    pub fn file(&self, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        line(out, &Line::File(File { row, rules: &self.rules }))
    }

    /// A place that could not be read.
    pub fn problem(&self, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
        line(out, &Line::Problem(problem))
    }

    /// A place that was left out on purpose.
    pub fn not_entered(&self, place: &Problem, out: &mut dyn Write) -> io::Result<()> {
        line(out, &Line::NotEntered(place))
    }

    /// Everything that is known at the end only: rules, findings, and the last line.
    pub fn end(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        for rule in &report.rules {
            line(out, &Line::Rule(Concluded::of(rule)))?;
        }
        for rule in &report.rules {
            for judged in &rule.findings {
                line(out, &Line::Finding(Found::of(rule, judged)))?;
            }
        }
        line(
            out,
            &Line::End {
                coverage: Counts::of(&report.coverage),
                languages: &report.languages,
                totals: &report.totals,
                gate: &report.gate,
            },
        )
    }
}

fn line(out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Header {
        schema: &'static str,
        tool: Tool,
        command: &'static str,
        subject: &'a Subject,
        properties: Vec<Property<'a>>,
    },
    File(File<'a>),
    Problem(&'a Problem),
    NotEntered(&'a Problem),
    Rule(Concluded<'a>),
    Finding(Found<'a>),
    End {
        coverage: Counts,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        languages: &'a [LanguageShare],
        totals: &'a Totals,
        gate: &'a Gate,
    },
}

#[derive(Serialize)]
struct Property<'a> {
    rule: &'a str,
    name: &'a str,
    title: &'a str,
}

/// A file with its properties by name.
struct File<'a> {
    row: &'a Row,
    rules: &'a [&'a RuleMeta],
}

impl<'a> Serialize for File<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (row, rules) = (self.row, self.rules);
        let judgement = |(rule, cell): (&&'a RuleMeta, &'a Cell)| {
            let fixes = rule.fixes_for(cell.outcome, row.language);
            (&*rule.name, Judgement { cell, fixes })
        };
        let properties = rules.iter().zip(&row.cells).map(judgement).collect();
        let shown = Shown {
            path: &row.path,
            kind: row.kind,
            machine: &row.machine,
            language: row.language,
            language_evidence: &row.language_evidence,
            build_id: row.build_id.as_deref(),
            size: row.size,
            properties,
        };
        shown.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    path: &'a BytePath,
    kind: &'static str,
    machine: &'a str,
    language: Language,
    #[serde(skip_serializing_if = "str::is_empty")]
    language_evidence: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<&'a str>,
    size: u64,
    properties: BTreeMap<&'a str, Judgement<'a>>,
}

#[derive(Serialize)]
struct Judgement<'a> {
    #[serde(flatten)]
    cell: &'a Cell,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
}

/// What a rule concluded of all files together.
#[derive(Serialize)]
struct Concluded<'a> {
    rule: &'a str,
    name: &'a str,
    severity: Severity,
    outcome: Outcome,
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tally: Option<&'a Tally>,
}

impl<'a> Concluded<'a> {
    fn of(rule: &'a RuleResult) -> Self {
        Self {
            rule: &rule.id,
            name: &rule.name,
            severity: rule.severity,
            outcome: rule.outcome,
            summary: &rule.summary,
            tally: rule.tally.as_ref(),
        }
    }
}

#[derive(Serialize)]
struct Found<'a> {
    rule: &'a str,
    severity: Severity,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a BytePath>,
    fingerprint: &'a str,
    disposition: &'a Disposition,
}

impl<'a> Found<'a> {
    fn of(rule: &'a RuleResult, judged: &'a Judged) -> Self {
        Self {
            rule: &rule.id,
            severity: judged.severity,
            outcome: judged.finding.outcome,
            cause: judged.finding.cause,
            path: judged.finding.location.as_ref().map(|location| &location.path),
            fingerprint: &judged.fingerprint,
            disposition: &judged.disposition,
        }
    }
}

/// The places have lines of their own.
#[derive(Serialize)]
struct Counts {
    entries: u64,
    files: u64,
    directories: u64,
    elf_files: u64,
    closed_libraries: u64,
    not_entered: u64,
    problems: u64,
}

impl Counts {
    fn of(coverage: &Coverage) -> Self {
        Self {
            entries: coverage.entries,
            files: coverage.files,
            directories: coverage.directories,
            elf_files: coverage.elf_files,
            closed_libraries: coverage.closed_libraries,
            not_entered: coverage.not_entered.len() as u64,
            problems: coverage.problems.len() as u64,
        }
    }
}
