//! Whether libraries are looked for in safe places only.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity, escape};

use crate::ElfFacts;
use crate::facts::{Place, Safety};
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-007.
#[doc = include_str!("rpath.md")]
pub(super) struct Rpath;

static META: RuleMeta = RuleMeta::new(
    "ELF-007",
    "rpath",
    "Code is loaded only from places that the image decides",
    Pillar::HardenedExecutables,
    Severity::High,
    include_str!("rpath.md"),
);

impl ElfRule for Rpath {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "RPATH"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        let places = match &facts.places {
            Err(error) => return damaged(error),
            Ok(places) => places,
        };
        let Some(dynamic) = facts.dynamic().map(crate::facts::Dynamic::offset) else {
            return Judgement::not_applicable("static", "it loads nothing");
        };
        let mut bad = places.iter().filter(|place| matches!(place.safety, Safety::Unsafe(_)));
        if let Some(first) = bad.next() {
            let all = std::iter::once(first).chain(bad).map(evidence).collect();
            return Judgement::fail("unsafe", sentence(first), all);
        }
        if let Some(place) = places.iter().find(|place| matches!(place.safety, Safety::Unknown(_))) {
            return Judgement::unknown(Cause::Undecided, "unknown", sentence(place)).with(evidence(place));
        }
        match places.iter().find(|place| place.source == "DT_RPATH" || place.source == "DT_RUNPATH") {
            Some(place) => Judgement::pass(label(place), evidence(place)),
            None => {
                Judgement::pass("none", Evidence::new("DT_RPATH, DT_RUNPATH", "none", "").at(at(dynamic)))
            }
        }
    }
}

fn label(place: &Place) -> &'static str {
    if place.source == "DT_RPATH" { "safe RPATH" } else { "safe RUNPATH" }
}

fn sentence(place: &Place) -> String {
    let (Safety::Unsafe(reason) | Safety::Unknown(reason)) = &place.safety else { return String::new() };
    format!("{} names `{}`: {reason}", place.source, escape(&place.path))
}

fn evidence(place: &Place) -> Evidence {
    let wanted = "an absolute path or one below $ORIGIN, writable by its owner only";
    Evidence::new(place.source, escape(&place.path), wanted).at(at(place.offset))
}
