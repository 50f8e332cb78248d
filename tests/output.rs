//! What is written where: formats, files, terminals, pipes, and runs that are stopped.

mod files;
mod formats;
mod lines;
mod signals;
mod terminal;

use crate::util::{Dir, root};

/// A tree whose names attack whatever shows them.
fn hostile_tree() -> Dir {
    let dir = Dir::new();
    root::build(&dir);
    dir
}

/// Nothing that drives a terminal or hides from a reader: control characters but the line feed, marks that reorder
/// text. The whole must be UTF-8.
fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what} is no UTF-8: {error}"));
    let deceptive =
        |c: char| ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{202a}'..='\u{202e}').contains(&c);
    let bad = text.char_indices().find(|(_, c)| (c.is_control() && *c != '\n') || deceptive(*c));
    if let Some((at, c)) = bad {
        let around: String = text[at..].chars().take(60).collect();
        panic!("{what} has a raw {c:?} at byte {at}: {around:?}");
    }
}
