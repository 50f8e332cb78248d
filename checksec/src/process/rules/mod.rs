//! The rules about running processes, each a pure function of what is known of one, in a file of its own beside its page.

mod applied_relro;
pub(super) mod confinement;
mod on_disk;
mod stack;
mod wx;

use hardpan_report::{Cause, Evidence, Judgement, Location, RuleMeta, escape};

use crate::process::{Mapping, Maps, Memory, Process};

/// A rule about one process.
pub trait ProcessRule: Sync {
    /// What is known of it beforehand.
    fn meta(&self) -> &'static RuleMeta;

    /// The heading of its column: at most ten characters.
    fn column(&self) -> &'static str;

    /// Judges one process.
    fn judge(&self, process: &Process) -> Judgement;
}

/// Every rule, by id.
pub static RULES: &[&dyn ProcessRule] = &[
    &wx::WritableCode,
    &stack::RunningStack,
    &on_disk::OnDiskCode,
    &applied_relro::AppliedRelro,
    &confinement::Confinement,
];

/// What is mapped, or what a rule says where that is not known.
fn mapped(process: &Process) -> Result<&Maps, Judgement> {
    match &process.memory {
        Memory::Mapped(maps) => Ok(maps),
        Memory::Kernel => Err(Judgement::not_applicable("kernel", "it is a thread of the kernel's")),
        Memory::Ended => Err(Judgement::not_applicable("ended", "it has ended")),
        Memory::Unread(cause, reason) => Err(Judgement::unknown(*cause, "unread", reason.clone())),
    }
}

/// What a rule says instead of a pass where lines of `maps` were not understood: they may be anything.
fn whole(process: &Process, maps: &Maps) -> Result<(), Judgement> {
    match maps.not_understood {
        0 => Ok(()),
        count => {
            let reason = format!("{count} lines of /proc/{}/maps were not understood", process.pid);
            Err(Judgement::unknown(Cause::Malformed, "unread", reason))
        }
    }
}

/// A mapping as a fact.
fn fact(process: &Process, mapping: &Mapping, wanted: &'static str) -> Evidence {
    let name = if mapping.name.is_empty() { "[anonymous]".into() } else { escape(&mapping.name) };
    let seen = format!("{:x}-{:x} {} {name}", mapping.start, mapping.end, mapping.permissions());
    Evidence::new("mapping", seen, wanted).at(in_proc(process, "maps"))
}

/// The first few mappings as facts, and how many more there are.
fn facts(process: &Process, mappings: &[&Mapping], wanted: &'static str) -> Vec<Evidence> {
    let mut facts: Vec<Evidence> =
        mappings.iter().take(SHOWN).map(|mapping| fact(process, mapping, wanted)).collect();
    if mappings.len() > SHOWN {
        facts.push(Evidence::new("more mappings", (mappings.len() - SHOWN).to_string(), ""));
    }
    facts
}

fn in_proc(process: &Process, file: &str) -> Location {
    Location::file(format!("/proc/{}/{file}", process.pid).into_bytes())
}

/// A compiler at run time may have thousands of mappings, which all say the same.
const SHOWN: usize = 8;
