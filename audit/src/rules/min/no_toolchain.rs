//! MIN-006.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-006",
        "no-toolchain",
        "There is no compiler, linker or debugger",
        Pillar::NoShell,
        Severity::Medium,
        include_str!("no_toolchain.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::Toolchain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["gcc-12", "cc", "x86_64-linux-gnu-ld", "clang-14", "make", "gdb", "strace", "tcpdump"],
            &["asd", "ldconfig", "makedev", "goaccess"],
        );
    }
}
