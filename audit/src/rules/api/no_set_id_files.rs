//! API-005.

use hardpan_image::{FileKind, Metadata};
use hardpan_report::{Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-005",
        "no-set-id-files",
        "No file is set-user-id or set-group-id",
        Pillar::ApiOnly,
        Severity::Medium,
        include_str!("no_set_id_files.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut expected = 0;
    let mut findings = Vec::new();
    for entry in context.index.entries().filter(|entry| changes_id(entry.metadata)) {
        // The kernel ignores the bits on scripts.
        if context.scripts.iter().any(|script| script.id == entry.id) {
            continue;
        }
        let path = context.index.path(entry.id);
        if context.parameters.privileged_files.contains(&path) {
            expected += 1;
        } else {
            findings.push(finding(&path, entry.metadata));
        }
    }
    let allowed = match expected {
        0 => String::new(),
        expected => format!(" besides the {expected} that the policy expects"),
    };
    let summary = match findings.len() {
        0 => format!("no set-id files{allowed}"),
        count => format!("{count} set-id files{allowed}"),
    };
    context.absence(summary, findings)
}

/// Set-user-id on a file that someone can execute, or set-group-id on one that the group can: without the group's
/// execute bit, set-group-id meant mandatory locking and gives nobody a group.
fn changes_id(metadata: &Metadata) -> bool {
    let user = metadata.mode & 0o4000 != 0 && metadata.is_executable();
    let group = metadata.mode & 0o2010 == 0o2010;
    metadata.kind == FileKind::File && (user || group)
}

fn finding(path: &[u8], metadata: &Metadata) -> Finding {
    let as_user = format!("as user {}", owner(metadata.uid));
    let as_group = format!("with group {}", owner(metadata.gid));
    let whom = match (metadata.mode & 0o4000 != 0, metadata.mode & 0o2010 == 0o2010) {
        (true, true) => format!("{as_user} and {as_group}"),
        (true, false) => as_user,
        _ => as_group,
    };
    let location = Location::file(path);
    let seen = format!("{:04o}, owner {}:{}", metadata.mode, metadata.uid, metadata.gid);
    let evidence = Evidence::new("mode", seen, "no set-id bit").at(location.clone());
    let message = format!("{} runs {whom}, whoever starts it", escape(path));
    Finding::fail(Some(location), "set-id", message).with(evidence)
}

fn owner(id: u32) -> String {
    if id == 0 { "root".into() } else { id.to_string() }
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::{check_with, expect};

    #[test]
    fn set_id_files_are_found() {
        let tree = MemoryTree::new().file("/usr/bin/su", 0o4755, "").file("/usr/bin/wall", 0o2755, "").owned(
            "/usr/bin/wall",
            0,
            5,
        );
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        assert_eq!(verdict.findings[0].message, "/usr/bin/su runs as user root, whoever starts it");
        assert_eq!(verdict.findings[0].evidence[0].seen, "4755, owner 0:0");
        assert_eq!(verdict.findings[1].message, "/usr/bin/wall runs with group 5, whoever starts it");
    }

    #[test]
    fn bits_without_effect_and_expected_files_pass() {
        let tree = MemoryTree::new()
            .file("/data", 0o2644, "")
            .file("/usr/bin/x", 0o4644, "")
            .directory("/var/mail", 0o2775)
            .file("/usr/bin/su", 0o4755, "");
        let verdict = check_with(&RULE, &tree, |context| {
            context.parameters.privileged_files = vec![b"/usr/bin/su".to_vec()];
        });
        assert_eq!(verdict.outcome(), Outcome::Pass, "{verdict:#?}");
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let tree = MemoryTree::new().directory("/opt", 0o755).unreadable("/opt");
        expect(&RULE, &tree, Outcome::Unknown);
    }
}
