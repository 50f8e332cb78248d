//! The table of running processes, as text.

use std::io;

use unicode_width::UnicodeWidthStr as _;

use super::layout::{Layout, Line, Paint};
use super::matrix::put_cell;
use super::words::count;
use crate::{ProcessRow, ProcessTable};

/// Columns of the numbers: the largest that Linux gives is 4194304.
const PID: usize = 9;
/// Columns of the names: the kernel keeps 15 bytes of each.
const NAME: usize = 17;

/// Writes a line for each process: its number and name, its properties, and its program where there is room.
pub(super) fn table(layout: &mut Layout<'_>, table: &ProcessTable) -> io::Result<()> {
    let label = |row: &ProcessRow, at: usize| row.cells.get(at).map_or(0, |cell| cell.label.width());
    let longest = |at: usize| table.rows.iter().map(|row| label(row, at)).max().unwrap_or(0);
    let columns = table.columns.iter().enumerate();
    let widths: Vec<usize> = columns.map(|(at, column)| column.title.width().max(longest(at)) + 3).collect();
    let mut head = Line::of(Paint::Strong, "PID").pad(PID).and(Paint::Strong, "NAME").pad(PID + NAME);
    let mut at = PID + NAME;
    for (column, width) in table.columns.iter().zip(&widths) {
        at += width;
        head = head.and(Paint::Strong, &format!(" {}", column.title)).pad(at);
    }
    layout.paragraph(0, 0, &head.and(Paint::Strong, "PROGRAM"))?;
    for row in &table.rows {
        layout.paragraph(0, PID, &line(row, &widths))?;
    }
    layout.blank()?;
    let passed_over = [
        (table.kernel_threads, "threads of the kernel's"),
        (table.ended, "ended already"),
        (table.gone, "ended meanwhile and not judged"),
    ];
    let mut text = format!("{} processes.", count(table.rows.len() as u64));
    for (number, what) in passed_over.into_iter().filter(|(number, _)| *number > 0) {
        text.extend(["  ", &count(number), " ", what, "."]);
    }
    layout.paragraph(0, 2, &Line::of(Paint::Faint, &text))?;
    layout.blank()
}

fn line(row: &ProcessRow, widths: &[usize]) -> Line {
    let mut line = Line::of(Paint::Plain, &row.pid.to_string()).pad(PID);
    line = line.and(Paint::Strong, &row.name).and(Paint::Plain, " ").pad(PID + NAME);
    let mut at = PID + NAME;
    for (cell, width) in row.cells.iter().zip(widths) {
        at += width;
        line = put_cell(line, Some(cell)).pad(at);
    }
    let program = row.program.as_ref().map(ToString::to_string);
    line.and(Paint::Plain, program.as_deref().unwrap_or("-"))
}
