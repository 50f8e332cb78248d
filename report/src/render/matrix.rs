//! The table of executables by property, as text.

use std::io;

use unicode_width::UnicodeWidthStr;

use super::layout::{Layout, Line, Paint};
use super::words::count;
use crate::{Cell, Matrix, Outcome, Row};

/// What the column of paths needs at least for the table to be a table.
const PATH: usize = 24;
/// From this many columns for the path on, the kind of file has a column too.
const KIND: usize = 60;
/// The longest kind, `static executable`, and a gap.
const KIND_WIDTH: usize = 18;

/// Writes the table: a line for each file if the width allows, else each file with its properties below it.
///
/// Cells carry a mark of their outcome, since a label such as `none` is good in one column and bad in another, and
/// since colour may be off or not be seen.
pub(super) fn table(layout: &mut Layout<'_>, matrix: &Matrix) -> io::Result<()> {
    let widths = widths(matrix);
    let cells: usize = widths.iter().map(|width| width + 2).sum();
    let room = layout.width().saturating_sub(cells);
    if room >= PATH {
        wide(layout, matrix, &widths, room >= KIND)?;
    } else {
        narrow(layout, matrix, &widths)?;
    }
    legend(layout, matrix.rows.len())
}

fn wide(layout: &mut Layout<'_>, matrix: &Matrix, widths: &[usize], with_kind: bool) -> io::Result<()> {
    let mut head = Line::default();
    let mut at = 0;
    for (column, width) in matrix.columns.iter().zip(widths) {
        at += width + 2;
        head = head.and(Paint::Strong, &format!(" {}", column.title)).pad(at);
    }
    if with_kind {
        head = head.and(Paint::Strong, "TYPE").pad(at + KIND_WIDTH);
    }
    layout.paragraph(0, 0, &head.and(Paint::Strong, "FILE"))?;
    for row in &matrix.rows {
        layout.paragraph(0, 4, &wide_row(row, widths, with_kind))?;
    }
    Ok(())
}

fn wide_row(row: &Row, widths: &[usize], with_kind: bool) -> Line {
    let mut line = Line::default();
    let mut at = 0;
    for (cell, width) in row.cells.iter().zip(widths) {
        at += width + 2;
        line = put_cell(line, cell).pad(at);
    }
    if with_kind {
        line = line.and(Paint::Faint, row.kind).and(Paint::Plain, " ").pad(at + KIND_WIDTH);
    }
    line.and(Paint::Plain, &row.path.to_string())
}

fn narrow(layout: &mut Layout<'_>, matrix: &Matrix, widths: &[usize]) -> io::Result<()> {
    const INDENT: usize = 2;
    let titles = matrix.columns.iter().map(|column| column.title.width()).max().unwrap_or(0);
    let labels = widths.iter().copied().max().unwrap_or(0);
    let step = titles + 1 + labels + 2;
    let in_line = ((layout.width() - INDENT + 2) / step).max(1);
    for row in &matrix.rows {
        let line =
            Line::of(Paint::Strong, &row.path.to_string()).and(Paint::Faint, &format!("  {}", row.kind));
        layout.paragraph(0, 4, &line)?;
        let cells: Vec<_> = matrix.columns.iter().zip(&row.cells).collect();
        for group in cells.chunks(in_line) {
            let mut line = Line::default();
            for (at, (column, cell)) in group.iter().enumerate() {
                line = line.pad(at * step).and(Paint::Faint, column.title).pad(at * step + titles + 1);
                line = put_cell(line, cell);
            }
            layout.paragraph(INDENT, INDENT + 2, &line)?;
        }
    }
    Ok(())
}

pub(super) fn put_cell(line: Line, cell: &Cell) -> Line {
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
    layout.paragraph(0, 2, &line)?;
    layout.blank()
}

/// Columns that each property takes: its title or its longest label, with the mark before either.
fn widths(matrix: &Matrix) -> Vec<usize> {
    let label = |row: &Row, at: usize| row.cells.get(at).map_or(0, |cell| cell.label.width());
    let longest = |at: usize| matrix.rows.iter().map(|row| label(row, at)).max().unwrap_or(0);
    matrix.columns.iter().enumerate().map(|(at, column)| column.title.width().max(longest(at)) + 1).collect()
}
