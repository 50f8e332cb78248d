//! Views of a [`crate::Report`]; nothing here judges.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::Report;

mod csv;
mod github;
mod gitlab;
mod html;
mod json;
mod jsonl;
mod junit;
pub(crate) mod layout;
mod markdown;
mod matrix;
mod processes;
mod sarif;
mod terminal;
mod words;

pub use csv::csv;
pub use github::github;
pub use gitlab::gitlab;
pub use html::html;
pub use json::{SCHEMA, json};
pub use jsonl::{LINES_SCHEMA, Lines};
pub use junit::junit;
pub use sarif::{RESULT_LIMIT, relative_uri, sarif};
pub use terminal::{Table, TerminalStyle, terminal};

/// The forms that a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people, in a terminal or a log.
    Terminal,
    /// The whole report for programs, as `docs/report.schema.json` says.
    Json,
    /// SARIF 2.1.0, for code-scanning services.
    Sarif,
    /// One self-contained page.
    Html,
    /// JUnit XML, for services that show test results.
    Junit,
    /// The table of executables, for spreadsheets.
    Csv,
    /// Annotations of GitHub Actions.
    Github,
    /// GitLab's Code Quality report.
    Gitlab,
}

impl Format {
    /// Every format, with its name first and then its file extensions, longest first.
    const NAMES: [(Self, &'static str, &'static [&'static str]); 8] = [
        (Self::Sarif, "sarif", &[".sarif.json", ".sarif"]),
        (Self::Json, "json", &[".json"]),
        (Self::Html, "html", &[".html", ".htm"]),
        (Self::Terminal, "terminal", &[".txt"]),
        (Self::Junit, "junit", &[".junit.xml", ".xml"]),
        (Self::Csv, "csv", &[".csv"]),
        (Self::Github, "github", &[]),
        (Self::Gitlab, "gitlab", &[]),
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
            Self::Sarif => "sarif",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Csv => "csv",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
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
#[error("`{0}` is no report format; use terminal, json, sarif, html, junit, csv, github or gitlab")]
pub struct UnknownFormat(String);

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The destination refused the bytes.
    #[error("the report could not be written: {0}")]
    Io(#[from] io::Error),
    /// The page's template does not fit the report; a defect of ours.
    #[error("the page could not be made from its template: {0}")]
    Template(#[from] minijinja::Error),
}

/// Writes `report` in `format`, for a file: text has no colour, is 120 columns wide and lists every finding.
pub fn render(format: Format, report: &Report, out: &mut dyn Write) -> Result<(), RenderError> {
    match format {
        Format::Terminal => terminal(report, &TerminalStyle::FILE, out)?,
        Format::Json => json(report, out)?,
        Format::Sarif => sarif(report, out)?,
        Format::Html => html(report, out)?,
        Format::Junit => junit(report, out)?,
        Format::Csv => csv(report, out)?,
        Format::Github => github(report, out)?,
        Format::Gitlab => gitlab(report, out)?,
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
        assert_eq!(of("report.sarif"), Some(Format::Sarif));
        assert_eq!(of("report.SARIF.json"), Some(Format::Sarif));
        assert_eq!(of("a.htm"), Some(Format::Html));
        assert_eq!(of("a.html"), Some(Format::Html));
        assert_eq!(of("a.txt"), Some(Format::Terminal));
        assert_eq!(of("junit.xml"), Some(Format::Junit));
        assert_eq!(of("a.csv"), Some(Format::Csv));
        assert_eq!(of("report.json/evidence"), None);
        assert_eq!(of("report"), None);
    }

    #[test]
    fn names_read_back_and_others_are_refused() {
        for (format, name, _) in Format::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.as_str(), name);
        }
        let refusal = "pdf".parse::<Format>().unwrap_err().to_string();
        assert_eq!(
            refusal,
            "`pdf` is no report format; use terminal, json, sarif, html, junit, csv, github or gitlab"
        );
    }
}
