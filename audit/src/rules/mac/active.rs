//! MAC-001.

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape_str};

use hardpan_lockdown::cmdline::last;
use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::{CommandLine, Host, Reading};

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

/// What the kernels of an image would start: `lsm=` on each command line, or what each was built with.
fn configured(context: &Context<'_>) -> Verdict {
    let kernel = &context.kernel;
    let told = |line: &CommandLine| Some((last(&line.words, "lsm")?.value.clone()?, line.origin.clone()));
    let mut lists: Vec<(String, Location)> = kernel.command_lines.iter().filter_map(told).collect();
    if lists.len() < kernel.command_lines.len() || lists.is_empty() {
        let built = kernel.kconfigs.iter().map(|config| (built_in(config), config.place("LSM")));
        lists.extend(built);
        if kernel.kconfigs.is_empty() {
            return Verdict::unknown(Cause::NoFacts, NO_FACTS);
        }
    }
    let troubles = kernel.troubles.command_lines.iter().chain(&kernel.troubles.kconfigs);
    let verdicts = lists.into_iter().map(|(list, place)| judge(&list, place));
    let (mut findings, mut evidence) = (troubles.cloned().collect::<Vec<_>>(), Vec::new());
    let mut summary = String::new();
    for verdict in verdicts {
        summary = verdict.summary;
        findings.extend(verdict.findings);
        evidence.extend(verdict.evidence);
    }
    Verdict::of(summary, findings, evidence)
}

/// The names of `CONFIG_LSM` but for those whose module is not built: the option's default names them all.
fn built_in(config: &Kconfig) -> String {
    let is_built = |name: &&str| {
        !MANDATORY.contains(name) || config.get(&format!("SECURITY_{}", name.to_uppercase())).0 == "y"
    };
    config.get("LSM").0.split(',').filter(is_built).collect::<Vec<_>>().join(",")
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

const NO_FACTS: &str = "which security modules the kernel starts is told by its command line or its build configuration, and \
                        the tree lacks one of them";
const LSM: &str = "/sys/kernel/security/lsm";
const SELINUX: &str = "/sys/fs/selinux/enforce";
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";
const WANTED: &str = "selinux, or apparmor or smack";
const MANDATORY: [&str; 4] = ["selinux", "apparmor", "smack", "tomoyo"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
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
    fn every_command_line_and_kernel_counts_and_what_is_not_built_does_not() {
        let outcome = |lines: &[&str], configs: &[&str]| {
            let prepare = |context: &mut Context<'_>| {
                let place = || Location::file("/boot/x");
                context.kernel.command_lines =
                    lines.iter().map(|text| CommandLine::new(*text, place(), false)).collect();
                context.kernel.kconfigs = configs.iter().map(|text| Kconfig::parse(text, place())).collect();
            };
            check_with(&RULE, &MemoryTree::new(), prepare).outcome()
        };
        let selinux = "CONFIG_SECURITY_SELINUX=y\nCONFIG_LSM=\"yama,selinux\"\n";
        let by_default = "# CONFIG_SECURITY_SELINUX is not set\nCONFIG_LSM=\"yama,selinux\"\n";
        assert_eq!(outcome(&["quiet"], &[selinux]), Outcome::Pass);
        assert_eq!(outcome(&["quiet"], &[by_default]), Outcome::Fail);
        assert_eq!(outcome(&["quiet"], &[selinux, by_default]), Outcome::Fail);
        assert_eq!(outcome(&["lsm=selinux", "lsm=yama"], &[selinux]), Outcome::Fail);
        assert_eq!(outcome(&["lsm=selinux", "quiet"], &[]), Outcome::Unknown);
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
