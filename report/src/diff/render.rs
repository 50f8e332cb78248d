//! A comparison as text for people, and as Markdown for comments on changes.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Change, Diff, Direction, FileDiff, FlagFix, MatchedBy, State, Subject};
use crate::Outcome;
use crate::render::TerminalStyle;
use crate::render::layout::{Layout, Line, Paint};

/// Columns of the words that say which way a property went.
const WAY: usize = 10;

/// Writes the comparison as text, grouped by file; the gate's sentence is last.
pub fn text(diff: &Diff, style: &TerminalStyle, out: &mut dyn Write) -> io::Result<()> {
    let mut layout = Layout::new(out, style.color, style.width);
    let title = Line::of(Paint::Strong, "hardpan checksec diff")
        .and(Paint::Faint, &format!("  {}", diff.tool.version));
    layout.paragraph(0, 2, &title)?;
    layout.rule()?;
    for (name, side) in [("Old", &diff.old), ("New", &diff.new)] {
        let line = Line::of(Paint::Faint, name).pad(9).and(Paint::Plain, &subject_words(side));
        layout.paragraph(0, 9, &line)?;
    }
    for property in &diff.not_compared {
        let text =
            format!("{} ({}) is in the {} side only", property.property, property.rule, property.only_in);
        let line = Line::of(Paint::Faint, "Omitted").pad(9).and(Paint::Plain, &text);
        layout.paragraph(0, 9, &line)?;
    }
    layout.blank()?;
    for file in &diff.files {
        file_text(&mut layout, file)?;
    }
    let word = Line::of(Paint::Mark(gate_outcome(diff)), gate_word(diff));
    layout.paragraph(0, 2, &word.and(Paint::Plain, "  ").and(Paint::Plain, &diff.gate.summary))
}

fn file_text(layout: &mut Layout<'_>, file: &FileDiff) -> io::Result<()> {
    let traits = format!("  {}", traits_words(file));
    let line = Line::of(Paint::Strong, &file.path).and(Paint::Faint, &traits);
    layout.paragraph(0, 4, &line)?;
    if let Some(words) = state_words(file) {
        layout.paragraph(2, 4, &Line::of(Paint::Plain, &words))?;
    }
    for change in &file.changes {
        let way = if layout.is_plain() { "->" } else { "\u{2192}" };
        let labels = change.old.as_ref().map_or_else(
            || change.new.label.clone(),
            |old| format!("{} {way} {}", labelled(old), labelled(&change.new)),
        );
        let line = Line::of(Paint::Outcome(paint(change)), direction_word(change))
            .pad(WAY)
            .and(Paint::Plain, &format!("{}: {labels}", change.property));
        layout.paragraph(2, 2 + WAY, &line)?;
        if !change.message.is_empty() && change.direction != Direction::Better {
            layout.paragraph(2 + WAY, 4 + WAY, &Line::of(Paint::Faint, &change.message))?;
        }
        if !change.fixes.is_empty() {
            let fix = Line::of(Paint::Strong, "Fix: ").and(Paint::Plain, &fix_words(&change.fixes));
            layout.paragraph(2 + WAY, 7 + WAY, &fix)?;
        }
    }
    layout.blank()
}

/// Writes the comparison as Markdown: a sentence, then a table of what is not as it was.
pub fn markdown(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Hardening: {}\n", sentence_case(gate_word(diff)))?;
    writeln!(out, "{}.\n", md(&sentence_case(&diff.gate.summary)))?;
    writeln!(out, "- Old: {}\n- New: {}", md(&subject_words(&diff.old)), md(&subject_words(&diff.new)))?;
    for property in &diff.not_compared {
        writeln!(out, "- {} is in the {} side only", md(&property.property), property.only_in)?;
    }
    let changed: Vec<&FileDiff> = diff.files.iter().filter(|file| !file.changes.is_empty()).collect();
    if !changed.is_empty() {
        writeln!(out, "\n| File | | Property | Old | New | Add to the build |\n|---|---|---|---|---|---|")?;
        for file in changed {
            for change in &file.changes {
                writeln!(out, "{}", table_row(file, change))?;
            }
        }
    }
    let others = diff.files.iter().filter_map(|file| Some((file, state_words(file)?)));
    let others: Vec<String> =
        others.map(|(file, words)| format!("- <code>{}</code>: {}", md(&file.path), md(&words))).collect();
    if !others.is_empty() {
        writeln!(
            out,
            "\n<details><summary>New, gone and moved files</summary>\n\n{}\n\n</details>",
            others.join("\n")
        )?;
    }
    Ok(())
}

fn table_row(file: &FileDiff, change: &Change) -> String {
    let old = change.old.as_ref().map(labelled).unwrap_or_default();
    let mut row = format!("| <code>{}</code> | {} ", md(&file.path), direction_word(change));
    let cells = [md(&change.property), md(&old), md(&labelled(&change.new)), md(&fix_words(&change.fixes))];
    for cell in cells {
        // Writing to a String cannot fail.
        let _ = write!(row, "| {cell} ");
    }
    row + "|"
}

fn subject_words(side: &Subject) -> String {
    let incomplete = if side.incomplete { ", not judged in full" } else { "" };
    format!("{} ({}, {} ELF files{incomplete})", side.path, side.kind, side.files)
}

fn traits_words(file: &FileDiff) -> String {
    // As the matrix prints it; reports in JSON have a word without punctuation.
    let language = match file.language.as_str() {
        "rust" => "Rust",
        "go" => "Go",
        "c-family" => "C/C++",
        other => other,
    };
    format!("{}, {}, {language}", file.kind, file.machine)
}

/// What became of the file as a whole; `None` if it is where it was.
fn state_words(file: &FileDiff) -> Option<String> {
    match (file.state, &file.old_path) {
        (State::New, _) if file.changes.is_empty() => Some("new file".into()),
        (State::New, _) => Some("new file that fails".into()),
        (State::Gone, _) => Some("gone".into()),
        (State::Both, None) => None,
        (State::Both, Some(old)) => Some(match file.matched_by {
            Some(MatchedBy::FileName) => format!("was {old}, by its file name"),
            Some(MatchedBy::LibraryName) => format!("was {old}, another version of the library"),
            Some(MatchedBy::OnlyFile) => format!("was {old}, the only file"),
            Some(MatchedBy::Path) | None => format!("was {old}"),
        }),
    }
}

fn direction_word(change: &Change) -> &'static str {
    match change.direction {
        Direction::Worse if change.counts => "worse",
        Direction::Worse => "allowed",
        Direction::Fails => "fails",
        Direction::Changed => "changed",
        Direction::Better => "better",
    }
}

fn paint(change: &Change) -> Outcome {
    match change.direction {
        Direction::Worse if !change.counts => Outcome::NotApplicable,
        Direction::Worse | Direction::Fails => Outcome::Fail,
        Direction::Changed => Outcome::Unknown,
        Direction::Better => Outcome::Pass,
    }
}

/// A label says more than its outcome, but not always which it is: `none` is good of a run path and bad of RELRO.
fn labelled(was: &super::Was) -> String {
    format!("{} ({})", was.label, was.outcome)
}

fn fix_words(fixes: &[FlagFix]) -> String {
    let words: Vec<String> = fixes.iter().map(|fix| format!("{}: {}", fix.toolchain, fix.add)).collect();
    words.join("; ")
}

fn gate_outcome(diff: &Diff) -> Outcome {
    match diff.gate.exit_code {
        0 => Outcome::Pass,
        1 => Outcome::Fail,
        _ => Outcome::Unknown,
    }
}

fn gate_word(diff: &Diff) -> &'static str {
    match diff.gate.exit_code {
        0 => "PASSED",
        1 => "FAILED",
        _ => "INCOMPLETE",
    }
}

/// The text with its first letter in upper case and, if all of it was, the others in lower case.
fn sentence_case(text: &str) -> String {
    let is_shouted = !text.chars().any(char::is_lowercase);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let rest = letters.map(|letter| if is_shouted { letter.to_ascii_lowercase() } else { letter });
    first.into_iter().chain(rest).collect()
}

/// Text in which no character has a meaning to Markdown or HTML. Names of files come from who made them, and a comment
/// on a change is a page that others trust.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation() && !"/.,:;-+=()".contains(letter) {
            let _ = write!(out, "&#{};", u32::from(letter));
        } else if letter.is_control() {
            let _ = write!(out, "&#92;x{:02x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}
