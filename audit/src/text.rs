//! Small text files of the tree, as rules want them.

use hardpan_image::{EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Finding, Location, escape};

use crate::Context;
use hardpan_checksec::cause_of;

/// What came of reading a text file.
#[derive(Clone, Debug)]
pub enum Text {
    /// It was read.
    Present(TextFile),
    /// It does not exist, and the directory it would be in was read.
    Absent,
    /// Whether it exists, or what is in it, could not be told.
    Unread(Box<Finding>),
}

/// A text file that was read.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// The entry, after following links.
    pub id: EntryId,
    /// The path after following links.
    pub path: Vec<u8>,
    /// Its bytes; text files of a system need not be UTF-8.
    pub bytes: Vec<u8>,
}

impl TextFile {
    /// The lines with their numbers from 1, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let lines = self.bytes.split(|byte| *byte == b'\n');
        (1..).zip(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// The lines that hold something besides blanks and a comment that begins with one of `marks`, trimmed.
    pub fn statements<'a>(&'a self, marks: &'a [u8]) -> impl Iterator<Item = (u32, &'a [u8])> {
        self.lines()
            .map(|(number, line)| (number, line.trim_ascii()))
            .filter(|(_, line)| line.first().is_some_and(|first| !marks.contains(first)))
    }

    /// A line of the file, for findings.
    pub fn line(&self, number: u32) -> Location {
        Location::line(self.path.clone(), number)
    }
}

impl Context<'_> {
    /// Reads a text file by path, following links inside the tree.
    pub fn text(&self, path: &str) -> Text {
        match self.index.resolve(path.as_bytes()) {
            Ok(id) => self.text_of(id),
            Err(ResolveError::NotFound | ResolveError::NotADirectory) => Text::Absent,
            Err(error) => Text::Unread(Box::new(self.unresolved(path.as_bytes(), &error))),
        }
    }

    /// Why a path cannot be followed to its end. Where it leads into what was not read, the place that was not read has
    /// been reported; this finding only says what follows from it.
    pub(crate) fn unresolved(&self, path: &[u8], error: &ResolveError) -> Finding {
        let (cause, key) = match error {
            ResolveError::NotRead => {
                let blind = self.index.blind_spots(path).next();
                (blind.map_or(Cause::NoFacts, |trouble| cause_of(trouble.fault)), NOT_REACHED)
            }
            _ => (Cause::Unreadable, "read"),
        };
        let reason = format!("{} {error}", escape(path));
        Finding::unknown(cause, Some(Location::file(path)), key, reason)
    }

    /// Reads the text file at an entry.
    pub fn text_of(&self, id: EntryId) -> Text {
        let path = self.index.path(id);
        if self.index.entry(id).metadata.kind != FileKind::File {
            return Text::Absent;
        }
        match self.index.read(id, MAX_TEXT) {
            Ok(bytes) => Text::Present(TextFile { id, path, bytes }),
            Err(error) => Text::Unread(Box::new(Finding::unknown(
                cause_of(error.fault()),
                Some(Location::file(path.clone())),
                "read",
                format!("{} cannot be read: {error}", escape(&path)),
            ))),
        }
    }
}

/// The key of findings that only repeat what was not read.
pub(crate) const NOT_REACHED: &str = "not-reached";

/// No configuration file of a system comes near it; a larger one is not configuration.
const MAX_TEXT: u64 = 4 << 20;
