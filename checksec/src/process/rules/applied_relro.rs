//! Whether what the loader was to make read-only is read-only.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity, escape};

use super::{ProcessRule, in_proc, mapped, whole};
use crate::process::{Loaded, Process, Relro};

/// PROC-004.
#[doc = include_str!("applied_relro.md")]
pub(super) struct AppliedRelro;

static META: RuleMeta = RuleMeta::new(
    "PROC-004",
    "relro-applied",
    "What RELRO protects is read-only in a running process",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("applied_relro.md"),
);

impl ProcessRule for AppliedRelro {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "RELRO"
    }

    fn judge(&self, process: &Process) -> Judgement {
        let maps = match mapped(process) {
            Ok(maps) => maps,
            Err(judgement) => return judgement,
        };
        let files: Vec<(&Loaded, &Relro)> =
            process.files.iter().filter_map(|file| Some((file, file.relro.as_ref()?))).collect();
        let writable = select(&files, |relro| relro.writable > 0);
        if !writable.is_empty() {
            let message =
                format!("the pages that RELRO protects are writable in {} loaded files", writable.len());
            return Judgement::fail("writable", message, pages(process, &writable));
        }
        if let Err(judgement) = whole(process, maps) {
            return judgement;
        }
        let astray = select(&files, |relro| !relro.is_located || relro.missing > 0);
        if let Some((file, _)) = astray.first() {
            let reason = format!("{} is not mapped as its program headers say", escape(&file.name));
            return Judgement::unknown(Cause::Undecided, "unknown", reason)
                .with(pages(process, &astray).remove(0));
        }
        if let Some(judgement) = unread(process) {
            return judgement;
        }
        let open = select(&files, |relro| relro.open_slot.is_some());
        if !open.is_empty() {
            return open_slots(process, &open);
        }
        match files.len() {
            0 => Judgement::not_applicable(
                "none",
                "no file that is loaded has PT_GNU_RELRO; ELF-001 judges that",
            ),
            count => {
                let seen = format!("read-only in all {count} loaded files that have it");
                Judgement::pass(
                    "applied",
                    Evidence::new("PT_GNU_RELRO", seen, "").at(in_proc(process, "maps")),
                )
            }
        }
    }
}

/// A file that could not be read may have a segment that is not applied.
fn unread(process: &Process) -> Option<Judgement> {
    let (file, (cause, reason)) =
        process.files.iter().find_map(|file| Some((file, file.found.as_ref().err()?)))?;
    Some(Judgement::unknown(*cause, "unread", format!("{}: {reason}", escape(&file.name))))
}

/// The loader did its part, but the linker left slots out.
fn open_slots(process: &Process, open: &[(&Loaded, &Relro)]) -> Judgement {
    let fact = |(file, relro): &(&Loaded, &Relro)| {
        let slot = relro.open_slot.unwrap_or(0);
        let seen = format!("{} slots outside, the first at {slot:x} on a writable page", relro.slots_outside);
        Evidence::new(escape(&file.name), seen, "inside PT_GNU_RELRO").at(in_proc(process, "maps"))
    };
    let message = format!("RELRO is applied, but leaves writable slots in {} loaded files", open.len());
    Judgement::partial("partial", message, open.iter().map(fact).collect())
}

fn select<'f>(files: &[(&'f Loaded, &'f Relro)], is: fn(&Relro) -> bool) -> Vec<(&'f Loaded, &'f Relro)> {
    files.iter().copied().filter(|(_, relro)| is(relro)).collect()
}

fn pages(process: &Process, files: &[(&Loaded, &Relro)]) -> Vec<Evidence> {
    let fact = |(file, relro): &(&Loaded, &Relro)| {
        let all = relro.pages.end - relro.pages.start;
        let seen = if relro.writable > 0 {
            format!("{:#x} of {all:#x} bytes from {:x} are writable", relro.writable, relro.pages.start)
        } else {
            format!("{:#x} of {all:#x} bytes from {:x} are not mapped", relro.missing, relro.pages.start)
        };
        Evidence::new(escape(&file.name), seen, "read-only").at(in_proc(process, "maps"))
    };
    files.iter().map(fact).collect()
}
