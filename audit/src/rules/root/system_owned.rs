//! ROOT-006.

use hardpan_image::{Entry, EntryId, FileKind};
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict};
use rayon::prelude::*;

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-006",
        "system-owned-by-root",
        "Only root can change the system's directories and files",
        Pillar::VerifiedRoot,
        Severity::High,
        include_str!("system_owned.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let system = system_entries(context);
    if system.is_empty() {
        return context.absence("there is no system directory", Vec::new());
    }
    if let Some(uid) = lost_ownership(context) {
        return Verdict::unknown(
            Cause::Undecided,
            format!(
                "every entry belongs to user {uid}: ownership was lost when the tree was unpacked; unpack it as root"
            ),
        );
    }
    let suspects: Vec<&EntryId> =
        system.par_iter().filter(|id| fault(&context.index.entry(**id)).is_some()).collect();
    let findings = suspects.into_iter().filter_map(|id| judge(context, *id)).collect();
    context.absence(format!("owner and mode of {} entries of the system looked at", system.len()), findings)
}

/// Everything at and below the system's directories. Those that are links lead into one another.
fn system_entries(context: &Context<'_>) -> Vec<EntryId> {
    let index = context.index;
    let mut pending: Vec<EntryId> = SYSTEM.iter().filter_map(|path| index.lookup(path.as_bytes())).collect();
    pending.reverse();
    let mut entries = Vec::new();
    while let Some(id) = pending.pop() {
        entries.push(id);
        pending.extend(index.children(id).map(|child| child.id));
    }
    entries
}

/// The one user that owns all entries, if it is not root: somebody unpacked the tree without the right to give files away.
fn lost_ownership(context: &Context<'_>) -> Option<u32> {
    let owner = context.index.entry(context.index.root()).metadata.uid;
    let same = owner != 0 && context.index.par_entries().all(|entry| entry.metadata.uid == owner);
    same.then_some(owner)
}

fn judge(context: &Context<'_>, id: EntryId) -> Option<Finding> {
    let entry = context.index.entry(id);
    let message = fault(&entry)?;
    let location = context.location(id);
    let metadata = entry.metadata;
    let seen = format!("mode {:04o}, user {}, group {}", metadata.mode, metadata.uid, metadata.gid);
    let evidence = Evidence::new("mode and owner", seen, "user 0; written by user 0 or group 0 only");
    Some(Finding::fail(Some(location.clone()), "owner", message).with(evidence.at(location)))
}

/// What is wrong with an entry. Group 0 may write, since only root is in it; a link's mode means nothing, its owner
/// matters only in sticky directories.
fn fault(entry: &Entry<'_>) -> Option<String> {
    let metadata = entry.metadata;
    if !matches!(metadata.kind, FileKind::File | FileKind::Directory) {
        return None;
    }
    if metadata.uid != 0 {
        return Some(format!("user {} owns it and so can change it", metadata.uid));
    }
    if metadata.mode & 0o020 != 0 && metadata.gid != 0 {
        return Some(format!("members of group {} can write to it", metadata.gid));
    }
    (metadata.mode & 0o002 != 0).then(|| "everyone can write to it".to_owned())
}

const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot", "/etc"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn foreign_owners_and_groups_are_found() {
        let tree = MemoryTree::new()
            .file("/usr/bin/a", 0o755, "")
            .owned("/usr/bin/a", 1000, 0)
            .directory("/usr/local/lib", 0o2775)
            .owned("/usr/local/lib", 0, 50)
            .file("/etc/x", 0o666, "");
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        let messages: Vec<&str> = verdict.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages.len(), 3);
        assert!(messages.contains(&"members of group 50 can write to it"), "{messages:?}");
    }

    #[test]
    fn root_may_write_and_others_may_read() {
        let tree = MemoryTree::new()
            .directory("/usr", 0o775)
            .file("/etc/shadow", 0o640, "")
            .owned("/etc/shadow", 0, 42)
            .symlink("/bin", "usr/bin")
            .file("/home/u/x", 0o644, "")
            .owned("/home/u/x", 1000, 1000);
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn a_tree_of_one_users_tells_nothing() {
        let tree = MemoryTree::new().directory("/", 0o755).file("/usr", 0o644, "");
        let tree = tree.owned("/", 1000, 1000).owned("/usr", 1000, 1000);
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/usr", 0o755).unreadable("/usr"), Outcome::Unknown);
    }
}
