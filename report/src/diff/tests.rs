use serde_json::{Value, json};

use super::*;

/// A file's path and its properties: rule, outcome, label and disposition.
type Given<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str, &'a str)]);

/// A report of these files.
fn report(kind: &str, path: &str, files: &[Given<'_>]) -> Value {
    let rules: BTreeSet<&str> = files.iter().flat_map(|(_, cells)| cells.iter().map(|cell| cell.0)).collect();
    let cell = |cells: &[(&str, &str, &str, &str)], rule: &str| {
        let found = cells.iter().find(|cell| cell.0 == rule).copied();
        let (_, outcome, label, _) = found.unwrap_or((rule, "not-applicable", "n/a", ""));
        json!({ "outcome": outcome, "confidence": "proven", "label": label, "message": "m" })
    };
    let rows = files.iter().map(|(path, cells)| {
        let cells: Vec<Value> = rules.iter().map(|rule| cell(cells, rule)).collect();
        json!({ "path": path, "kind": "PIE", "machine": "x86-64", "language": "c-family", "size": 1, "cells": cells })
    });
    let findings = |rule: &str| -> Vec<Value> {
        let all = files.iter().flat_map(|(path, cells)| cells.iter().map(move |cell| (path, cell)));
        let own = all.filter(|(_, cell)| cell.0 == rule && !cell.3.is_empty());
        own.map(|(path, cell)| {
            json!({
                "location": { "path": path },
                "severity": "high",
                "fixes": [{ "toolchain": "gcc", "add": format!("-f{rule}") }],
                "disposition": { "kind": cell.3 },
            })
        })
        .collect()
    };
    let incomplete = files.iter().flat_map(|file| file.1).filter(|cell| cell.3 == "incomplete").count();
    json!({
        "schema": "hardpan-report/1",
        "subject": { "kind": kind, "path": path },
        "gate": { "incomplete": incomplete },
        "rules": rules.iter().map(|rule| json!({ "id": rule, "severity": "low", "findings": findings(rule) }))
            .collect::<Vec<_>>(),
        "matrix": {
            "columns": rules.iter().map(|rule| json!({ "rule": rule, "title": rule })).collect::<Vec<_>>(),
            "rows": rows.collect::<Vec<_>>(),
        },
    })
}

fn side(files: &[Given<'_>]) -> Side {
    Side::parse(&serde_json::to_vec(&report("tar", "a.tar", files)).unwrap()).unwrap()
}

/// The comparison of one property of one file.
fn one(old: &str, new: &str, disposition: &str) -> Diff {
    let new: &[_] = &[("E-001", new, new, disposition)];
    Diff::between(&side(&[("/a", &[("E-001", old, old, "")])]), &side(&[("/a", new)]), Some(Severity::High))
}

#[test]
fn every_step_from_one_outcome_to_another_has_its_direction() {
    let steps = [
        ("pass", ["=", "worse", "worse", "worse", "changed"]),
        ("partial", ["better", "=", "changed", "worse", "changed"]),
        ("unknown", ["better", "changed", "=", "worse", "changed"]),
        ("fail", ["better", "better", "changed", "=", "changed"]),
        ("not-applicable", ["changed", "worse", "changed", "worse", "="]),
    ];
    let outcomes: Vec<&str> = steps.iter().map(|(outcome, _)| *outcome).collect();
    for (old, expected) in &steps {
        for (new, expected) in outcomes.iter().zip(expected) {
            let diff = one(old, new, "gating");
            let seen =
                diff.files.first().map(|file| serde_json::to_value(file.changes[0].direction).unwrap());
            let seen = seen.as_ref().and_then(Value::as_str).unwrap_or("=");
            assert_eq!(seen, *expected, "{old} to {new}");
            assert_eq!(diff.gate.exit_code, u8::from(*expected == "worse"), "{old} to {new}");
            assert_eq!(diff.totals.unchanged, u64::from(*expected == "="));
        }
    }
}

#[test]
fn what_the_policy_has_settled_is_shown_and_does_not_count() {
    for settled in ["waived", "allowed", "off"] {
        let diff = one("pass", "fail", settled);
        assert_eq!((diff.gate.exit_code, diff.totals.worse, diff.totals.settled), (0, 0, 1), "{settled}");
    }
    for other in ["gating", "below-threshold", "known"] {
        assert_eq!(one("pass", "fail", other).gate.exit_code, 1, "{other}");
    }
}

#[test]
fn a_new_file_fails_at_the_threshold_and_a_gone_one_does_not() {
    let bad: &[_] = &[("E-001", "fail", "no", "gating"), ("E-002", "pass", "yes", "")];
    let good: &[_] = &[("E-001", "pass", "yes", ""), ("E-002", "pass", "yes", "")];
    let (with, without) = (side(&[("/a", good), ("/b", bad)]), side(&[("/a", good)]));
    let diff = Diff::between(&without, &with, Some(Severity::High));
    assert_eq!((diff.gate.exit_code, diff.totals.new, diff.totals.new_failing), (1, 1, 1));
    let [change] = &diff.files[0].changes[..] else { panic!("one") };
    assert_eq!((change.rule.as_str(), change.fixes[0].add.as_str()), ("E-001", "-fE-001"));
    for fail_on in [Some(Severity::Critical), None] {
        let diff = Diff::between(&without, &with, fail_on);
        assert_eq!((diff.gate.exit_code, diff.totals.new, diff.totals.new_failing), (0, 1, 0));
    }
    let diff = Diff::between(&with, &without, Some(Severity::High));
    assert_eq!((diff.gate.exit_code, diff.totals.gone, diff.files[0].state), (0, 1, State::Gone));
}

#[test]
fn files_are_found_again_by_path_then_by_names_that_leave_no_choice() {
    let cell: &[_] = &[("E-001", "pass", "yes", "")];
    let files = |paths: &[&'static str]| {
        let files: Vec<(&str, &[_])> = paths.iter().map(|path| (*path, cell)).collect();
        side(&files)
    };
    let found = |old: &[&'static str], new: &[&'static str]| {
        let diff = Diff::between(&files(old), &files(new), None);
        let moved = diff.files.iter().filter_map(|file| {
            Some(format!("{} {} {:?}", file.old_path.as_ref()?, file.path, file.matched_by?))
        });
        (moved.collect::<Vec<_>>(), diff.totals.gone, diff.totals.new)
    };
    assert_eq!(found(&["/a", "/b"], &["/b", "/a"]), (vec![], 0, 0));
    assert_eq!(
        found(&["/bin/x", "/k"], &["/usr/bin/x", "/k"]),
        (vec!["/bin/x /usr/bin/x FileName".into()], 0, 0)
    );
    // Two of one name on one side: which is which cannot be told.
    assert_eq!(found(&["/bin/x", "/k"], &["/usr/bin/x", "/sbin/x", "/k"]), (vec![], 1, 2));
    assert_eq!(found(&["/a/x", "/b/x", "/k"], &["/usr/bin/x", "/k"]), (vec![], 2, 1));
    assert_eq!(
        found(&["/lib/libz.so.1.2", "/k"], &["/lib/libz.so.1.3", "/k"]),
        (vec!["/lib/libz.so.1.2 /lib/libz.so.1.3 LibraryName".into()], 0, 0)
    );
    assert_eq!(found(&["/lib/libz.so.1.2", "/k"], &["/opt/libz.so.1.3", "/k"]), (vec![], 1, 1));
    assert_eq!(found(&["/lib/libz.so.1.debug", "/k"], &["/lib/libz.so.2.debug", "/k"]), (vec![], 1, 1));
    assert_eq!(found(&["/build/a"], &["/build/b"]), (vec!["/build/a /build/b OnlyFile".into()], 0, 0));
    assert_eq!(found(&[], &["/build/b"]), (vec![], 0, 1));
}

#[test]
fn files_below_two_directories_are_the_same_by_their_place() {
    let cell: &[_] = &[("E-001", "pass", "yes", "")];
    let parse = |path: &str, files: &[(&str, &[_])]| {
        let mut side = Side::parse(&serde_json::to_vec(&report("files", path, files)).unwrap()).unwrap();
        let root = side.recorded_root();
        side.rooted_at(root.as_deref().unwrap_or("-"));
        (root, side)
    };
    let (root, old) = parse("./old/", &[("/w/old/bin/x", cell), ("/w/old/x", cell)]);
    assert_eq!(root.as_deref(), Some("/w/old"));
    let (root, new) = parse("/w/new", &[("/w/new/bin/x", cell), ("/w/new/x", cell)]);
    assert_eq!(root.as_deref(), Some("/w/new"));
    let diff = Diff::between(&old, &new, None);
    assert_eq!((diff.totals.compared, diff.totals.moved, diff.files.len()), (2, 0, 0));
    // Where the name is not found in the paths they stay as they are; so do those of root file systems.
    assert_eq!(parse(".", &[("/w/old/bin/x", cell)]).0, None);
    assert_eq!(parse("ol", &[("/w/old/bin/x", cell)]).0, None);
    assert_eq!(parse("old", &[("/w/old/bin/x", cell), ("/opt/x", cell)]).0, None);
    assert_eq!(parse("x", &[("/w/x", cell)]).1.files[0].place, "/x");
}

#[test]
fn a_side_that_was_not_judged_in_full_wins_over_what_is_worse() {
    let good: &[_] = &[("E-001", "pass", "yes", "")];
    let cut: &[_] = &[("E-001", "unknown", "damaged", "incomplete")];
    for (old, new, side) in [(cut, good, "the old side"), (good, cut, "the new side")] {
        let diff = Diff::between(&self::side(&[("/a", old)]), &self::side(&[("/a", new)]), None);
        assert_eq!(diff.gate.exit_code, 2);
        assert!(diff.gate.summary.contains(side), "{}", diff.gate.summary);
    }
}

#[test]
fn properties_of_one_side_only_are_named_and_not_compared() {
    let old = side(&[("/a", &[("E-001", "pass", "yes", ""), ("E-009", "pass", "yes", "")])]);
    let new = side(&[("/a", &[("E-001", "pass", "yes", ""), ("E-002", "fail", "no", "gating")])]);
    let diff = Diff::between(&old, &new, Some(Severity::Info));
    let omitted: Vec<_> = diff.not_compared.iter().map(|one| (one.rule.as_str(), one.only_in)).collect();
    assert_eq!((omitted, diff.gate.exit_code), (vec![("E-009", "old"), ("E-002", "new")], 0));
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    let refused = |json: &Value| Side::parse(&serde_json::to_vec(json).unwrap()).unwrap_err().to_string();
    let mut value = report("tar", "a", &[("/a", &[("E-001", "pass", "yes", "")])]);
    assert!(refused(&json!({})).contains("no JSON report"));
    value["matrix"]["rows"][0]["cells"] = json!([]);
    assert!(refused(&value).contains("the row of /a"));
    value.as_object_mut().unwrap().remove("matrix");
    assert!(refused(&value).contains("no matrix"));
    value["schema"] = "hardpan-report/2".into();
    assert_eq!(
        refused(&value),
        "its schema is `hardpan-report/2`, and this version reads `hardpan-report/1`"
    );
}

#[test]
fn text_and_markdown_say_what_was_what_is_and_what_to_add() {
    let old =
        side(&[("/a|`@x`<b>", &[("E-001", "pass", "full", "")]), ("/gone", &[("E-001", "fail", "no", "")])]);
    let new = side(&[
        ("/a|`@x`<b>", &[("E-001", "partial", "partial", "gating")]),
        ("/new", &[("E-001", "fail", "no", "gating")]),
    ]);
    let diff = Diff::between(&old, &new, Some(Severity::High));
    let mut out = Vec::new();
    text(&diff, &crate::render::TerminalStyle::FILE, &mut out).unwrap();
    let plain = String::from_utf8(out).unwrap();
    for part in [
        "worse     E-001: full (pass) -> partial (partial)",
        "Fix: gcc: -fE-001",
        "new file that fails",
        "fails     E-001: no",
        "  gone\n",
        "FAILED  1 property is worse; 1 new failing",
    ] {
        assert!(plain.contains(part), "{part} is not in:\n{plain}");
    }
    let mut out = Vec::new();
    markdown(&diff, &mut out).unwrap();
    let page = String::from_utf8(out).unwrap();
    let row = "| <code>/a&#124;&#96;&#64;x&#96;&#60;b&#62;</code> | worse | E-001 | full (pass) | partial (partial) \
        | gcc: -fE-001 |\n";
    assert!(page.contains(row) && page.starts_with("## Hardening: Failed\n\n1 property is worse;"), "{page}");
    assert!(page.contains("- <code>/gone</code>: gone\n"), "{page}");
}
