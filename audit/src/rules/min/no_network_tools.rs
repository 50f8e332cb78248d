//! MIN-007.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-007",
        "no-network-tools",
        "There is no network transfer tool",
        Pillar::NoShell,
        Severity::Medium,
        include_str!("no_network_tools.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::NetworkTool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["curl", "wget", "nc.openbsd", "socat", "telnet", "tftp", "ncat"],
            &["ncal", "ftpd-log", "wgetty"],
        );
    }
}
