//! Whether every structure of the file can be read.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity};

use crate::facts::Kind;
use crate::rules::{ElfRule, at};
use crate::{ElfError, ElfFacts};

/// ELF-010.
#[doc = include_str!("well_formed.md")]
pub(super) struct WellFormed;

static META: RuleMeta = RuleMeta::new(
    "ELF-010",
    "well-formed",
    "Every ELF file is what its format demands",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("well_formed.md"),
);

impl ElfRule for WellFormed {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "FORM"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if facts.kind == Kind::Core {
            return Judgement::not_applicable("n/a", "a core dump is data");
        }
        let faults: Vec<&ElfError> = faults(facts).collect();
        // What kept us from looking is no property of the file.
        if let Some(fault) = faults.iter().find(|fault| fault.cause() != Cause::Malformed) {
            return super::damaged(fault);
        }
        let damage = faults.iter().map(|fault| damage(fault));
        let odd = facts.anomalies.iter().map(|anomaly| {
            Evidence::new(anomaly.what, anomaly.seen.clone(), anomaly.wanted.clone()).at(at(anomaly.offset))
        });
        let evidence: Vec<_> = damage.chain(odd).collect();
        let Some(first) = evidence.first() else {
            let header = Evidence::new("ELF header", "all structures read", "").at(at(0));
            return Judgement::pass("yes", header);
        };
        let message = if first.wanted.is_empty() {
            first.seen.to_string()
        } else {
            format!("{} is {}, not {}", first.what, first.seen, first.wanted)
        };
        Judgement::fail("malformed", message, evidence)
    }
}

/// The errors of all parts, each once: several parts may have needed the same structure.
fn faults(facts: &ElfFacts) -> impl Iterator<Item = &ElfError> {
    let names = facts.dynamic().and_then(|dynamic| dynamic.names.as_ref().err());
    let all = [
        facts.interpreter.as_ref().err(),
        facts.dynamic.as_ref().err(),
        names,
        facts.slots.as_ref().err(),
        facts.symbols.as_ref().err(),
        facts.places.as_ref().err(),
        facts.sections.as_ref().err(),
    ];
    (0..all.len()).filter_map(move |index| all[index].filter(|_| !all[..index].contains(&all[index])))
}

fn damage(fault: &ElfError) -> Evidence {
    Evidence::new("damage", fault.to_string(), "").at(at(fault.offset()))
}
