//! The list of the rules about processes and their pages.

use hardpan_checksec::process::rules::RULES;
use hardpan_report::PAGE_SECTIONS;

#[test]
fn every_rule_about_processes_is_documented_and_has_its_name_for_good() {
    let ids: Vec<_> = RULES.iter().map(|rule| (&*rule.meta().id, &*rule.meta().name)).collect();
    let known = [
        ("PROC-001", "running-wx"),
        ("PROC-002", "running-nx-stack"),
        ("PROC-003", "code-on-disk"),
        ("PROC-004", "relro-applied"),
        ("PROC-005", "confined"),
    ];
    assert_eq!(ids, known);
    for rule in RULES {
        let meta = rule.meta();
        assert!(rule.column().len() <= 10, "{}", rule.column());
        assert_eq!(meta.page.text().lines().next(), Some(&*format!("# {}", meta.title)), "{}", meta.id);
        for section in PAGE_SECTIONS {
            assert!(meta.section(section).len() > 40, "{} {section}", meta.id);
        }
    }
}
