//! API-003.

use hardpan_image::{FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::accounts::{Account, Databases};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-003",
        "no-login-shells",
        "No account has a login shell",
        Pillar::ApiOnly,
        Severity::Medium,
        include_str!("no_login_shells.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let passwd = Databases::read(context, "passwd");
    let mut findings: Vec<Finding> =
        passwd.accounts().filter_map(|account| judge(context, &account)).collect();
    let count = passwd.accounts().count();
    let open = findings.iter().filter(|finding| finding.cause.is_none()).count();
    let evidence = passwd.evidence(context);
    findings.extend(passwd.troubles);
    Verdict::of(format!("{open} of {count} local accounts have a login shell"), findings, evidence)
}

fn judge(context: &Context<'_>, account: &Account<'_>) -> Option<Finding> {
    let shell = account.shell();
    let name = escape(account.name);
    let key = format!("account:{name}");
    let location = account.location.clone();
    let id = match context.index.resolve(shell) {
        Ok(id) => id,
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => return None,
        Err(error) => {
            let reason =
                format!("whether `{name}` can log in is unknown: its shell {} {error}", escape(shell));
            return Some(Finding::unknown(Cause::Unreadable, Some(location), key, reason));
        }
    };
    let metadata = context.index.entry(id).metadata;
    let runs = metadata.kind == FileKind::File && metadata.is_executable();
    if !runs || refuses(shell, context.index.entry(id).name) {
        return None;
    }
    let target = context.index.path(id);
    let seen = if target.as_slice() == shell {
        escape(shell)
    } else {
        format!("{}, which is {}", escape(shell), escape(&target))
    };
    let evidence = Evidence::new("shell", seen.clone(), "/usr/sbin/nologin").at(location.clone());
    let message = format!("`{name}` logs in to {seen}");
    Some(Finding::fail(Some(location), key, message).with(evidence))
}

/// Whether a shell field starts something that does one harmless thing and ends. The name that the field gives decides
/// what a file of many tools does; any other file has to bear such a name itself, or a shell behind a link called
/// `nologin` would pass.
fn refuses(shell: &[u8], target: &[u8]) -> bool {
    let name = shell.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let is_multi_call = matches!(target, b"busybox" | b"toybox" | b"coreutils" | b"systemctl");
    REFUSALS.contains(&name) && (is_multi_call || REFUSALS.contains(&target))
}

/// What is given as a shell to accounts that are not to log in, and to those of the old `sync` and `shutdown` users.
const REFUSALS: [&[u8]; 7] = [b"nologin", b"false", b"true", b"sync", b"halt", b"shutdown", b"gnutrue"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn tree(passwd: &str) -> MemoryTree {
        MemoryTree::new()
            .file("/etc/passwd", 0o644, passwd)
            .file("/usr/bin/dash", 0o755, "")
            .file("/usr/sbin/nologin", 0o755, "")
            .symlink("/usr/sbin/nologin2", "../bin/dash")
            .symlink("/bin", "usr/bin")
            .symlink("/usr/bin/sh", "dash")
            .symlink("/opt/nologin", "/usr/bin/dash")
    }

    #[test]
    fn shells_that_exist_are_found_also_the_implied_one() {
        let tree = tree("root:x:0:0::/root:/bin/sh\na:x:1:1::/:\nb:x:2:2::/:/opt/nologin\n");
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        assert_eq!(verdict.findings.len(), 3, "{verdict:#?}");
        assert_eq!(verdict.findings[0].message, "`root` logs in to /bin/sh, which is /usr/bin/dash");
        assert_eq!(verdict.findings[1].fingerprint("API-003"), "API-003:/etc/passwd:account:a");
    }

    #[test]
    fn shells_that_refuse_or_are_missing_pass() {
        let tree = tree("root:x:0:0::/root:/usr/sbin/nologin\na:x:1:1::/:/bin/zsh\n");
        expect(&RULE, &tree, Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn a_shell_that_cannot_be_looked_up_is_unknown() {
        let tree = tree("root:x:0:0::/root:/srv/shell\n").directory("/srv", 0o755).unreadable("/srv");
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &tree.unreadable("/etc/passwd"), Outcome::Unknown);
    }
}
