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
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn each_is_found() {
        for name in ["curl", "wget", "nc.openbsd", "socat", "telnet", "tftp", "ncat"] {
            let tree = MemoryTree::new().file(&format!("/usr/bin/{name}"), 0o755, "");
            let verdict = expect(&RULE, &tree, Outcome::Fail);
            assert_eq!(
                verdict.findings[0].fingerprint("MIN-007"),
                format!("MIN-007:/usr/bin/{name}:program")
            );
        }
    }

    #[test]
    fn other_programs_pass() {
        let mut tree = MemoryTree::new();
        for name in ["ncal", "ftpd-log", "wgetty"] {
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
