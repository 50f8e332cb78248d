//! The table of executables as CSV (RFC 4180), for spreadsheets and for tools that read lines.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::{BytePath, Cell, Finding, Outcome, Report, Row, RuleResult};

/// Writes a line for each file, with `OUTCOME:LABEL` for each property, and one for each place that could not be read, with
/// the reason in the last field. The same report gives the same bytes.
pub fn csv(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let columns = report.matrix.as_ref().map_or(&[][..], |matrix| &matrix.columns);
    let rows = report.matrix.as_ref().map_or(&[][..], |matrix| &matrix.rows);
    let name = |rule: &str| report.rules.iter().find(|it| it.id == rule).map(|it| it.name.to_string());
    let mut head: Vec<String> = FIXED.iter().map(ToString::to_string).collect();
    head.extend(columns.iter().map(|column| name(&column.rule).unwrap_or_else(|| column.rule.to_string())));
    head.push("problem".into());
    record(head.iter().map(String::as_str), out)?;
    for row in rows {
        file(row, out)?;
    }
    let unread = unread(report, rows);
    for (path, reason) in &unread {
        let path = path.to_string();
        let empty = std::iter::repeat_n("", FIXED.len() - 1);
        let unknown = std::iter::repeat_n("unknown:unread", columns.len());
        record(std::iter::once(path.as_str()).chain(empty).chain(unknown).chain([*reason]), out)?;
    }
    Ok(())
}

/// The fields before the properties.
const FIXED: [&str; 6] = ["path", "kind", "machine", "language", "build_id", "size"];

fn file(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let (path, size) = (row.path.to_string(), row.size.to_string());
    let fixed = [
        path.as_str(),
        row.kind,
        &row.machine,
        row.language.as_str(),
        row.build_id.as_deref().unwrap_or(""),
        &size,
    ];
    let property = |cell: &Cell| format!("{}:{}", cell.outcome, cell.label);
    let properties: Vec<String> = row.cells.iter().map(property).collect();
    record(fixed.into_iter().chain(properties.iter().map(String::as_str)).chain([""]), out)
}

/// What could not be read and why: files without a row, and other places.
fn unread<'a>(report: &'a Report, rows: &'a [Row]) -> BTreeSet<(&'a BytePath, &'a str)> {
    let known: BTreeSet<&BytePath> = rows.iter().map(|row| &row.path).collect();
    // Of what has a row, the row tells; what a rule about files could not tell of has none.
    let is_of_files = |rule: &&RuleResult| {
        let columns = report.matrix.as_ref().map_or(&[][..], |matrix| &matrix.columns);
        columns.iter().any(|column| column.rule == rule.id)
    };
    let judged = report.rules.iter().filter(is_of_files).flat_map(|rule| &rule.findings);
    let others = report.rules.iter().filter(|rule| !is_of_files(rule)).flat_map(|rule| &rule.findings);
    let incomplete = |finding: &&Finding| finding.cause.is_some_and(crate::Cause::is_incomplete);
    let unknown = judged.map(|judged| &judged.finding).filter(|finding| finding.outcome == Outcome::Unknown);
    unknown
        .chain(others.map(|judged| &judged.finding).filter(incomplete))
        .filter_map(|finding| Some((&finding.location.as_ref()?.path, finding.message.as_str())))
        .chain(report.coverage.problems.iter().map(|problem| (&problem.path, problem.reason.as_str())))
        .filter(|(path, _)| !known.contains(path))
        .collect()
}

fn record<'a>(fields: impl Iterator<Item = &'a str>, out: &mut dyn Write) -> io::Result<()> {
    let fields: Vec<Cow<'_, str>> = fields.map(field).collect();
    out.write_all(fields.join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

/// A field, in quotes if it needs them. What a spreadsheet would take for a formula gets an apostrophe before it: the name
/// of a file must not be able to compute.
fn field(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !is_formula && !text.contains(['"', ',', '\r', '\n']) {
        return Cow::Borrowed(text);
    }
    let apostrophe = if is_formula { "'" } else { "" };
    Cow::Owned(format!("\"{apostrophe}{}\"", text.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_do_not_compute() {
        assert_eq!(field("/usr/bin/env"), "/usr/bin/env");
        assert_eq!(field("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(field("=1+1"), "\"'=1+1\"");
        assert_eq!(field("@x"), "\"'@x\"");
        assert_eq!(field("-a,b"), "\"'-a,b\"");
        assert_eq!(field(""), "");
    }
}
