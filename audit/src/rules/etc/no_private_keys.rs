//! ETC-003.

use hardpan_image::{EntryId, FileKind};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};
use rayon::prelude::*;

use super::key::{Key, private_keys};
use crate::{AuditRule, Context};
use hardpan_checksec::cause_of;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-003",
        "no-private-keys",
        "No private key is stored in /etc, /root or /home",
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
    findings.extend(larger.iter().filter(|id| is_in_ssh(context, **id)).map(|id| too_large(context, *id)));
    findings.extend(PLACES.iter().filter_map(|place| context.blindness(place.as_bytes())));
    let seen = format!("{} of up to 1 MiB", searched.len());
    let mut evidence = vec![Evidence::new("files searched", seen, "")];
    if let Some(first) = larger.first() {
        let seen = format!("{} larger than 1 MiB", larger.len());
        evidence.push(Evidence::new("files not searched", seen, "").at(context.location(*first)));
    }
    evidence.push(context.absence_proof());
    let summary = format!(
        "files searched for private keys in /etc, /root and /home: {}; larger than 1 MiB and not searched: {}",
        searched.len(),
        larger.len()
    );
    Verdict::of(summary, findings, evidence)
}

/// The regular files below the places, by path, each once.
fn files(context: &Context<'_>) -> Vec<EntryId> {
    let index = context.index;
    let mut pending: Vec<EntryId> =
        PLACES.iter().filter_map(|path| index.resolve(path.as_bytes()).ok()).collect();
    let mut files = Vec::new();
    while let Some(id) = pending.pop() {
        match index.entry(id).metadata.kind {
            FileKind::File => files.push(id),
            FileKind::Directory => pending.extend(index.children(id).map(|child| child.id)),
            _ => {}
        }
    }
    files.sort_by_cached_key(|id| index.path(*id));
    // A place may be a link into another one.
    files.dedup();
    files
}

/// Links of these names are followed; links below them are not.
const PLACES: [&str; 3] = ["/etc", "/root", "/home"];

fn is_in_ssh(context: &Context<'_>, id: EntryId) -> bool {
    context.index.path(id).split(|byte| *byte == b'/').rev().skip(1).any(|name| name == b".ssh")
}

/// Whoever puts a file into `.ssh` means it to be read by ssh, whatever its size.
fn too_large(context: &Context<'_>, id: EntryId) -> Finding {
    let size = context.index.entry(id).metadata.size;
    let reason = format!("a file of {size} bytes in a .ssh directory is too large to be searched for keys");
    Finding::unknown(Cause::Limit, Some(context.location(id)), "size", reason)
}

fn search(context: &Context<'_>, id: EntryId) -> Vec<Finding> {
    let path = context.index.path(id);
    match context.index.read(id, MAX_KEY_FILE) {
        Ok(bytes) => {
            private_keys(&bytes).iter().enumerate().map(|(at, key)| finding(&path, at, key)).collect()
        }
        Err(error) => {
            let message = format!("{} cannot be searched for keys: {error}", escape(&path));
            let cause = cause_of(error.fault());
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
        assert_eq!(verdict.findings.len(), 4);
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

    #[test]
    fn what_was_not_searched_is_said() {
        let large = vec![b'a'; usize::try_from(MAX_KEY_FILE).unwrap() + 1];
        let tree = MemoryTree::new()
            .file("/etc/a", 0o644, "")
            .file("/home/u/database", 0o600, large.clone())
            .file("/root/history", 0o600, large.clone());
        let verdict = expect(&RULE, &tree, Outcome::Pass);
        let summary = "files searched for private keys in /etc, /root and /home: 1; \
                       larger than 1 MiB and not searched: 2";
        assert_eq!(verdict.summary, summary);
        assert_eq!(verdict.evidence[1].seen, "2 larger than 1 MiB");
        assert_eq!(verdict.evidence[1].location, Some(Location::file("/home/u/database")));
        let named = tree.file("/root/.ssh", 0o600, "");
        expect(&RULE, &named, Outcome::Pass);
        let in_ssh = MemoryTree::new().file("/home/u/.ssh/old/id", 0o600, large);
        expect(&RULE, &in_ssh, Outcome::Unknown);
    }

    #[test]
    fn a_place_that_is_a_link_is_searched_once() {
        let tree = MemoryTree::new().file("/home/root/k", 0o600, key()).symlink("/root", "home/root");
        assert_eq!(expect(&RULE, &tree, Outcome::Fail).findings.len(), 1);
        let tree = MemoryTree::new().file("/var/home/u/k", 0o600, key()).symlink("/home", "var/home");
        expect(&RULE, &tree, Outcome::Fail);
    }
}
