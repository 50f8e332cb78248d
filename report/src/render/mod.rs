//! Views of a [`crate::Report`]; nothing here judges.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::Report;

mod json;
mod layout;
mod markdown;
mod matrix;
mod terminal;
mod words;

pub use json::{SCHEMA, json};
pub use terminal::{TerminalStyle, terminal};

/// The forms that a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people, in a terminal or a log.
    Terminal,
    /// The whole report for programs, as `docs/report.schema.json` says.
    Json,
}

impl Format {
    /// Every format, with its name first and then its file extensions, longest first.
    const NAMES: [(Self, &'static str, &'static [&'static str]); 2] = [
        (Self::Json, "json", &[".json"]),
        (Self::Terminal, "terminal", &[".txt"]),
    ];

    /// The format that the extension of a file's name asks for, in any case of letters; `None` if it asks for none.
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name().map(OsStr::to_string_lossy)?.to_ascii_lowercase();
        let matching = |extensions: &[&str]| extensions.iter().any(|extension| name.ends_with(extension));
        Self::NAMES.into_iter().find(|(_, _, extensions)| matching(extensions)).map(|(format, ..)| format)
    }

    /// The name, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::NAMES
            .into_iter()
            .find(|(_, name, _)| *name == text)
            .map(|(format, ..)| format)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no report format; use terminal or json")]
pub struct UnknownFormat(String);

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The destination refused the bytes.
    #[error("the report could not be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes `report` in `format`, for a file: text has no colour, is 120 columns wide and lists every finding.
pub fn render(format: Format, report: &Report, out: &mut dyn Write) -> Result<(), RenderError> {
    match format {
        Format::Terminal => terminal(report, &TerminalStyle::FILE, out)?,
        Format::Json => json(report, out)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_choose_the_format_and_the_longest_wins() {
        let of = |name: &str| Format::of_path(Path::new(name));
        assert_eq!(of("out/report.json"), Some(Format::Json));
        assert_eq!(of("a.txt"), Some(Format::Terminal));
        assert_eq!(of("report.json/evidence"), None);
        assert_eq!(of("report"), None);
    }

    #[test]
    fn names_read_back_and_others_are_refused() {
        for (format, name, _) in Format::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.as_str(), name);
        }
        let refusal = "xml".parse::<Format>().unwrap_err().to_string();
        assert_eq!(refusal, "`xml` is no report format; use terminal or json");
    }
}
