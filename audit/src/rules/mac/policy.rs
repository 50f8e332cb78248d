//! MAC-003.

use hardpan_report::{Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use super::{selinux_config, setting};
use crate::{AuditRule, Context, Text};
use hardpan_checksec::cause_of;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-003",
        "selinux-policy",
        "The SELinux policy that the image names is there and is one",
        Pillar::MandatoryAccessControl,
        Severity::High,
        include_str!("policy.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let file = match selinux_config(context) {
        Text::Present(file) => file,
        Text::Unread(finding) => return Verdict::finding(*finding),
        Text::Absent => return Verdict::not_applicable("SELinux is not configured"),
    };
    let name = setting(&file, "SELINUXTYPE").map_or(&b"targeted"[..], |(_, name)| name);
    let roots = [&b"/etc/selinux/"[..], b"/usr/share/factory/etc/selinux/", b"/usr/etc/selinux/"];
    let directory = roots.iter().find_map(|root| {
        let path = [root, name, b"/policy"].concat();
        context.index.resolve(&path).ok()
    });
    let Some(directory) = directory else { return missing(context, name) };
    let policies: Vec<_> =
        context.index.children(directory).filter(|child| child.name.starts_with(b"policy.")).collect();
    // The highest version that the kernel knows is loaded; which that is the tree does not tell, so all are judged.
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    for policy in &policies {
        match judge(context, policy.id) {
            Ok(fact) => evidence.push(fact),
            Err(finding) => findings.push(*finding),
        }
    }
    if policies.is_empty() {
        return missing(context, name);
    }
    Verdict::of(format!("the policy `{}` is there", escape(name)), findings, evidence)
}

fn missing(context: &Context<'_>, name: &[u8]) -> Verdict {
    if let Some(blind) = context.blindness(b"/etc/selinux") {
        return Verdict::finding(blind);
    }
    let name = escape(name);
    let evidence = Evidence::new(format!("/etc/selinux/{name}/policy/policy.*"), "absent", "a binary policy");
    let message = format!("the image is configured for the policy `{name}` and does not have it");
    Verdict::finding(Finding::fail(None, "missing", message).with(evidence))
}

/// Magic number, the length of the identification, the identification, and the version.
fn judge(context: &Context<'_>, id: hardpan_image::EntryId) -> Result<Evidence, Box<Finding>> {
    let place = context.location(id);
    let mut head = [0; 20];
    let read = context.index.open(id).and_then(|source| {
        hardpan_image::read_exact_at(&*source, &mut head, 0).map_err(hardpan_image::Error::io("read"))
    });
    if let Err(error) = read {
        let reason = format!("the policy cannot be read: {error}");
        return Err(Box::new(Finding::unknown(cause_of(error.fault()), Some(place), "read", reason)));
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let version = word(16);
    if word(0) != MAGIC || &head[8..16] != b"SE Linux" || !VERSIONS.contains(&version) {
        let seen = format!("magic {:#x}, version {version}", word(0));
        let evidence = Evidence::new("header", seen, "magic 0xf97cff8c, version 15 to 35");
        let location = Location { offset: Some(0), ..place };
        let message = "the file is not a policy that a kernel would load";
        return Err(Box::new(Finding::fail(Some(location), "header", message).with(evidence)));
    }
    Ok(Evidence::new("binary policy", format!("version {version}"), "").at(place))
}

/// `POLICYDB_MAGIC` of Linux.
const MAGIC: u32 = 0xf97c_ff8c;
/// The versions that kernels have ever taken.
const VERSIONS: std::ops::RangeInclusive<u32> = 15..=35;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn image(policy: &[u8]) -> MemoryTree {
        MemoryTree::new().file("/etc/selinux/config", 0o644, "SELINUXTYPE=own\n").file(
            "/etc/selinux/own/policy/policy.33",
            0o644,
            policy,
        )
    }

    fn header(version: u32) -> Vec<u8> {
        [&MAGIC.to_le_bytes()[..], &8u32.to_le_bytes(), b"SE Linux", &version.to_le_bytes()].concat()
    }

    #[test]
    fn only_a_policy_is_a_policy() {
        expect(&RULE, &image(&header(33)), Outcome::Pass);
        expect(&RULE, &image(&header(99)), Outcome::Fail);
        expect(&RULE, &image(b"not a policy at all!"), Outcome::Fail);
        expect(&RULE, &image(b"cut"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
        let named = MemoryTree::new().file("/etc/selinux/config", 0o644, "SELINUXTYPE=own\n");
        expect(&RULE, &named, Outcome::Fail);
    }
}
