//! MAC-001.

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape_str};

use hardpan_lockdown::cmdline::last;
use hardpan_lockdown::{Host, Reading};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-001",
        "mac-active",
        "A security module with a mandatory policy is active",
        Pillar::MandatoryAccessControl,
        Severity::High,
        include_str!("active.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match context.host {
        Some(host) => live(host),
        None => configured(context),
    }
}

fn live(host: &Host) -> Verdict {
    match host.read(LSM) {
        Reading::Present(list) => judge(list.trim(), Location::file(LSM)),
        Reading::Unreadable(reason) => Verdict::unknown(Cause::Unreadable, reason),
        // Without securityfs two of the modules still show themselves elsewhere.
        Reading::Absent if host.read(SELINUX).present().is_some() => {
            judge("selinux", Location::file(SELINUX))
        }
        Reading::Absent if host.read(APPARMOR).present().is_some_and(|value| value == "Y") => {
            judge("apparmor", Location::file(APPARMOR))
        }
        Reading::Absent => {
            let filesystems = host.read("/proc/filesystems");
            let knows = filesystems
                .present()
                .is_some_and(|list| list.split_whitespace().any(|word| word == "selinuxfs"));
            let modules =
                if knows { "SELinux is built in and not loaded" } else { "the kernel has no selinuxfs" };
            let message = "no security module with a mandatory policy is active";
            let evidence =
                Evidence::new("security modules", modules, WANTED).at(Location::file("/proc/filesystems"));
            Verdict::finding(Finding::fail(None, "lsm", message).with(evidence))
        }
    }
}

/// What the kernel of an image would start: `lsm=` on its command line, or what it was built with.
fn configured(context: &Context<'_>) -> Verdict {
    for line in &context.kernel.command_lines {
        if let Some(list) = last(&line.words, "lsm").and_then(|word| word.value.as_ref()) {
            return judge(list, line.origin.clone());
        }
    }
    match context.kernel.kconfigs.first() {
        Some(config) => judge(config.get("LSM").0, config.place("LSM")),
        None => Verdict::unknown(
            Cause::NoFacts,
            "which security modules the kernel starts is told by its command line or its build configuration, and the \
             tree has neither",
        ),
    }
}

fn judge(list: &str, place: Location) -> Verdict {
    let shown = escape_str(list);
    let evidence = Evidence::new("security modules", shown.clone(), WANTED).at(place.clone());
    if let Some(name) = list.split(',').find(|name| MANDATORY.contains(name)) {
        return Verdict::pass(format!("`{name}` is active"), vec![evidence]);
    }
    let message = format!("no security module with a mandatory policy is active, only `{shown}`");
    Verdict::finding(Finding::fail(Some(place), "lsm", message).with(evidence))
}

const LSM: &str = "/sys/kernel/security/lsm";
const SELINUX: &str = "/sys/fs/selinux/enforce";
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";
const WANTED: &str = "selinux, or apparmor or smack";
const MANDATORY: [&str; 4] = ["selinux", "apparmor", "smack", "tomoyo"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_lockdown::CommandLine;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::{check_with, expect};

    fn on_line(text: &str) -> Outcome {
        let line = CommandLine::new(text, Location::file("/boot/grub/grub.cfg"), false);
        check_with(&RULE, &MemoryTree::new(), |context| context.kernel.command_lines.push(line)).outcome()
    }

    #[test]
    fn a_module_with_a_policy_counts_and_others_do_not() {
        assert_eq!(on_line("lsm=lockdown,yama,selinux"), Outcome::Pass);
        assert_eq!(on_line("lsm=lockdown,yama,bpf"), Outcome::Fail);
        assert_eq!(on_line("quiet"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }

    #[test]
    fn a_live_host_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("sys/kernel/security")).unwrap();
        let host = Host::below(dir.path());
        assert_eq!(live(&host).outcome(), Outcome::Fail);
        std::fs::write(dir.path().join("sys/kernel/security/lsm"), "lockdown,apparmor").unwrap();
        assert_eq!(live(&host).outcome(), Outcome::Pass);
    }
}
