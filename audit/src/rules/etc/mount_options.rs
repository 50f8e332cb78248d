//! ETC-002.

use hardpan_report::{Cause, Finding, Pillar, RuleMeta, Severity, Verdict};

use super::mount::{EtcMount, etc_mount};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-002",
        "etc-mount-options",
        "/etc is mounted with nosuid, nodev and noexec",
        Pillar::StatelessEtc,
        Severity::Medium,
        include_str!("mount_options.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match etc_mount(context) {
        Err(finding) => Verdict::finding(*finding),
        Ok(Some(mount)) => judge(&mount),
        Ok(None) if context.live_mounts().is_none() && etc_is_empty(context) => Verdict::unknown(
            Cause::Undecided,
            "something fills the image's empty /etc at boot, but with which options it is mounted is shown nowhere",
        ),
        Ok(None) => Verdict::not_applicable("/etc is no mount of its own, so it has no options of its own"),
    }
}

fn judge(mount: &EtcMount) -> Verdict {
    let wanted = "nosuid,nodev,noexec";
    let missing: Vec<&str> = wanted.split(',').filter(|option| !mount.has(option)).collect();
    let finding = |option: &&str| {
        let message = format!("/etc is mounted without `{option}`");
        Finding::fail(Some(mount.location.clone()), format!("option:{option}"), message)
            .with(mount.evidence(wanted))
    };
    let findings = missing.iter().map(finding).collect();
    Verdict::of(
        "mount options of /etc compared with nosuid,nodev,noexec",
        findings,
        vec![mount.evidence(wanted)],
    )
}

fn etc_is_empty(context: &Context<'_>) -> bool {
    let etc = context.index.lookup(b"/etc");
    etc.is_none_or(|etc| context.index.children(etc).len() == 0)
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::Machine;

    fn mounted(options: &str) -> Machine {
        let line = format!("2 1 0:2 / /etc {options} - tmpfs tmpfs rw\n");
        Machine::new().with("/proc/self/mountinfo", line)
    }

    #[test]
    fn each_missing_option_is_a_finding() {
        mounted("rw,nosuid,nodev,noexec").expect(&RULE, Outcome::Pass);
        let verdict = mounted("rw,nosuid").expect(&RULE, Outcome::Fail);
        let messages: Vec<&str> = verdict.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, ["/etc is mounted without `nodev`", "/etc is mounted without `noexec`"]);
    }

    #[test]
    fn without_a_mount_there_are_no_options() {
        let root = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
        Machine::new().with("/proc/self/mountinfo", root).expect(&RULE, Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new().file("/etc/passwd", 0o644, ""), Outcome::NotApplicable);
    }

    #[test]
    fn what_fills_an_empty_directory_is_unknown() {
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
        let fstab = MemoryTree::new().file("/etc/fstab", 0o644, "").unreadable("/etc/fstab");
        expect(&RULE, &fstab, Outcome::Unknown);
    }
}
