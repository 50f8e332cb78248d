//! What rules are tested on: a tree in memory and the context made from it.

use hardpan_image::{Index, MemoryTree};
use hardpan_report::{Outcome, Verdict};

use crate::{AuditRule, Context};

/// Judges a tree by one rule, after `prepare` had its way with the context.
pub(crate) fn check_with(
    rule: &AuditRule,
    tree: &MemoryTree,
    prepare: impl FnOnce(&mut Context<'_>),
) -> Verdict {
    let index = Index::build(tree, &|_| true).unwrap().unwrap();
    let mut context = Context::new(&index);
    prepare(&mut context);
    (rule.check)(&context)
}

/// Judges a tree by one rule.
pub(crate) fn check(rule: &AuditRule, tree: &MemoryTree) -> Verdict {
    check_with(rule, tree, |_| {})
}

/// Asserts the outcome of one rule on a tree.
#[track_caller]
pub(crate) fn expect(rule: &AuditRule, tree: &MemoryTree, outcome: Outcome) -> Verdict {
    let verdict = check(rule, tree);
    assert_eq!(verdict.outcome(), outcome, "{verdict:#?}");
    verdict
}
