//! API-010.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-010",
        "no-privilege-switchers",
        "No program changes user on request",
        Pillar::ApiOnly,
        Severity::Medium,
        include_str!("no_privilege_switchers.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::PrivilegeSwitcher)
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn each_is_found() {
        for name in ["sudo", "su", "doas", "pkexec", "newgrp", "run0"] {
            let tree = MemoryTree::new().file(&format!("/usr/bin/{name}"), 0o755, "");
            let verdict = expect(&RULE, &tree, Outcome::Fail);
            assert_eq!(
                verdict.findings[0].fingerprint("API-010"),
                format!("API-010:/usr/bin/{name}:program")
            );
        }
    }

    #[test]
    fn other_programs_pass() {
        let mut tree = MemoryTree::new();
        for name in ["sudoku", "sum", "login"] {
            tree = tree.file(&format!("/usr/bin/{name}"), 0o755, "");
        }
        expect(&RULE, &tree, Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let tree = MemoryTree::new().directory("/usr/bin", 0o755).unreadable("/usr/bin");
        expect(&RULE, &tree, Outcome::Unknown);
    }
}
