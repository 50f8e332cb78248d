use std::collections::BTreeMap;

use globset::Glob;
use jiff::civil::{Date, date};

use super::*;
use crate::section::{Origin, Section};
use crate::{BytePath, Cause, FileTraits, Language, Problem, Row};

static RULE: RuleMeta =
    RuleMeta::new("T-001", "t", "T", Pillar::ApiOnly, Severity::High, "## Why it matters\nx\n");

fn policy() -> Policy {
    Policy {
        fail_on: Some(Severity::High),
        overrides: BTreeMap::new(),
        sections: Vec::new(),
        waivers: Vec::new(),
        baseline: None,
        today: date(2026, 6, 1),
    }
}

fn report(verdict: Verdict, policy: &Policy) -> Report {
    report_over(Vec::new(), verdict, policy)
}

/// The report of a run that saw these executables.
fn report_over(rows: Vec<Row>, verdict: Verdict, policy: &Policy) -> Report {
    let draft = Draft {
        command: "audit",
        subject: Subject { kind: "directory", path: BytePath::from("/"), live: false, os: None },
        coverage: Coverage { entries: 3, ..Coverage::default() },
        verdicts: vec![(&RULE, verdict)],
        pillars: vec![Pillar::ApiOnly],
        matrix: Some(Matrix { columns: Vec::new(), rows }),
        languages: Vec::new(),
        roots: Roots::default(),
    };
    judge(draft, policy)
}

fn failure(path: &str) -> Finding {
    Finding::fail(Some(Location::file(path)), "k", "bad")
}

fn waiver(glob: &str, expires: Date) -> Waiver {
    Waiver {
        rule: "T-001".into(),
        path: Some(Glob::new(glob).unwrap().compile_matcher()),
        build_id: None,
        reason: "known".into(),
        owner: "me".into(),
        expires,
        at: Location::line("hardpan.toml", 7),
    }
}

fn outcome_of<'r>(report: &'r Report, id: &str) -> Option<&'r RuleResult> {
    report.rules.iter().find(|rule| rule.id == id)
}

#[test]
fn a_failure_at_the_threshold_gates_and_a_milder_one_does_not() {
    let verdict = || Verdict::finding(failure("/a"));
    assert_eq!(report(verdict(), &policy()).gate.exit_code, 1);
    let mut mild = policy();
    mild.overrides.insert("T-001".into(), Override::Severity(Severity::Medium));
    assert_eq!(report(verdict(), &mild).gate.exit_code, 0);
    let mut off = policy();
    off.overrides.insert("T-001".into(), Override::Off);
    assert_eq!(report(verdict(), &off).gate.exit_code, 0);
    assert_eq!(outcome_of(&report(verdict(), &off), "T-001").unwrap().outcome, Outcome::Fail);
}

#[test]
fn what_was_not_read_is_incomplete_and_outweighs_failures_at_any_threshold() {
    let damaged = Finding::unknown(Cause::Malformed, Some(Location::file("/a")), "k", "damaged");
    let verdict = Verdict::of("", vec![damaged, failure("/b")], Vec::new());
    let mut policy = policy();
    assert_eq!(report(verdict.clone(), &policy).gate.exit_code, 2);
    policy.fail_on = None;
    assert_eq!(report(verdict, &policy).gate.exit_code, 2);
}

#[test]
fn facts_that_were_never_there_gate_like_a_failure() {
    let verdict = Verdict::unknown(Cause::NoFacts, "no kernel configuration");
    assert_eq!(report(verdict, &policy()).gate.exit_code, 1);
}

#[test]
fn a_waiver_covers_its_paths_until_its_day() {
    let verdict = Verdict::of("", vec![failure("/usr/bin/a"), failure("/usr/lib/b")], Vec::new());
    let mut policy = policy();
    policy.waivers.push(waiver("/usr/bin/*", date(2026, 6, 1)));
    let result = report(verdict.clone(), &policy);
    assert_eq!((result.gate.waived, result.gate.gating, result.gate.exit_code), (1, 1, 1));
    policy.waivers[0].expires = date(2026, 5, 31);
    let result = report(verdict, &policy);
    // The two failures and the expired waiver itself.
    assert_eq!((result.gate.waived, result.gate.gating), (0, 3));
    let expired = outcome_of(&result, "RUN-002").unwrap();
    assert_eq!(expired.outcome, Outcome::Fail);
    assert_eq!(expired.findings[0].finding.location, Some(Location::line("hardpan.toml", 7)));
}

#[test]
fn a_waiver_that_covers_nothing_is_a_finding() {
    let mut policy = policy();
    policy.waivers.push(waiver("/nowhere/*", date(2027, 1, 1)));
    let result = report(Verdict::finding(failure("/a")), &policy);
    assert_eq!(outcome_of(&result, "RUN-003").unwrap().outcome, Outcome::Fail);
    policy.waivers[0].rule = "T-999".into();
    let result = report(Verdict::finding(failure("/a")), &policy);
    assert_eq!(outcome_of(&result, "RUN-003").unwrap().outcome, Outcome::Pass);
}

#[test]
fn a_baseline_covers_known_failures_and_never_damage() {
    let known = br#"{"schema":"hardpan-report/1","rules":[{"findings":[
        {"fingerprint":"T-001:/a:k"},{"fingerprint":"T-001:/c:k"}]}]}"#;
    let mut policy = policy();
    policy.baseline = Some(Baseline::parse(known).unwrap());
    let damaged = Finding::unknown(Cause::Malformed, Some(Location::file("/c")), "k", "damaged");
    let result = report(Verdict::of("", vec![failure("/a"), failure("/b")], Vec::new()), &policy);
    assert_eq!((result.gate.known, result.gate.gating), (1, 1));
    let result = report(Verdict::finding(damaged), &policy);
    assert_eq!((result.gate.known, result.gate.exit_code), (0, 2));
}

#[test]
fn places_that_were_not_read_are_findings_of_their_own() {
    let mut draft_coverage = Coverage { entries: 3, ..Coverage::default() };
    draft_coverage.problems.push(Problem {
        path: BytePath::from("/root"),
        cause: Some(Cause::Unreadable),
        reason: "open: Permission denied".into(),
    });
    let verdict = everything_read(&draft_coverage);
    assert_eq!(verdict.outcome(), Outcome::Unknown);
    assert_eq!(verdict.findings[0].location, Some(Location::file("/root")));
}

#[test]
fn pages_of_the_rules_about_the_run_are_whole() {
    for meta in crate::RUN_RULES {
        for section in crate::PAGE_SECTIONS {
            assert!(!meta.section(section).is_empty(), "{}: {section}", meta.id);
        }
    }
}

#[test]
fn a_section_asks_more_or_less_of_the_files_that_it_matches() {
    let verdict = || Verdict::of("", vec![program("/a", Outcome::Fail), failure("/b")], Vec::new());
    let mut policy = policy();
    policy.sections.push(section(3, &["PIE"], Override::Severity(Severity::Low)));
    let result = report(verdict(), &policy);
    let rule = outcome_of(&result, "T-001").unwrap();
    // The other finding is of no known kind, and is as the rule has it.
    assert_eq!(rule.findings[0].severity, Severity::Low);
    assert_eq!(rule.findings[0].disposition, Disposition::BelowThreshold);
    assert_eq!((rule.findings[1].severity, rule.severity), (Severity::High, Severity::High));
    assert_eq!((result.totals.failures["low"], result.totals.failures["high"]), (1, 1));
    // A section after it has the last word, also over a rule that is off for the rest.
    policy.sections.push(section(9, &["PIE"], Override::Severity(Severity::Critical)));
    policy.overrides.insert("T-001".into(), Override::Off);
    let result = report(verdict(), &policy);
    let rule = outcome_of(&result, "T-001").unwrap();
    assert_eq!((rule.severity, &rule.findings[0].disposition), (Severity::Critical, &Disposition::Gating));
    assert_eq!(rule.findings[1].disposition, Disposition::Off);
    policy.sections.push(section(12, &["PIE"], Override::Off));
    let result = report(verdict(), &policy);
    let why = "hardpan.toml:12 does not ask for it here".to_owned();
    assert_eq!(outcome_of(&result, "T-001").unwrap().findings[0].disposition, Disposition::Allowed { why });
    assert_eq!((result.gate.allowed, result.gate.exit_code), (1, 0));
    assert!(result.gate.summary.contains("1 allowed by the policy"), "{}", result.gate.summary);
}

#[test]
fn sections_allow_what_is_partial_or_not_told_and_never_what_failed_or_was_not_read() {
    let mut policy = policy();
    policy.sections.push(Section {
        allow_unknown: ["T-001".into()].into(),
        allow_partial: ["T-001".into()].into(),
        ..section(3, &["PIE"], Override::Severity(Severity::High))
    });
    let with = |outcome, cause| Finding { cause, ..program("/a", outcome) };
    for (outcome, cause, kind) in [
        (Outcome::Partial, None, "allowed"),
        (Outcome::Unknown, Some(Cause::Undecided), "allowed"),
        (Outcome::Unknown, Some(Cause::NoFacts), "allowed"),
        (Outcome::Unknown, Some(Cause::Malformed), "incomplete"),
        (Outcome::Unknown, Some(Cause::Limit), "incomplete"),
        (Outcome::Fail, None, "gating"),
    ] {
        let result = report(Verdict::finding(with(outcome, cause)), &policy);
        let judged = &outcome_of(&result, "T-001").unwrap().findings[0];
        let seen = serde_json::to_value(&judged.disposition).unwrap();
        assert_eq!(seen["kind"], kind, "{outcome} by {cause:?}");
    }
    // Off is no way to be done with what was not read either.
    policy.sections = vec![section(3, &["PIE"], Override::Off)];
    let unread = with(Outcome::Unknown, Some(Cause::Unreadable));
    assert_eq!(report(Verdict::finding(unread), &policy).gate.exit_code, 2);
}

#[test]
fn a_section_that_matches_no_file_is_a_finding_at_its_line() {
    let mut policy = policy();
    policy.sections.push(section(3, &["PIE"], Override::Off));
    policy.sections.push(section(9, &["core dump"], Override::Off));
    let mut profile = section(1, &["BPF program"], Override::Off);
    profile.origin = Origin::Profile("strict".into());
    policy.sections.push(profile);
    let fine = || Verdict::pass("fine", vec![Evidence::new("x", "1", "1")]);
    let result = report_over(vec![row("/a", "PIE")], fine(), &policy);
    let [unused] = &outcome_of(&result, "RUN-004").unwrap().findings[..] else { panic!("one") };
    assert_eq!(unused.finding.location, Some(Location::line("hardpan.toml", 9)));
    assert_eq!(unused.finding.message, "the section for kind core dump matches no file");
    let rows = vec![row("/a", "PIE"), row("/core", "core dump")];
    assert_eq!(outcome_of(&report_over(rows, fine(), &policy), "RUN-004").unwrap().outcome, Outcome::Pass);
    policy.sections.drain(..2);
    assert!(outcome_of(&report(fine(), &policy), "RUN-004").is_none());
}

#[test]
fn a_waiver_by_build_id_covers_that_build_and_with_a_path_only_there() {
    let build = |path, id: Option<&str>| {
        let mut finding = program(path, Outcome::Fail);
        std::sync::Arc::make_mut(finding.file.as_mut().unwrap()).build_id = id.map(Into::into);
        finding
    };
    let findings = || {
        vec![
            build("/a", Some("c0ffee")),
            build("/b", Some("c0ffee")),
            build("/c", Some("c0ffee00")),
            build("/d", None),
            failure("/e"),
        ]
    };
    let mut policy = policy();
    policy.waivers.push(Waiver {
        path: None,
        build_id: Some("c0ffee".into()),
        ..waiver("**", date(2027, 1, 1))
    });
    let waived = |policy: &Policy| {
        let result = report(Verdict::of("", findings(), Vec::new()), policy);
        let findings = &outcome_of(&result, "T-001").unwrap().findings;
        let is_waived = |judged: &&Judged| matches!(judged.disposition, Disposition::Waived { .. });
        let path = |judged: &Judged| judged.finding.location.as_ref().unwrap().path.to_string();
        findings.iter().filter(is_waived).map(path).collect::<Vec<_>>()
    };
    assert_eq!(waived(&policy), ["/a", "/b"]);
    policy.waivers[0].path = waiver("/b", date(2027, 1, 1)).path;
    assert_eq!(waived(&policy), ["/b"]);
}

#[test]
fn a_known_failure_covers_what_got_better_and_a_known_part_covers_no_failure() {
    let known = |outcome: &str| {
        let json = format!(
            r#"{{"schema":"hardpan-report/1","rules":[{{"findings":[
                {{"fingerprint":"T-001:/a:k","outcome":"{outcome}"}}]}}]}}"#
        );
        Policy { baseline: Some(Baseline::parse(json.as_bytes()).unwrap()), ..policy() }
    };
    let gating = |old: &str, new| report(Verdict::finding(program("/a", new)), &known(old)).gate.gating;
    assert_eq!((gating("fail", Outcome::Partial), gating("fail", Outcome::Fail)), (0, 0));
    assert_eq!((gating("partial", Outcome::Partial), gating("partial", Outcome::Fail)), (0, 1));
    assert_eq!((gating("unknown", Outcome::Partial), gating("partial", Outcome::Unknown)), (1, 1));
}

fn program(path: &str, outcome: Outcome) -> Finding {
    let traits =
        FileTraits { kind: "PIE", machine: "x86-64".into(), language: Language::CFamily, build_id: None };
    Finding { outcome, file: Some(std::sync::Arc::new(traits)), ..failure(path) }
}

fn row(path: &str, kind: &'static str) -> Row {
    Row {
        path: BytePath::from(path),
        kind,
        machine: "x86-64".into(),
        language: Language::CFamily,
        language_evidence: "".into(),
        build_id: None,
        size: 1,
        cells: Vec::new(),
    }
}

fn section(line: u32, kinds: &[&str], wanted: Override) -> Section {
    Section {
        paths: None,
        kinds: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        machines: None,
        languages: None,
        rules: [("T-001".into(), wanted)].into(),
        allow_unknown: std::collections::BTreeSet::new(),
        allow_partial: std::collections::BTreeSet::new(),
        origin: Origin::File(Location::line("hardpan.toml", line)),
    }
}
