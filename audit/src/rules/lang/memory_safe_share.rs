//! LANG-001.

use std::collections::BTreeMap;

use hardpan_report::{Evidence, Finding, Language, Pillar, RuleMeta, Severity, Verdict};

use super::programs;
use crate::suspects;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "LANG-001",
        "memory-safe-share",
        "Most programs are in memory-safe languages",
        Pillar::MemorySafe,
        Severity::Low,
        include_str!("memory_safe_share.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let shares = shares(context);
    let mut findings: Vec<Finding> = context.blindness(b"/").into_iter().collect();
    findings.extend(suspects::unjudged(context));
    let all = sum(shares.values());
    if all.programs == 0 {
        if findings.is_empty() {
            return Verdict::not_applicable("there are no programs");
        }
        return Verdict::of("no program was read", findings, Vec::new());
    }
    let safe = sum(shares.iter().filter(|(language, _)| is_safe(**language)).map(|(_, share)| share));
    let limit = context.parameters.min_memory_safe_percent;
    let mut evidence = vec![Evidence::new(
        "memory-safe",
        format!(
            "{} % of {} programs, {} % of their bytes",
            percent(safe.programs, all.programs),
            all.programs,
            percent(safe.bytes, all.bytes)
        ),
        format!("at least {limit} % of the programs"),
    )];
    evidence.extend(shares.iter().map(|(language, share)| share.evidence(*language, all)));
    let summary = format!(
        "{} of {} programs ({} %) are in Rust or Go",
        safe.programs,
        all.programs,
        percent(safe.programs, all.programs)
    );
    // Compared without division, so that rounding never lets a share pass.
    if u128::from(safe.programs) * 100 < u128::from(limit) * u128::from(all.programs) {
        let message = format!("{summary}, and the policy wants {limit} %");
        let mut finding = Finding::fail(None, "share", message);
        finding.evidence.clone_from(&evidence);
        findings.push(finding);
    }
    Verdict::of(summary, findings, evidence)
}

/// What there is of one language.
#[derive(Clone, Copy, Default)]
struct Share {
    programs: u64,
    bytes: u64,
}

impl Share {
    fn evidence(self, language: Language, all: Self) -> Evidence {
        let bytes = percent(self.bytes, all.bytes);
        let seen = format!("{} programs, {} bytes ({bytes} % of all bytes)", self.programs, self.bytes);
        Evidence::new(language.as_str(), seen, "")
    }
}

/// Programs and bytes by language.
fn shares(context: &Context<'_>) -> BTreeMap<Language, Share> {
    let mut shares: BTreeMap<Language, Share> = BTreeMap::new();
    for program in programs(context) {
        let share = shares.entry(program.language).or_default();
        share.programs += 1;
        share.bytes = share.bytes.saturating_add(context.index.entry(program.id).metadata.size);
    }
    shares
}

fn sum<'a>(shares: impl Iterator<Item = &'a Share>) -> Share {
    shares.fold(Share::default(), |total, share| Share {
        programs: total.programs + share.programs,
        bytes: total.bytes.saturating_add(share.bytes),
    })
}

/// A program of which the language is not known counts as unsafe: the share is a lower bound.
fn is_safe(language: Language) -> bool {
    language.is_memory_safe() == Some(true)
}

/// Whole percent, rounded down.
fn percent(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 / u128::from(whole.max(1))
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::Program;
    use crate::fixture::{check_with, expect};

    fn verdict(languages: &[Language], tree: MemoryTree) -> Verdict {
        let paths: Vec<String> = (0..languages.len()).map(|number| format!("/usr/bin/p{number}")).collect();
        let tree = paths.iter().fold(tree, |tree, path| tree.file(path, 0o755, "four"));
        check_with(&RULE, &tree, |context| {
            for (path, language) in paths.iter().zip(languages) {
                let id = context.index.lookup(path.as_bytes()).unwrap();
                context.programs.push(Program { language: *language, ..Program::new(id) });
            }
        })
    }

    #[test]
    fn half_is_enough_and_less_is_not() {
        let pass = verdict(&[Language::Rust, Language::CFamily], MemoryTree::new());
        assert_eq!(pass.outcome(), Outcome::Pass, "{pass:#?}");
        assert_eq!(pass.evidence[0].seen, "50 % of 2 programs, 50 % of their bytes");
        let fail = verdict(&[Language::Go, Language::CFamily, Language::CFamily], MemoryTree::new());
        assert_eq!(fail.outcome(), Outcome::Fail);
        assert_eq!(
            fail.findings[0].message,
            "1 of 3 programs (33 %) are in Rust or Go, and the policy wants 50 %"
        );
    }

    #[test]
    fn an_unknown_language_counts_as_unsafe() {
        let fail = verdict(&[Language::Rust, Language::Unknown, Language::Unknown], MemoryTree::new());
        assert_eq!(fail.outcome(), Outcome::Fail);
    }

    #[test]
    fn libraries_do_not_count_and_no_programs_are_not_applicable() {
        let tree = MemoryTree::new().file("/usr/lib/libx.so", 0o755, "x");
        let verdict = check_with(&RULE, &tree, |context| {
            let id = context.index.lookup(b"/usr/lib/libx.so").unwrap();
            let library = Program { is_program: false, language: Language::CFamily, ..Program::new(id) };
            context.programs = vec![library];
        });
        assert_eq!(verdict.outcome(), Outcome::NotApplicable);
    }

    #[test]
    fn a_share_of_part_of_the_tree_is_unknown() {
        let tree = MemoryTree::new().directory("/opt", 0o755).unreadable("/opt");
        assert_eq!(verdict(&[Language::Rust], tree).outcome(), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/", 0o755).unreadable("/"), Outcome::Unknown);
    }
}
