//! Whether arrays live on a stack apart from return addresses.

use hardpan_report::{Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::{EM_386, EM_AARCH64, EM_LOONGARCH, EM_MIPS, EM_X86_64};

use crate::ElfFacts;
use crate::facts::{Mark, Properties};
use crate::rules::cfi::absence;
use crate::rules::{ElfRule, at, not_loaded};

/// ELF-015.
#[doc = include_str!("safe_stack.md")]
pub(super) struct SafeStack;

static META: RuleMeta = RuleMeta::new(
    "ELF-015",
    "safe-stack",
    "Arrays live on a stack apart from return addresses",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("safe_stack.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[Fix::new(Toolchain::Clang, "-fsanitize=safe-stack")];

impl ElfRule for SafeStack {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "SAFESTACK"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        if let Some(offset) = facts.marks.get(Mark::SafeStack) {
            let evidence = Evidence::new("symbol", "__safestack_…", "").at(at(offset));
            return Judgement::pass("yes", evidence);
        }
        if let Some((label, reason)) = needless(facts) {
            return Judgement::not_applicable(label, reason);
        }
        match absence(facts) {
            Err(judgement) => judgement,
            Ok(examined) => {
                let judgement = Judgement::fail("no", "compiled without a stack for arrays", vec![examined]);
                if facts.origin.has_clang { judgement } else { judgement.heuristic() }
            }
        }
    }
}

/// Why a file without it lacks nothing.
fn needless(facts: &ElfFacts) -> Option<(&'static str, &'static str)> {
    let machine = facts.header.machine;
    let properties = facts.notes.properties.as_ref().ok().and_then(Option::as_ref);
    let is_marked = |machines: &[u16], feature| {
        machines.contains(&machine) && properties.is_some_and(|properties| properties.has(feature))
    };
    if is_marked(&[EM_X86_64.0, EM_386.0], Properties::SHSTK) || is_marked(&[EM_AARCH64.0], Properties::GCS) {
        return Some(("shadow", "it is marked for a shadow stack, which the processor keeps"));
    }
    match facts.origin.language {
        Language::Go => return Some(("Go", "Go bounds what it writes to the stack")),
        Language::Rust => return Some(("Rust", "Rust bounds what it writes to the stack")),
        _ => {}
    }
    if facts.origin.has_gcc && !facts.origin.has_clang {
        return Some(("GCC", "GCC has no such stack"));
    }
    let has_runtime = MACHINES.contains(&machine);
    (!has_runtime).then_some(("machine", "clang has no such stack on this machine"))
}

/// Those that the run-time library is built for.
const MACHINES: [u16; 5] = [EM_X86_64.0, EM_386.0, EM_AARCH64.0, EM_MIPS.0, EM_LOONGARCH.0];
