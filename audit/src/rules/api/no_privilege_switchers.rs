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
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["sudo", "su", "doas", "pkexec", "newgrp", "run0"],
            &["sudoku", "sum", "login"],
        );
    }
}
