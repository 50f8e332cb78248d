//! Whether the global offset table is read-only once the program runs.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};
use object::elf::{PT_GNU_RELRO, PT_LOAD};

use crate::ElfFacts;
use crate::facts::{Kind, SlotSource, Slots};
use crate::rules::{ElfRule, at, damaged, not_loaded};

/// ELF-001.
#[doc = include_str!("relro.md")]
pub(super) struct Relro;

static META: RuleMeta = RuleMeta::new(
    "ELF-001",
    "relro",
    "The global offset table is read-only while the program runs",
    Pillar::HardenedExecutables,
    Severity::High,
    include_str!("relro.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-Wl,-z,relro,-z,now"),
    Fix::new(Toolchain::Clang, "-Wl,-z,relro,-z,now"),
    Fix::new(Toolchain::Rustc, "-C relro-level=full"),
    Fix::new(Toolchain::Go, "-buildmode=pie -ldflags='-linkmode=external -extldflags=-Wl,-z,relro,-z,now'"),
];

impl ElfRule for Relro {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "RELRO"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind) {
            return judgement;
        }
        match facts.segments.last(PT_GNU_RELRO) {
            None => without_segment(facts),
            Some((header, segment)) => {
                let pages = format!("{:#x} bytes from {:#x}", segment.memory_size, segment.address);
                with_segment(facts, Evidence::new("PT_GNU_RELRO", pages, "").at(at(header)))
            }
        }
    }
}

fn without_segment(facts: &ElfFacts) -> Judgement {
    let is_pure_go = facts.origin.language == Language::Go && !facts.origin.mixes_c;
    if is_pure_go && facts.kind == Kind::StaticExecutable {
        return Judgement::not_applicable("static Go", "Go calls through no table when it links statically");
    }
    match (&facts.dynamic, &facts.slots) {
        (Err(error), _) | (Ok(None), Err(error)) => damaged(error),
        (Ok(None), Ok(None)) => undecided(facts),
        _ if !facts.needs_relro => {
            Judgement::not_applicable("no GOT", "there are no relocations, so nothing is written at start")
        }
        _ => {
            let evidence = Evidence::new("PT_GNU_RELRO", "none", "one over the global offset table");
            Judgement::fail("none", "no RELRO: the global offset table stays writable", vec![evidence])
        }
    }
}

fn with_segment(facts: &ElfFacts, segment: Evidence) -> Judgement {
    let slots = match &facts.slots {
        Err(error) => return damaged(error),
        Ok(None) => return undecided(facts),
        Ok(Some(slots)) => slots,
    };
    if slots.outside > 0 {
        return outside(facts, slots, segment);
    }
    let slots_seen = match slots.count {
        0 => "no slots to protect".to_string(),
        count => format!("all {count} {} are inside", name(slots.source)),
    };
    let slots_seen = Evidence::new("relocations", slots_seen, "all inside PT_GNU_RELRO");
    let is_lazy = slots.calls > 0 && binds_lazily(facts);
    if !is_lazy {
        return Judgement::pass("full", segment).with(slots_seen);
    }
    let evidence = vec![segment, slots_seen, Evidence::new("bind-now flags", "none", "any")];
    let message = "the PLT slots lie inside PT_GNU_RELRO but are to be bound lazily, which would fault";
    Judgement::fail("broken", message, evidence)
}

fn outside(facts: &ElfFacts, slots: &Slots, segment: Evidence) -> Judgement {
    let mut message = format!("partial RELRO: {} lie outside PT_GNU_RELRO", those_outside(slots));
    let first = slots.first_outside.unwrap_or(0);
    let mut slot = Evidence::new("first slot outside", format!("address {first:#x}"), "inside PT_GNU_RELRO");
    if let Some(offset) = file_offset(facts, first) {
        slot = slot.at(at(offset));
    }
    let mut evidence = vec![segment, slot];
    if let Some((flag, entry)) = facts.dynamic().and_then(crate::facts::Dynamic::bind_now) {
        message.push_str(", though the file says that it is bound at start");
        evidence.push(
            Evidence::new(flag, format!("{:#x}", entry.value), "a layout to match").at(at(entry.offset)),
        );
    }
    Judgement::partial("partial", message, evidence)
}

fn those_outside(slots: &Slots) -> String {
    let (data, data_outside) = (slots.count - slots.calls, slots.outside - slots.calls_outside);
    match (slots.calls_outside, data_outside) {
        (calls, 0) => format!("{calls} of {} PLT slots", slots.calls),
        (0, _) => format!(
            "{data_outside} of {data} {}",
            name(if slots.calls > 0 { SlotSource::Got } else { slots.source })
        ),
        (calls, _) => format!("{calls} of {} PLT slots and {data_outside} of {data} GOT slots", slots.calls),
    }
}

/// A file that relocates itself does all of it before its own code runs, whatever its flags say.
fn binds_lazily(facts: &ElfFacts) -> bool {
    let relocates_itself = matches!(facts.kind, Kind::StaticPie | Kind::StaticExecutable | Kind::Loader);
    !relocates_itself && facts.dynamic().is_some_and(|dynamic| dynamic.bind_now().is_none())
}

fn undecided(facts: &ElfFacts) -> Judgement {
    let reason = if facts.dynamic().is_none() {
        "a static program without section headers does not tell where its relocated slots are"
    } else {
        "on this machine slots and other pointers are relocated alike, and some lie outside PT_GNU_RELRO"
    };
    Judgement::unknown(Cause::Undecided, "unknown", reason)
}

fn name(source: SlotSource) -> &'static str {
    match source {
        SlotSource::Plt => "PLT slots",
        SlotSource::Got => "GOT slots",
        SlotSource::Both => "PLT and GOT slots",
        SlotSource::Static => "relocated slots",
    }
}

fn file_offset(facts: &ElfFacts, address: u64) -> Option<u64> {
    facts.segments.of(PT_LOAD).find_map(|(_, load)| {
        let into = address.checked_sub(load.address).filter(|into| *into < load.file_size)?;
        load.offset.checked_add(into)
    })
}
