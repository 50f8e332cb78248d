//! What services read: JUnit XML, CSV, annotations.

use std::process::Command;

use hardpan_report::render::{csv, github, gitlab, junit};
use hardpan_report::{Cause, Disposition, Finding, Location, Report, escape};

use crate::peers::{program, require, run};
use crate::support::{
    HOSTILE, bare_report, checksec_report, clean_report, large_report, sample_report, sample_traits,
};

/// Elements and attributes that GitLab, Jenkins and the schema of its plugin know. The numbers must be those of what is
/// there, since services show either.
const JUNIT: &str = r#"
import sys
import xml.etree.ElementTree as tree
known = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
}
root = tree.fromstring(sys.stdin.buffer.read())
assert root.tag == "testsuites", root.tag
for element in root.iter():
    attributes, children = known[element.tag]
    assert set(element.attrib) == attributes, (element.tag, element.attrib)
    assert {child.tag for child in element} <= children, element.tag
    assert element.tag != "testcase" or len(element) <= 1
for scope in [root] + list(root):
    for name, tag in [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]:
        assert int(scope.get(name)) == len(list(scope.iter(tag))), (scope.attrib, name)
for case in root.iter("testcase"):
    result = case[0].tag + ": " + case[0].get("message") if len(case) else "passed"
    print(repr((case.get("classname"), case.get("name"), result)))
"#;

/// The fields of each record, by another reader of the same form.
const CSV: &str = r#"
import csv, io, sys
text = sys.stdin.buffer.read().decode("utf-8")
assert text.endswith("\r\n") and text.count("\n") == text.count("\r\n")
records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
assert len({len(record) for record in records}) == 1, records
for record in records:
    assert not any(field[:1] in ("=", "+", "-", "@", "\t", "\r") for field in record), record
    print(repr(record))
"#;

#[test]
fn junit_is_what_services_know_and_counts_itself() {
    let name = "junit_is_what_services_know_and_counts_itself";
    let Some(python) = require(name, "python3", program(&["python3"])) else { return };
    let read = |report: &Report| {
        let output = run(Command::new(&python).args(["-c", JUNIT]), &junit_of(report));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for report in [sample_report(), clean_report(), bare_report(), large_report(300, 40)] {
        read(&report);
    }
    let report = checksec_report();
    let cases = read(&report);
    // A file that fails, one that is accepted, one that passes, one without meaning, and one that could not be judged.
    for case in [
        "('/usr/libexec/helper-00', 'pie', 'failure: The program is loaded at a fixed address.')",
        "('/usr/lib/libold.so.1', 'relro', 'skipped: known from the baseline: Only partial RELRO. (likely)')",
        "('/usr/bin/apiserver', 'pie', 'passed')",
        "('/usr/lib/broken.so', 'pie', 'skipped: it is not so')",
        "('/usr/lib/broken.so', 'relro', 'error: unknown: program header 0 ends behind the end of the file')",
    ] {
        assert!(cases.lines().any(|line| line == case), "{case}\n{cases}");
    }
    // Findings about files without a row are there too.
    assert!(cases.contains("('/usr/libexec/helper-10', 'pie', 'failure: "), "{cases}");
    let allowed =
        "('/usr/libexec/helper-11', 'pie', 'skipped: allowed: the profile debian lets it hold in part: ";
    assert!(cases.contains(allowed), "{cases}");
    assert_eq!(cases.matches("'failure: ").count(), 11, "one for each finding that fails the run: {cases}");
    let text = String::from_utf8(junit_of(&report)).unwrap();
    assert!(
        text.contains("\nadd with gcc or clang: -fPIE -pie\nmore: hardpan explain ELF-001</failure>"),
        "{text}"
    );
}

#[test]
fn hostile_names_are_text_in_junit() {
    let text = String::from_utf8(junit_of(&sample_report())).unwrap();
    assert!(!text.contains("<script") && !text.contains(|c: char| c.is_control() && c != '\n'));
    let name = "hostile_names_are_text_in_junit";
    let Some(python) = require(name, "python3", program(&["python3"])) else { return };
    let script = "import sys, xml.etree.ElementTree as tree\n\
        root = tree.fromstring(sys.stdin.buffer.read())\n\
        print('\\n'.join(case.get('classname') for case in root.iter('testcase')))";
    let output = run(Command::new(python).args(["-c", script]), &junit_of(&sample_report()));
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(names.lines().any(|line| line == escape(HOSTILE)), "{names}");
}

#[test]
fn csv_reads_back_as_the_table_and_what_could_not_be_read() {
    let name = "csv_reads_back_as_the_table_and_what_could_not_be_read";
    let Some(python) = require(name, "python3", program(&["python3"])) else { return };
    let read = |report: &Report| {
        let mut out = Vec::new();
        csv(report, &mut out).unwrap();
        let output = run(Command::new(&python).args(["-c", CSV]), &out);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mut report = checksec_report();
    // Of a package, paths are below its name, and anybody may choose that.
    report.matrix.as_mut().unwrap().rows[1].path = "=cmd,\"x\":/usr/bin/apiserver".into();
    report.coverage.problems[0].path = "/root".into();
    let records: Vec<String> = read(&report).lines().map(str::to_owned).collect();
    assert_eq!(records.len(), 1 + 6 + 1, "{records:#?}");
    assert!(
        records[0]
            .starts_with("['path', 'kind', 'machine', 'language', 'build_id', 'size', 'pie', 'relro', ")
    );
    assert!(records[0].ends_with("'ELF-009', 'problem']"));
    assert!(
        records[2].starts_with("['\\'=cmd,\"x\":/usr/bin/apiserver', 'static PIE', 'x86-64', 'Rust', '0123")
    );
    assert!(
        records[3].contains("'pass:full', 'pass:yes', 'not-applicable:Go', 'pass:12/14'"),
        "{}",
        records[3]
    );
    assert!(records[7].starts_with("['/root', '', '', '', '', '', 'unknown:unread', "), "{}", records[7]);
    assert!(
        records[7].ends_with("'ELF: program header 0 ends behind the end of the file']"),
        "{}",
        records[7]
    );
    for report in [sample_report(), clean_report(), bare_report()] {
        read(&report);
    }
}

#[test]
fn annotations_say_what_fails_and_what_to_add() {
    let mut report = checksec_report();
    let text = github_of(&report);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("::error ")).count(), 10, "{text}");
    let first = "::error file=/usr/libexec/helper-00,title=ELF-001 pie::/usr/libexec/helper-00: The program is loaded at a \
        fixed address.%0Aadd with gcc or clang: -fPIE -pie";
    assert_eq!(lines[0], first);
    // 11 programs, of which 10 are shown, and one that could not be told.
    assert!(text.contains("::notice title=hardpan::and 2 more;"), "{text}");
    assert!(!text.contains("libold"), "what the baseline knows is no news: {text}");
    assert_eq!(lines.last().unwrap().split(':').next(), Some("INCOMPLETE"));
    // Below the threshold nothing is an error.
    for rule in &mut report.rules {
        rule.findings.iter_mut().for_each(|judged| judged.disposition = Disposition::BelowThreshold);
    }
    let text = github_of(&report);
    assert!(!text.contains("::error") && text.contains("::warning ") && text.contains("::notice "), "{text}");
}

#[test]
fn no_name_makes_a_command_of_its_own() {
    let mut report = checksec_report();
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-002").unwrap();
    let judged = &mut rule.findings[0];
    judged.finding = Finding {
        file: Some(std::sync::Arc::new(sample_traits())),
        ..Finding::unknown(
            Cause::Malformed,
            Some(Location::line(&b"/a,b:c\n::error::x%\r"[..], 7)),
            "k",
            "100%\n::stop-commands::x\r\n::error::y",
        )
    };
    let text = github_of(&report);
    let wanted = "::error file=/a%2Cb%3Ac\\x0a%3A%3Aerror%3A%3Ax%25\\x0d,line=7,title=ELF-002 relro::\
        /a,b:c\\x0a::error::x%25\\x0d: unknown: 100%25%0A::stop-commands::x%0D%0A::error::y";
    let last = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    last.findings.clear();
    assert!(github_of(&report).lines().any(|line| line == wanted), "{}", github_of(&report));
    for line in text.lines() {
        let is_ours = ["::error ", "::warning ", "::notice "].iter().any(|start| line.starts_with(start));
        assert!(is_ours || line.starts_with("INCOMPLETE: "), "{line}");
    }
}

#[test]
fn gitlab_gets_what_its_code_quality_report_needs() {
    let mut out = Vec::new();
    gitlab(&checksec_report(), &mut out).unwrap();
    let issues: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let issues = issues.as_array().unwrap();
    // What the baseline knows, and what a section allows, is settled.
    assert_eq!(issues.len(), 12);
    let first = serde_json::json!({
        "description": "pie: The program is loaded at a fixed address.; add with gcc or clang: -fPIE -pie",
        "check_name": "ELF-001",
        "fingerprint": "ELF-001:/usr/libexec/helper-00:pie",
        "severity": "critical",
        "location": { "path": "usr/libexec/helper-00", "lines": { "begin": 1 } },
    });
    assert_eq!(issues[0], first);
    let fingerprints: std::collections::HashSet<_> =
        issues.iter().map(|issue| &issue["fingerprint"]).collect();
    assert_eq!(fingerprints.len(), issues.len());
}

fn junit_of(report: &Report) -> Vec<u8> {
    let mut out = Vec::new();
    junit(report, &mut out).unwrap();
    out
}

fn github_of(report: &Report) -> String {
    let mut out = Vec::new();
    github(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
