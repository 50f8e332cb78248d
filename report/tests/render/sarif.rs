//! The SARIF form against the standard's own schema, and what GitHub needs of it.

use std::collections::HashSet;

use hardpan_report::render::{Format, RESULT_LIMIT, render, sarif};
use hardpan_report::{Disposition, Outcome, Report};
use serde_json::{Value, json};

use crate::peers::{VALIDATOR, fetched, objections, python_with_jsonschema, require};
use crate::support::{bare_report, checksec_report, clean_report, large_report, sample_report};

/// In the npm package `@microsoft/jest-sarif` 1.0.0-beta.0.
const SCHEMA: &str = "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json";

#[test]
fn reports_satisfy_the_standards_schema() {
    let name = "reports_satisfy_the_standards_schema";
    let Some(python) = require(name, VALIDATOR, python_with_jsonschema()) else { return };
    let Some(schema) = require(name, SCHEMA, fetched(SCHEMA)) else { return };
    for report in [
        sample_report(),
        checksec_report(),
        clean_report(),
        bare_report(),
        large_report(0, 100),
        crowded_report(),
    ] {
        assert_eq!(objections(&python, &schema, &written(&report)), "");
    }
    // The schema can refuse: else the lines above would prove nothing.
    for (pointer, value) in [
        ("/runs/0/results/0/kind", json!("unknown")),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", json!(0)),
        ("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", json!("a b|%zz")),
        ("/runs/0/invocations/0/executionSuccessful", json!("no")),
    ] {
        let mut log = parsed(&sample_report());
        *log.pointer_mut(pointer).unwrap() = value;
        assert_ne!(objections(&python, &schema, log.to_string().as_bytes()), "", "{pointer}");
    }
}

#[test]
fn failures_and_unknowns_are_results_and_nothing_else_is() {
    let report = sample_report();
    let log = parsed(&report);
    let findings: usize = report.rules.iter().map(|rule| rule.findings.len()).sum();
    assert_eq!(results(&log).len(), findings);
    for result in results(&log) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        let rule = &report.rules[index];
        let of_kind = |outcome| rule.findings.iter().any(|judged| judged.finding.outcome == outcome);
        match result["kind"].as_str().unwrap() {
            "fail" => assert!(of_kind(Outcome::Fail) && result["level"] != "none"),
            "open" => assert!(of_kind(Outcome::Unknown) && result["level"] == "none"),
            other => panic!("{other}"),
        }
    }
    let levels: Vec<&str> =
        ["NSH-001", "ELF-002", "API-004"].map(|rule| last_of(&log, rule)["level"].as_str().unwrap()).into();
    assert_eq!(levels, ["error", "warning", "note"]);
    assert_eq!(last_of(&log, "KRN-004")["kind"], "open");
}

#[test]
fn places_are_encoded_and_relative_to_the_subject() {
    let log = parsed(&sample_report());
    let uris: Vec<&str> = results(&log).iter().map(uri).collect();
    let hostile = "opt/%3Cscript%3Ewindow.pwned%3D1%3C/script%3E%1B%5B31m%22%26%27%2541%3A%FF%E2%80%AE%20x";
    assert!(uris.contains(&hostile), "{uris:?}");
    assert!(uris.iter().all(|uri| !uri.starts_with('/') && uri.is_ascii() && !uri.contains(':')));
    let passwd = last_of(&log, "API-004");
    assert_eq!(uri(passwd), "etc/passwd");
    assert_eq!(passwd["locations"][0]["physicalLocation"]["region"], json!({ "startLine": 3 }));
    let pie = last_of(&log, "ELF-001");
    assert_eq!(pie["locations"][0]["physicalLocation"]["region"], json!({ "startLine": 1 }));
    assert_eq!(pie["relatedLocations"][0]["physicalLocation"]["region"], json!({ "byteOffset": 16 }));
    assert_eq!(uri(last_of(&log, "KRN-004")), "./", "what has no place is about the whole subject");
}

#[test]
fn decisions_of_the_policy_are_suppressions_and_baseline_states() {
    let log = parsed(&sample_report());
    let waiver = json!([{
        "kind": "external",
        "status": "accepted",
        "justification": "needed by the rescue target until 1.53 (platform@example.org, until 2027-01-31)",
    }]);
    assert_eq!(last_of(&log, "NSH-001")["suppressions"], waiver);
    let allowed = last_of(&log, "ELF-001");
    assert_eq!(
        allowed["suppressions"][0]["justification"],
        "Allowed: the profile debian lets it hold in part."
    );
    assert_eq!(allowed["level"], "note", "a section of the policy has it as low");
    let other = results(&log).iter().find(|result| result["ruleId"] == "ELF-001").unwrap();
    assert_eq!((&other["suppressions"], &other["level"]), (&json!([]), &json!("error")));
    assert_eq!(last_of(&log, "ELF-002")["baselineState"], "unchanged");
    assert!(results(&log).iter().all(|result| result["baselineState"].is_string()));

    let mut plain = sample_report();
    plain.gate.known = 0;
    plain
        .rules
        .iter_mut()
        .flat_map(|rule| &mut rule.findings)
        .for_each(|judged| judged.disposition = Disposition::Gating);
    for result in results(&parsed(&plain)) {
        assert!(result.get("baselineState").is_none() && result.get("suppressions").is_none());
    }
}

#[test]
fn results_say_what_to_add_and_how_sure_they_are() {
    let mut report = sample_report();
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    let last = rule.findings.last_mut().unwrap();
    last.finding.outcome = Outcome::Partial;
    last.severity = rule.severity;
    last.finding.message = "built by `` [x](http://y) ``".into();
    let log = parsed(&report);
    let pie = last_of(&log, "ELF-001");
    let text = pie["message"]["text"].as_str().unwrap();
    assert!(text.starts_with("in part: built by"), "{text}");
    assert!(text.ends_with("\nadd with gcc or clang: -fPIE -pie"), "{text}");
    let markdown = pie["message"]["markdown"].as_str().unwrap();
    assert!(
        markdown.starts_with("``` in part: built by `` [x](http://y) ``. ```\n- `e_type: "),
        "{markdown}"
    );
    assert!(markdown.ends_with("\n- add with gcc or clang: `-fPIE -pie`"), "{markdown}");
    assert_eq!((&pie["kind"], &pie["level"]), (&json!("fail"), &json!("error")));
    let file = json!({ "kind": "executable", "machine": "x86-64", "language": "c-family", "build_id": "0123456789abcdef" });
    assert_eq!(pie["properties"]["file"], file);
    assert_eq!(pie["properties"]["outcome"], "partial");
    assert_eq!(pie["properties"]["fixes"][0], json!({ "toolchain": "gcc", "add": "-fPIE -pie" }));
    let relro = last_of(&log, "ELF-002");
    assert_eq!(relro["properties"], json!({ "outcome": "fail", "confidence": "heuristic" }));
    assert!(relro["message"].get("markdown").is_none());
    assert_eq!(last_of(&log, "KRN-004")["properties"]["cause"], "no-facts");
}

#[test]
fn rules_carry_what_a_reader_needs() {
    let log = parsed(&sample_report());
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), sample_report().rules.len(), "passing rules too");
    let rule = rules.iter().find(|rule| rule["id"] == "KRN-004").unwrap();
    assert_eq!(rule["name"], "KernelLockdown");
    assert_eq!(rule["shortDescription"]["text"], "The kernel starts in lockdown.");
    assert_eq!(rule["fullDescription"]["text"], "An attacker who gets in needs this to be missing.");
    assert_eq!(rule["defaultConfiguration"]["level"], "error");
    assert_eq!(
        rule["properties"],
        json!({ "tags": ["security", "kernel-lockdown"], "security-severity": "8.0" })
    );
    let markdown = rule["help"]["markdown"].as_str().unwrap();
    assert!(
        markdown.starts_with("## Why it matters\n\nAn attacker")
            && markdown.contains("\n\n## How to fix it\n\nBuild")
    );
    assert!(rules.last().unwrap()["properties"].get("security-severity").is_none(), "info has no number");
}

#[test]
fn an_incomplete_run_is_not_successful_and_says_what_it_could_not_read() {
    let invocation = parsed(&sample_report())["runs"][0]["invocations"][0].clone();
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["exitCode"], 2);
    let notices = invocation["toolExecutionNotifications"].as_array().unwrap();
    let kinds: Vec<&str> =
        notices.iter().map(|notice| notice["descriptor"]["id"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["not-read", "not-read", "not-entered"]);
    assert_eq!(notices[0]["level"], "error");
    let invocation = &parsed(&clean_report())["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);

    let mut failed = clean_report();
    failed.gate.exit_code = 1;
    assert_eq!(
        parsed(&failed)["runs"][0]["invocations"][0]["executionSuccessful"],
        true,
        "findings are success"
    );
}

#[test]
fn beyond_the_limit_the_largest_rules_are_summed_up_and_it_is_said() {
    let report = crowded_report();
    let log = parsed(&report);
    assert!(results(&log).len() <= RESULT_LIMIT);
    let sums: Vec<&Value> = results(&log).iter().filter(|result| result["ruleId"] == "ELF-001").collect();
    assert_eq!(sums.len(), 2, "gating and known findings stay apart");
    assert_eq!(
        sums[0]["message"]["text"],
        "25,000 findings, the first in /usr/bin/program-00000: The program is loaded at a fixed address."
    );
    let others = report
        .rules
        .iter()
        .filter(|rule| rule.id != "ELF-001")
        .map(|rule| rule.findings.len())
        .sum::<usize>();
    assert_eq!(results(&log).len(), others + 2, "the other rules keep their findings");
    let notices = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let notice = notices.iter().find(|notice| notice["descriptor"]["id"] == "summed-up").unwrap();
    assert!(notice["message"]["text"].as_str().unwrap().starts_with("ELF-001 has 25,001 findings"));
    let at_limit = parsed(&large_report(0, RESULT_LIMIT - others));
    assert_eq!(results(&at_limit).len(), RESULT_LIMIT, "the limit itself is no excess");
}

#[test]
fn fingerprints_are_those_of_the_report_and_differ() {
    let report = sample_report();
    let log = parsed(&report);
    let seen: HashSet<&str> = results(&log)
        .iter()
        .map(|result| result["partialFingerprints"]["hardpan/v1"].as_str().unwrap())
        .collect();
    let expected: HashSet<&str> = report
        .rules
        .iter()
        .flat_map(|rule| &rule.findings)
        .map(|judged| judged.fingerprint.as_str())
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), results(&log).len());
}

#[test]
fn the_same_report_gives_the_same_bytes_and_none_of_them_drives_a_terminal() {
    let bytes = written(&sample_report());
    assert_eq!(bytes, written(&sample_report()));
    let mut by_format = Vec::new();
    render(Format::Sarif, &sample_report(), &mut by_format).unwrap();
    assert_eq!(bytes, by_format);
    assert!(bytes.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control()));
}

/// One finding more than a run may have, in a rule with two dispositions.
fn crowded_report() -> Report {
    let mut report = large_report(0, RESULT_LIMIT + 1);
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    rule.findings[7].disposition = Disposition::Known;
    report
}

fn results(log: &Value) -> &[Value] {
    log["runs"][0]["results"].as_array().unwrap()
}

fn last_of<'a>(log: &'a Value, rule: &str) -> &'a Value {
    results(log).iter().rfind(|result| result["ruleId"] == rule).unwrap()
}

fn uri(result: &Value) -> &str {
    result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap()
}

fn parsed(report: &Report) -> Value {
    serde_json::from_slice(&written(report)).unwrap()
}

fn written(report: &Report) -> Vec<u8> {
    let mut out = Vec::new();
    sarif(report, &mut out).unwrap();
    out
}
