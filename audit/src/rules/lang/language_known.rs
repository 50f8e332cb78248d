//! LANG-003.

use hardpan_report::{Cause, Finding, Language, Pillar, RuleMeta, Severity, Verdict, escape};

use super::programs;
use crate::suspects;
use crate::{AuditRule, Context, Program};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "LANG-003",
        "language-known",
        "The language of every program is known",
        Pillar::MemorySafe,
        Severity::Info,
        include_str!("language_known.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let count = programs(context).count();
    let unknown = programs(context).filter(|program| program.language == Language::Unknown);
    let mut findings: Vec<Finding> = unknown.map(|program| undecided(context, program)).collect();
    let known = count.saturating_sub(findings.len());
    findings.extend(suspects::unjudged(context));
    context.absence(format!("the language of {known} of {count} programs is known"), findings)
}

fn undecided(context: &Context<'_>, program: &Program) -> Finding {
    let location = context.location(program.id);
    let reason = format!("nothing in {} tells its language", escape(location.path.as_bytes()));
    Finding::unknown(Cause::Undecided, Some(location), "language", reason)
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::{check_with, expect};

    fn verdict(language: Language, unjudged: Vec<Finding>) -> Verdict {
        let tree = MemoryTree::new().file("/usr/bin/agent", 0o755, "");
        check_with(&RULE, &tree, |context| {
            let id = context.index.lookup(b"/usr/bin/agent").unwrap();
            context.programs = vec![Program { language, ..Program::new(id) }];
            context.unjudged = unjudged;
        })
    }

    #[test]
    fn a_known_language_passes() {
        let pass = verdict(Language::CFamily, Vec::new());
        assert_eq!(pass.outcome(), Outcome::Pass);
        assert_eq!(pass.summary, "the language of 1 of 1 programs is known");
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    // There is nothing to disprove here: a language is known or it is not.
    #[test]
    fn an_unknown_one_is_undecided_and_an_unread_file_unknown() {
        let unknown = verdict(Language::Unknown, Vec::new());
        assert_eq!(unknown.outcome(), Outcome::Unknown);
        assert_eq!(unknown.findings[0].cause, Some(Cause::Undecided));
        let unread = Finding::unknown(Cause::Unreadable, None, "read", "/usr/bin/x cannot be read");
        assert_eq!(verdict(Language::Rust, vec![unread]).outcome(), Outcome::Unknown);
    }
}
