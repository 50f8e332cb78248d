//! MIN-004.

use hardpan_image::{Entry, EntryId, FileKind};
use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::suspects;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-004",
        "no-ssh",
        "There is no SSH",
        Pillar::NoShell,
        Severity::High,
        include_str!("no_ssh.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings = suspects::findings(context, Ban::Ssh);
    findings.extend(context.index.entries().filter_map(|entry| stray_file(context, entry)));
    let summary = match findings.iter().filter(|finding| finding.cause.is_none()).count() {
        0 => "no SSH program, key or unit".into(),
        count => format!("{count} files belong to SSH"),
    };
    context.absence(summary, findings)
}

/// A key, a list of keys or a unit: what a server leaves behind, or waits for.
fn stray_file(context: &Context<'_>, entry: Entry<'_>) -> Option<Finding> {
    if !matches!(entry.metadata.kind, FileKind::File | FileKind::Symlink) || entry.metadata.size == 0 {
        return None;
    }
    let parent = context.index.parent(entry.id);
    let what = match context.index.entry(parent).name {
        b".ssh" if entry.name.starts_with(b"authorized_keys") => "lists keys that may log in over SSH",
        b"ssh" | b"dropbear" if is_host_key(entry.name) => "is the private key of an SSH server",
        b"system" | b"user" if is_unit(entry.name) && is_unit_directory(context, parent) => {
            "is a unit that starts an SSH server"
        }
        _ => return None,
    };
    let path = escape(&context.index.path(entry.id));
    let location = context.location(entry.id);
    let evidence =
        Evidence::new("size", format!("{} bytes", entry.metadata.size), "absent").at(location.clone());
    Some(Finding::fail(Some(location), "file", format!("{path} {what}")).with(evidence))
}

/// `ssh_host_ed25519_key` of OpenSSH and `dropbear_ed25519_host_key` of Dropbear; the public halves do no harm.
fn is_host_key(name: &[u8]) -> bool {
    name.starts_with(b"ssh_host_") && name.ends_with(b"_key")
        || name.starts_with(b"dropbear_") && name.ends_with(b"_host_key")
}

fn is_unit(name: &[u8]) -> bool {
    let stem = name.strip_suffix(b".service").or_else(|| name.strip_suffix(b".socket")).unwrap_or_default();
    matches!(stem.strip_suffix(b"@").unwrap_or(stem), b"ssh" | b"sshd" | b"dropbear" | b"tinysshd")
}

fn is_unit_directory(context: &Context<'_>, directory: EntryId) -> bool {
    context.index.entry(context.index.parent(directory)).name == b"systemd"
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn programs_keys_and_units_are_found() {
        for path in [
            "/usr/sbin/sshd",
            "/usr/bin/scp",
            "/usr/sbin/dropbear",
            "/etc/ssh/ssh_host_ed25519_key",
            "/root/.ssh/authorized_keys",
            "/usr/lib/systemd/system/ssh.socket",
            "/usr/lib/systemd/system/sshd@.service",
        ] {
            expect(&RULE, &MemoryTree::new().file(path, 0o755, "x"), Outcome::Fail);
        }
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        let tree = MemoryTree::new()
            .file("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, "x")
            .file("/root/.ssh/authorized_keys", 0o600, "")
            .file("/usr/share/doc/ssh.service", 0o644, "x")
            .file("/usr/bin/sshow", 0o755, "x");
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let tree = MemoryTree::new().directory("/root", 0o700).unreadable("/root");
        expect(&RULE, &tree, Outcome::Unknown);
    }
}
