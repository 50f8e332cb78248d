//! ROOT-007.

use hardpan_image::{Entry, FileKind};
use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict};
use rayon::prelude::*;

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-007",
        "no-device-nodes",
        "There are no device nodes outside of /dev",
        Pillar::VerifiedRoot,
        Severity::Medium,
        include_str!("no_device_nodes.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let nodes: Vec<Entry<'_>> = context.index.par_entries().filter(is_device).collect();
    let findings = nodes.iter().filter_map(|entry| judge(context, entry)).collect();
    context.absence("all entries outside of /dev looked at", findings)
}

/// A character device 0:0 is how overlayfs marks a deleted file; it opens nothing.
fn is_device(entry: &Entry<'_>) -> bool {
    let metadata = entry.metadata;
    match metadata.kind {
        FileKind::BlockDevice => true,
        FileKind::CharDevice => metadata.rdev != Some((0, 0)),
        _ => false,
    }
}

fn judge(context: &Context<'_>, entry: &Entry<'_>) -> Option<Finding> {
    let path = context.index.path(entry.id);
    if path.starts_with(b"/dev/") {
        return None;
    }
    let kind = if entry.metadata.kind == FileKind::BlockDevice { "block" } else { "character" };
    let number = entry.metadata.rdev.map_or("unknown".into(), |(major, minor)| format!("{major}:{minor}"));
    let location = context.location(entry.id);
    let evidence = Evidence::new(format!("{kind} device"), number.clone(), "none").at(location.clone());
    let message = format!("a {kind} device ({number}) lies outside of /dev");
    Some(Finding::fail(Some(location), "device", message).with(evidence))
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn a_disk_hidden_in_a_home_is_found() {
        let tree = MemoryTree::new().node(b"/home/u/disk", FileKind::BlockDevice, 0o666, Vec::new());
        expect(&RULE, &tree, Outcome::Fail);
    }

    #[test]
    fn devices_in_dev_pass() {
        let tree = MemoryTree::new().node(b"/dev/null", FileKind::CharDevice, 0o666, Vec::new());
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn a_directory_that_was_not_read_may_hold_one() {
        expect(&RULE, &MemoryTree::new().directory("/home", 0o755).unreadable("/home"), Outcome::Unknown);
    }
}
