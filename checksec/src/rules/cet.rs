//! Whether x86 code is marked for indirect branch tracking and the shadow stack.

use hardpan_report::{Evidence, Fix, Judgement, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::{EM_386, EM_X86_64};

use crate::ElfFacts;
use crate::facts::{Kind, Landing, Properties};
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-011.
#[doc = include_str!("cet.md")]
pub(super) struct Cet;

static META: RuleMeta = RuleMeta::new(
    "ELF-011",
    "cet",
    "Code for x86 is marked for indirect branch tracking and the shadow stack",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("cet.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fcf-protection=full -Wl,-z,cet-report=error"),
    Fix::new(Toolchain::Clang, "-fcf-protection=full -Wl,-z,cet-report=error"),
];

impl ElfRule for Cet {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "CET"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| facts.kind != Kind::Object) {
            return judgement;
        }
        if facts.header.machine != EM_X86_64.0 && facts.header.machine != EM_386.0 {
            return Judgement::not_applicable("not x86", "only x86 has IBT and the shadow stack");
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        match &facts.notes.properties {
            Err(error) => damaged(error),
            Ok(properties) => marked(facts, properties.as_ref()),
        }
    }
}

fn marked(facts: &ElfFacts, properties: Option<&Properties>) -> Judgement {
    let has = |feature| properties.is_some_and(|properties| properties.has(feature));
    let (ibt, shstk) = (has(Properties::IBT), has(Properties::SHSTK));
    let seen = match (ibt, shstk) {
        (true, true) => "IBT, SHSTK",
        (true, false) => "IBT",
        (false, true) => "SHSTK",
        (false, false) => "neither",
    };
    let mut mark = Evidence::new("NT_GNU_PROPERTY_TYPE_0", seen, "IBT, SHSTK");
    if let Some(properties) = properties {
        mark = mark.at(at(properties.offset));
    }
    match (ibt, shstk) {
        (false, false) => Judgement::fail("no", "not marked for IBT and the shadow stack", vec![mark]),
        (false, true) => {
            Judgement::partial("SHSTK only", "marked for the shadow stack but not for IBT", vec![mark])
        }
        (true, _) => checked(facts, mark, shstk),
    }
}

/// A mark for IBT, held against the code.
fn checked(facts: &ElfFacts, mark: Evidence, shstk: bool) -> Judgement {
    let landing = match &facts.landing {
        Err(error) => return damaged(error).with(mark),
        Ok(landing) => landing.unwrap_or_default(),
    };
    let pads = pads(&landing, "endbr");
    if landing.examined > 0 && landing.padded == 0 {
        let message =
            "marked for IBT, but no function that was looked at begins with endbr: the mark was forced";
        return Judgement::partial("mark only", message, vec![mark, pads]).heuristic();
    }
    if landing.bare > 0 {
        let message = "marked for IBT, but not all functions that were looked at begin with endbr: \
                       the mark was forced on a part of the code";
        return Judgement::partial("partly", message, vec![mark, pads]).heuristic();
    }
    if !shstk {
        let message = "marked for IBT but not for the shadow stack";
        return Judgement::partial("IBT only", message, vec![mark, pads]);
    }
    let judgement = Judgement::pass("marked", mark);
    if landing.examined == 0 { judgement.heuristic() } else { judgement.with(pads) }
}

/// What was found where indirect branches arrive.
pub(super) fn pads(landing: &Landing, pad: &'static str) -> Evidence {
    let seen = format!("{} of {} begin with {pad}", landing.padded, landing.examined);
    let evidence = Evidence::new("entry, main and exported functions", seen, "all");
    match landing.first_without {
        Some(offset) => evidence.at(at(offset)),
        None => evidence,
    }
}
