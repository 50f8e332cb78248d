//! API-008.

use std::collections::BTreeMap;

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::place::Place;
use crate::suspects::target;
use crate::systemd::{EnabledUnit, UnitFile, enabled_units, unit_file};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-008",
        "few-services",
        "Few services start at boot",
        Pillar::ApiOnly,
        Severity::Low,
        include_str!("few_services.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let enabled = enabled_units(context);
    let mut troubles = enabled.troubles;
    let started: Vec<&EnabledUnit> = enabled
        .units
        .iter()
        .filter(|unit| unit.name.ends_with(b".service"))
        .filter(|unit| std::iter::once(&unit.by).chain(&unit.also_by).any(|by| is_normal_operation(by)))
        .collect();
    let mut services: Vec<String> = started.iter().map(|unit| escape(&unit.name)).collect();
    services.extend(init_scripts(context, &mut troubles));
    services.sort();
    services.dedup();
    let (count, limit) = (services.len(), context.parameters.max_services);
    let seen = if services.is_empty() { "none".into() } else { services.join(", ") };
    let mut evidence = vec![Evidence::new("services", seen, format!("at most {limit}"))];
    evidence.extend(preset_evidence(&started));
    let message = format!("{count} services start at boot, and the policy allows {limit}");
    if count > limit {
        let finding = Finding::fail(None, "services", message.clone());
        troubles.push(evidence.iter().cloned().fold(finding, Finding::with));
    }
    Verdict::of(message, troubles, evidence)
}

/// The services that only first boot enables, by the reason for it.
fn preset_evidence(started: &[&EnabledUnit]) -> Vec<Evidence> {
    let mut by_reason: BTreeMap<&str, (&Location, Vec<String>)> = BTreeMap::new();
    for unit in started {
        if let Some(preset) = &unit.preset {
            let (_, names) = by_reason.entry(&preset.why).or_insert((&preset.location, Vec::new()));
            names.push(escape(&unit.name));
        }
    }
    let fact = |(why, (location, names)): (&str, (&Location, Vec<String>))| {
        let seen = format!("{}: {why}", names.join(", "));
        Evidence::new("enabled at first boot", seen, "").at(location.clone())
    };
    by_reason.into_iter().map(fact).collect()
}

/// Targets of shutdown, of the initramfs and of rescue start nothing in normal operation.
fn is_normal_operation(target: &[u8]) -> bool {
    const OTHERS: [&[u8]; 13] = [
        b"initrd",
        b"shutdown",
        b"reboot",
        b"poweroff",
        b"halt",
        b"kexec",
        b"final",
        b"umount",
        b"rescue",
        b"emergency",
        b"suspend",
        b"hibernate",
        b"system-update",
    ];
    !OTHERS.iter().any(|other| target.starts_with(other))
}

/// Scripts that a System V init starts, or systemd in its place, and that have no unit of the same name.
fn init_scripts(context: &Context<'_>, troubles: &mut Vec<Finding>) -> Vec<String> {
    let mut names = Vec::new();
    for level in ["S", "2", "3", "4", "5"] {
        let directory = match context.place(&format!("/etc/rc{level}.d")) {
            Place::Listed(directory) => directory,
            Place::Absent => continue,
            // One is enough: what hides one of these directories mostly hides them all.
            Place::Unread(finding) => {
                troubles.push(*finding);
                break;
            }
        };
        for link in context.index.children(directory) {
            let [b'S', b'0'..=b'9', b'0'..=b'9', name @ ..] = link.name else { continue };
            let stem = name.strip_suffix(b".sh").unwrap_or(name);
            let unit = unit_file(context, &[stem, b".service"].concat());
            let runs = match target(context, link) {
                Ok(runs) => runs.is_some(),
                Err(error) => {
                    let reason = format!("whether it starts a service cannot be told: it {error}");
                    let location = Some(context.location(link.id));
                    troubles.push(Finding::unknown(Cause::Unreadable, location, "script", reason));
                    continue;
                }
            };
            if runs && matches!(unit, Ok(UnitFile::Absent)) {
                names.push(escape(name));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::{check_with, expect};

    fn tree(count: usize) -> MemoryTree {
        let mut tree = MemoryTree::new();
        for number in 0..count {
            let unit = format!("/usr/lib/systemd/system/s{number}.service");
            let link = format!("/etc/systemd/system/multi-user.target.wants/s{number}.service");
            tree = tree.file(&unit, 0o644, "[Service]\n").symlink(&link, &unit);
        }
        tree
    }

    fn limited(tree: &MemoryTree, limit: usize) -> Verdict {
        check_with(&RULE, tree, |context| context.parameters.max_services = limit)
    }

    #[test]
    fn one_more_than_allowed_is_too_many() {
        assert_eq!(limited(&tree(3), 3).outcome(), Outcome::Pass);
        let verdict = limited(&tree(3), 2);
        assert_eq!(verdict.outcome(), Outcome::Fail);
        assert_eq!(verdict.findings[0].message, "3 services start at boot, and the policy allows 2");
        assert_eq!(verdict.findings[0].evidence[0].seen, "s0.service, s1.service, s2.service");
    }

    #[test]
    fn a_service_of_two_targets_counts_if_one_of_them_is_of_every_day() {
        let unit = "/usr/lib/systemd/system/a.service";
        let tree = MemoryTree::new()
            .file(unit, 0o644, "[Service]\n")
            .symlink("/etc/systemd/system/rescue.target.wants/a.service", unit)
            .symlink("/usr/lib/systemd/system/multi-user.target.wants/a.service", unit);
        assert_eq!(limited(&tree, 0).outcome(), Outcome::Fail);
    }

    #[test]
    fn an_init_script_behind_what_was_not_read_is_unknown() {
        let tree = tree(0).directory("/opt", 0o755).unreadable("/opt").symlink("/etc/rc2.d/S01a", "/opt/a");
        assert_eq!(limited(&tree, 0).outcome(), Outcome::Unknown);
    }

    #[test]
    fn targets_of_other_times_do_not_count_and_init_scripts_do() {
        let tree = tree(1)
            .symlink("/usr/lib/systemd/system/reboot.target.wants/s0b.service", "../s0.service")
            .symlink(
                "/etc/systemd/system/rescue.target.wants/s0.service",
                "/usr/lib/systemd/system/s0.service",
            )
            .file("/etc/init.d/old", 0o755, "x")
            .symlink("/etc/rc2.d/S01old", "../init.d/old")
            .symlink("/etc/rc3.d/S01old", "../init.d/old")
            .symlink("/etc/rc2.d/S01s0", "../init.d/old")
            .symlink("/etc/rc2.d/K01none", "../init.d/old");
        assert_eq!(limited(&tree, 9).evidence[0].seen, "old, s0.service");
    }

    #[test]
    fn units_that_were_not_read_are_unknown() {
        expect(&RULE, &tree(1).unreadable("/etc/systemd/system"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }
}
