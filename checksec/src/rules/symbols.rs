//! Whether a file tells more of itself than it needs to run.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::Kind;
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-016.
#[doc = include_str!("symbols.md")]
pub(super) struct Symbols;

static META: RuleMeta = RuleMeta::new(
    "ELF-016",
    "symbols",
    "Shipped programs carry no symbols or debug information",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("symbols.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-s"),
    Fix::new(Toolchain::Clang, "-s"),
    Fix::new(Toolchain::Rustc, "-C strip=symbols"),
    Fix::new(Toolchain::Go, "-ldflags='-s -w'"),
];

impl ElfRule for Symbols {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "SYMBOLS"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        let is_module = facts.kind == Kind::KernelModule;
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| !is_module) {
            return judgement;
        }
        if let Err(error) = &facts.sections {
            return damaged(error);
        }
        let debug = facts.debug;
        let link = debug.link.map(|header| {
            Evidence::new(".gnu_debuglink", "names a file with debug information", "").at(at(header))
        });
        let symbols = debug.symbols.filter(|_| !is_module).map(|(header, count)| {
            Evidence::new("symbol table", format!("{count} symbols"), "none").at(at(header))
        });
        let judgement = if let Some(header) = debug.information {
            let information = Evidence::new("debug information", "there", "none").at(at(header));
            let message = "carries debug information, which tells its source line by line";
            Judgement::fail("debug", message, [Some(information), symbols].into_iter().flatten().collect())
        } else if let Some(symbols) = symbols {
            Judgement::partial("symbols", "carries the names of its own functions", vec![symbols])
        } else if let Some(header) = debug.compressed_symbols {
            let evidence =
                Evidence::new(".gnu_debugdata", "a compressed symbol table", "none").at(at(header));
            Judgement::partial(
                "minidebug",
                "carries the names of its own functions, compressed",
                vec![evidence],
            )
        } else {
            Judgement::pass(
                "stripped",
                Evidence::new("section headers", "no symbols, no debug information", ""),
            )
        };
        link.into_iter().fold(judgement, Judgement::with)
    }
}
