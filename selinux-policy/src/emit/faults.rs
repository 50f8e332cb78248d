//! What is wrong with a policy, gathered while it is laid out.

use crate::diagnostic::{Diagnostic, Severity};
use crate::ir::{Ir, OriginId};

/// More errors than this are not told: nobody reads them, and a policy can have them by the million.
const MAX_TOLD: usize = 1000;

/// Errors and warnings, in the order in which they are found.
pub(crate) struct Faults<'a> {
    ir: &'a Ir,
    told: Vec<Diagnostic>,
    has_errors: bool,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(ir: &'a Ir) -> Self {
        Self { ir, told: Vec::new(), has_errors: false }
    }

    /// An error at a statement.
    pub(crate) fn error(&mut self, code: &'static str, at: OriginId, message: String) {
        self.tell(Diagnostic::error(code, message).at_origin(&self.ir.origins, at));
    }

    /// An error at a statement, and another statement that it has to do with.
    pub(crate) fn conflict(
        &mut self,
        code: &'static str,
        (at, message): (OriginId, String),
        (other, note): (OriginId, &str),
    ) {
        let error = Diagnostic::error(code, message).at_origin(&self.ir.origins, at);
        self.tell(error.note_origin(&self.ir.origins, other, note));
    }

    /// An error of the policy as a whole.
    pub(crate) fn error_of_all(&mut self, code: &'static str, message: String) {
        self.tell(Diagnostic::error(code, message));
    }

    /// A warning at a statement.
    pub(crate) fn warning(&mut self, code: &'static str, at: OriginId, message: String) {
        self.tell(Diagnostic::warning(code, message).at_origin(&self.ir.origins, at));
    }

    /// A warning at a statement, and another statement that it has to do with.
    pub(crate) fn doubt(
        &mut self,
        code: &'static str,
        (at, message): (OriginId, String),
        (other, note): (OriginId, &str),
    ) {
        let warning = Diagnostic::warning(code, message).at_origin(&self.ir.origins, at);
        self.tell(warning.note_origin(&self.ir.origins, other, note));
    }

    pub(crate) fn tell(&mut self, diagnostic: Diagnostic) {
        self.has_errors |= diagnostic.severity == Severity::Error;
        if self.told.len() < MAX_TOLD {
            self.told.push(diagnostic);
        } else if diagnostic.severity == Severity::Error
            && let Some(warning) = self.told.iter().rposition(|told| told.severity == Severity::Warning)
        {
            // No error may go untold because of warnings.
            self.told.remove(warning);
            self.told.push(diagnostic);
        }
    }

    /// Adds what was found elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        other.told.into_iter().for_each(|diagnostic| self.tell(diagnostic));
    }

    /// Whether there is no policy because of them.
    pub(crate) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// All of them.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.told
    }
}
