//! The report as JUnit XML, which GitLab, Jenkins and other services show as test results.
//!
//! No standard defines the form; elements and attributes are those that all of these read. Each rule is a suite, and each
//! file that it judges a case: the class is the path and the name is the rule's, since services group by class. Only what
//! fails the run is a failure, so that the service and the exit code agree; what the policy has settled is skipped, with
//! the reason, and what keeps the run from being complete is an error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use super::words::{disposition_words, evidence_place, fix_words, location_words, message_words};
use crate::{BytePath, Cell, Disposition, Finding, Judged, Matrix, Outcome, Report, RuleResult};

/// Writes the report as JUnit XML. The same report gives the same bytes.
pub fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let suites: Vec<Suite<'_>> = report.rules.iter().map(|rule| Suite::of(report, rule)).collect();
    let mut all = Counts::default();
    for suite in &suites {
        all.add(suite.counts);
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"hardpan {}\"{all}>", report.command)?;
    for suite in &suites {
        suite.write(out)?;
    }
    writeln!(out, "</testsuites>")
}

/// A rule.
struct Suite<'a> {
    rule: &'a RuleResult,
    cases: Vec<Case<'a>>,
    counts: Counts,
}

/// A file, or the whole subject, by one rule.
struct Case<'a> {
    class: Cow<'a, str>,
    result: Result<'a>,
}

enum Result<'a> {
    Passed,
    Skipped(Cow<'a, str>),
    /// What fails the run, or makes it incomplete.
    Bad(&'a Judged),
}

impl<'a> Suite<'a> {
    fn of(report: &'a Report, rule: &'a RuleResult) -> Self {
        let cases = match column(report, rule) {
            Some((matrix, at)) => of_files(matrix, at, rule),
            None => of_subject(report, rule),
        };
        let mut counts = Counts { tests: cases.len(), ..Counts::default() };
        for case in &cases {
            match case.result {
                Result::Passed => {}
                Result::Skipped(_) => counts.skipped += 1,
                Result::Bad(judged) if judged.disposition == Disposition::Incomplete => counts.errors += 1,
                Result::Bad(_) => counts.failures += 1,
            }
        }
        Self { rule, cases, counts }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { rule, cases, counts } = self;
        let name = attribute(&rule.name);
        writeln!(out, "  <testsuite name=\"{} {name}\"{counts}>", attribute(&rule.id))?;
        for case in cases {
            write!(out, "    <testcase classname=\"{}\" name=\"{name}\" time=\"0\"", attribute(&case.class))?;
            match &case.result {
                Result::Passed => writeln!(out, "/>")?,
                Result::Skipped(why) => {
                    writeln!(out, "><skipped message=\"{}\"/></testcase>", attribute(why))?;
                }
                Result::Bad(judged) => bad(rule, judged, out)?,
            }
        }
        writeln!(out, "  </testsuite>")
    }
}

/// The column of the table that the rule has, if it has one.
fn column<'a>(report: &'a Report, rule: &RuleResult) -> Option<(&'a Matrix, usize)> {
    let matrix = report.matrix.as_ref()?;
    Some((matrix, matrix.columns.iter().position(|column| column.rule == rule.id)?))
}

/// A case for each file, and one for each that has no row because it could not be read.
fn of_files<'a>(matrix: &'a Matrix, at: usize, rule: &'a RuleResult) -> Vec<Case<'a>> {
    let mut findings: BTreeMap<&BytePath, Vec<&Judged>> = BTreeMap::new();
    let mut others = Vec::new();
    for judged in &rule.findings {
        match &judged.finding.location {
            Some(location) => findings.entry(&location.path).or_default().push(judged),
            None => others.push(judged),
        }
    }
    let mut cases = Vec::new();
    for row in &matrix.rows {
        match findings.remove(&row.path) {
            Some(found) => cases.extend(found.into_iter().map(|judged| of_finding(judged, ""))),
            None => cases.extend(row.cells.get(at).map(|cell| of_cell(row.path.to_string(), cell))),
        }
    }
    let left = findings.into_values().flatten().chain(others);
    cases.extend(left.map(|judged| of_finding(judged, "")));
    cases
}

fn of_cell(path: String, cell: &Cell) -> Case<'_> {
    let result = match cell.outcome {
        Outcome::Pass => Result::Passed,
        _ if cell.message.is_empty() => Result::Skipped(Cow::Borrowed(&cell.label)),
        // A file that is too damaged to be judged is a finding of the rule about its form.
        _ => Result::Skipped(Cow::Borrowed(&cell.message)),
    };
    Case { class: path.into(), result }
}

/// A case for each finding, or one for the whole if there is none.
fn of_subject<'a>(report: &'a Report, rule: &'a RuleResult) -> Vec<Case<'a>> {
    if !rule.findings.is_empty() {
        return rule.findings.iter().map(|judged| of_finding(judged, report.command)).collect();
    }
    let result = match rule.outcome {
        Outcome::Pass => Result::Passed,
        _ => Result::Skipped(Cow::Borrowed(&rule.summary)),
    };
    vec![Case { class: report.command.into(), result }]
}

fn of_finding<'a>(judged: &'a Judged, class: &'a str) -> Case<'a> {
    let path = judged.finding.location.as_ref().map(|location| location.path.to_string());
    let result = match (&judged.disposition, disposition_words(&judged.disposition)) {
        (Disposition::Gating | Disposition::Incomplete, _) | (_, None) => Result::Bad(judged),
        (_, Some(settled)) => {
            Result::Skipped(format!("{settled}: {}", message_words(&judged.finding)).into())
        }
    };
    Case { class: path.map_or(Cow::Borrowed(class), Cow::Owned), result }
}

fn bad(rule: &RuleResult, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    let element = if judged.disposition == Disposition::Incomplete { "error" } else { "failure" };
    let finding = &judged.finding;
    let message = attribute(&message_words(finding)).into_owned();
    let kind = attribute(judged.severity.as_str()).into_owned();
    let text = body(rule, finding);
    writeln!(
        out,
        "><{element} message=\"{message}\" type=\"{kind}\">{}</{element}></testcase>",
        content(&text)
    )
}

/// What a reader of the service's page needs: where, what is wrong, the facts, and what to add.
fn body(rule: &RuleResult, finding: &Finding) -> String {
    let mut lines = vec![format!("{}: {}", rule.id, rule.title)];
    lines.extend(finding.location.as_ref().map(location_words));
    lines.push(message_words(finding));
    for evidence in &finding.evidence {
        let wanted = if evidence.wanted.is_empty() { "" } else { "; wanted: " };
        let place = evidence_place(finding.location.as_ref(), evidence);
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        lines.push(format!("{}: {}{wanted}{}{place}", evidence.what, evidence.seen, evidence.wanted));
    }
    lines.extend(fix_words(&finding.fixes));
    lines.push(format!("more: hardpan explain {}", rule.id));
    lines.join("\n")
}

/// What services add up.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped } = self;
        write!(
            f,
            " tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"0\""
        )
    }
}

/// Text for an attribute, in which line ends would become spaces.
fn attribute(text: &str) -> Cow<'_, str> {
    escape(text, true)
}

/// Text for between tags.
fn content(text: &str) -> Cow<'_, str> {
    escape(text, false)
}

fn escape(text: &str, in_attribute: bool) -> Cow<'_, str> {
    let stays = |character: char| match character {
        '&' | '<' | '>' | '"' => false,
        '\n' | '\t' => !in_attribute,
        other => is_char(other),
    };
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other if stays(other) => out.push(other),
            '\n' | '\t' => out.push_str(if character == '\n' { "&#10;" } else { "&#9;" }),
            // Not even a reference may stand for these (XML 1.0, 4.1). Text arrives escaped; this is a second lock.
            other => out.extend(other.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// `Char` of XML 1.0 (production 2) but a carriage return, which parsers turn into a line feed, and the C1 controls, which
/// drive terminals.
fn is_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_xml_forbids_is_left() {
        assert_eq!(attribute("a<b>&\"c\"\n\td"), "a&lt;b&gt;&amp;&quot;c&quot;&#10;&#9;d");
        assert_eq!(content("a\n\tb]]>"), "a\n\tb]]&gt;");
        assert_eq!(
            content("\0\u{1b}\r\u{7f}\u{85}\u{fffe}\u{ffff}"),
            "\\u{0}\\u{1b}\\u{d}\\u{7f}\\u{85}\\u{fffe}\\u{ffff}"
        );
        assert_eq!(content("\u{e4}\u{10ffff}"), "\u{e4}\u{10ffff}");
    }
}
