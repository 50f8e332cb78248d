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

/// Asserts that a rule that bans tools finds each of `found` by its name, alone in a tree, and none of `passed`; and that it
/// does not pass where programs may be that were not read.
#[track_caller]
pub(crate) fn expect_banned(rule: &AuditRule, found: &[&str], passed: &[&str]) {
    let with = |tree: MemoryTree, name: &&str| tree.file(&format!("/usr/bin/{name}"), 0o755, "");
    for name in found {
        let verdict = expect(rule, &with(MemoryTree::new(), name), Outcome::Fail);
        let id = &rule.meta.id;
        assert_eq!(verdict.findings[0].fingerprint(id), format!("{id}:/usr/bin/{name}:program"));
    }
    expect(rule, &passed.iter().fold(MemoryTree::new(), with), Outcome::Pass);
    expect(rule, &MemoryTree::new().directory("/usr/bin", 0o755).unreadable("/usr/bin"), Outcome::Unknown);
}
