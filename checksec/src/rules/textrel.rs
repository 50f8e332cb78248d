//! Whether the loader has to write to code.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-008.
#[doc = include_str!("textrel.md")]
pub(super) struct Textrel;

static META: RuleMeta = RuleMeta::new(
    "ELF-008",
    "textrel",
    "Code pages are never written",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("textrel.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fPIC"),
    Fix::new(Toolchain::Clang, "-fPIC"),
    Fix::new(Toolchain::Rustc, "-C relocation-model=pic"),
    Fix::new(Toolchain::Go, "-buildmode=pie"),
];

impl ElfRule for Textrel {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "TEXTREL"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let dynamic = match &facts.dynamic {
            Err(error) => return damaged(error),
            Ok(None) => return Judgement::not_applicable("static", "nothing relocates it when it is loaded"),
            Ok(Some(dynamic)) => dynamic,
        };
        let Some((flag, entry)) = dynamic.textrel() else {
            let none = Evidence::new("DT_TEXTREL, DF_TEXTREL", "none", "").at(at(dynamic.offset()));
            return Judgement::pass("none", none);
        };
        let seen = Evidence::new(flag, format!("{:#x}", entry.value), "none").at(at(entry.offset));
        let message = "has relocations in code, so the loader makes code writable while it applies them";
        Judgement::fail("yes", message, vec![seen])
    }
}
