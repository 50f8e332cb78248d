//! API-004.

use hardpan_report::{Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-004",
        "one-root",
        "Only root has user id 0",
        Pillar::ApiOnly,
        Severity::Critical,
        include_str!("one_root.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let passwd = match context.text("/etc/passwd") {
        Text::Present(passwd) => passwd,
        Text::Absent => {
            return context.absence_below(b"/etc/passwd", "there are no local accounts", Vec::new());
        }
        Text::Unread(finding) => return Verdict::finding(*finding),
    };
    let mut accounts = 0;
    let mut findings = Vec::new();
    for (number, line) in passwd.statements(b"#") {
        accounts += 1;
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let name = fields[0];
        let is_zero =
            fields.get(2).is_some_and(|uid| !uid.is_empty() && uid.iter().all(|digit| *digit == b'0'));
        if is_zero && name != b"root" {
            let name = escape(name);
            let evidence = Evidence::new("user id", "0", "another").at(passwd.line(number));
            let message = format!("`{name}` has user id 0 and so is a second root");
            findings.push(
                Finding::fail(Some(passwd.line(number)), format!("account:{name}"), message).with(evidence),
            );
        }
    }
    let evidence = Evidence::new("accounts in /etc/passwd", accounts.to_string(), "").at(passwd.line(1));
    Verdict::of(format!("{accounts} local accounts, user id 0 only for root"), findings, vec![evidence])
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn a_second_root_is_found_however_its_id_is_written() {
        let passwd = "root:x:0:0::/root:/sbin/nologin\ntoor:x:00:0::/:/bin/sh\n";
        let tree = MemoryTree::new().file("/etc/passwd", 0o644, passwd);
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        assert_eq!(verdict.findings[0].fingerprint("API-004"), "API-004:/etc/passwd:account:toor");
    }

    #[test]
    fn one_root_passes_and_so_does_no_account_at_all() {
        let tree = MemoryTree::new().file("/etc/passwd", 0o644, "root:x:0:0::/root:/sbin/nologin\n");
        expect(&RULE, &tree, Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let tree = MemoryTree::new().file("/etc/passwd", 0o644, "").unreadable("/etc/passwd");
        expect(&RULE, &tree, Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/etc", 0o755).unreadable("/etc"), Outcome::Unknown);
    }
}
