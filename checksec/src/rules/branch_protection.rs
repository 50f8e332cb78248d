//! Whether AArch64 code is marked for landing pads and signed return addresses.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::{DT_AARCH64_BTI_PLT, DT_AARCH64_PAC_PLT, EM_AARCH64};

use crate::ElfFacts;
use crate::facts::{Dynamic, Kind, Landing, Properties};
use crate::rules::cet::pads;
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-012.
#[doc = include_str!("branch_protection.md")]
pub(super) struct BranchProtection;

static META: RuleMeta = RuleMeta::new(
    "ELF-012",
    "branch-protection",
    "Code for AArch64 is marked for landing pads and signed return addresses",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("branch_protection.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-mbranch-protection=standard"),
    Fix::new(Toolchain::Clang, "-mbranch-protection=standard"),
];

impl ElfRule for BranchProtection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "BTI/PAC"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| facts.kind != Kind::Object) {
            return judgement;
        }
        if facts.header.machine != EM_AARCH64.0 {
            return Judgement::not_applicable("not arm64", "only AArch64 has BTI, PAC and GCS");
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        let properties = match &facts.notes.properties {
            Err(error) => return damaged(error),
            Ok(properties) => properties.as_ref(),
        };
        let landing = match &facts.landing {
            Err(error) => return damaged(error),
            Ok(landing) => landing.unwrap_or_default(),
        };
        let plt = facts.dynamic().and_then(plt);
        let judgement = marked(properties, &landing);
        plt.into_iter().fold(judgement, Judgement::with)
    }
}

fn marked(properties: Option<&Properties>, landing: &Landing) -> Judgement {
    let has = |feature| properties.is_some_and(|properties| properties.has(feature));
    let marks = [("BTI", Properties::BTI), ("PAC", Properties::PAC), ("GCS", Properties::GCS)];
    let marks: Vec<_> = marks.iter().filter(|(_, bit)| has(*bit)).map(|(name, _)| *name).collect();
    let seen = if marks.is_empty() { "none".into() } else { marks.join(", ") };
    let mut mark = Evidence::new("NT_GNU_PROPERTY_TYPE_0", seen, "BTI, PAC");
    if let Some(properties) = properties {
        mark = mark.at(at(properties.offset));
    }
    if has(Properties::BTI) && landing.examined > 0 && landing.padded == 0 {
        let message = "marked for BTI, but no function that was looked at begins with a landing pad: \
                       the mark was forced";
        return Judgement::partial("mark only", message, vec![mark, pads(landing, "a landing pad")])
            .heuristic();
    }
    if has(Properties::BTI) && has(Properties::PAC) && landing.bare > 0 {
        let message = "marked for BTI, but not all functions that were looked at begin with a landing pad: \
                       the mark was forced on a part of the code";
        return Judgement::partial("partly", message, vec![mark, pads(landing, "a landing pad")]).heuristic();
    }
    match (has(Properties::BTI), has(Properties::PAC), landing.signs_at) {
        (true, true, _) if landing.examined == 0 => Judgement::pass("marked", mark).heuristic(),
        (true, true, _) => Judgement::pass("marked", mark).with(pads(landing, "a landing pad")),
        (true, false, None) => {
            Judgement::partial("BTI only", "marked for BTI but not for signed return addresses", vec![mark])
        }
        (false, true, _) => {
            Judgement::partial("PAC only", "marked for signed return addresses but not for BTI", vec![mark])
        }
        (bti, false, Some(offset)) => signing(bti, mark, offset),
        (false, false, None) => {
            Judgement::fail("no", "not marked for BTI and signed return addresses", vec![mark])
        }
    }
}

/// Signed return addresses protect without a mark. That some function signs does not tell that all do.
fn signing(bti: bool, mark: Evidence, offset: u64) -> Judgement {
    let code = Evidence::new("code", "signs a return address", "").at(at(offset));
    let (label, message) = if bti {
        ("BTI+PAC?", "marked for BTI; code signs return addresses, though not all of it is marked to")
    } else {
        ("PAC?", "not marked, but code signs return addresses")
    };
    Judgement::partial(label, message, vec![mark, code]).heuristic()
}

/// What the linker says of the procedure linkage table.
fn plt(dynamic: &Dynamic) -> Option<Evidence> {
    let tags = [("DT_AARCH64_BTI_PLT", DT_AARCH64_BTI_PLT), ("DT_AARCH64_PAC_PLT", DT_AARCH64_PAC_PLT)];
    let found: Vec<_> =
        tags.iter().filter_map(|(name, tag)| dynamic.get(*tag).map(|entry| (*name, entry))).collect();
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    let first = found.first()?;
    Some(Evidence::new("procedure linkage table", names.join(", "), "").at(at(first.1.offset)))
}
