//! ROOT-005.

use hardpan_image::{Entry, FileKind};
use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict};
use rayon::prelude::*;

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-005",
        "world-writable",
        "No file can be written, and no directory emptied, by everyone",
        Pillar::VerifiedRoot,
        Severity::High,
        include_str!("world_writable.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let suspects: Vec<Entry<'_>> = context.index.par_entries().filter(is_suspect).collect();
    let findings = suspects.iter().filter_map(|entry| judge(context, entry)).collect();
    context.absence("modes of all files and directories looked at", findings)
}

fn is_suspect(entry: &Entry<'_>) -> bool {
    let mode = entry.metadata.mode;
    match entry.metadata.kind {
        FileKind::File => mode & OTHER_WRITE != 0,
        FileKind::Directory => mode & OTHER_WRITE != 0 && mode & STICKY == 0,
        _ => false,
    }
}

fn judge(context: &Context<'_>, entry: &Entry<'_>) -> Option<Finding> {
    let path = context.index.path(entry.id);
    let is_directory = entry.metadata.kind == FileKind::Directory;
    if EXEMPT.iter().any(|exempt| path.starts_with(exempt.as_bytes())) {
        return None;
    }
    let (message, wanted) = if is_directory {
        ("everyone can add, rename and delete names in this directory", "o-w, or the sticky bit")
    } else {
        ("everyone can write to this file", "o-w")
    };
    let location = context.location(entry.id);
    let mode = Evidence::new("mode", format!("{:04o}", entry.metadata.mode), wanted).at(location.clone());
    Some(Finding::fail(Some(location), "world-writable", message).with(mode))
}

/// What lies below these is made at run time and is everyone's by design. The directories themselves are judged: they
/// need their sticky bit.
const EXEMPT: [&str; 6] = ["/tmp/", "/var/tmp/", "/dev/", "/run/", "/proc/", "/sys/"];
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn files_and_directories_that_everyone_can_change_are_found() {
        let tree = MemoryTree::new().file("/usr/bin/a", 0o757, "").directory("/var/drop", 0o777);
        assert_eq!(expect(&RULE, &tree, Outcome::Fail).findings.len(), 2);
        expect(&RULE, &MemoryTree::new().directory("/tmp", 0o777), Outcome::Fail);
    }

    #[test]
    fn sticky_directories_links_and_what_lies_in_tmp_pass() {
        let tree = MemoryTree::new()
            .directory("/tmp", 0o1777)
            .file("/tmp/x", 0o666, "")
            .symlink("/lib", "usr/lib")
            .file("/etc/passwd", 0o644, "");
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn a_directory_that_was_not_read_may_hold_anything() {
        expect(&RULE, &MemoryTree::new().directory("/opt", 0o755).unreadable("/opt"), Outcome::Unknown);
    }
}
