//! Whether any memory of a process is writable and executable.

use hardpan_report::{Evidence, Judgement, Pillar, RuleMeta, Severity};

use super::{ProcessRule, facts, in_proc, mapped, whole};
use crate::process::{Mapping, Maps, Process};

/// PROC-001.
#[doc = include_str!("wx.md")]
pub(super) struct WritableCode;

static META: RuleMeta = RuleMeta::new(
    "PROC-001",
    "running-wx",
    "No memory of a running process is writable and executable",
    Pillar::HardenedExecutables,
    Severity::High,
    include_str!("wx.md"),
);

impl ProcessRule for WritableCode {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "W^X"
    }

    fn judge(&self, process: &Process) -> Judgement {
        let maps = match mapped(process) {
            Ok(maps) => maps,
            Err(judgement) => return judgement,
        };
        let both: Vec<&Mapping> =
            maps.all.iter().filter(|mapping| mapping.writable && mapping.executable).collect();
        if !both.is_empty() {
            let size: u64 = both.iter().map(|mapping| mapping.end - mapping.start).sum();
            let message =
                format!("{} mappings, {} KiB in all, are writable and executable", both.len(), size / 1024);
            return Judgement::fail("no", message, facts(process, &both, "w or x, not both"));
        }
        let twice = twice(maps);
        if !twice.is_empty() {
            let message = "memory is mapped twice, writable in one place and executable in the other";
            return Judgement::partial("twice", message, facts(process, &twice, "not written elsewhere"));
        }
        if let Err(judgement) = whole(process, maps) {
            return judgement;
        }
        let seen = format!("{} mappings, none writable and executable", maps.all.len());
        Judgement::pass("yes", Evidence::new("maps", seen, "").at(in_proc(process, "maps")))
    }
}

/// The executable mappings whose bytes a shared mapping of the same process can change. A private one follows the file too,
/// as long as it was not written itself.
fn twice(maps: &Maps) -> Vec<&Mapping> {
    let is_file = |mapping: &&Mapping| mapping.inode != 0;
    let writable = maps.all.iter().filter(|mapping| mapping.writable && mapping.shared);
    let writable: Vec<&Mapping> = writable.filter(is_file).collect();
    let overlaps = |code: &&Mapping| {
        let part =
            |mapping: &Mapping| mapping.offset..mapping.offset.saturating_add(mapping.end - mapping.start);
        writable.iter().any(|other| {
            let is_same_file = (other.device, other.inode) == (code.device, code.inode);
            is_same_file && part(other).start < part(code).end && part(code).start < part(other).end
        })
    };
    maps.all.iter().filter(|mapping| mapping.executable).filter(is_file).filter(overlaps).collect()
}
