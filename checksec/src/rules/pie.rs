//! Whether a program can be loaded anywhere.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::Kind;
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-003.
#[doc = include_str!("pie.md")]
pub(super) struct Pie;

static META: RuleMeta = RuleMeta::new(
    "ELF-003",
    "pie",
    "Programs are loaded at a random address",
    Pillar::HardenedExecutables,
    Severity::High,
    include_str!("pie.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fPIE -pie"),
    Fix::new(Toolchain::Clang, "-fPIE -pie"),
    Fix::new(Toolchain::Rustc, "-C relocation-model=pie"),
    Fix::new(Toolchain::Go, "-buildmode=pie"),
];

impl ElfRule for Pie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "PIE"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let e_type = |seen: &'static str| Evidence::new("e_type", seen, "ET_DYN").at(at(E_TYPE));
        match facts.kind {
            Kind::Executable => Judgement::fail("no", "linked for a fixed address", vec![e_type("ET_EXEC")]),
            Kind::StaticExecutable => {
                Judgement::fail("no", "static and linked for a fixed address", vec![e_type("ET_EXEC")])
            }
            Kind::StaticPie => Judgement::pass("static PIE", e_type("ET_DYN")),
            Kind::Pie => Judgement::pass("PIE", e_type("ET_DYN")),
            Kind::Undecided => match &facts.dynamic {
                Err(error) => damaged(error),
                // The kind is undecided for this reason only.
                Ok(_) => Judgement::pass("ET_DYN", e_type("ET_DYN")),
            },
            _ => Judgement::not_applicable("DSO", "shared objects are position-independent by nature"),
        }
    }
}

/// Offset of `e_type` in both classes.
const E_TYPE: u64 = 16;
