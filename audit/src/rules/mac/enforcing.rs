//! MAC-002.

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use hardpan_lockdown::lsm::Running;
use hardpan_lockdown::{Host, KernelFacts, Reading};

use super::{selinux_config, setting};
use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-002",
        "selinux-enforcing",
        "SELinux enforces its policy",
        Pillar::MandatoryAccessControl,
        Severity::Critical,
        include_str!("enforcing.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match context.host {
        Some(host) => live(host, &context.kernel),
        None => configured(context),
    }
}

fn live(host: &Host, kernel: &KernelFacts<'_>) -> Verdict {
    let place = Location::file(ENFORCE);
    match host.read(ENFORCE) {
        Reading::Present(value) if value.trim() == "1" => {
            let evidence = Evidence::new("enforce", "1", "1").at(place);
            Verdict::pass("SELinux is enforcing", vec![evidence])
        }
        Reading::Present(value) => {
            let evidence = Evidence::new("enforce", escape(value.trim().as_bytes()), "1").at(place.clone());
            let message = "SELinux is permissive: it records what it would refuse, and refuses nothing";
            Verdict::finding(Finding::fail(Some(place), "enforce", message).with(evidence))
        }
        Reading::Unreadable(reason) => Verdict::unknown(Cause::Unreadable, reason),
        Reading::Absent if has_another(kernel) => Verdict::not_applicable("another security module is used"),
        Reading::Absent => {
            let evidence = Evidence::new(ENFORCE, "absent", "1");
            Verdict::finding(Finding::fail(None, "enforce", "SELinux is not running").with(evidence))
        }
    }
}

fn has_another(kernel: &KernelFacts<'_>) -> bool {
    let decisions = kernel.security_modules(&["apparmor", "smack", "tomoyo"]);
    decisions.iter().any(|decision| decision.running == Running::Yes)
}

fn configured(context: &Context<'_>) -> Verdict {
    let file = match selinux_config(context) {
        Text::Present(file) => file,
        Text::Unread(finding) => return Verdict::finding(*finding),
        Text::Absent if context.index.resolve(b"/etc/apparmor.d").is_ok() => {
            return Verdict::not_applicable("the image is set up for AppArmor (/etc/apparmor.d)");
        }
        Text::Absent => {
            if let Some(blind) = context.blindness(b"/etc/selinux") {
                return Verdict::finding(blind);
            }
            let evidence = Evidence::new("/etc/selinux/config", "absent", "SELINUX=enforcing");
            let message = "the image has no SELinux configuration";
            return Verdict::finding(Finding::fail(None, "config", message).with(evidence));
        }
    };
    let (line, mode) = setting(&file, "SELINUX").unwrap_or((1, b"not set"));
    let evidence = Evidence::new("SELINUX", escape(mode), "enforcing").at(file.line(line));
    if mode == b"enforcing" {
        return Verdict::pass("SELinux is configured to enforce", vec![evidence]);
    }
    let message = format!("SELinux is configured as `{}`", escape(mode));
    Verdict::finding(Finding::fail(Some(file.line(line)), "config", message).with(evidence))
}

const ENFORCE: &str = "/sys/fs/selinux/enforce";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn image(config: &str) -> MemoryTree {
        MemoryTree::new().file("/etc/selinux/config", 0o644, config)
    }

    #[test]
    fn the_last_setting_of_the_file_decides() {
        expect(&RULE, &image("# SELINUX=permissive\nSELINUX = enforcing\nSELINUXTYPE=mls\n"), Outcome::Pass);
        expect(&RULE, &image("SELINUX=enforcing\nSELINUX=permissive\n"), Outcome::Fail);
        expect(&RULE, &image("SELINUXTYPE=mls\n"), Outcome::Fail);
        expect(&RULE, &MemoryTree::new(), Outcome::Fail);
        expect(&RULE, &image("").unreadable("/etc/selinux/config"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/etc/apparmor.d", 0o755), Outcome::NotApplicable);
    }

    #[test]
    fn the_running_kernel_decides_on_a_live_host() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::below(dir.path());
        let kernel = KernelFacts { host: Some(&host), ..KernelFacts::default() };
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(live(&host, &kernel).outcome(), Outcome::Fail);
        write("proc/filesystems", "nodev\tsmackfs\n");
        assert_eq!(live(&host, &kernel).outcome(), Outcome::NotApplicable);
        for (value, outcome) in [("1", Outcome::Pass), ("0", Outcome::Fail)] {
            write("sys/fs/selinux/enforce", value);
            assert_eq!(live(&host, &kernel).outcome(), outcome);
        }
    }
}
