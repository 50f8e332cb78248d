//! MIN-003.

use hardpan_report::{Pillar, RuleMeta, Severity, Verdict};

use crate::suspects::judge_absence;
use crate::tools::Ban;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-003",
        "no-package-manager",
        "There is no package manager",
        Pillar::NoShell,
        Severity::High,
        include_str!("no_package_manager.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    judge_absence(context, Ban::PackageManager)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::expect_banned;

    #[test]
    fn these_programs_are_found_and_others_are_not() {
        expect_banned(
            &RULE,
            &["dpkg", "apt-get", "rpm", "dnf", "apk", "snap", "pip3.11", "npm"],
            &["aptd-client", "snapshot", "rpmsg"],
        );
    }
}
