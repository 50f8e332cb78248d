//! The words of a line, each with its place.

use super::{ConfigError, Fault};

/// The largest configuration in bytes: 256 modules and as many sysctls, with lines of 100 bytes.
pub const MAX_SIZE: usize = 64 << 10;
/// The most modules. An initramfs that needs a few dozen is large.
pub const MAX_MODULES: usize = 256;
/// The most sysctls.
pub const MAX_SYSCTLS: usize = 256;
/// The most slots: two are usual.
pub const MAX_SLOTS: usize = 8;

/// A word and its column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Word<'_> {
    pub(super) fn fails(&self, fault: Fault) -> ConfigError {
        ConfigError { line: self.line, column: self.column, fault }
    }

    pub(super) fn is_not(&self, wanted: &'static str) -> ConfigError {
        self.fails(Fault::Value { word: self.text.to_owned(), wanted })
    }
}

/// The words of a directive that were not looked at yet.
#[derive(Debug)]
pub(super) struct Words<'t> {
    rest: std::vec::IntoIter<Word<'t>>,
    line: u32,
    /// The column behind the line.
    end: u32,
}

impl<'t> Words<'t> {
    /// The words of a line.
    pub(super) fn split(text: &'t str, line: u32) -> Result<Self, ConfigError> {
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(start) = text[at..].find(|c| !is_blank(c)).map(|skipped| at + skipped) {
            let word = |text| Word { text, line, column: column(start) };
            let quote = || word("").fails(Fault::Quote);
            let end = if text[start..].starts_with('"') {
                let end = start + 1 + text[start + 1..].find('"').ok_or_else(quote)?;
                words.push(word(&text[start + 1..end]));
                end + 1
            } else {
                let end = text[start..].find(is_blank).map_or(text.len(), |len| start + len);
                words.push(word(&text[start..end]));
                if text[start..end].contains('"') {
                    return Err(quote());
                }
                end
            };
            if text[end..].starts_with(|c| !is_blank(c)) {
                return Err(quote());
            }
            at = end;
        }
        Ok(Self { rest: words.into_iter(), line, end: column(text.len()) })
    }

    /// The next word, if there is one.
    pub(super) fn next(&mut self) -> Option<Word<'t>> {
        self.rest.next()
    }

    /// The next word, which must be there.
    pub(super) fn want(&mut self, what: &'static str) -> Result<Word<'t>, ConfigError> {
        let missing = Word { text: "", line: self.line, column: self.end };
        self.next().ok_or_else(|| missing.fails(Fault::WordMissing(what)))
    }

    /// Nothing must be left.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        match self.next() {
            Some(word) => Err(word.fails(Fault::TrailingWord(word.text.to_owned()))),
            None => Ok(()),
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn column(offset: usize) -> u32 {
    // A configuration has at most `MAX_SIZE` bytes.
    u32::try_from(offset + 1).unwrap_or(u32::MAX)
}
