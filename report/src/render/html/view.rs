//! What the page's template is given: the report in the order and the words of the page.

use std::collections::HashMap;

use serde::Serialize;

use crate::render::markdown;
use crate::render::words::{
    evidence_place, fix_words, gate_word, location_words, outcome_word, policy_words, shared_fixes,
    tally_parts, tally_words,
};
use crate::{
    Cell, Column, Confidence, Coverage, Disposition, Evidence, Fix, Gate, Judged, LanguageShare, Location,
    Outcome, PillarResult, Report, Row, RuleResult, Severity, Subject, Tool, Totals,
};

/// Rows of a table that the browser lays out together or, out of sight, not at all.
const CHUNK: usize = 100;
/// Failing rules with more findings than this start closed, so that a page with thousands opens with an overview.
const OPEN: usize = 20;

/// The page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    /// What the template calls `report`.
    #[serde(skip)]
    pub(super) head: Head<'a>,
    title: &'static str,
    /// The system's name, or else the path as the user gave it.
    subject: String,
    verdict: Mark,
    verdict_word: &'static str,
    cards: Vec<Card<'a>>,
    sections: Vec<Section<'a>>,
    chunks: Vec<Chunk<'a>>,
    columns: Vec<ColumnView<'a>>,
    /// What cells say when they are pointed at, each text once, by the numbers that they have of it.
    notes: Vec<String>,
    executables: usize,
    severities: Vec<Share>,
}

/// The parts of the report that the template takes as they are.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    tool: &'a Tool,
    command: &'static str,
    subject: &'a Subject,
    coverage: &'a Coverage,
    gate: &'a Gate,
    totals: &'a Totals,
    languages: Vec<LanguageView<'a>>,
}

/// An outcome as a class for the style sheet and as a word.
#[derive(Clone, Copy, Serialize)]
struct Mark {
    class: &'static str,
    word: &'static str,
}

#[derive(Serialize)]
struct Card<'a> {
    pillar: &'a PillarResult,
    mark: Mark,
    counts: String,
}

/// A pillar with its rules, or Hardpan's own configuration, which has no number.
#[derive(Serialize)]
struct Section<'a> {
    id: String,
    number: Option<u8>,
    title: &'a str,
    promise: &'a str,
    mark: Mark,
    rules: Vec<RuleView<'a>>,
}

#[derive(Serialize)]
struct RuleView<'a> {
    id: &'a str,
    name: &'a str,
    title: &'a str,
    severity: Severity,
    summary: &'a str,
    mark: Mark,
    is_bad: bool,
    is_open: bool,
    counted: Option<String>,
    fixes: Vec<FixView>,
    rationale: String,
    remedy: String,
    facts: Vec<Fact<'a>>,
    findings: Vec<FindingView<'a>>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    mark: Mark,
    place: Option<String>,
    message: &'a str,
    is_likely: bool,
    fixes: Vec<FixView>,
    settled: bool,
    disposition: Option<String>,
    cause: Option<&'static str>,
    facts: Vec<Fact<'a>>,
}

/// `gcc or clang`, and what they are to be given.
#[derive(Serialize)]
struct FixView {
    words: String,
    flag: String,
}

#[derive(Serialize)]
struct Fact<'a> {
    what: &'a str,
    seen: &'a str,
    wanted: &'a str,
    place: String,
}

#[derive(Serialize)]
struct Chunk<'a> {
    first: usize,
    last: usize,
    rows: Vec<RowView<'a>>,
}

#[derive(Serialize)]
struct RowView<'a> {
    path: String,
    kind: &'static str,
    machine: &'a str,
    language: &'static str,
    size: u64,
    cells: Vec<CellView<'a>>,
}

#[derive(Serialize)]
struct CellView<'a> {
    mark: Mark,
    label: &'a str,
    notes: String,
}

#[derive(Serialize)]
struct ColumnView<'a> {
    title: &'static str,
    /// The rule to link to, if it is on the page.
    rule: Option<&'a str>,
}

#[derive(Serialize)]
struct LanguageView<'a> {
    language_name: &'static str,
    #[serde(flatten)]
    share: &'a LanguageShare,
}

#[derive(Serialize)]
struct Share {
    name: &'static str,
    number: u64,
}

/// The page of a report.
pub(super) fn page(report: &Report) -> Page<'_> {
    let rows = report.matrix.as_ref().map_or(&[][..], |matrix| &matrix.rows);
    let mut notes = Notes::default();
    let chunks = rows.chunks(CHUNK).enumerate();
    let chunks = chunks.map(|(at, rows)| chunk(at * CHUNK, rows, &mut notes)).collect();
    Page {
        head: Head {
            tool: &report.tool,
            command: report.command,
            subject: &report.subject,
            coverage: &report.coverage,
            gate: &report.gate,
            totals: &report.totals,
            languages: report.languages.iter().map(language).collect(),
        },
        title: match report.command {
            "checksec" => "Executable hardening report",
            "lockdown" => "Kernel hardening report",
            _ => "Audit report",
        },
        subject: report.subject.os.clone().unwrap_or_else(|| report.subject.path.to_string()),
        verdict: mark(match report.gate.exit_code {
            0 => Outcome::Pass,
            1 => Outcome::Fail,
            _ => Outcome::Unknown,
        }),
        verdict_word: gate_word(&report.gate),
        cards: report.pillars.iter().map(card).collect(),
        sections: sections(report),
        chunks,
        columns: report
            .matrix
            .iter()
            .flat_map(|matrix| &matrix.columns)
            .map(|it| column(report, it))
            .collect(),
        notes: notes.texts,
        executables: rows.len(),
        severities: severities(report),
    }
}

fn card(pillar: &PillarResult) -> Card<'_> {
    let parts = tally_parts(&pillar.rules);
    let counts = if parts.is_empty() { "no rules".to_owned() } else { parts.join(" \u{b7} ") };
    Card { pillar, mark: mark(pillar.outcome), counts }
}

fn sections(report: &Report) -> Vec<Section<'_>> {
    let of_pillar = |pillar: &'_ PillarResult| report.rules_of(pillar.id).map(rule).collect();
    let mut sections: Vec<Section<'_>> = report
        .pillars
        .iter()
        .map(|pillar| Section {
            id: format!("pillar-{}", pillar.number),
            number: Some(pillar.number),
            title: pillar.title,
            promise: pillar.promise,
            mark: mark(pillar.outcome),
            rules: of_pillar(pillar),
        })
        .collect();
    let own: Vec<&RuleResult> = report.rules.iter().filter(|rule| rule.pillar.is_none()).collect();
    if let Some(worst) = own.iter().map(|rule| rule.outcome).max() {
        sections.push(Section {
            id: "configuration".into(),
            number: None,
            title: "Hardpan\u{2019}s own configuration",
            promise: "Waivers and settings are in use, in date, and mean what they say.",
            mark: mark(worst),
            rules: own.into_iter().map(rule).collect(),
        });
    }
    sections
}

fn rule(rule: &RuleResult) -> RuleView<'_> {
    let is_bad = matches!(rule.outcome, Outcome::Fail | Outcome::Partial | Outcome::Unknown);
    let shared = shared_fixes(rule);
    let counted = rule.tally.as_ref().zip(rule.unit).map(|(tally, unit)| tally_words(tally, unit));
    RuleView {
        id: &rule.id,
        name: &rule.name,
        title: &rule.title,
        severity: rule.severity,
        summary: &rule.summary,
        mark: mark(rule.outcome),
        is_bad,
        is_open: is_bad && rule.findings.len() <= OPEN,
        counted,
        fixes: fixes(shared.unwrap_or_default()),
        rationale: markdown::html(&rule.rationale),
        remedy: markdown::html(&rule.remedy),
        facts: facts(None, &rule.evidence),
        findings: rule.findings.iter().map(|judged| finding(rule, judged, shared.is_none())).collect(),
    }
}

/// `with_fixes` where the rule's findings do not share what to add.
fn finding<'a>(rule: &RuleResult, judged: &'a Judged, with_fixes: bool) -> FindingView<'a> {
    let finding = &judged.finding;
    let is_settled = matches!(
        judged.disposition,
        Disposition::Allowed { .. }
            | Disposition::Waived { .. }
            | Disposition::Known
            | Disposition::NotAsked
            | Disposition::Off
    );
    FindingView {
        mark: mark(finding.outcome),
        place: finding.location.as_ref().map(location_words),
        message: &finding.message,
        is_likely: finding.confidence == Confidence::Heuristic,
        fixes: if with_fixes { fixes(&finding.fixes) } else { Vec::new() },
        settled: is_settled,
        disposition: policy_words(rule.severity, judged),
        cause: finding.cause.map(crate::Cause::as_str),
        facts: facts(finding.location.as_ref(), &finding.evidence),
    }
}

fn facts<'a>(known: Option<&Location>, evidence: &'a [Evidence]) -> Vec<Fact<'a>> {
    let fact = |evidence: &'a Evidence| Fact {
        what: &evidence.what,
        seen: &evidence.seen,
        wanted: &evidence.wanted,
        place: evidence_place(known, evidence),
    };
    evidence.iter().map(fact).collect()
}

fn fixes(fixes: &[Fix]) -> Vec<FixView> {
    let split = |words: String| match words.split_once(": ") {
        Some((words, flag)) => FixView { words: words.into(), flag: flag.into() },
        None => FixView { words, flag: String::new() },
    };
    fix_words(fixes).into_iter().map(split).collect()
}

/// The texts behind cells. Thousands of files have the same few facts; a page in which each cell had its own text would
/// not open.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    numbers: HashMap<String, usize>,
}

/// Texts of one page: most rules have some dozens, and those that name addresses have one for each file. What comes after
/// is in the other forms of the report.
const NOTES: usize = 10_000;

impl Notes {
    /// The numbers of a cell's texts, its message first.
    fn of(&mut self, cell: &Cell) -> String {
        let fact = |fact: &Evidence| {
            let wanted = if fact.wanted.is_empty() { "" } else { "; wanted: " };
            format!("{}: {}{wanted}{}", fact.what, fact.seen, fact.wanted)
        };
        let message = (!cell.message.is_empty()).then(|| cell.message.to_string());
        let texts = message.into_iter().chain(cell.evidence.iter().map(fact));
        let numbers: Vec<String> =
            texts.filter_map(|text| self.number(text)).map(|number| number.to_string()).collect();
        numbers.join(" ")
    }

    fn number(&mut self, text: String) -> Option<usize> {
        if let Some(number) = self.numbers.get(&text) {
            return Some(*number);
        }
        let number = self.texts.len();
        (number < NOTES).then(|| {
            self.texts.push(text.clone());
            self.numbers.insert(text, number);
            number
        })
    }
}

fn chunk<'a>(first: usize, rows: &'a [Row], notes: &mut Notes) -> Chunk<'a> {
    let rows: Vec<RowView<'_>> = rows.iter().map(|it| row(it, notes)).collect();
    Chunk { first: first + 1, last: first + rows.len(), rows }
}

fn row<'a>(row: &'a Row, notes: &mut Notes) -> RowView<'a> {
    RowView {
        path: row.path.to_string(),
        kind: row.kind,
        machine: &row.machine,
        language: row.language.as_str(),
        size: row.size,
        cells: row
            .cells
            .iter()
            .map(|cell| CellView { mark: mark(cell.outcome), label: &cell.label, notes: notes.of(cell) })
            .collect(),
    }
}

fn column<'a>(report: &'a Report, column: &Column) -> ColumnView<'a> {
    let rule = report.rules.iter().find(|rule| rule.id == column.rule);
    ColumnView { title: column.title, rule: rule.map(|rule| rule.id.as_ref()) }
}

fn language(share: &LanguageShare) -> LanguageView<'_> {
    LanguageView { language_name: share.language.as_str(), share }
}

/// The failures by severity, worst first.
fn severities(report: &Report) -> Vec<Share> {
    let share = |severity: Severity| {
        let name = severity.as_str();
        report.totals.failures.get(name).map(|number| Share { name, number: *number })
    };
    Severity::ALL.into_iter().rev().filter_map(share).collect()
}

fn mark(outcome: Outcome) -> Mark {
    let class = match outcome {
        Outcome::Pass => "pass",
        Outcome::Partial => "partial",
        Outcome::Fail => "fail",
        Outcome::Unknown => "unknown",
        Outcome::NotApplicable => "na",
    };
    Mark { class, word: outcome_word(outcome) }
}
