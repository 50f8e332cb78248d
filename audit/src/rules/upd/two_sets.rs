//! UPD-001.

use std::collections::BTreeMap;

use hardpan_lockdown::{Host, Reading};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use super::updaters::{Found, mender, rauc, sysupdate};
use crate::systemd::unit_value;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "UPD-001",
        "two-partition-sets",
        "There are two partition sets, one to run and one to update",
        Pillar::SignedUpdates,
        Severity::Medium,
        include_str!("two_sets.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let partitions = match context.host.map(partition_names) {
        Some(Ok(names)) => Some(names),
        Some(Err(finding)) => return Verdict::finding(*finding),
        None => None,
    };
    let mut found = configured(context);
    if let Some((a, b)) = partitions.as_ref().and_then(|names| pair(names)) {
        let seen = format!("{} and {}", escape(a.as_bytes()), escape(b.as_bytes()));
        let fact = Evidence::new("partition names", seen, "a pair").at(Location::file(BLOCK));
        found.facts.insert(0, fact);
    }
    if !found.facts.is_empty() {
        return Verdict::pass("an update goes to the set that is not running", found.facts);
    }
    match partitions {
        Some(names) => Verdict::of("no two partition sets", failure(&names, found.unread), Vec::new()),
        None if found.unread.is_empty() => Verdict::unknown(Cause::NoFacts, NO_FACTS),
        None => Verdict::of("whether there are two partition sets", found.unread, Vec::new()),
    }
}

fn failure(names: &[String], unread: Vec<Finding>) -> Vec<Finding> {
    if !unread.is_empty() {
        return unread;
    }
    let seen = if names.is_empty() { "none has a name".to_owned() } else { names.join(" ") };
    let fact = Evidence::new("partition names", escape(seen.as_bytes()), "a pair such as ROOT-A and ROOT-B");
    let message = "the root exists once: no pair of partitions is named as two sets, and no updater is configured for two";
    vec![Finding::fail(None, "sets", message).with(fact.at(Location::file(BLOCK)))]
}

/// The names of all partitions in the partition tables of the running host.
fn partition_names(host: &Host) -> Result<Vec<String>, Box<Finding>> {
    let unknown = |cause, reason| Err(Box::new(Finding::unknown(cause, None, "partitions", reason)));
    let devices = match host.list(BLOCK) {
        Reading::Present(devices) if !devices.is_empty() => devices,
        Reading::Present(_) | Reading::Absent => {
            return unknown(
                Cause::NoFacts,
                "/sys/class/block shows no disk; in a container the host must be asked".into(),
            );
        }
        Reading::Unreadable(reason) => return unknown(Cause::Unreadable, escape(reason.as_bytes())),
    };
    let mut names = Vec::new();
    for device in devices {
        match host.read(&format!("{BLOCK}/{device}/uevent")) {
            Reading::Present(text) => {
                names.extend(
                    text.lines().filter_map(|line| line.strip_prefix("PARTNAME=")).map(str::to_owned),
                );
            }
            Reading::Absent => {}
            Reading::Unreadable(reason) => return unknown(Cause::Unreadable, escape(reason.as_bytes())),
        }
    }
    Ok(names)
}

/// Two partitions that hold the system and differ in their slot only: `ROOT-A` and `ROOT-B`, `system_a` and `system_b`,
/// `rootfs.0` and `rootfs.1`; or, as systemd-sysupdate names them, one with a version and one `_empty` or with another.
fn pair(names: &[String]) -> Option<(&str, &str)> {
    let mut by_base: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        let lower = name.to_lowercase();
        let Some(at) = lower.rfind(['-', '_', '.']) else { continue };
        let (base, slot) = (&lower[..at], &lower[at + 1..]);
        let is_slot = matches!(slot, "a" | "b" | "0" | "1" | "2");
        if !is_slot || !SYSTEM.iter().any(|word| base.contains(word)) {
            continue;
        }
        if let Some(other) = by_base.insert(base.to_owned(), name)
            && other != name
        {
            return Some((other, name));
        }
    }
    let empty = names.iter().find(|name| *name == "_empty")?;
    // Not by "system": that is in the usual name of the EFI system partition.
    let running =
        names.iter().find(|name| ["root", "usr"].iter().any(|word| name.to_lowercase().contains(word)))?;
    Some((running, empty))
}

fn configured(context: &Context<'_>) -> Found {
    let mut found = Found::default();
    if let Some(text) = rauc(context, &mut found) {
        let slots: Vec<(u32, String)> = text
            .statements(b"#;")
            .map(|(number, line)| (number, String::from_utf8_lossy(line).into_owned()))
            .filter(|(_, line)| line.starts_with("[slot.rootfs.") || line.starts_with("[slot.system."))
            .collect();
        if let [(number, first), (_, second), ..] = &slots[..] {
            let seen = escape(format!("{first} {second}").as_bytes());
            found.facts.push(Evidence::new("slots of RAUC", seen, "two").at(text.line(*number)));
        }
    }
    let pair = (mender(context, &mut found, "RootfsPartA"), mender(context, &mut found, "RootfsPartB"));
    if let (Some((a, location)), Some((b, _))) = pair {
        found.facts.push(Evidence::new("root partitions of Mender", format!("{a} {b}"), "two").at(location));
    }
    let transfers = sysupdate(context, &mut found);
    let to_partition = transfers.iter().find_map(|file| {
        let (line, kind) = unit_value(file, "Target", "Type")?;
        let once = unit_value(file, "Target", "InstancesMax").is_some_and(|(_, max)| max == "1");
        (kind == "partition" && !once).then(|| file.line(line))
    });
    let fact =
        |location| Evidence::new("target of systemd-sysupdate", "partition, two instances", "").at(location);
    found.facts.extend(to_partition.map(fact));
    let fact = repart(context, &mut found);
    found.facts.extend(fact);
    found
}

/// Two definitions of systemd-repart with one type, `root` or `usr`.
fn repart(context: &Context<'_>, found: &mut Found) -> Option<Evidence> {
    let mut seen: BTreeMap<String, Location> = BTreeMap::new();
    for file in found.texts(context, &REPART, ".conf") {
        let Some((line, kind)) = unit_value(&file, "Partition", "Type") else { continue };
        let is_system = kind == "root" || kind == "usr" || is_arch_type(&kind);
        if is_system && seen.insert(kind.clone(), file.line(line)).is_some() {
            let kind = escape(kind.as_bytes());
            return Some(
                Evidence::new("partitions of systemd-repart", format!("two of type {kind}"), "two")
                    .at(file.line(line)),
            );
        }
    }
    None
}

/// `root-x86-64`, but not `root-x86-64-verity`.
fn is_arch_type(kind: &str) -> bool {
    let arch = kind.strip_prefix("root-").or_else(|| kind.strip_prefix("usr-"));
    arch.is_some_and(|arch| {
        !arch.ends_with("verity") && !arch.ends_with("verity-sig") && !arch.ends_with("secondary")
    })
}

const BLOCK: &str = "/sys/class/block";
const SYSTEM: [&str; 3] = ["root", "usr", "system"];
const REPART: [&str; 3] = ["/etc/repart.d", "/run/repart.d", "/usr/lib/repart.d"];
const NO_FACTS: &str = "a tree of files does not show how the disk is divided, and no updater is configured in it; audit \
                        the running host (`hardpan audit /`)";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::Machine;

    fn disk(names: &[&str]) -> Machine {
        let machine = Machine::new().with("/sys/class/block/sda/uevent", "DEVTYPE=disk\n");
        names.iter().enumerate().fold(machine, |machine, (at, name)| {
            machine
                .with(&format!("/sys/class/block/sda{at}/uevent"), format!("PARTN={at}\nPARTNAME={name}\n"))
        })
    }

    #[test]
    fn a_running_host_shows_its_pairs() {
        disk(&["EFI-A", "ROOT-A", "EFI-B", "ROOT-B"]).expect(&RULE, Outcome::Pass);
        disk(&["boot", "system_a", "system_b"]).expect(&RULE, Outcome::Pass);
        disk(&["esp", "os_root_24", "_empty"]).expect(&RULE, Outcome::Pass);
        disk(&["EFI-A", "EFI-B", "root"]).expect(&RULE, Outcome::Fail);
        disk(&["EFI System Partition", "data", "_empty"]).expect(&RULE, Outcome::Fail);
        disk(&["ROOT-A"]).expect(&RULE, Outcome::Fail);
        disk(&[]).expect(&RULE, Outcome::Fail);
        Machine::new().expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn an_image_shows_its_updater() {
        let file = |path: &str, text: &str| MemoryTree::new().file(path, 0o644, text);
        let rauc = "[system]\ncompatible=x\n[slot.rootfs.0]\ndevice=/dev/a\n[slot.rootfs.1]\ndevice=/dev/b\n";
        expect(&RULE, &file("/etc/rauc/system.conf", rauc), Outcome::Pass);
        let mender = r#"{"RootfsPartA": "/dev/a", "RootfsPartB": "/dev/b"}"#;
        expect(&RULE, &file("/etc/mender/mender.conf", mender), Outcome::Pass);
        let transfer = "[Source]\nType=url-file\n[Target]\nType=partition\n";
        expect(&RULE, &file("/usr/lib/sysupdate.d/50-root.conf", transfer), Outcome::Pass);
        let root = "[Partition]\nType=root-x86-64\n";
        let one = file("/usr/lib/repart.d/50-root-a.conf", root);
        expect(&RULE, &one, Outcome::Unknown);
        expect(&RULE, &one.file("/usr/lib/repart.d/60-root-b.conf", 0o644, root), Outcome::Pass);
    }

    #[test]
    fn without_facts_or_sight_it_is_unknown() {
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
        let rauc =
            MemoryTree::new().file("/etc/rauc/system.conf", 0o644, "").unreadable("/etc/rauc/system.conf");
        expect(&RULE, &rauc, Outcome::Unknown);
    }
}
