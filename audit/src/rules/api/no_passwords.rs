//! API-001.

use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::accounts::{Account, Databases, Password, accounts};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-001",
        "no-passwords",
        "No account has a password",
        Pillar::ApiOnly,
        Severity::High,
        include_str!("no_passwords.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut looked_at = Vec::new();
    let mut findings = Vec::new();
    for name in FILES {
        let database = Databases::read(context, name);
        for file in &database.files {
            let before = findings.len();
            let count = accounts(file).count();
            findings.extend(accounts(file).filter_map(|account| judge(&account)));
            let seen = format!("{} of {count} lines", findings.len() - before);
            looked_at.push(Evidence::new("password hashes", seen, "none").at(file.line(1)));
        }
        findings.extend(database.troubles);
    }
    if looked_at.is_empty() {
        return context.absence_below(b"/etc", "there are no local accounts", findings);
    }
    let hashes = findings.iter().filter(|finding| finding.cause.is_none()).count();
    let summary = match hashes {
        0 => "no account has a password hash".into(),
        1 => "1 password hash".into(),
        hashes => format!("{hashes} password hashes"),
    };
    Verdict::of(summary, findings, looked_at)
}

/// The hash itself never gets into a report: whoever reads reports could search for the password.
fn judge(account: &Account<'_>) -> Option<Finding> {
    let Password::Hash { scheme, weak } = Password::of(account.password) else { return None };
    let name = escape(account.name);
    let file = &account.location.path;
    let strength = if weak { ", which is weak" } else { "" };
    let message = format!("{file} has a password hash for `{name}` ({scheme}{strength})");
    let evidence = Evidence::new("password field", format!("a hash: {scheme}"), "`!` or `*`");
    let location = account.location.clone();
    Some(
        Finding::fail(Some(location.clone()), format!("account:{name}"), message).with(evidence.at(location)),
    )
}

/// The files with password fields, and the copies that shadow(5)'s tools leave beside them.
const FILES: [&str; 4] = ["passwd", "shadow", "passwd-", "shadow-"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn hashes_are_found_and_never_shown() {
        let shadow = "root:$6$salt$secret:1::::::\nold:ab1cDEfgHiJ./:1::::::\nlocked:!:1::::::\n";
        let tree = MemoryTree::new()
            .file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\nleak:$1$salt$secret:1:1::/:\n")
            .file("/etc/shadow", 0o600, shadow);
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        let messages: Vec<&str> = verdict.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "/etc/passwd has a password hash for `leak` (MD5, which is weak)",
                "/etc/shadow has a password hash for `root` (SHA-512)",
                "/etc/shadow has a password hash for `old` (traditional DES, no prefix, which is weak)",
            ]
        );
        assert!(!format!("{verdict:?}").contains("secret"));
    }

    #[test]
    fn locked_accounts_and_none_pass() {
        let tree = MemoryTree::new().file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\n").file(
            "/etc/shadow",
            0o600,
            "root:!:1::::::\na:*:::::::\nb:!$6$old$hash:::::::\n",
        );
        expect(&RULE, &tree, Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let tree = MemoryTree::new()
            .file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\n")
            .file("/etc/shadow", 0o600, "")
            .unreadable("/etc/shadow");
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/etc", 0o755).unreadable("/etc"), Outcome::Unknown);
    }
}
