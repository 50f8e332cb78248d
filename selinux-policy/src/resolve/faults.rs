//! What is told at the end.

use rustc_hash::FxHashSet;

use crate::diagnostic::{Diagnostic, Severity, Span};

/// How many errors are told; more would not be read, and hostile sources could have as many as they have bytes.
const MAX_ERRORS: usize = 1000;

/// Errors and warnings, each once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    seen: FxHashSet<(&'static str, Option<Span>, usize)>,
}

impl Faults {
    /// Adds one, unless the same was said of the same place already: statements are looked at several times.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let list = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        let key = (diagnostic.code, diagnostic.at, diagnostic.through.len());
        if list.len() < MAX_ERRORS && self.seen.insert(key) {
            list.push(diagnostic);
        }
    }

    /// How many errors there are.
    pub(super) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Whether there is an error.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Warnings if there are no errors, else everything.
    pub(super) fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            return Ok(self.warnings);
        }
        self.errors.append(&mut self.warnings);
        Err(self.errors)
    }
}
