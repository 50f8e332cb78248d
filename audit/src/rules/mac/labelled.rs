//! MAC-005.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use hardpan_image::TreeKind;

use super::selinux_config;
use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-005",
        "files-labelled",
        "Every file has an SELinux label",
        Pillar::MandatoryAccessControl,
        Severity::High,
        include_str!("labelled.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    match selinux_config(context) {
        Text::Present(_) => {}
        Text::Unread(finding) => return Verdict::finding(*finding),
        Text::Absent => return Verdict::not_applicable("SELinux is not configured"),
    }
    let attributes = &context.attributes;
    let seen = format!("{} entries with a label, {} without", attributes.labelled, attributes.unlabelled);
    let evidence = Evidence::new("security.selinux", seen, "a label on every entry");
    if attributes.labelled == 0 && context.index.tree().kind() != TreeKind::Directory {
        // An archive that was written without extended attributes says nothing of the labels that the host will have.
        let reason =
            "the archive holds no labels at all; write it with extended attributes (tar --xattrs --selinux)";
        return Verdict::finding(Finding::unknown(Cause::NoFacts, None, "labels", reason).with(evidence));
    }
    let mut findings: Vec<Finding> = context.blindness(b"/").into_iter().collect();
    if let Some(unread) = attributes.unread.first() {
        let reason = format!("attributes of {} entries could not be read", attributes.unread.len());
        let cause = unread.cause.unwrap_or(Cause::Unreadable);
        findings.push(Finding::unknown(cause, unread.location.clone(), "unread", reason));
    }
    if attributes.unlabelled > 0 {
        let examples: Vec<String> =
            attributes.unlabelled_examples.iter().map(|id| escape(&context.index.path(*id))).collect();
        let message =
            format!("{} entries have no label, such as {}", attributes.unlabelled, examples.join(", "));
        let place = attributes.unlabelled_examples.first().map(|id| context.location(*id));
        findings.push(Finding::fail(place, "unlabelled", message).with(evidence.clone()));
    }
    Verdict::of("every entry has a label", findings, vec![evidence])
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::{check_with, expect};

    fn configured() -> MemoryTree {
        MemoryTree::new().file("/etc/selinux/config", 0o644, "SELINUX=enforcing\n")
    }

    #[test]
    fn one_file_without_a_label_fails() {
        let verdict = check_with(&RULE, &configured(), |context| context.attributes.labelled = 4);
        assert_eq!(verdict.outcome(), Outcome::Pass);
        let verdict = check_with(&RULE, &configured(), |context| {
            context.attributes.labelled = 3;
            context.attributes.unlabelled = 1;
            context.attributes.unlabelled_examples = vec![context.index.root()];
        });
        assert_eq!(verdict.outcome(), Outcome::Fail);
    }

    #[test]
    fn an_archive_without_labels_tells_nothing() {
        expect(&RULE, &configured(), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
    }
}
