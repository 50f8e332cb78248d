//! UPD-004.

use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::systemd::{EnabledUnit, enabled_units};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "UPD-004",
        "no-in-place-updates",
        "Nothing updates packages in the running system",
        Pillar::SignedUpdates,
        Severity::Medium,
        include_str!("no_in_place.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings: Vec<Finding> = Vec::new();
    let enabled = enabled_units(context);
    findings.extend(enabled.units.iter().filter_map(|unit| judge(context, unit)));
    findings.extend(cron_jobs(context));
    findings.extend(enabled.troubles);
    findings.extend(CRON.iter().find_map(|place| context.blindness(place.as_bytes())));
    let links = Evidence::new(
        "units pulled in at boot or by timers",
        enabled.units.len().to_string(),
        "no package updater",
    );
    Verdict::of(
        "enabled units and cron jobs searched for package updaters",
        findings,
        vec![links, context.absence_proof()],
    )
}

fn judge(context: &Context<'_>, enabled: &EnabledUnit) -> Option<Finding> {
    let (_, effect) = UNITS.iter().find(|(unit, _)| unit.as_bytes() == enabled.name)?;
    let unit = escape(&enabled.name);
    let location = context.location(enabled.link);
    let message = format!("{unit} is enabled: {effect}");
    Some(Finding::fail(Some(location), format!("unit:{unit}"), message).with(enabled.evidence(context)))
}

/// Jobs of cron, where there is a cron. `run-parts` runs only what is executable.
fn cron_jobs(context: &Context<'_>) -> Vec<Finding> {
    let index = context.index;
    if !CRON_DAEMONS.iter().any(|path| index.resolve(path.as_bytes()).is_ok()) {
        return Vec::new();
    }
    let directories = CRON.iter().filter_map(|path| index.resolve(path.as_bytes()).ok());
    let entries = directories.flat_map(|directory| index.children(directory));
    let jobs = entries.filter(|entry| JOBS.contains(&entry.name) && entry.metadata.is_executable());
    jobs.map(|entry| {
        let location = context.location(entry.id);
        let message = "cron runs this job, which updates packages if it is configured to";
        let fact = Evidence::new("cron job", "executable", "absent").at(location.clone());
        Finding::fail(Some(location), "cron", message).with(fact)
    })
    .collect()
}

/// Units and what they do.
const UNITS: [(&str, &str); 15] = [
    ("apt-daily.timer", "apt downloads package lists and packages as its periodic settings say"),
    ("apt-daily-upgrade.timer", "apt installs packages into the running system as its periodic settings say"),
    ("unattended-upgrades.service", "packages are upgraded in the running system"),
    ("dnf-automatic.timer", "dnf upgrades packages in the running system"),
    ("dnf-automatic-install.timer", "dnf upgrades packages in the running system"),
    ("dnf-automatic-download.timer", "dnf downloads upgrades for the running system"),
    ("dnf5-automatic.timer", "dnf upgrades packages in the running system"),
    ("yum-cron.service", "yum upgrades packages in the running system"),
    ("packagekit.service", "PackageKit changes packages in the running system on request"),
    ("packagekit-offline-update.service", "PackageKit installs packages at a boot that was prepared for it"),
    ("snapd.service", "snapd replaces snaps in the running system by itself"),
    ("snapd.socket", "snapd replaces snaps in the running system by itself"),
    ("snapd.refresh.timer", "snapd replaces snaps in the running system by itself"),
    ("apk-autoupdate.timer", "apk upgrades packages in the running system"),
    ("flatpak-system-update.timer", "flatpak upgrades applications in the running system"),
];
const CRON: [&str; 4] = ["/etc/cron.daily", "/etc/cron.hourly", "/etc/cron.weekly", "/etc/cron.monthly"];
const JOBS: [&[u8]; 7] = [
    b"apt",
    b"apt-compat",
    b"unattended-upgrades",
    b"0yum-daily.cron",
    b"0yum-hourly.cron",
    b"yum-autoupdate",
    b"dnf-automatic",
];
const CRON_DAEMONS: [&str; 4] = ["/usr/sbin/cron", "/usr/sbin/crond", "/usr/sbin/anacron", "/usr/bin/crond"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn timer() -> MemoryTree {
        let unit = "/usr/lib/systemd/system/apt-daily-upgrade.timer";
        MemoryTree::new()
            .file(unit, 0o644, "[Timer]\nOnCalendar=daily\n")
            .symlink("/etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer", unit)
    }

    #[test]
    fn an_enabled_timer_is_found() {
        let verdict = expect(&RULE, &timer(), Outcome::Fail);
        assert!(verdict.findings[0].message.starts_with("apt-daily-upgrade.timer is enabled"));
    }

    #[test]
    fn masked_and_merely_installed_units_pass() {
        let masked = timer().symlink("/etc/systemd/system/apt-daily-upgrade.timer", "/dev/null");
        expect(&RULE, &masked, Outcome::Pass);
        let installed = MemoryTree::new().file("/usr/lib/systemd/system/apt-daily.timer", 0o644, "[Timer]\n");
        expect(&RULE, &installed, Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn a_cron_job_needs_a_cron() {
        let job = || MemoryTree::new().file("/etc/cron.daily/apt-compat", 0o755, "#!/bin/sh\n");
        expect(&RULE, &job(), Outcome::Pass);
        expect(&RULE, &job().file("/usr/sbin/cron", 0o755, ""), Outcome::Fail);
    }

    #[test]
    fn what_was_not_read_may_pull_anything_in() {
        let tree = MemoryTree::new().directory("/etc/systemd", 0o755).unreadable("/etc/systemd");
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &timer().unreadable("/usr/lib/systemd/system"), Outcome::Unknown);
    }
}
