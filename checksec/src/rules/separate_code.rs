//! Whether only code is mapped executable.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::Intruder;
use crate::rules::{ElfRule, at, not_loaded};

/// ELF-018.
#[doc = include_str!("separate_code.md")]
pub(super) struct SeparateCode;

static META: RuleMeta = RuleMeta::new(
    "ELF-018",
    "separate-code",
    "Nothing but code is mapped executable",
    Pillar::HardenedExecutables,
    Severity::Low,
    include_str!("separate_code.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,-z,separate-code"),
    Fix::new(Toolchain::Clang, "-Wl,-z,separate-code"),
    Fix::new(Toolchain::Rustc, "-C link-arg=-Wl,-z,separate-code"),
    Fix::new(Toolchain::Go, "-ldflags='-linkmode=external -extldflags=-Wl,-z,separate-code'"),
];

impl ElfRule for SeparateCode {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "SEPCODE"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        if facts.layout.executable == 0 {
            return Judgement::not_applicable("no code", "no segment of it is executable");
        }
        let evidence: Vec<_> = facts.layout.intruders.iter().map(evidence).collect();
        match facts.layout.intruders.first() {
            None => {
                let seen = format!("{} executable, of code alone", facts.layout.executable);
                Judgement::pass("yes", Evidence::new("PT_LOAD", seen, ""))
            }
            Some(Intruder::Writable(_)) => {
                Judgement::fail("writable", "code shares a segment with what is written", evidence)
            }
            Some(Intruder::Headers(_)) => {
                let message = "the headers of the file, and read-only data with them, are mapped executable";
                Judgement::fail("no", message, evidence)
            }
            Some(Intruder::Data(_)) => {
                let message = "read-only data is mapped executable, by the section headers";
                Judgement::fail("data", message, evidence).heuristic()
            }
            Some(Intruder::SharedPage(_)) => {
                let message = "a page is mapped executable that holds more than code";
                Judgement::partial("border", message, evidence)
            }
        }
    }
}

fn evidence(intruder: &Intruder) -> Evidence {
    let (what, seen, offset) = match *intruder {
        Intruder::Writable(offset) => ("PT_LOAD", "executable and writable", offset),
        Intruder::Headers(offset) => ("PT_LOAD", "executable, with the file's headers", offset),
        Intruder::Data(offset) => ("section", "data in an executable segment", offset),
        Intruder::SharedPage(offset) => ("page", "code and other bytes of the file", offset),
    };
    Evidence::new(what, seen, "code alone").at(at(offset))
}
