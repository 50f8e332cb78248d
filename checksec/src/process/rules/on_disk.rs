//! Whether the code of a process is what the disk has.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity, escape};

use super::{ProcessRule, facts, in_proc, mapped, whole};
use crate::process::{Backing, Loaded, Mapping, Maps, OnDisk, Process};

/// PROC-003.
#[doc = include_str!("on_disk.md")]
pub(super) struct OnDiskCode;

static META: RuleMeta = RuleMeta::new(
    "PROC-003",
    "code-on-disk",
    "The code of a running process is that of the files on disk",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("on_disk.md"),
);

impl ProcessRule for OnDiskCode {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "ON DISK"
    }

    fn judge(&self, process: &Process) -> Judgement {
        let maps = match mapped(process) {
            Ok(maps) => maps,
            Err(judgement) => return judgement,
        };
        let of = |what: fn(&OnDisk) -> bool| -> Vec<&Loaded> {
            process.files.iter().filter(|file| what(&file.on_disk)).collect()
        };
        let stale = of(|on_disk| matches!(on_disk, OnDisk::Deleted | OnDisk::Replaced));
        if !stale.is_empty() {
            return stale_files(process, &stale);
        }
        let in_memory: Vec<&Mapping> = maps.all.iter().filter(|mapping| is_memfd(mapping)).collect();
        if !in_memory.is_empty() {
            let message = "it runs code from files that were never on a disk (memfd_create)";
            return Judgement::fail("memfd", message, facts(process, &in_memory, "a file on disk"));
        }
        let is_device = |mapping: &Mapping| {
            let mut files = process.files.iter().filter(|file| file.on_disk == OnDisk::Memory);
            mapping.executable && files.any(|file| file.name == mapping.name)
        };
        let is_from_nowhere = |mapping: &&Mapping| is_generated(mapping) || is_device(mapping);
        let generated: Vec<&Mapping> = maps.all.iter().filter(is_from_nowhere).collect();
        if !generated.is_empty() {
            return generated_code(process, &generated);
        }
        if let Err(judgement) = whole(process, maps) {
            return judgement;
        }
        rest(process, maps)
    }
}

fn stale_files(process: &Process, stale: &[&Loaded]) -> Judgement {
    let fact = |file: &&Loaded| {
        let seen = if file.on_disk == OnDisk::Deleted { "deleted" } else { "another file has its name" };
        let what = format!("{} mapped at {:x}", escape(&file.name), file.start);
        Evidence::new(what, seen, "the file that is mapped").at(in_proc(process, "maps"))
    };
    let label =
        if stale.iter().all(|file| file.on_disk == OnDisk::Replaced) { "replaced" } else { "deleted" };
    let message =
        format!("it runs code of {} files that were deleted or replaced since: restart it", stale.len());
    Judgement::fail(label, message, stale.iter().map(fact).collect())
}

fn generated_code(process: &Process, generated: &[&Mapping]) -> Judgement {
    let size: u64 = generated.iter().map(|mapping| mapping.end - mapping.start).sum();
    let message = format!(
        "{} KiB of executable memory come from no file: code that a compiler made at run time, or that was injected",
        size / 1024
    );
    Judgement::partial("generated", message, facts(process, generated, "a file on disk")).heuristic()
}

fn rest(process: &Process, maps: &Maps) -> Judgement {
    let unknown = process.files.iter().find_map(|file| match &file.on_disk {
        OnDisk::Unknown(cause, reason) => Some((file, *cause, reason)),
        _ => None,
    });
    if let Some((file, cause, reason)) = unknown {
        // What may not be looked at is the system's refusal; that it is elsewhere is no damage.
        let reason = format!("{}: {reason}", escape(&file.name));
        return Judgement::unknown(cause, "unknown", reason);
    }
    match process.files.len() {
        0 if maps.all.is_empty() => Judgement::unknown(Cause::NoFacts, "unknown", "nothing is mapped"),
        count => {
            let seen = format!("{count}, each found under its name");
            Judgement::pass("yes", Evidence::new("files mapped as code", seen, ""))
        }
    }
}

fn is_memfd(mapping: &Mapping) -> bool {
    mapping.executable && matches!(mapping.backing(), Backing::Memory(name) if name.starts_with(b"/memfd:"))
}

/// Memory without a file of its own. The kernel has code of its own in every process, whose names are in brackets, and the
/// stack has a rule of its own.
fn is_generated(mapping: &Mapping) -> bool {
    let is_nobodys = match mapping.backing() {
        Backing::Anonymous | Backing::Memory(_) => true,
        Backing::Special(name) => name == b"heap" || name.starts_with(b"anon"),
        Backing::File { .. } => false,
    };
    mapping.executable && is_nobodys
}
