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
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    #[test]
    fn each_is_found() {
        for name in ["python3", "perl", "ruby", "lua5.4", "node", "php8.2", "tclsh", "mawk", "java"] {
            let tree = MemoryTree::new().file(&format!("/usr/bin/{name}"), 0o755, "");
            let verdict = expect(&RULE, &tree, Outcome::Fail);
            assert_eq!(
                verdict.findings[0].fingerprint("MIN-002"),
                format!("MIN-002:/usr/bin/{name}:program")
            );
        }
    }

    #[test]
    fn other_programs_pass() {
        let mut tree = MemoryTree::new();
        for name in ["pythonic", "luggage", "nodeinfo", "sh"] {
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
