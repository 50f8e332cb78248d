//! Whether indirect calls are checked by clang's control-flow integrity.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::{Kind, Mark};
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-014.
#[doc = include_str!("cfi.md")]
pub(super) struct Cfi;

static META: RuleMeta = RuleMeta::new(
    "ELF-014",
    "cfi",
    "Indirect calls are checked against the types of functions",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("cfi.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[Fix::new(Toolchain::Clang, "-flto -fvisibility=hidden -fsanitize=cfi")];

impl ElfRule for Cfi {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "CFI"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if facts.kind == Kind::KernelModule {
            return of_module(facts);
        }
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        let traces = MARKS.iter().filter_map(|(mark, label, what)| {
            let offset = facts.marks.get(*mark)?;
            Some((*label, Evidence::new("symbol", *what, "").at(at(offset))))
        });
        let mut traces = traces.collect::<Vec<_>>().into_iter();
        match traces.next() {
            Some((label, first)) => {
                traces.fold(Judgement::pass(label, first), |judgement, (_, next)| judgement.with(next))
            }
            None => match facts.marks.get(Mark::CfiTrap) {
                Some(offset) => {
                    let trap = Evidence::new("code", "the trap of a failed check", "").at(at(offset));
                    Judgement::pass("yes", trap).heuristic()
                }
                None => without_marks(facts),
            },
        }
    }
}

fn without_marks(facts: &ElfFacts) -> Judgement {
    match facts.origin.language {
        Language::Go => return Judgement::not_applicable("Go", "Go's types are checked by its compiler"),
        Language::Rust => {
            return Judgement::not_applicable("Rust", "Rust's types are checked by its compiler");
        }
        _ => {}
    }
    if facts.origin.has_gcc && !facts.origin.has_clang {
        let evidence = Evidence::new(".comment", "GCC, not clang", "clang");
        return Judgement::fail("no", "compiled by GCC, which has no such checks", vec![evidence])
            .heuristic();
    }
    match absence(facts) {
        Err(judgement) => judgement,
        Ok(examined) => {
            let message = "no symbol of clang's control-flow integrity, though the symbols are all there";
            Judgement::fail("no", message, vec![examined]).heuristic()
        }
    }
}

/// The symbols in which there is no trace, or why that tells nothing.
pub(super) fn absence(facts: &ElfFacts) -> Result<Evidence, Judgement> {
    if let Some(error) = &facts.marks.fault {
        return Err(damaged(error));
    }
    if let Err(error) = &facts.sections {
        return Err(damaged(error));
    }
    let Some((header, count)) = facts.debug.symbols else {
        let reason = "the symbols that would show it were stripped, and nothing else does";
        return Err(Judgement::unknown(Cause::Undecided, "stripped", reason));
    };
    Ok(Evidence::new("symbol table", format!("{count} symbols, none of it"), "").at(at(header)))
}

/// The kernel's own form has a hash of the type before each function, under symbols that modules keep.
fn of_module(facts: &ElfFacts) -> Judgement {
    let marks = [(Mark::KernelCfi, "__cfi_… or __kcfi_typeid_…"), (Mark::CfiJumpTable, "….cfi or ….cfi_jt")];
    let seen = marks.iter().find_map(|(mark, what)| facts.marks.get(*mark).map(|offset| (*what, offset)));
    if let Some((what, offset)) = seen {
        return Judgement::pass("kCFI", Evidence::new("symbol", what, "").at(at(offset)));
    }
    match absence(facts) {
        Err(judgement) => judgement,
        Ok(examined) => {
            Judgement::fail("no", "compiled without the kernel's control-flow integrity", vec![examined])
        }
    }
}

const MARKS: [(Mark, &str, &str); 5] = [
    (Mark::CfiCheck, "cross-DSO", "__cfi_check, exported"),
    (Mark::CfiSlowPath, "cross-DSO", "__cfi_slowpath, undefined"),
    (Mark::CfiJumpTable, "yes", "….cfi or ….cfi_jt"),
    (Mark::CfiTypeId, "yes", "__typeid_…"),
    (Mark::CfiHandler, "yes", "__ubsan_handle_cfi_…"),
];
