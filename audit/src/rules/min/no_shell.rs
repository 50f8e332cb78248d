//! MIN-001.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-001",
        "no-shell",
        "There is no shell",
        Pillar::NoShell,
        Severity::High,
        include_str!("no_shell.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::Shell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["sh", "bash", "busybox", "zsh", "ksh93", "fish", "tcsh"],
            &["nologin", "false", "sync", "shred", "hash-tree"],
        );
    }
}
