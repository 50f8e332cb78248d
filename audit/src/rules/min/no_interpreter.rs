//! MIN-002.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-002",
        "no-interpreter",
        "There is no script interpreter",
        Pillar::NoShell,
        Severity::High,
        include_str!("no_interpreter.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::Interpreter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["python3", "perl", "ruby", "lua5.4", "node", "php8.2", "tclsh", "mawk", "java"],
            &["pythonic", "luggage", "nodeinfo", "sh"],
        );
    }
}
