//! The list of rules, their pages, and that each has samples of both kinds.

use std::collections::{BTreeMap, BTreeSet};

use hardpan_checksec::rules::RULES;
use hardpan_report::PAGE_SECTIONS;

use crate::features;
use crate::matrix::cases;
use crate::specials::table;

#[test]
fn every_rule_is_documented_and_has_its_name_for_good() {
    let ids: Vec<_> = RULES.iter().map(|rule| (&*rule.meta().id, &*rule.meta().name)).collect();
    let known = [
        ("ELF-001", "relro"),
        ("ELF-002", "bind-now"),
        ("ELF-003", "pie"),
        ("ELF-004", "nx-stack"),
        ("ELF-005", "stack-protector"),
        ("ELF-006", "fortify"),
        ("ELF-007", "rpath"),
        ("ELF-008", "textrel"),
        ("ELF-009", "wx-segments"),
        ("ELF-010", "well-formed"),
        ("ELF-011", "cet"),
        ("ELF-012", "branch-protection"),
        ("ELF-013", "stack-clash"),
        ("ELF-014", "cfi"),
        ("ELF-015", "safe-stack"),
        ("ELF-016", "symbols"),
        ("ELF-017", "build-id"),
        ("ELF-018", "separate-code"),
        ("ELF-019", "build-flags"),
    ];
    assert_eq!(ids, known);
    let names: BTreeSet<_> = ids.iter().map(|(_, name)| name).collect();
    let columns: BTreeSet<_> = RULES.iter().map(|rule| rule.column()).collect();
    assert_eq!((names.len(), columns.len()), (RULES.len(), RULES.len()));
    for rule in RULES {
        let meta = rule.meta();
        assert!(rule.column().len() <= 10, "{}", rule.column());
        assert_eq!(meta.page.text().lines().next(), Some(&*format!("# {}", meta.title)), "{}", meta.id);
        for section in PAGE_SECTIONS {
            assert!(meta.section(section).len() > 40, "{} {section}", meta.id);
        }
        for compiler in ["gcc", "clang", "rustc", "go"] {
            assert!(meta.remedy().contains(compiler), "{} {compiler}", meta.id);
        }
    }
}

#[test]
fn every_rule_has_a_passing_and_a_failing_sample() {
    let mut signs: BTreeMap<&str, BTreeSet<char>> = BTreeMap::new();
    let rows = cases().into_iter().flat_map(|case| case.expected());
    let specials = table().into_iter().flat_map(|special| special.differs);
    let specials = specials.map(|(rule, verdict)| (rule, verdict.to_string()));
    for (rule, verdict) in rows.chain(specials).chain(features::verdicts()) {
        signs.entry(rule).or_default().extend(verdict.chars().next());
    }
    // Its failing samples are in truth/survive: no compiler makes one.
    signs.entry("well-formed").or_default().insert('-');
    assert!(signs.keys().copied().eq(RULES.iter().map(|rule| &*rule.meta().name).collect::<BTreeSet<_>>()));
    for (rule, signs) in signs {
        assert!(signs.contains(&'+') && signs.contains(&'-'), "{rule}: {signs:?}");
    }
}
