//! MIN-008.

use hardpan_image::{FileKind, Metadata, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-008",
        "no-package-database",
        "There is no package database",
        Pillar::NoShell,
        Severity::Low,
        include_str!("no_package_database.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings: Vec<Finding> =
        DATABASES.iter().filter_map(|(path, of)| database(context, path, of)).collect();
    // `/var/lib/rpm` is a link to `/usr/lib/sysimage/rpm` on some systems: one database, one finding.
    findings.sort_by(|a, b| a.location.cmp(&b.location));
    findings.dedup_by(|a, b| a.location == b.location);
    let summary = match findings.len() {
        0 => "no database of installed packages".into(),
        1 => "1 database of installed packages".into(),
        count => format!("{count} databases of installed packages"),
    };
    context.absence(summary, findings)
}

fn database(context: &Context<'_>, path: &str, of: &str) -> Option<Finding> {
    let id = match context.index.resolve(path.as_bytes()) {
        Ok(id) => id,
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => return None,
        Err(error) => {
            let reason = format!("{path} {error}");
            let location = Some(Location::file(path));
            return Some(Finding::unknown(Cause::Unreadable, location, "database", reason));
        }
    };
    let seen = match context.index.entry(id).metadata {
        Metadata { kind: FileKind::File, size: 1.., .. } => {
            format!("{} bytes", context.index.entry(id).metadata.size)
        }
        Metadata { kind: FileKind::Directory, .. } if context.index.children(id).len() > 0 => {
            format!("{} entries", context.index.children(id).len())
        }
        _ => return None,
    };
    let location = context.location(id);
    let evidence = Evidence::new("database", seen, "absent").at(location.clone());
    let message = format!("{} is the package database of {of}", escape(location.path.as_bytes()));
    Some(Finding::fail(Some(location), "database", message).with(evidence))
}

/// Where each package manager records what it installed. Empty ones do not count.
const DATABASES: [(&str, &str); 18] = [
    ("/var/lib/dpkg/status", "dpkg"),
    ("/var/lib/dpkg/status.d", "dpkg"),
    ("/usr/lib/dpkg/status", "dpkg"),
    ("/var/lib/rpm/Packages", "RPM"),
    ("/var/lib/rpm/Packages.db", "RPM"),
    ("/var/lib/rpm/rpmdb.sqlite", "RPM"),
    ("/usr/lib/sysimage/rpm/Packages", "RPM"),
    ("/usr/lib/sysimage/rpm/Packages.db", "RPM"),
    ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "RPM"),
    ("/usr/share/rpm/rpmdb.sqlite", "RPM"),
    ("/lib/apk/db/installed", "apk"),
    ("/usr/lib/apk/db/installed", "apk"),
    ("/var/lib/pacman/local", "pacman"),
    ("/var/lib/opkg/status", "opkg"),
    ("/usr/lib/opkg/status", "opkg"),
    ("/var/lib/snapd/state.json", "snap"),
    ("/var/db/pkg", "Portage"),
    ("/nix/var/nix/db/db.sqlite", "Nix"),
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn databases_are_found_once_each() {
        for (path, _) in DATABASES {
            expect(&RULE, &MemoryTree::new().file(&format!("{path}/x"), 0o644, "x"), Outcome::Fail);
        }
        let tree = MemoryTree::new()
            .file("/usr/lib/sysimage/rpm/rpmdb.sqlite", 0o644, "x")
            .symlink("/var/lib/rpm", "../../usr/lib/sysimage/rpm");
        assert_eq!(expect(&RULE, &tree, Outcome::Fail).findings.len(), 1);
    }

    #[test]
    fn an_empty_one_and_none_pass() {
        expect(&RULE, &MemoryTree::new().file("/var/lib/dpkg/status", 0o644, ""), Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let tree = MemoryTree::new().directory("/var", 0o755).unreadable("/var");
        expect(&RULE, &tree, Outcome::Unknown);
    }
}
