//! ROOT-001.

use hardpan_lockdown::Mount;
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict};

use crate::mounting::{describe, is_in_memory, mount_at, mount_evidence};
use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-001",
        "root-read-only",
        "The root file system is mounted read-only",
        Pillar::VerifiedRoot,
        Severity::High,
        include_str!("read_only.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match context.live_mounts() {
        Some(Ok(mounts)) => live(context, mounts),
        Some(Err(finding)) => Verdict::finding(*finding),
        None => configured(context),
    }
}

fn live(context: &Context<'_>, mounts: &[Mount]) -> Verdict {
    let Some(root) = mount_at(mounts, b"/") else {
        return Verdict::unknown(Cause::NoFacts, "/proc/self/mountinfo lists no mount at /");
    };
    let seen = if root.has("ro") { "ro" } else { "rw" };
    let evidence = mount_evidence(root, format!("{}, {seen}", describe(root)), "ro");
    let configured = disagreement(context, seen == "ro");
    if seen == "ro" {
        let evidence = std::iter::once(evidence).chain(configured).collect();
        return Verdict::pass("/ is mounted read-only", evidence);
    }
    let usr = mount_at(mounts, b"/usr").filter(|usr| usr.has("ro"));
    if let (true, Some(usr)) = (is_in_memory(&root.fstype), usr) {
        let usr = mount_evidence(usr, format!("{}, ro", describe(usr)), "ro");
        return Verdict::pass("/ is made in memory at each boot and /usr is read-only", vec![evidence, usr]);
    }
    let message = format!("/ is mounted writable ({})", describe(root));
    let finding = Finding::fail(None, "mount:/", message).with(evidence);
    Verdict::finding(configured.into_iter().fold(finding, Finding::with))
}

/// What `fstab` says of `/`, if it is not what is in force.
fn disagreement(context: &Context<'_>, is_read_only: bool) -> Option<Evidence> {
    let root = context.fstab().ok()?.into_iter().rfind(|entry| entry.target == b"/")?;
    if root.is_read_only() == is_read_only {
        return None;
    }
    let seen = format!("disagrees with the mount: {}", root.options.join(","));
    Some(Evidence::new("fstab line of /", hardpan_report::escape(seen.as_bytes()), "").at(root.location))
}

/// What `fstab` says of `/` holds in the end, since systemd and other init systems remount the root by it; without a
/// line for `/`, what the kernel was told stays.
fn configured(context: &Context<'_>) -> Verdict {
    let fstab = match context.fstab() {
        Ok(fstab) => fstab,
        Err(finding) => return Verdict::finding(*finding),
    };
    let Some(root) = fstab.into_iter().rfind(|entry| entry.target == b"/") else {
        return by_command_lines(context);
    };
    let seen = format!("{} {}", root.fstype, root.options.join(","));
    let evidence = Evidence::new("fstab line of /", hardpan_report::escape(seen.as_bytes()), "option ro");
    let evidence = evidence.at(root.location.clone());
    if root.is_read_only() {
        return Verdict::pass("/etc/fstab mounts / read-only", vec![evidence]);
    }
    let message = "/etc/fstab mounts / writable: its options lack `ro`";
    Verdict::finding(Finding::fail(Some(root.location), "fstab:/", message).with(evidence))
}

fn by_command_lines(context: &Context<'_>) -> Verdict {
    let lines = context.command_lines_in_force();
    if lines.is_empty() && context.troubles_in_force().is_empty() {
        return Verdict::unknown(Cause::NoFacts, NO_FACTS);
    }
    let mut findings = context.troubles_in_force().to_vec();
    let mut evidence = Vec::new();
    for line in lines {
        match judge(line) {
            None => evidence.push(line.evidence("ro", "ro")),
            Some(finding) => findings.push(finding),
        }
    }
    Verdict::of("how the kernel is told to mount /", findings, evidence)
}

fn judge(line: &CommandLine) -> Option<Finding> {
    let words = &line.words;
    let last = words.iter().rfind(|word| word.for_kernel && (word.is("ro") || word.is("rw")));
    let origin = Some(line.origin.clone());
    match last {
        Some(word) if word.is("ro") => None,
        Some(_) => {
            let message = "the kernel is told to mount / writable";
            Some(Finding::fail(origin, "cmdline:rw", message).with(line.evidence("rw", "ro")))
        }
        None => Some(Finding::unknown(
            Cause::Undecided,
            origin,
            "cmdline",
            "neither `ro` nor `rw` is on the kernel command line, so the initramfs decides how / is mounted",
        )),
    }
}

const NO_FACTS: &str = "nothing here says how / is mounted: /etc/fstab has no line for it and no boot loader \
                        configuration was found; audit the running host (`hardpan audit /`), or include /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::{Machine, expect_configured};

    fn mounted(lines: &str) -> Machine {
        Machine::new().with("/proc/self/mountinfo", lines)
    }

    #[test]
    fn a_running_host_is_judged_by_its_mount() {
        mounted("1 0 8:1 / / ro - ext4 /dev/sda1 ro\n").expect(&RULE, Outcome::Pass);
        let verdict = mounted("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n").expect(&RULE, Outcome::Fail);
        assert_eq!(verdict.findings[0].message, "/ is mounted writable (ext4 from /dev/sda1)");
        Machine::new().expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn a_root_in_memory_needs_a_read_only_usr() {
        let root = "1 0 0:2 / / rw - tmpfs tmpfs rw\n";
        mounted(root).expect(&RULE, Outcome::Fail);
        mounted(&format!("{root}2 1 8:1 / /usr ro - ext4 /dev/sda1 ro\n")).expect(&RULE, Outcome::Pass);
    }

    #[test]
    fn an_image_is_judged_by_fstab_before_the_command_line() {
        let fstab = |line: &str| MemoryTree::new().file("/etc/fstab", 0o644, line);
        expect(&RULE, &fstab("/dev/vda1 / ext4 ro,noatime 0 0\n"), Outcome::Pass);
        expect(&RULE, &fstab("/dev/vda1 / squashfs defaults 0 0\n"), Outcome::Pass);
        let verdict = expect(&RULE, &fstab("# x\n/dev/vda1 / ext4 errors=remount-ro 0 1\n"), Outcome::Fail);
        assert_eq!(verdict.findings[0].location.as_ref().unwrap().line, Some(2));
        expect(&RULE, &fstab("/dev/vda1 / ext4 ro\n").unreadable("/etc/fstab"), Outcome::Unknown);
    }

    #[test]
    fn the_last_word_of_the_command_line_holds() {
        expect_configured(&RULE, "root=/dev/dm-0 rw ro", Outcome::Pass);
        expect_configured(&RULE, "root=/dev/dm-0 ro rw", Outcome::Fail);
        expect_configured(&RULE, "root=/dev/dm-0 -- ro", Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
