//! Which statements may stand in which containers.

use super::Word;

/// The containers around a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each container has rules of its own")]
pub(crate) struct Nesting {
    pub(crate) block: bool,
    pub(crate) in_statement: bool,
    pub(crate) in_after: bool,
    pub(crate) macro_: bool,
    pub(crate) optional: bool,
    pub(crate) booleanif: bool,
    pub(crate) tunableif: bool,
}

impl Nesting {
    /// That of the statements in a container.
    pub(crate) fn inside(self, word: Word, is_after: bool) -> Self {
        match word {
            Word::Block => Self { block: true, ..self },
            Word::In => Self { in_statement: true, in_after: is_after, ..self },
            Word::Macro => Self { macro_: true, ..self },
            Word::Optional => Self { optional: true, ..self },
            Word::Booleanif => Self { booleanif: true, ..self },
            Word::Tunableif => Self { tunableif: true, ..self },
            _ => self,
        }
    }
}

/// The container that a statement may not stand in, among those around it.
pub(crate) fn forbidden(word: Word, nesting: Nesting, conditional_xperms: bool) -> Option<&'static str> {
    let is_container =
        matches!(word, Word::Tunable | Word::In | Word::Block | Word::Blockabstract | Word::Macro);
    if nesting.tunableif && word == Word::Tunable {
        Some("tunableif")
    } else if nesting.in_statement && matches!(word, Word::Tunable | Word::In) {
        Some("in")
    } else if nesting.in_after && matches!(word, Word::Blockinherit | Word::Blockabstract) {
        Some("in after")
    } else if nesting.macro_ && (is_container || word == Word::Blockinherit) {
        Some("macro")
    } else if nesting.optional && is_container {
        Some("optional")
    } else if nesting.booleanif && !is_conditional(word, conditional_xperms) {
        Some("booleanif")
    } else {
        None
    }
}

/// Whether rules may depend on booleans.
fn is_conditional(word: Word, conditional_xperms: bool) -> bool {
    match word {
        Word::Tunableif
        | Word::Call
        | Word::True
        | Word::False
        | Word::Marked
        | Word::Allow
        | Word::Auditallow
        | Word::Dontaudit
        | Word::Typetransition
        | Word::Typechange
        | Word::Typemember => true,
        Word::Allowx | Word::Auditallowx | Word::Dontauditx => conditional_xperms,
        _ => false,
    }
}
