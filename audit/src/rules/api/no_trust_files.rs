//! API-012.

use hardpan_image::FileKind;
use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-012",
        "no-trust-files",
        "No file lets other hosts in or holds a password for them",
        Pillar::ApiOnly,
        Severity::High,
        include_str!("no_trust_files.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let files = context.index.entries().filter(|entry| {
        matches!(entry.metadata.kind, FileKind::File | FileKind::Symlink) && entry.metadata.size > 0
    });
    let mut findings = Vec::new();
    for entry in files {
        let Some((_, what)) = NAMES.iter().find(|(name, _)| *name == entry.name) else { continue };
        let location = context.location(entry.id);
        let message = format!("{} {what}", escape(location.path.as_bytes()));
        let evidence = Evidence::new("size", format!("{} bytes", entry.metadata.size), "absent");
        findings.push(Finding::fail(Some(location.clone()), "file", message).with(evidence.at(location)));
    }
    context.absence(
        format!("{} files that trust other hosts or keep passwords for them", findings.len()),
        findings,
    )
}

/// Names that mean the same wherever they are.
const NAMES: [(&[u8], &str); 5] = [
    (b".rhosts", "lets users of other hosts in without a password"),
    (b".shosts", "lets users of other hosts in without a password"),
    (b"hosts.equiv", "lets users of other hosts in without a password"),
    (b"shosts.equiv", "lets users of other hosts in without a password"),
    (b".netrc", "keeps passwords for other hosts in plain text"),
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn each_is_found() {
        for path in
            ["/root/.rhosts", "/home/a/.shosts", "/etc/hosts.equiv", "/etc/ssh/shosts.equiv", "/root/.netrc"]
        {
            expect(&RULE, &MemoryTree::new().file(path, 0o600, "x"), Outcome::Fail);
        }
    }

    #[test]
    fn empty_ones_and_none_pass() {
        expect(&RULE, &MemoryTree::new().file("/etc/hosts.equiv", 0o644, ""), Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let tree = MemoryTree::new().directory("/home", 0o755).unreadable("/home");
        expect(&RULE, &tree, Outcome::Unknown);
    }
}
