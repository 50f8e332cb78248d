//! ETC-001.

use hardpan_image::FileKind;
use hardpan_lockdown::Mount;
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use super::mount::{EtcMount, etc_mount};
use crate::mounting::{describe, is_immutable, is_in_memory, mount_at, mount_evidence, mount_of};
use crate::systemd::blindness;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-001",
        "etc-on-tmpfs",
        "Changes to /etc are gone after a reboot",
        Pillar::StatelessEtc,
        Severity::High,
        include_str!("volatile.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match etc_mount(context) {
        Err(finding) => Verdict::finding(*finding),
        Ok(Some(mount)) => judge(context, &mount),
        Ok(None) => match context.live_mounts() {
            Some(Ok(mounts)) => live_on_root(context, mounts),
            Some(Err(finding)) => Verdict::finding(*finding),
            None => configured_on_root(context),
        },
    }
}

fn judge(context: &Context<'_>, mount: &EtcMount) -> Verdict {
    let evidence = mount.evidence("tmpfs, or an overlay whose changes go to a tmpfs");
    let location = Some(mount.location.clone());
    if !mount.is_pulled {
        let message = "a mount of /etc is defined, but nothing that was found has it mounted at boot";
        return Verdict::finding(
            Finding::unknown(Cause::Undecided, location, "pulled", message).with(evidence),
        );
    }
    if is_in_memory(&mount.fstype) || is_immutable(&mount.fstype) {
        return Verdict::pass("/etc is made anew at each boot", vec![evidence]);
    }
    if mount.fstype == "overlay" {
        return judge_overlay(context, mount, evidence);
    }
    let message = format!("/etc is a {} file system, which keeps changes", escape(mount.fstype.as_bytes()));
    Verdict::finding(Finding::fail(location, "mount:/etc", message).with(evidence))
}

fn judge_overlay(context: &Context<'_>, mount: &EtcMount, evidence: Evidence) -> Verdict {
    let location = Some(mount.location.clone());
    let Some(upper) = mount.upper() else {
        return Verdict::pass("/etc is an overlay that takes no changes", vec![evidence]);
    };
    let shown = escape(upper.as_bytes());
    match keeps(context, upper) {
        Some(false) => Verdict::pass("changes to /etc go to memory", vec![evidence]),
        Some(true) => {
            let message = format!("/etc is an overlay whose changes are kept in {shown}");
            Verdict::finding(Finding::fail(location, "mount:/etc", message).with(evidence))
        }
        None => {
            let message = format!(
                "/etc is an overlay whose changes go to {shown}; whether that is in memory cannot be told from here"
            );
            Verdict::finding(Finding::unknown(Cause::Undecided, location, "upper", message).with(evidence))
        }
    }
}

/// Whether what is written to a directory outlives a boot. In an image only `/run` is known to be a tmpfs.
fn keeps(context: &Context<'_>, directory: &str) -> Option<bool> {
    // Where `..` leads depends on links that only the host at boot knows.
    if directory.split('/').any(|name| name == "..") {
        return None;
    }
    let Some(Ok(mounts)) = context.live_mounts() else {
        return directory.starts_with("/run/").then_some(false);
    };
    // An overlay that the initramfs mounted names directories of the initramfs, which nobody sees any more.
    let holder = mount_of(mounts, directory.as_bytes())?;
    if is_in_memory(&holder.fstype) {
        return Some(false);
    }
    (holder.target != b"/" && !directory.starts_with("/sysroot/")).then_some(true)
}

fn live_on_root(context: &Context<'_>, mounts: &[Mount]) -> Verdict {
    let Some(root) = mount_at(mounts, b"/") else {
        return Verdict::unknown(Cause::NoFacts, "/proc/self/mountinfo lists no mount at /");
    };
    let evidence = mount_evidence(root, describe(root), "a tmpfs at /etc");
    if is_in_memory(&root.fstype) || is_immutable(&root.fstype) {
        return Verdict::pass("/etc is part of a root that keeps no changes", vec![evidence]);
    }
    let upper = root.super_options.iter().find_map(|option| option.strip_prefix("upperdir="));
    if root.fstype == "overlay" {
        return match upper.map(|upper| keeps(context, upper)) {
            None | Some(Some(false)) => Verdict::pass("changes to / go to memory", vec![evidence]),
            Some(_) => {
                let message =
                    "/etc is part of an overlay at /; whether its changes are kept cannot be told from here";
                Verdict::finding(Finding::unknown(Cause::Undecided, None, "upper", message).with(evidence))
            }
        };
    }
    let message = format!(
        "/etc is a plain directory of the root file system ({}), which keeps changes",
        describe(root)
    );
    Verdict::finding(Finding::fail(None, "mount:/etc", message).with(evidence))
}

fn configured_on_root(context: &Context<'_>) -> Verdict {
    let lines = context.command_lines_in_force();
    let volatile = |value: &str| matches!(value, "yes" | "1" | "true" | "on" | "overlay");
    let is_volatile = |line: &&hardpan_lockdown::CommandLine| {
        line.words
            .iter()
            .any(|word| word.is("systemd.volatile") && word.value.as_deref().is_some_and(volatile))
    };
    if !lines.is_empty() && context.troubles_in_force().is_empty() && lines.iter().all(is_volatile) {
        let evidence = lines.iter().map(|line| line.evidence("systemd.volatile=", "")).collect();
        return Verdict::pass("the root is made volatile at boot, and /etc with it", evidence);
    }
    let etc = context.index.lookup(b"/etc");
    let entries = etc.map_or(0, |etc| context.index.children(etc).len());
    if let Some(finding) = context.blindness(b"/etc").or_else(|| blindness(context)) {
        return Verdict::finding(finding);
    }
    if entries == 0 || etc.is_some_and(|etc| context.index.entry(etc).metadata.kind != FileKind::Directory) {
        return Verdict::unknown(Cause::Undecided, EMPTY);
    }
    let evidence = Evidence::new("entries directly in /etc", entries.to_string(), "a tmpfs at /etc");
    let finding = Finding::fail(Some(Location::file("/etc")), "mount:/etc", PLAIN);
    Verdict::finding(finding.with(evidence.at(Location::file("/etc"))))
}

const PLAIN: &str = "/etc is a plain directory of the root file system: neither an etc.mount unit nor /etc/fstab mounts \
                     anything there";
const EMPTY: &str = "the image has nothing in /etc, so something fills it at boot, but neither an etc.mount unit nor \
                     /etc/fstab shows what; audit the running host (`hardpan audit /`)";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::Machine;

    const ROOT: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n5 1 0:5 / /run rw - tmpfs tmpfs rw\n";

    fn mounted(line: &str) -> Machine {
        Machine::new().with("/proc/self/mountinfo", format!("{ROOT}{line}\n"))
    }

    #[test]
    fn a_running_host_is_judged_by_what_is_mounted() {
        mounted("2 1 0:2 / /etc rw - tmpfs tmpfs rw").expect(&RULE, Outcome::Pass);
        mounted("2 1 0:2 / /etc rw - ext4 /dev/sda2 rw").expect(&RULE, Outcome::Fail);
        let verdict = mounted("").expect(&RULE, Outcome::Fail);
        assert!(verdict.findings[0].message.contains("ext4 from /dev/sda1"));
        Machine::new().expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn an_overlay_is_judged_by_where_its_changes_go() {
        let overlay =
            |upper: &str| mounted(&format!("2 1 0:2 / /etc rw - overlay o rw,lowerdir=/etc{upper}"));
        overlay(",upperdir=/run/etc").expect(&RULE, Outcome::Pass);
        overlay("").expect(&RULE, Outcome::Pass);
        overlay(",upperdir=/sysroot/run/etc").expect(&RULE, Outcome::Unknown);
        overlay(",upperdir=/run/../var/etc").expect(&RULE, Outcome::Unknown);
        let kept =
            "3 1 8:2 / /var rw - ext4 /dev/sda2 rw\n2 1 0:2 / /etc rw - overlay o rw,upperdir=/var/etc";
        mounted(kept).expect(&RULE, Outcome::Fail);
    }

    #[test]
    fn an_image_is_judged_by_its_unit_or_fstab() {
        let unit = "[Mount]\nWhat=tmpfs\nWhere=/etc\nType=tmpfs\nOptions=nosuid\n";
        let tree = || MemoryTree::new().file("/usr/lib/systemd/system/etc.mount", 0o644, unit);
        let link = "/usr/lib/systemd/system/local-fs.target.requires/etc.mount";
        expect(&RULE, &tree().symlink(link, "../etc.mount"), Outcome::Pass);
        expect(&RULE, &tree(), Outcome::Unknown);
        let drop_in = "/etc/systemd/system/etc.mount.d/disk.conf";
        let changed = tree().symlink(link, "../etc.mount").file(drop_in, 0o644, "[Mount]\nType=ext4\n");
        expect(&RULE, &changed, Outcome::Unknown);
        let fstab = |line: &str| MemoryTree::new().file("/etc/fstab", 0o644, line);
        expect(&RULE, &fstab("tmpfs /etc/ tmpfs nosuid 0 0\n"), Outcome::Pass);
        expect(&RULE, &fstab("/dev/vda3 /etc ext4 ro 0 0\n"), Outcome::Fail);
    }

    #[test]
    fn a_plain_directory_fails_and_an_empty_one_is_unknown() {
        expect(&RULE, &MemoryTree::new().file("/etc/passwd", 0o644, ""), Outcome::Fail);
        expect(&RULE, &MemoryTree::new().directory("/etc", 0o755), Outcome::Unknown);
        let blind = MemoryTree::new()
            .file("/etc/passwd", 0o644, "")
            .directory("/usr/lib", 0o755)
            .unreadable("/usr/lib");
        expect(&RULE, &blind, Outcome::Unknown);
    }
}
