//! MAC-001.

use hardpan_report::{Finding, Pillar, RuleMeta, Severity, Verdict};

use hardpan_lockdown::lsm::{Decision, Running};

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

/// Every way to boot must start one of them.
fn check(context: &Context<'_>) -> Verdict {
    let (mut findings, mut evidence, mut summary) = (Vec::new(), Vec::new(), String::new());
    for decision in context.kernel.security_modules(&MANDATORY) {
        let fact = decision.evidence(WANTED);
        let Decision { running, text, seen, place } = decision;
        match running {
            Running::Yes => {
                summary = text;
                evidence.push(fact);
            }
            Running::No => {
                let message =
                    format!("no security module with a mandatory policy is active (active: {seen}); {text}");
                findings.push(Finding::fail(place, "lsm", message).with(fact));
            }
            Running::Unknown(cause) => {
                findings.push(Finding::unknown(cause, place, "lsm", text).with(fact));
            }
        }
    }
    Verdict::of(summary, findings, evidence)
}

const WANTED: &str = "selinux, or apparmor, smack or tomoyo";
const MANDATORY: [&str; 4] = ["selinux", "apparmor", "smack", "tomoyo"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_lockdown::kconfig::Kconfig;
    use hardpan_lockdown::{CommandLine, Host};
    use hardpan_report::{Cause, Location, Outcome};

    use super::*;
    use crate::fixture::{check_with, expect};

    fn verdict(lines: &[&str], configs: &[&str]) -> Verdict {
        let place = || Location::file("/boot/x");
        check_with(&RULE, &MemoryTree::new(), |context| {
            context.kernel.command_lines =
                lines.iter().map(|text| CommandLine::new(*text, place(), false)).collect();
            context.kernel.kconfigs = configs.iter().map(|text| Kconfig::parse(text, place())).collect();
        })
    }

    const SELINUX: &str = "CONFIG_SECURITY_SELINUX=y\nCONFIG_LSM=\"yama,selinux\"\n";

    #[test]
    fn a_module_with_a_policy_counts_if_it_is_proved_to_be_built_in() {
        let outcome = |line: &str, configs: &[&str]| verdict(&[line], configs).outcome();
        assert_eq!(outcome("lsm=lockdown,yama,selinux", &[SELINUX]), Outcome::Pass);
        assert_eq!(outcome("lsm=lockdown,yama,selinux", &[]), Outcome::Unknown);
        assert_eq!(outcome("lsm=lockdown,yama,bpf", &[]), Outcome::Fail);
        assert_eq!(outcome("lsm=apparmor", &[SELINUX]), Outcome::Fail);
        assert_eq!(outcome("selinux=0", &[SELINUX]), Outcome::Pass);
        let heard = format!("{SELINUX}CONFIG_SECURITY_SELINUX_BOOTPARAM=y\n");
        assert_eq!(outcome("selinux=0", &[&heard]), Outcome::Fail);
        assert_eq!(outcome("quiet", &[]), Outcome::Unknown);
        assert_eq!(verdict(&[], &[SELINUX]).outcome(), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }

    #[test]
    fn every_command_line_and_kernel_counts_and_what_is_not_built_does_not() {
        let outcome = |lines: &[&str], configs: &[&str]| verdict(lines, configs).outcome();
        let by_default = "# CONFIG_SECURITY_SELINUX is not set\nCONFIG_LSM=\"yama,selinux\"\n";
        assert_eq!(outcome(&["quiet"], &[SELINUX]), Outcome::Pass);
        assert_eq!(outcome(&["quiet"], &[by_default]), Outcome::Fail);
        assert_eq!(outcome(&["quiet"], &[SELINUX, by_default]), Outcome::Fail);
        assert_eq!(outcome(&["lsm=selinux", "lsm=yama"], &[SELINUX]), Outcome::Fail);
        assert_eq!(outcome(&["lsm=selinux", "quiet"], &[]), Outcome::Unknown);
    }

    #[test]
    fn a_failure_says_what_is_active_and_what_keeps_selinux_from_it() {
        let config = format!("{SELINUX}CONFIG_SECURITY_YAMA=y\n");
        let verdict = verdict(&["lsm=yama", "quiet lsm=yama"], &[&config]);
        assert_eq!(verdict.findings.len(), 1, "what is said of one place is said once");
        let finding = &verdict.findings[0];
        assert!(
            finding.message.contains("(active: yama)") && finding.message.contains("`lsm=`"),
            "{finding:?}"
        );
        assert_eq!(finding.location, Some(Location::file("/boot/x")));
    }

    #[test]
    fn a_part_of_the_facts_is_no_pass() {
        for kind in [0, 1] {
            let verdict = check_with(&RULE, &MemoryTree::new(), |context| {
                let kernel = &mut context.kernel;
                kernel.command_lines.push(CommandLine::new("quiet", Location::file("/boot/x"), false));
                kernel.kconfigs.push(Kconfig::parse(SELINUX, Location::file("/boot/config-1")));
                let trouble = Finding::unknown(Cause::Unreadable, None, "read", "no");
                let troubles = &mut kernel.troubles;
                [&mut troubles.command_lines, &mut troubles.kconfigs][kind].push(trouble);
            });
            assert_eq!(verdict.outcome(), Outcome::Unknown);
            assert_eq!(verdict.findings[0].cause, Some(Cause::Unreadable));
        }
    }

    fn live(files: &[(&str, &str)]) -> Outcome {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let host = Host::below(dir.path());
        let tree = MemoryTree::new();
        let index = hardpan_image::Index::build(&tree, &|_| true).unwrap().unwrap();
        let mut context = Context::new(&index);
        context.kernel.host = Some(&host);
        check(&context).outcome()
    }

    #[test]
    fn a_live_host_is_asked() {
        assert_eq!(live(&[("sys/kernel/security/lsm", "lockdown,apparmor")]), Outcome::Pass);
        assert_eq!(live(&[("sys/kernel/security/lsm", "lockdown,yama")]), Outcome::Fail);
    }

    #[test]
    fn without_securityfs_a_live_host_fails_only_if_every_module_is_ruled_out() {
        let kinds = |list| ("proc/filesystems", list);
        assert_eq!(live(&[]), Outcome::Unknown);
        // TOMOYO shows itself in securityfs alone.
        let enabled = "sys/module/apparmor/parameters/enabled";
        assert_eq!(live(&[kinds("nodev\tsecurityfs\n"), (enabled, "N")]), Outcome::Unknown);
        assert_eq!(live(&[kinds("nodev\tproc\n")]), Outcome::Fail);
        assert_eq!(live(&[kinds("nodev\tsmackfs\n")]), Outcome::Pass);
        assert_eq!(live(&[(enabled, "Y")]), Outcome::Pass);
        assert_eq!(live(&[("sys/fs/selinux/enforce", "0")]), Outcome::Pass);
    }
}
