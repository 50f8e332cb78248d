//! What is said about sources: where, why, by which calls, and what may have been meant.

use std::fmt::Write as _;

use crate::ir::{Origin, OriginId};

/// One file of a policy.
#[derive(Clone, Debug)]
pub struct Source {
    /// How it is called in diagnostics; usually its path.
    pub name: String,
    /// Its text, which may be any bytes.
    pub text: Vec<u8>,
}

/// A stretch of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file, by its place among the sources.
    pub file: u32,
    /// The byte at which it starts.
    pub start: u32,
    /// The byte behind its last. A statement whose end is not known has an empty span at its start.
    pub end: u32,
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no policy.
    Error,
    /// There is one, but it is likely not what was meant.
    Warning,
}

/// Something to tell about a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The kind of fault, in words that do not change: `unknown-name`.
    pub code: &'static str,
    /// What is wrong, with the names in question.
    pub message: String,
    /// Where; `None` for what concerns the policy as a whole.
    pub at: Option<Span>,
    /// The calls, inheritances and `in` statements that brought the statement, the nearest first.
    pub through: Vec<Span>,
    /// Other places that matter, and how.
    pub notes: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error about the policy as a whole.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// A warning about the policy as a whole.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        let (at, through, notes, help) = (None, Vec::new(), Vec::new(), None);
        Self { severity, code, message, at, through, notes, help }
    }

    /// The same, about a place.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        Self { at: Some(span), ..self }
    }

    /// The same, about the statement of an origin and with what brought it.
    #[must_use]
    pub fn at_origin(self, origins: &[Origin], origin: OriginId) -> Self {
        let mut chain = chain(origins, origin);
        let at = chain.next();
        let through = chain.collect();
        Self { at, through, ..self }
    }

    /// The same with a further place.
    #[must_use]
    pub fn note(mut self, span: Span, text: impl Into<String>) -> Self {
        self.notes.push((span, text.into()));
        self
    }

    /// The same with the statement of an origin as a further place.
    #[must_use]
    pub fn note_origin(self, origins: &[Origin], origin: OriginId, text: impl Into<String>) -> Self {
        match chain(origins, origin).next() {
            Some(span) => self.note(span, text),
            None => self,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// The spans of an origin and of what brought it, from the inside to the outside.
pub fn chain(origins: &[Origin], origin: OriginId) -> impl Iterator<Item = Span> {
    let first = origins.get(origin.index());
    std::iter::successors(first, |origin| origins.get(origin.through?.index())).map(|origin| Span {
        file: origin.file,
        start: origin.offset,
        end: origin.offset,
    })
}

/// A place for people: line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the byte at an offset is; the end of the text for what is behind it.
pub fn position(text: &[u8], offset: u32) -> Position {
    let before = &text[..(offset as usize).min(text.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    // Lines may have megabytes, and errors come by the thousand: nothing is copied to count characters.
    let characters = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())
    };
    let column = 1 + before[start..].utf8_chunks().map(characters).sum::<usize>();
    Position { line, column }
}

/// A diagnostic as text: what and where, the line with a mark below it, what brought it, notes and advice.
pub fn render(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = format!("{word}[{}]: {}\n", diagnostic.code, printable(diagnostic.message.as_bytes()));
    if let Some(span) = diagnostic.at {
        excerpt(&mut text, span, sources, "");
    }
    for (place, span) in diagnostic.through.iter().enumerate() {
        // A chain may be as deep as expansion may be; its two ends tell the most.
        match diagnostic.through.len() {
            many if many > SHOWN_CHAIN && place == SHOWN_CHAIN / 2 => {
                _ = writeln!(text, "  ... {} more ...", many - SHOWN_CHAIN);
            }
            many if many > SHOWN_CHAIN && place > SHOWN_CHAIN / 2 && place < many - SHOWN_CHAIN / 2 => {}
            _ => excerpt(&mut text, *span, sources, "brought by"),
        }
    }
    for (span, note) in &diagnostic.notes {
        excerpt(&mut text, *span, sources, note);
    }
    if let Some(help) = &diagnostic.help {
        _ = writeln!(text, "  = help: {}", printable(help.as_bytes()));
    }
    text
}

/// How many calls of a chain are shown.
const SHOWN_CHAIN: usize = 8;
/// How many characters of a line are shown; files made by machines have longer ones.
const SHOWN_WIDTH: usize = 160;
/// How many bytes those characters may have at each side of the mark. The rest of a line is not even looked at.
const SHOWN_BYTES: usize = 4 * SHOWN_WIDTH;

fn excerpt(text: &mut String, span: Span, sources: &[Source], note: &str) {
    let Some(source) = sources.get(span.file as usize) else { return };
    let Position { line, column } = position(&source.text, span.start);
    let note = if note.is_empty() { String::new() } else { format!(": {}", printable(note.as_bytes())) };
    _ = writeln!(text, "  --> {}:{line}:{column}{note}", printable(source.name.as_bytes()));
    let Some((before, marked, after)) = split_line(&source.text, span) else { return };
    let number = line.to_string();
    let shown = format!("{before}{marked}{after}");
    let skip = before.chars().count().saturating_sub(SHOWN_WIDTH / 2);
    let shown: String = shown.chars().skip(skip).take(SHOWN_WIDTH).collect();
    let indent = before.chars().count() - skip;
    let width = marked.chars().count().clamp(1, SHOWN_WIDTH - indent);
    let gutter = " ".repeat(number.len());
    _ = writeln!(
        text,
        " {gutter} |\n {number} | {shown}\n {gutter} | {}{}",
        " ".repeat(indent),
        "^".repeat(width)
    );
}

/// A line in three parts: before a span, of it, and behind it.
fn split_line(text: &[u8], span: Span) -> Option<(String, String, String)> {
    let start = span.start as usize;
    if start > text.len() {
        return None;
    }
    let near = start.saturating_sub(SHOWN_BYTES);
    let line = memchr::memrchr(b'\n', &text[near..start]).map_or(near, |newline| near + newline + 1);
    let text = &text[..text.len().min(start + 2 * SHOWN_BYTES)];
    let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |newline| start + newline);
    let marked =
        if span.end > span.start { span.end as usize } else { statement_end(text, start) }.clamp(start, end);
    Some((printable(&text[line..start]), printable(&text[start..marked]), printable(&text[marked..end])))
}

/// Behind the parenthesis that closes the one at an offset, or the end of its line.
fn statement_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (place, byte) in text.iter().enumerate().skip(start) {
        match byte {
            b'(' => depth += 1,
            b')' if depth <= 1 => return place + 1,
            b')' => depth -= 1,
            b'\n' => return place,
            _ => {}
        }
    }
    text.len()
}

/// Text without control characters, so that a policy cannot write to the terminal of who compiles it.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '\t' | '\n' => text.push(' '),
            other if other.is_control() || is_reordering(other) => text.extend(other.escape_unicode()),
            other => text.push(other),
        }
    }
    text
}

/// Characters that turn text around, and so could make a line look like another.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The candidate that was likely meant by a name: the one with the fewest edits, if they are few for its length.
pub fn suggestion<'a>(name: &[u8], candidates: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let limit = match name.len() {
        0..=2 | MAX_SUGGESTED.. => return None,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    let near =
        candidates.filter(|candidate| candidate.len().abs_diff(name.len()) <= limit && *candidate != name);
    let scored = near.filter_map(|candidate| Some((distance(name, candidate, limit)?, candidate)));
    scored.min().map(|(_, candidate)| candidate)
}

/// From this length on nothing is suggested: how long it takes grows with the square, and nobody types such names.
const MAX_SUGGESTED: usize = 128;

/// How many bytes have to be put in, left out, changed or swapped with their neighbour, if not more than a limit.
fn distance(left: &[u8], right: &[u8], limit: usize) -> Option<usize> {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let changed = row[j] + usize::from(a != b);
            let mut best = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        if next.iter().min().is_some_and(|least| *least > limit) {
            return None;
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|edits| *edits <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "a.cil".to_owned(), text: text.as_bytes().to_vec() }
    }

    #[test]
    fn a_line_is_shown_with_a_mark() {
        let sources = [source("(type a)\n  (allow a bb (c (d)))\n")];
        let diagnostic = Diagnostic::error("unknown-name", "there is no type `bb`")
            .at(Span { file: 0, start: 20, end: 22 })
            .note(Span { file: 0, start: 0, end: 0 }, "this is near")
            .help("declare it");
        let expected = "\
error[unknown-name]: there is no type `bb`
  --> a.cil:2:12
   |
 2 |   (allow a bb (c (d)))
   |            ^^
  --> a.cil:1:1: this is near
   |
 1 | (type a)
   | ^^^^^^^^
  = help: declare it
";
        assert_eq!(render(&diagnostic, &sources), expected);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let sources = [source("(type \u{1b}[2J\u{202e})")];
        let text = render(&Diagnostic::error("x", "\u{7}").at(Span { file: 0, start: 6, end: 7 }), &sources);
        assert!(
            !text
                .chars()
                .any(|character| (character.is_control() && character != '\n') || is_reordering(character))
        );
    }

    #[test]
    fn spans_out_of_any_file_are_borne() {
        let sources = [source("")];
        for span in [
            Span { file: 3, start: 0, end: 0 },
            Span { file: 0, start: 9, end: 3 },
            Span { file: 0, start: 0, end: 9 },
        ] {
            assert!(render(&Diagnostic::error("x", "y").at(span), &sources).starts_with("error[x]: y\n"));
        }
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let candidates = ["kernel_t", "init_t", "intt_t"];
        let suggest = |name: &str| {
            let all = candidates.iter().map(|candidate| candidate.as_bytes());
            suggestion(name.as_bytes(), all).map(|found| String::from_utf8_lossy(found).into_owned())
        };
        assert_eq!(suggest("kernle_t").as_deref(), Some("kernel_t"));
        assert_eq!(suggest("inti_t").as_deref(), Some("init_t"));
        assert_eq!(suggest("something"), None);
        assert_eq!(suggest("kernel_t"), None);
    }

    #[test]
    fn chains_go_from_the_inside_to_the_outside() {
        let origins = [
            Origin { file: 0, offset: 1, through: None },
            Origin { file: 0, offset: 2, through: Some(OriginId(0)) },
            Origin { file: 1, offset: 3, through: Some(OriginId(1)) },
        ];
        let diagnostic = Diagnostic::error("x", "y").at_origin(&origins, OriginId(2));
        assert_eq!(diagnostic.at, Some(Span { file: 1, start: 3, end: 3 }));
        assert_eq!(diagnostic.through.iter().map(|span| span.start).collect::<Vec<_>>(), [2, 1]);
    }
}
