//! A rule's metadata and its page.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::{Language, Outcome, Pillar, Severity};

/// The headings that every rule page has, in order.
pub const PAGE_SECTIONS: [&str; 4] =
    ["What it checks", "Why it matters", "How it is judged", "How to fix it"];

/// What a flag is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Toolchain {
    /// `gcc` and `g++`, also where they link.
    Gcc,
    /// `clang` and `clang++`, also where they link.
    Clang,
    /// `rustc`, or `RUSTFLAGS`.
    Rustc,
    /// `go build`.
    Go,
}

impl Toolchain {
    /// The command's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::Rustc => "rustc",
            Self::Go => "go",
        }
    }

    /// Whether it compiles a language; each of them may be what made a file whose language is not known.
    pub fn compiles(self, language: Language) -> bool {
        match language {
            Language::CFamily => matches!(self, Self::Gcc | Self::Clang),
            Language::Rust => self == Self::Rustc,
            Language::Go => self == Self::Go,
            Language::Unknown => true,
        }
    }
}

/// What to add to a build so that a rule passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Fix {
    /// What takes the flag.
    pub toolchain: Toolchain,
    /// The flag, as it is written on a command line.
    pub add: &'static str,
}

impl Fix {
    /// A flag of a tool chain.
    pub const fn new(toolchain: Toolchain, add: &'static str) -> Self {
        Self { toolchain, add }
    }
}

/// What is known of a rule before it runs.
///
/// The page is the only place for prose: rationale and remedy in reports are its sections, so that they can not drift.
#[derive(Clone, Debug)]
pub struct RuleMeta {
    /// `FAMILY-NNN`. Part of the interface: never reused, never renumbered.
    pub id: Cow<'static, str>,
    /// A kebab-case name to type and to read, such as `relro`.
    pub name: Cow<'static, str>,
    /// The property as a statement that is true when the rule passes.
    pub title: Cow<'static, str>,
    /// Where it stands in a report; `None` for rules about the run itself.
    pub pillar: Option<Pillar>,
    /// How much a failure matters unless the policy says otherwise.
    pub severity: Severity,
    /// It has the headings of [`PAGE_SECTIONS`], and optionally `References`.
    pub page: Page,
    /// What to add to a build, for rules about what compilers make.
    pub fixes: &'static [Fix],
}

impl RuleMeta {
    /// Metadata known at compile time, with the page from `include_str!`.
    pub const fn new(
        id: &'static str,
        name: &'static str,
        title: &'static str,
        pillar: Pillar,
        severity: Severity,
        page: &'static str,
    ) -> Self {
        Self {
            id: Cow::Borrowed(id),
            name: Cow::Borrowed(name),
            title: Cow::Borrowed(title),
            pillar: Some(pillar),
            severity,
            page: Page::Written(page),
            fixes: &[],
        }
    }

    /// The same rule, with what to add to a build.
    #[must_use]
    pub const fn with_fixes(mut self, fixes: &'static [Fix]) -> Self {
        self.fixes = fixes;
        self
    }

    /// What to add to the build of a file in a language, for the compilers that may have made it. What is not known to be
    /// amiss needs no flag.
    pub fn fixes_for(&self, outcome: Outcome, language: Language) -> Vec<Fix> {
        if !matches!(outcome, Outcome::Fail | Outcome::Partial) {
            return Vec::new();
        }
        self.fixes.iter().copied().filter(|fix| fix.toolchain.compiles(language)).collect()
    }

    /// Metadata of a rule about the run itself, which stands below the pillars.
    pub const fn about_the_run(
        id: &'static str,
        name: &'static str,
        title: &'static str,
        severity: Severity,
        page: &'static str,
    ) -> Self {
        let mut meta = Self::new(id, name, title, Pillar::VerifiedRoot, severity, page);
        meta.pillar = None;
        meta
    }

    /// The text below a `## heading`, up to the next one; empty if the page lacks it.
    pub fn section(&self, heading: &str) -> Cow<'_, str> {
        match &self.page {
            Page::Written(text) => section(text, heading).into(),
            Page::Made(page) => section(&page.text(), heading).to_owned().into(),
        }
    }

    /// Why a failure matters.
    pub fn rationale(&self) -> Cow<'_, str> {
        match &self.page {
            Page::Written(text) => section(text, RATIONALE).into(),
            Page::Made(page) => page.rationale().into(),
        }
    }

    /// What to do about one.
    pub fn remedy(&self) -> Cow<'_, str> {
        match &self.page {
            Page::Written(text) => section(text, REMEDY).into(),
            Page::Made(page) => page.remedy(),
        }
    }
}

/// A rule's page, in Markdown.
#[derive(Clone, Debug)]
pub enum Page {
    /// As it is written.
    Written(&'static str),
    /// Made of a rule's data when somebody reads it. Reports quote two sections of it, and to make every page for them, and find
    /// them in it, was a fifth of the work of judging a kernel.
    Made(Arc<dyn MadePage>),
}

impl Page {
    /// All of it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Written(text) => (*text).into(),
            Self::Made(page) => page.text().into(),
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// What a page is made of.
pub trait MadePage: fmt::Debug + Send + Sync {
    /// The text of its section `Why it matters`.
    fn rationale(&self) -> &str;

    /// The text of its section `How to fix it`.
    fn remedy(&self) -> Cow<'_, str>;

    /// The whole page.
    fn text(&self) -> String;
}

const RATIONALE: &str = PAGE_SECTIONS[1];
const REMEDY: &str = PAGE_SECTIONS[3];

fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let Some(start) = find_heading(page, heading) else { return "" };
    let body = &page[start..];
    body.find("\n## ").map_or(body, |end| &body[..end]).trim()
}

/// The offset just past the heading's line.
fn find_heading(page: &str, heading: &str) -> Option<usize> {
    let mut at = 0;
    for line in page.split_inclusive('\n') {
        at += line.len();
        if line.strip_prefix("## ").is_some_and(|rest| rest.trim() == heading) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_by_heading() {
        let meta = RuleMeta::new(
            "X-001",
            "x",
            "X",
            Pillar::ApiOnly,
            Severity::Low,
            "# X\n\n## Why it matters\n\nBecause.\n\n## How to fix it\nDo.\n",
        );
        assert_eq!(meta.rationale(), "Because.");
        assert_eq!(meta.remedy(), "Do.");
        assert_eq!(meta.section("References"), "");
    }
}
