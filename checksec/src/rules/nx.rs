//! Whether stacks are without execute permission.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::{EM_386, EM_X86_64, PT_GNU_STACK};

use crate::ElfFacts;
use crate::facts::Kind;
use crate::rules::{ElfRule, at, not_loaded};

/// ELF-004.
#[doc = include_str!("nx.md")]
pub(super) struct Nx;

static META: RuleMeta = RuleMeta::new(
    "ELF-004",
    "nx-stack",
    "The stack is not executable",
    Pillar::HardenedExecutables,
    Severity::Critical,
    include_str!("nx.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,-z,noexecstack"),
    Fix::new(Toolchain::Clang, "-Wl,-z,noexecstack"),
    Fix::new(Toolchain::Rustc, "-C link-arg=-Wl,-z,noexecstack"),
    Fix::new(Toolchain::Go, "-ldflags='-linkmode=external -extldflags=-Wl,-z,noexecstack'"),
];

impl ElfRule for Nx {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "NX"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if facts.kind == Kind::Object {
            return of_object(facts);
        }
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let mut headers = facts.segments.of(PT_GNU_STACK);
        let Some((offset, last)) = headers.next_back() else { return missing(facts, "PT_GNU_STACK") };
        let flags = Evidence::new("PT_GNU_STACK", flags(last.flags), "no PF_X").at(at(offset));
        if last.is_executable() {
            return Judgement::fail("exec", "PT_GNU_STACK asks for an executable stack", vec![flags]);
        }
        match headers.next_back() {
            None => Judgement::pass("NX", flags),
            Some((other, _)) => {
                let another = Evidence::new("PT_GNU_STACK", "another one", "only one").at(at(other));
                let message = "more than one PT_GNU_STACK: which of them counts depends on who reads them";
                Judgement::fail("ambiguous", message, vec![flags, another])
            }
        }
    }
}

/// The linker gives the whole program an executable stack if one object file asks for it or says nothing.
fn of_object(facts: &ElfFacts) -> Judgement {
    match facts.stack_note {
        None => missing(facts, ".note.GNU-stack"),
        Some(note) => {
            let seen = if note.is_executable { "SHF_EXECINSTR" } else { "no SHF_EXECINSTR" };
            let evidence = Evidence::new(".note.GNU-stack", seen, "no SHF_EXECINSTR").at(at(note.offset));
            if note.is_executable {
                return Judgement::fail(
                    "exec",
                    "asks for an executable stack in what it is linked into",
                    vec![evidence],
                );
            }
            Judgement::pass("NX", evidence)
        }
    }
}

/// Without the mark, Linux on x86 falls back to what programs expected before there was one.
fn missing(facts: &ElfFacts, mark: &'static str) -> Judgement {
    let evidence = Evidence::new(mark, "none", "one without the execute flag");
    let machine = facts.header.machine;
    if machine == EM_386.0 || machine == EM_X86_64.0 {
        return Judgement::fail("missing", format!("no {mark}, so stacks are executable"), vec![evidence]);
    }
    let reason = format!("no {mark}, and the default on {} is the kernel's", facts.header.machine_name());
    Judgement::unknown(Cause::Undecided, "missing", reason).with(evidence)
}

fn flags(flags: u32) -> &'static str {
    ["---", "--X", "-W-", "-WX", "R--", "R-X", "RW-", "RWX"][(flags & 7) as usize]
}
