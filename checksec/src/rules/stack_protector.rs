//! Whether the compiler's stack protector was on.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::Kind;
use crate::rules::{ElfRule, damaged, not_loaded};

/// ELF-005.
#[doc = include_str!("stack_protector.md")]
pub(super) struct StackProtector;

static META: RuleMeta = RuleMeta::new(
    "ELF-005",
    "stack-protector",
    "Functions check their stack frames before returning",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("stack_protector.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fstack-protector-strong"),
    Fix::new(Toolchain::Clang, "-fstack-protector-strong"),
];

impl ElfRule for StackProtector {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "CANARY"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        let is_linked_later = matches!(facts.kind, Kind::Object | Kind::KernelModule);
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| !is_linked_later) {
            return judgement;
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        let symbols = match &facts.symbols {
            Err(error) => return damaged(error),
            Ok(symbols) => symbols,
        };
        if let Some(guard) = symbols.guard {
            return Judgement::pass("yes", Evidence::new("undefined symbol", guard, ""));
        }
        if symbols.defines_guard {
            // Inside the C library the calls are bound to its own definition, so no undefined symbol remains.
            return Judgement::pass("yes", Evidence::new("defined symbol", "__stack_chk_fail", ""));
        }
        without_guard(facts, symbols.examined)
    }
}

fn without_guard(facts: &ElfFacts, examined: u64) -> Judgement {
    let is_linked_to_c = facts
        .dynamic()
        .is_some_and(|dynamic| dynamic.names.as_ref().is_ok_and(|names| !names.needed.is_empty()));
    match facts.origin.language {
        Language::Rust => {
            return Judgement::not_applicable("Rust", "Rust bounds what it writes to the stack");
        }
        Language::Go if !is_linked_to_c => {
            return Judgement::not_applicable("Go", "Go bounds what it writes to the stack");
        }
        _ => {}
    }
    let reason = if facts.kind.is_static() {
        "static: a check in the program and one in its C library look alike"
    } else {
        "no function checks its frame: either none has an array to protect or the protector was off"
    };
    let evidence =
        Evidence::new("undefined symbols", format!("{examined} examined, none of the protector's"), "");
    Judgement::unknown(Cause::Undecided, "no sign", reason).with(evidence)
}
