//! API-002.

use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::accounts::{Account, Databases, Password};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-002",
        "no-empty-passwords",
        "No account can log in without a password",
        Pillar::ApiOnly,
        Severity::Critical,
        include_str!("no_empty_passwords.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let (passwd, shadow) = (Databases::read(context, "passwd"), Databases::read(context, "shadow"));
    let mut findings = Vec::new();
    for account in passwd.accounts() {
        match Password::of(account.password) {
            Password::Empty => findings.push(open_account(&account)),
            Password::InShadow => {
                let shadowed = shadow.accounts().filter(|entry| entry.name == account.name);
                let open = shadowed.filter(|entry| Password::of(entry.password) == Password::Empty);
                findings.extend(open.map(|entry| open_account(&entry)));
            }
            Password::Locked | Password::Hash { .. } => {}
        }
    }
    let count = passwd.accounts().count();
    let evidence = passwd.evidence(context);
    findings.extend(passwd.troubles.into_iter().chain(shadow.troubles));
    Verdict::of(format!("{count} local accounts, none with an empty password"), findings, evidence)
}

fn open_account(account: &Account<'_>) -> Finding {
    let name = escape(account.name);
    let message = format!("`{name}` needs no password: its field in {} is empty", account.location.path);
    let evidence = Evidence::new("password field", "empty", "`!` or `*`").at(account.location.clone());
    Finding::fail(Some(account.location.clone()), format!("account:{name}"), message).with(evidence)
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn an_empty_field_is_found_in_either_file() {
        let tree = MemoryTree::new()
            .file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\nguest::1:1::/:/bin/sh\n")
            .file("/etc/shadow", 0o600, "root::1::::::\n");
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        let messages: Vec<&str> = verdict.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages[0], "`root` needs no password: its field in /etc/shadow is empty");
        assert_eq!(messages[1], "`guest` needs no password: its field in /etc/passwd is empty");
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn accounts_that_etc_is_made_from_count_too() {
        let tree = MemoryTree::new().file("/usr/lib/passwd", 0o644, "core:x:1000:1::/:/bin/sh\n").file(
            "/usr/share/factory/etc/shadow",
            0o600,
            "core::1::::::\n",
        );
        expect(&RULE, &tree, Outcome::Fail);
    }

    #[test]
    fn locked_accounts_and_lines_without_an_account_pass() {
        let tree = MemoryTree::new()
            .file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\nnobody:*:9:9::/:/bin/sh\nb:x:8:8::/:/\n")
            .file("/etc/shadow", 0o600, "gone::1::::::\nroot:*:1::::::\n");
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
