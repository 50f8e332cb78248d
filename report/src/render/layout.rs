//! Lines of styled text that never run over the width.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use crate::Outcome;

/// The narrowest text that still reads; less is treated as this.
const NARROWEST: usize = 24;

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As the terminal has it.
    Plain,
    /// Headings and names.
    Strong,
    /// What matters less.
    Faint,
    /// By outcome.
    Outcome(Outcome),
    /// By outcome, for a word that stands alone.
    Mark(Outcome),
}

impl Paint {
    /// The parameters of the SGR escape sequence (ECMA-48, 8.3.117). Only the eight basic colours are used, so that the
    /// reader's own palette decides on contrast.
    fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint | Self::Outcome(Outcome::NotApplicable) | Self::Mark(Outcome::NotApplicable) => "2",
            Self::Outcome(Outcome::Pass) => "32",
            Self::Outcome(Outcome::Partial) => "35",
            Self::Outcome(Outcome::Fail) => "31",
            Self::Outcome(Outcome::Unknown) => "33",
            Self::Mark(Outcome::Pass) => "1;32",
            Self::Mark(Outcome::Partial) => "1;35",
            Self::Mark(Outcome::Fail) => "1;31",
            Self::Mark(Outcome::Unknown) => "1;33",
        }
    }
}

/// A character and its look.
type Styled = (char, Paint);

/// A paragraph in the making: pieces of text, each with its look.
#[derive(Clone, Default)]
pub(crate) struct Line {
    cells: Vec<Styled>,
}

impl Line {
    /// A paragraph of one piece.
    pub(crate) fn of(paint: Paint, text: &str) -> Self {
        Self::default().and(paint, text)
    }

    /// The same paragraph with one more piece, no space between.
    pub(crate) fn and(mut self, paint: Paint, text: &str) -> Self {
        for character in text.chars() {
            self.push(character, paint);
        }
        self
    }

    /// The same paragraph filled with spaces up to `width` columns.
    pub(crate) fn pad(mut self, width: usize) -> Self {
        while self.width() < width {
            self.cells.push((' ', Paint::Plain));
        }
        self
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.cells.iter().map(|(character, _)| char_width(*character)).sum()
    }

    /// Text arrives escaped; this is the second lock on the same door, since a control character that slips by drives
    /// the reader's terminal.
    fn push(&mut self, character: char, paint: Paint) {
        if matches!(character, '\n' | '\t') {
            self.cells.push((' ', paint));
        } else if character.is_control() {
            let code = format!("\\x{:02x}", u32::from(character));
            self.cells.extend(code.chars().map(|digit| (digit, paint)));
        } else {
            self.cells.push((character, paint));
        }
    }
}

/// Where lines go.
pub(crate) struct Layout<'a> {
    out: &'a mut dyn Write,
    color: bool,
    width: usize,
}

impl<'a> Layout<'a> {
    /// Text of at most `width` columns; [`NARROWEST`] at least.
    pub(crate) fn new(out: &'a mut dyn Write, color: bool, width: usize) -> Self {
        Self { out, color, width: width.max(NARROWEST) }
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether output that is not ASCII may be chosen: a log without colour may be read in any encoding.
    pub(crate) fn is_plain(&self) -> bool {
        !self.color
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A line across the whole width.
    pub(crate) fn rule(&mut self) -> io::Result<()> {
        let dash = if self.is_plain() { "-" } else { "\u{2500}" };
        let line = Line::of(Paint::Faint, &dash.repeat(self.width));
        self.paragraph(0, 0, &line)
    }

    /// A paragraph, its first line indented by `first` columns and the others by `hang`.
    pub(crate) fn paragraph(&mut self, first: usize, hang: usize, line: &Line) -> io::Result<()> {
        // A quarter of the width is the most that indentation may take, else narrow terminals show one word a line.
        let limit = self.width / 4;
        let (mut indent, hang) = (first.min(limit), hang.min(limit));
        let mut rest = line.cells.as_slice();
        loop {
            let (row, tail) = break_line(rest, self.width - indent);
            self.row(indent, row)?;
            if tail.is_empty() {
                return Ok(());
            }
            (rest, indent) = (tail, hang);
        }
    }

    /// A line that is not broken, whatever the width.
    pub(super) fn whole(&mut self, line: &Line) -> io::Result<()> {
        self.row(0, trim_end(&line.cells))
    }

    fn row(&mut self, indent: usize, cells: &[Styled]) -> io::Result<()> {
        let mut text = if cells.is_empty() { String::new() } else { " ".repeat(indent) };
        for group in cells.chunk_by(|a, b| a.1 == b.1) {
            let sgr = if self.color { group[0].1.sgr() } else { "" };
            if !sgr.is_empty() {
                text.extend(["\x1b[", sgr, "m"]);
            }
            text.extend(group.iter().map(|(character, _)| character));
            if !sgr.is_empty() {
                text.push_str("\x1b[0m");
            }
        }
        text.push('\n');
        self.out.write_all(text.as_bytes())
    }
}

/// Columns that a character takes; none for combining ones.
fn char_width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The longest start of `cells` that fits, and the rest without the spaces in between.
fn break_line(cells: &[Styled], width: usize) -> (&[Styled], &[Styled]) {
    let fitting = fitting_cells(cells, width);
    if fitting == cells.len() {
        return (trim_end(cells), &[]);
    }
    let is_space = |at: &usize| cells[*at].0 == ' ';
    // A break at a space that leaves only spaces would put out an empty line.
    let at_space = (1..=fitting).rev().find(is_space).filter(|at| !trim_end(&cells[..*at]).is_empty());
    let end = at_space.unwrap_or_else(|| break_word(cells, fitting));
    let rest =
        cells[end..].iter().position(|(character, _)| *character != ' ').map_or(cells.len(), |n| end + n);
    (trim_end(&cells[..end]), &cells[rest..])
}

/// How many cells fit; one at least, so that there is progress.
fn fitting_cells(cells: &[Styled], width: usize) -> usize {
    let mut used = 0;
    for (at, (character, _)) in cells.iter().enumerate() {
        used += char_width(*character);
        if used > width {
            return at.max(1);
        }
    }
    cells.len()
}

/// Where to break a word that is longer than a line: behind a slash in its second half, or anywhere.
fn break_word(cells: &[Styled], fitting: usize) -> usize {
    (fitting / 2 + 1..=fitting).rev().find(|at| cells[at - 1].0 == '/').unwrap_or(fitting)
}

fn trim_end(cells: &[Styled]) -> &[Styled] {
    let end = cells.iter().rposition(|(character, _)| *character != ' ').map_or(0, |at| at + 1);
    &cells[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(width: usize, first: usize, hang: usize, text: &str) -> String {
        let mut out = Vec::new();
        let line = Line::of(Paint::Plain, text);
        Layout::new(&mut out, false, width).paragraph(first, hang, &line).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_wrap_with_a_hanging_indent() {
        let text = "one two three four five six seven";
        assert_eq!(laid_out(24, 0, 4, text), "one two three four five\n    six seven\n");
        assert_eq!(laid_out(24, 0, 0, ""), "\n");
    }

    #[test]
    fn long_words_break_behind_a_slash_or_anywhere() {
        assert_eq!(
            laid_out(24, 0, 2, "/usr/lib/very/long/directory/name"),
            "/usr/lib/very/long/\n  directory/name\n"
        );
        assert_eq!(laid_out(24, 0, 0, &"x".repeat(30)), format!("{}\n{}\n", "x".repeat(24), "x".repeat(6)));
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(laid_out(24, 0, 0, &"漢".repeat(13)), format!("{}\n漢\n", "漢".repeat(12)));
    }

    #[test]
    fn control_characters_never_pass() {
        assert_eq!(laid_out(40, 0, 0, "a\x1b[31mb\u{9b}c\rd"), "a\\x1b[31mb\\x9bc\\x0dd\n");
    }
}
