//! API-004.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::accounts::{Account, Databases};
use crate::{AuditRule, Context};

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
    let passwd = Databases::read(context, "passwd");
    let mut findings: Vec<Finding> = passwd.accounts().filter_map(|account| judge(&account)).collect();
    let count = passwd.accounts().count();
    let evidence = passwd.evidence(context);
    findings.extend(passwd.troubles);
    Verdict::of(format!("{count} local accounts, user id 0 only for root"), findings, evidence)
}

fn judge(account: &Account<'_>) -> Option<Finding> {
    if account.name == b"root" {
        return None;
    }
    let name = escape(account.name);
    let (location, key) = (Some(account.location.clone()), format!("account:{name}"));
    match account.uid() {
        Some(0) => {
            let evidence = Evidence::new("user id", "0", "another").at(account.location.clone());
            let message = format!("`{name}` has user id 0 and so is a second root");
            Some(Finding::fail(location, key, message).with(evidence))
        }
        Some(_) => None,
        None => {
            let reason = format!("the user id of `{name}` is no number, which some programs take for 0");
            Some(Finding::unknown(Cause::Undecided, location, key, reason))
        }
    }
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
    fn accounts_that_etc_is_made_from_count_too() {
        for path in ["/usr/share/factory/etc/passwd", "/usr/etc/passwd", "/usr/lib/passwd"] {
            let tree = MemoryTree::new().file(path, 0o644, "toor:x:0:0::/:/bin/sh\n");
            expect(&RULE, &tree, Outcome::Fail);
        }
    }

    #[test]
    fn an_id_that_is_no_number_decides_nothing() {
        for uid in ["", "+0", "-0", " 0", "4294967296", "0x0"] {
            let passwd = format!("root:x:0:0::/:/\ntoor:x:{uid}:0::/:/bin/sh\n");
            expect(&RULE, &MemoryTree::new().file("/etc/passwd", 0o644, passwd), Outcome::Unknown);
        }
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
