//! ETC-003.

use hardpan_image::{EntryId, FileKind};
use hardpan_report::{Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};
use rayon::prelude::*;

use super::key::{Key, private_keys};
use crate::context::cause_of_fault;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-003",
        "no-private-keys",
        "No private key is stored in /etc or a home directory",
        Pillar::StatelessEtc,
        Severity::High,
        include_str!("no_private_keys.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let files = files(context);
    let (searched, larger): (Vec<EntryId>, Vec<EntryId>) =
        files.iter().partition(|id| context.index.entry(**id).metadata.size <= MAX_KEY_FILE);
    let mut findings: Vec<Finding> = searched.par_iter().flat_map_iter(|id| search(context, *id)).collect();
    findings
        .extend(["/etc", "/root", "/home"].iter().filter_map(|place| context.blindness(place.as_bytes())));
    let seen = format!("{} of up to 1 MiB; {} larger ones were not", searched.len(), larger.len());
    let evidence = vec![Evidence::new("files searched", seen, ""), context.absence_proof()];
    Verdict::of(format!("{} files searched for private keys", searched.len()), findings, evidence)
}

/// The regular files below `/etc`, `/root` and each `/home/*/.ssh`, by path.
fn files(context: &Context<'_>) -> Vec<EntryId> {
    let index = context.index;
    let mut pending: Vec<EntryId> =
        ["/etc", "/root"].iter().filter_map(|path| index.resolve(path.as_bytes()).ok()).collect();
    if let Ok(home) = index.resolve(b"/home") {
        let keys =
            |user: EntryId| index.children(user).find(|entry| entry.name == b".ssh").map(|entry| entry.id);
        pending.extend(index.children(home).filter_map(|user| keys(user.id)));
    }
    let mut files = Vec::new();
    while let Some(id) = pending.pop() {
        match index.entry(id).metadata.kind {
            FileKind::File => files.push(id),
            FileKind::Directory => pending.extend(index.children(id).map(|child| child.id)),
            _ => {}
        }
    }
    files.sort_by_cached_key(|id| index.path(*id));
    files
}

fn search(context: &Context<'_>, id: EntryId) -> Vec<Finding> {
    let path = context.index.path(id);
    match context.index.read(id, MAX_KEY_FILE) {
        Ok(bytes) => {
            private_keys(&bytes).iter().enumerate().map(|(at, key)| finding(&path, at, key)).collect()
        }
        Err(error) => {
            let message = format!("{} cannot be searched for keys: {error}", escape(&path));
            let cause = cause_of_fault(error.fault());
            vec![Finding::unknown(cause, Some(Location::file(path)), "read", message)]
        }
    }
}

fn finding(path: &[u8], at: usize, key: &Key) -> Finding {
    let location = Location::line(path, key.line);
    let kind = escape(key.kind.as_bytes());
    let (protection, message) = match key.encrypted {
        Some(true) => {
            ("encrypted", format!("a private key ({kind}) is stored here, encrypted with a passphrase"))
        }
        Some(false) => ("not encrypted", format!("a private key ({kind}) is stored here, not encrypted")),
        None => ("encryption not shown", format!("a private key ({kind}) is stored here")),
    };
    let evidence = Evidence::new("private key", format!("{kind}, {protection}"), "none").at(location.clone());
    Finding::fail(Some(location), format!("key:{at}"), message).with(evidence)
}

/// Keys are of a few kilobytes, and bundles of them rarely of a hundred; larger files are databases and caches.
const MAX_KEY_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn key() -> String {
        format!("# c\n-----BEGIN {}-----\n{}\n", "PRIVATE KEY", "A".repeat(64))
    }

    #[test]
    fn keys_in_etc_and_homes_are_found_by_line() {
        let tree = MemoryTree::new()
            .file("/etc/ssl/private/a.key", 0o600, key())
            .file("/root/k", 0o600, key())
            .file("/home/u/.ssh/id", 0o600, key())
            .file("/home/u/k", 0o600, key());
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        assert_eq!(verdict.findings.len(), 3);
        assert_eq!(verdict.findings[0].location, Some(Location::line("/etc/ssl/private/a.key", 2)));
    }

    #[test]
    fn other_files_pass() {
        let tree = MemoryTree::new().file("/etc/passwd", 0o644, "root:x:0:0\n").file("/opt/k", 0o600, key());
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn a_file_or_directory_that_cannot_be_read_is_unknown() {
        expect(&RULE, &MemoryTree::new().file("/etc/a", 0o600, "").unreadable("/etc/a"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/root", 0o700).unreadable("/root"), Outcome::Unknown);
    }
}
