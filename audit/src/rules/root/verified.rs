//! ROOT-002.

use hardpan_lockdown::Mount;
use hardpan_report::{Cause, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use super::verity::{Backing, Configured, live_backing, shown};
use crate::mounting::{describe, is_in_memory, mount_at, mount_evidence};
use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-002",
        "root-verity",
        "The root file system is verified by dm-verity",
        Pillar::VerifiedRoot,
        Severity::Critical,
        include_str!("verified.md"),
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
    let usr = live_backing(context, b"/usr");
    if let (true, Some(Backing::Verity(seen))) = (is_in_memory(&root.fstype), &usr) {
        let evidence = mount_evidence(root, format!("{}; /usr is {seen}", describe(root)), "a verity device");
        return Verdict::pass("/ is made in memory at each boot and /usr is verified", vec![evidence]);
    }
    let finding = match live_backing(context, b"/") {
        Some(Backing::Verity(seen)) => {
            let evidence = mount_evidence(root, seen, "a verity device");
            return Verdict::pass("every block of / is verified as it is read", vec![evidence]);
        }
        Some(Backing::Other(seen)) => {
            let message = format!("/ is not verified: it is mounted from {seen}");
            Finding::fail(None, "mount:/", message).with(mount_evidence(root, seen, "a verity device"))
        }
        Some(Backing::Undecided(why)) => {
            let message = format!("whether / is verified cannot be told: {why}");
            let evidence = mount_evidence(root, describe(root), "a verity device");
            Finding::unknown(Cause::Undecided, None, "mount:/", message).with(evidence)
        }
        None => return Verdict::unknown(Cause::NoFacts, "the running host's /sys was not at hand"),
    };
    Verdict::finding(with_what_else_is_known(context, finding, usr))
}

/// A verified `/usr`, or a command line that asks for what is not in force, is worth knowing beside a failure.
fn with_what_else_is_known(context: &Context<'_>, mut finding: Finding, usr: Option<Backing>) -> Finding {
    if let Some(Backing::Verity(seen)) = usr {
        finding = finding.with(hardpan_report::Evidence::new("mount of /usr", seen, ""));
    }
    for line in &context.kernel.command_lines {
        if Configured::of(line).is_any() {
            finding = finding.with(line.evidence("asks for dm-verity", ""));
        }
    }
    finding
}

fn configured(context: &Context<'_>) -> Verdict {
    let lines = context.command_lines_in_force();
    if lines.is_empty() && context.troubles_in_force().is_empty() {
        return Verdict::unknown(Cause::NoFacts, NO_FACTS);
    }
    let mut findings = context.troubles_in_force().to_vec();
    let mut evidence = Vec::new();
    for line in lines {
        match judge(line) {
            Ok(seen) => evidence.push(line.evidence(&seen, "a verity table or root hash for /")),
            Err(finding) => findings.push(*finding),
        }
    }
    Verdict::of("what each kernel command line maps / through", findings, evidence)
}

/// What the line maps the root by.
fn judge(line: &CommandLine) -> Result<String, Box<Finding>> {
    let origin = Some(line.origin.clone());
    let configured = Configured::of(line);
    if let Some(bad) = configured.bad.first() {
        let message = format!("a verity device is asked for in a way that is refused: {}", shown(bad));
        return Err(Box::new(Finding::fail(origin, "table", message)));
    }
    let devices: Vec<&str> = configured.targets.iter().map(|target| target.name.as_str()).collect();
    let by_hash = configured.disabled.is_none() && configured.root_hash;
    let mapped = if by_hash { vec!["root"] } else { devices };
    if mapped.is_empty() {
        return Err(Box::new(not_mapped(line, &configured)));
    }
    let root = line.kernel_value("root").unwrap_or_default();
    match leads_to(&root, &mapped, by_hash) {
        Some(true) => Ok(if by_hash { "roothash=".into() } else { format!("dm-mod.create=, root={root}") }),
        Some(false) => {
            let message = format!(
                "a verity device is made, but the root is mounted past it: `root={}`",
                escape(root.as_bytes())
            );
            let evidence = line.evidence(&format!("root={root}"), "the verity device");
            Err(Box::new(Finding::fail(origin, "root", message).with(evidence)))
        }
        None => {
            let message = format!(
                "a verity device is made, but whether `root={}` is that device cannot be told from here",
                escape(root.as_bytes())
            );
            Err(Box::new(Finding::unknown(Cause::Undecided, origin, "root", message)))
        }
    }
}

fn not_mapped(line: &CommandLine, configured: &Configured) -> Finding {
    let origin = Some(line.origin.clone());
    if let (Some(word), true) = (&configured.disabled, configured.root_hash) {
        let message = "a root hash is given, but verification is switched off";
        return Finding::fail(origin, "disabled", message).with(line.evidence(word, "not switched off"));
    }
    if configured.by_generator() {
        let message = "only /usr is mapped through dm-verity (`usrhash=`); whether / holds anything that is not made \
                       at boot cannot be told from here";
        return Finding::unknown(Cause::Undecided, origin, "usrhash", message);
    }
    let message =
        "this boot entry maps no verity device: no `dm-mod.create=` with a verity table and no `roothash=`";
    let seen = line.evidence("no verity", "a verity table or root hash for /");
    Finding::fail(origin, "no-verity", message).with(seen)
}

/// Whether `root=` names one of the mapped devices. A file system's UUID or label is the same on the verity device and on
/// the device below, so those do not decide.
fn leads_to(root: &str, mapped: &[&str], by_generator: bool) -> Option<bool> {
    if root.is_empty() {
        // systemd's generators mount /dev/mapper/root then; the kernel alone would not find a root.
        return by_generator.then_some(true);
    }
    if let Some(name) = root.strip_prefix("/dev/mapper/") {
        return Some(mapped.contains(&name));
    }
    if root.starts_with("/dev/dm-") {
        return Some(true);
    }
    let past = ["/dev/", "PARTUUID=", "PARTLABEL="];
    past.iter().any(|prefix| root.starts_with(prefix)).then_some(false)
}

const NO_FACTS: &str = "nothing here says what / lies on: no boot loader configuration with a kernel command line was \
                        found; audit the running host (`hardpan audit /`), or include /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::{Machine, expect_configured};

    const ON_DM: &str = "1 0 253:0 / / ro - ext4 /dev/dm-0 ro\n";
    const HASH: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";
    const TABLE: &str = "dm-mod.create=\"root,,,ro,0 8 verity 1 PARTUUID=a PARTUUID=b 4096 4096 1 1 sha256 \
                         4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be cd\"";

    fn on_dm(uuid: &str) -> Machine {
        Machine::new()
            .with("/proc/self/mountinfo", ON_DM)
            .with("/sys/dev/block/253:0/dm/uuid", uuid)
            .with("/sys/dev/block/253:0/dm/name", "root\n")
    }

    #[test]
    fn the_kernel_shows_what_the_root_lies_on() {
        on_dm("CRYPT-VERITY-0123-root\n").expect(&RULE, Outcome::Pass);
        on_dm("CRYPT-LUKS2-0123-root\n").expect(&RULE, Outcome::Fail);
        on_dm("\n").expect(&RULE, Outcome::Unknown);
        on_dm("\n").with("/proc/cmdline", format!("root=/dev/dm-0 {TABLE}\n")).expect(&RULE, Outcome::Pass);
    }

    #[test]
    fn a_partition_is_not_verified_even_if_the_command_line_asks_for_it() {
        let machine = Machine::new()
            .with("/proc/self/mountinfo", "1 0 8:1 / / ro - ext4 /dev/sda1 ro\n")
            .with("/sys/dev/block/8:1/size", "8\n")
            .with("/proc/cmdline", format!("roothash={HASH}"));
        let verdict = machine.expect(&RULE, Outcome::Fail);
        assert_eq!(verdict.findings[0].evidence[1].seen, "asks for dm-verity");
    }

    #[test]
    fn a_file_system_with_a_device_number_of_its_own_is_found_by_name() {
        let machine = Machine::new()
            .with("/proc/self/mountinfo", "1 0 0:30 / / ro - btrfs /dev/mapper/root ro\n")
            .with("/sys/class/block/dm-3/dm/name", "root\n")
            .with("/sys/class/block/dm-3/dm/uuid", "CRYPT-VERITY-0-root\n");
        machine.expect(&RULE, Outcome::Pass);
    }

    #[test]
    fn an_overlay_and_an_unseen_device_stay_unknown() {
        let overlay = "1 0 0:30 / / rw - overlay overlay rw,lowerdir=/a\n";
        Machine::new().with("/proc/self/mountinfo", overlay).expect(&RULE, Outcome::Unknown);
        Machine::new().with("/proc/self/mountinfo", ON_DM).expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn a_command_line_must_map_the_root_and_mount_what_it_maps() {
        expect_configured(&RULE, &format!("root=/dev/dm-0 {TABLE}"), Outcome::Pass);
        expect_configured(&RULE, &format!("roothash={HASH}"), Outcome::Pass);
        expect_configured(&RULE, "roothash=abcd", Outcome::Fail);
        expect_configured(&RULE, &format!("root=/dev/sda1 {TABLE}"), Outcome::Fail);
        expect_configured(&RULE, &format!("root=UUID=1 {TABLE}"), Outcome::Unknown);
        expect_configured(&RULE, &format!("roothash={HASH} systemd.verity=no"), Outcome::Fail);
        expect_configured(&RULE, &format!("usrhash={HASH}"), Outcome::Unknown);
        expect_configured(&RULE, "root=/dev/sda1 ro quiet", Outcome::Fail);
        expect_configured(&RULE, &format!("root=/dev/sda1 -- {TABLE}"), Outcome::Fail);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
