//! Whether the loader resolves every symbol at start.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::Kind;
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-002.
#[doc = include_str!("bind_now.md")]
pub(super) struct BindNow;

static META: RuleMeta = RuleMeta::new(
    "ELF-002",
    "bind-now",
    "All symbols are bound before the program runs",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("bind_now.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,-z,now"),
    Fix::new(Toolchain::Clang, "-Wl,-z,now"),
    Fix::new(Toolchain::Rustc, "-C relro-level=full"),
    Fix::new(Toolchain::Go, "-ldflags='-linkmode=external -extldflags=-Wl,-z,now'"),
];

impl ElfRule for BindNow {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "BIND NOW"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let dynamic = match &facts.dynamic {
            Err(error) => return damaged(error),
            Ok(Some(dynamic)) if !relocates_itself(facts.kind) => dynamic,
            Ok(_) => {
                return Judgement::not_applicable("static", "it relocates itself before its own code runs");
            }
        };
        if let Some((flag, entry)) = dynamic.bind_now() {
            return Judgement::pass(
                "now",
                Evidence::new(flag, format!("{:#x}", entry.value), "").at(at(entry.offset)),
            );
        }
        let slots = match &facts.slots {
            Err(error) => return damaged(error),
            Ok(slots) => slots.as_ref().map_or(0, |slots| slots.calls),
        };
        if slots == 0 {
            let evidence = Evidence::new("DT_JMPREL", "no slots", "").at(at(dynamic.offset()));
            return Judgement::pass("no PLT", evidence);
        }
        if let Some(loader) = musl(facts) {
            return Judgement::pass("now", loader);
        }
        let flags = Evidence::new("bind-now flags", "none", "DF_BIND_NOW, DF_1_NOW or DT_BIND_NOW");
        let message = format!("lazy binding: {slots} PLT slots are filled in when first called");
        Judgement::fail("lazy", message, vec![flags.at(at(dynamic.offset()))])
    }
}

fn relocates_itself(kind: Kind) -> bool {
    kind.is_static() || kind == Kind::Loader
}

/// musl's loader binds all that a program starts with, whatever the flags say.
fn musl(facts: &ElfFacts) -> Option<Evidence> {
    let interpreter = facts.interpreter.as_ref().ok().and_then(Option::as_ref)?;
    let name = interpreter.path.rsplit(|byte| *byte == b'/').next()?;
    let loader = || Evidence::new("PT_INTERP", "musl's loader, which binds everything at start", "");
    name.starts_with(b"ld-musl-").then(|| loader().at(at(interpreter.offset)))
}
