//! The table of executables by property, as text.

use std::cmp::Reverse;
use std::io;

use unicode_width::UnicodeWidthStr;

use super::layout::{Layout, Line, Paint};
use super::words::count;
use super::{Table, TerminalStyle};
use crate::{Cell, Column, Matrix, Outcome, Report, Row, RuleResult, Severity};

/// What the column of paths needs at least for the table to be a table.
const PATH: usize = 24;
/// From this many columns for the path on, the kind of file has a column too.
const KIND: usize = 60;
/// The longest kind, `static executable`, and a gap.
const KIND_WIDTH: usize = 18;
/// Fewer properties than this beside a path are no table: then all of them stand below each path.
const FEWEST: usize = 3;

/// Writes the table: a line for each file, with the properties that the style asks for, or those that matter most and fit.
/// Where the width allows hardly any, each file has all of its properties below it.
///
/// Cells carry a mark of their outcome, since a label such as `none` is good in one column and bad in another, and
/// since colour may be off or not be seen.
pub(super) fn table(
    layout: &mut Layout<'_>,
    report: &Report,
    matrix: &Matrix,
    style: &TerminalStyle<'_>,
) -> io::Result<()> {
    let widths = widths(matrix);
    let asked = asked(report, matrix, style.columns);
    let needed = |columns: &[usize]| columns.iter().map(|at| widths[*at] + 2).sum::<usize>();
    let room = layout.width().saturating_sub(needed(&asked));
    let fitting = fitting(report, matrix, &widths, layout.width().saturating_sub(PATH));
    let shown = if style.table == Table::Wide || room >= PATH || !style.columns.is_empty() {
        asked
    } else if fitting.len() >= FEWEST {
        fitting
    } else {
        asked
    };
    let room = layout.width().saturating_sub(needed(&shown));
    let chosen = Chosen { matrix, widths: &widths, shown: &shown };
    if style.table == Table::Wide {
        chosen.wide(layout, true, false)?;
    } else if room >= PATH {
        chosen.wide(layout, room >= KIND, true)?;
    } else {
        chosen.narrow(layout)?;
    }
    legend(layout, matrix.rows.len())?;
    if style.columns.is_empty() {
        left_out(layout, report, matrix, &shown)?;
    }
    layout.blank()
}

/// The columns by the ids or names of their rules, in the order asked for; all if none is.
fn asked(report: &Report, matrix: &Matrix, names: &[String]) -> Vec<usize> {
    if names.is_empty() {
        return (0..matrix.columns.len()).collect();
    }
    let is = |column: &Column, name: &str| {
        column.rule == name || rule(report, column).is_some_and(|rule| rule.name == name)
    };
    names.iter().filter_map(|name| matrix.columns.iter().position(|column| is(column, name))).collect()
}

/// The columns that fit into `room` together, those of the gravest rules first; in the table's order. None is taken
/// while a graver one has no room.
fn fitting(report: &Report, matrix: &Matrix, widths: &[usize], room: usize) -> Vec<usize> {
    let severity = |at: usize| rule(report, &matrix.columns[at]).map_or(Severity::Info, |rule| rule.severity);
    let mut by_severity: Vec<usize> = (0..matrix.columns.len()).collect();
    by_severity.sort_by_key(|at| Reverse(severity(*at)));
    let (mut left, mut mildest) = (room, Severity::Info);
    by_severity.retain(|at| match left.checked_sub(widths[*at] + 2) {
        Some(rest) if severity(*at) >= mildest => {
            left = rest;
            true
        }
        _ => {
            mildest = mildest.max(severity(*at));
            false
        }
    });
    by_severity.sort_unstable();
    by_severity
}

fn rule<'r>(report: &'r Report, column: &Column) -> Option<&'r RuleResult> {
    report.rules.iter().find(|rule| rule.id == column.rule)
}

/// Says by name what the width had no room for: a property that is not mentioned would look like one that is not judged.
fn left_out(layout: &mut Layout<'_>, report: &Report, matrix: &Matrix, shown: &[usize]) -> io::Result<()> {
    let hidden = matrix.columns.iter().enumerate().filter(|(at, _)| !shown.contains(at));
    let names: Vec<&str> =
        hidden.map(|(_, column)| rule(report, column).map_or(&*column.rule, |rule| &*rule.name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let line = Line::of(Paint::Faint, "Judged, but too wide to show here: ")
        .and(Paint::Plain, &names.join(", "))
        .and(Paint::Faint, " (--format wide, or --columns NAME,NAME)");
    layout.paragraph(0, 2, &line)
}

/// The columns to show.
struct Chosen<'a> {
    matrix: &'a Matrix,
    widths: &'a [usize],
    shown: &'a [usize],
}

impl Chosen<'_> {
    fn wide(&self, layout: &mut Layout<'_>, with_kind: bool, wraps: bool) -> io::Result<()> {
        let mut head = Line::default();
        let mut at = 0;
        for column in self.shown {
            at += self.widths[*column] + 2;
            head = head.and(Paint::Strong, &format!(" {}", self.matrix.columns[*column].title)).pad(at);
        }
        if with_kind {
            head = head.and(Paint::Strong, "TYPE").pad(at + KIND_WIDTH);
        }
        let head = head.and(Paint::Strong, "FILE");
        let rows = self.matrix.rows.iter().map(|row| self.wide_row(row, with_kind));
        for line in std::iter::once(head).chain(rows) {
            if wraps {
                layout.paragraph(0, 4, &line)?;
            } else {
                layout.whole(&line)?;
            }
        }
        Ok(())
    }

    fn wide_row(&self, row: &Row, with_kind: bool) -> Line {
        let mut line = Line::default();
        let mut at = 0;
        for column in self.shown {
            at += self.widths[*column] + 2;
            line = put_cell(line, row.cells.get(*column)).pad(at);
        }
        if with_kind {
            line = line.and(Paint::Faint, row.kind).and(Paint::Plain, " ").pad(at + KIND_WIDTH);
        }
        line.and(Paint::Plain, &row.path.to_string())
    }

    fn narrow(&self, layout: &mut Layout<'_>) -> io::Result<()> {
        const INDENT: usize = 2;
        let titles = self.shown.iter().map(|at| self.matrix.columns[*at].title.width()).max().unwrap_or(0);
        let labels = self.shown.iter().map(|at| self.widths[*at]).max().unwrap_or(0);
        let step = titles + 1 + labels + 2;
        let in_line = ((layout.width() - INDENT + 2) / step).max(1);
        for row in &self.matrix.rows {
            let line =
                Line::of(Paint::Strong, &row.path.to_string()).and(Paint::Faint, &format!("  {}", row.kind));
            layout.paragraph(0, 4, &line)?;
            for group in self.shown.chunks(in_line) {
                let mut line = Line::default();
                for (at, column) in group.iter().enumerate() {
                    let title = self.matrix.columns[*column].title;
                    line = line.pad(at * step).and(Paint::Faint, title).pad(at * step + titles + 1);
                    line = put_cell(line, row.cells.get(*column));
                }
                layout.paragraph(INDENT, INDENT + 2, &line)?;
            }
        }
        Ok(())
    }
}

pub(super) fn put_cell(line: Line, cell: Option<&Cell>) -> Line {
    let Some(cell) = cell else { return line };
    let mark = match cell.outcome {
        Outcome::Pass => " ",
        Outcome::Partial => "~",
        Outcome::Fail => "!",
        Outcome::Unknown => "?",
        Outcome::NotApplicable => "-",
    };
    line.and(Paint::Mark(cell.outcome), mark).and(Paint::Outcome(cell.outcome), &cell.label)
}

fn legend(layout: &mut Layout<'_>, rows: usize) -> io::Result<()> {
    layout.blank()?;
    let line = Line::of(Paint::Faint, &format!("{} ELF files.  ", count(rows as u64)))
        .and(Paint::Mark(Outcome::Fail), "!")
        .and(Paint::Faint, " fails   ")
        .and(Paint::Mark(Outcome::Partial), "~")
        .and(Paint::Faint, " in part   ")
        .and(Paint::Mark(Outcome::Unknown), "?")
        .and(Paint::Faint, " unknown   ")
        .and(Paint::Faint, "- not applicable   no mark: passes");
    layout.paragraph(0, 2, &line)
}

/// Columns that each property takes: its title or its longest label, with the mark before either.
fn widths(matrix: &Matrix) -> Vec<usize> {
    let label = |row: &Row, at: usize| row.cells.get(at).map_or(0, |cell| cell.label.width());
    let longest = |at: usize| matrix.rows.iter().map(|row| label(row, at)).max().unwrap_or(0);
    matrix.columns.iter().enumerate().map(|(at, column)| column.title.width().max(longest(at)) + 1).collect()
}
