//! JSON Lines: what is told while a scan goes on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::{assert_harmless, hostile_tree};
use crate::peers::{VALIDATOR, objections, python_with_jsonschema, require};
use crate::util::report::Report;
use crate::util::{Dir, HARDPAN, elf, lacks, unprivileged};

const RUNS: [&[&str]; 3] =
    [&["checksec", "/usr/bin"], &["checksec", "root"], &["checksec", "damaged", "root/opt"]];

fn runs() -> Dir {
    let dir = hostile_tree();
    dir.write("damaged/cut\u{1b}[31m", &fs::read(HARDPAN).unwrap()[..5000]);
    dir
}

#[test]
fn every_line_satisfies_the_schema_that_the_command_prints() {
    if lacks(&["cc"]) {
        return;
    }
    let name = "every_line_satisfies_the_schema_that_the_command_prints";
    let Some(python) = require(name, VALIDATOR, python_with_jsonschema()) else { return };
    let dir = runs();
    let mut schema: Value = serde_json::from_str(&dir.ok(&["schema", "jsonl"])).unwrap();
    // One instance of many lines is validated much faster than many instances.
    schema["items"] = serde_json::json!({ "oneOf": schema["oneOf"].take() });
    schema.as_object_mut().unwrap().remove("oneOf");
    let schema = dir.write("schema.json", schema.to_string());
    for run in RUNS {
        let lines = lines(&dir, run);
        assert_eq!(
            objections(&python, &schema, Value::from(lines.clone()).to_string().as_bytes()),
            "",
            "{run:?}"
        );
        let mut damaged = lines;
        let file = damaged.iter_mut().find(|line| line["type"] == "file").unwrap();
        file["properties"]["relro"]["outcome"] = "fine".into();
        assert_ne!(objections(&python, &schema, Value::from(damaged).to_string().as_bytes()), "");
    }
}

#[test]
fn the_lines_say_what_the_report_says() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = runs();
    for run in RUNS {
        let lines = lines(&dir, run);
        let report = dir.report(run);
        let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).cloned().collect::<Vec<_>>();
        let paths: Vec<String> =
            of("file").iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect();
        let rows = report.0["matrix"]["rows"].as_array().unwrap();
        assert_eq!(paths, rows.iter().map(|row| row["path"].as_str().unwrap()).collect::<Vec<_>>());
        for (line, row) in of("file").iter().zip(rows) {
            let names = lines[0]["properties"].as_array().unwrap().iter();
            for (name, cell) in names.zip(row["cells"].as_array().unwrap()) {
                let mut property = line["properties"][name["name"].as_str().unwrap()].clone();
                property.as_object_mut().unwrap().remove("fixes");
                assert_eq!(&property, cell);
            }
        }
        let found: BTreeSet<_> = of("finding").iter().map(|line| line["fingerprint"].to_string()).collect();
        let wanted: BTreeSet<_> =
            report.findings().map(|(_, finding)| finding["fingerprint"].to_string()).collect();
        assert_eq!(found, wanted);
        assert!(of("rule").len() == report.rules().len() && !found.is_empty());
        let end = lines.last().unwrap();
        assert_eq!(end["type"], "end");
        for part in ["gate", "totals", "languages"] {
            assert_eq!(end[part], report.0[part], "{part} of {run:?}");
        }
        for part in ["entries", "files", "directories", "elf_files"] {
            assert_eq!(end["coverage"][part], report.0["coverage"][part], "{part} of {run:?}");
        }
        // What to add stands beside what is wrong.
        let fixes: Vec<&Value> = report.findings().map(|(_, finding)| &finding["fixes"]).collect();
        let of_lines = |line: &Value| {
            let judged = line["properties"].as_object().unwrap().values();
            judged.filter(|judged| !judged["fixes"].is_null()).count()
        };
        let shown: usize = of("file").iter().map(of_lines).sum();
        assert_eq!(shown, fixes.iter().filter(|fixes| !fixes.is_null()).count());
    }
}

/// A file that cannot be read has a line where it would have been, and the run says at its end that it is incomplete.
#[test]
fn what_could_not_be_read_has_a_line_in_its_place() {
    if lacks(&["cc", "setpriv"]) {
        return;
    }
    let dir = Dir::for_everybody();
    for name in ["a", "b", "c"] {
        dir.write(format!("bin/{name}"), elf::hardened());
    }
    dir.write("bin/cut", &elf::hardened()[..100]);
    crate::util::chmod(&dir.path("bin/b"), 0o600);
    let output = unprivileged(&dir, &["checksec", "bin", "--format=jsonl"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let lines = parse(&output.stdout);
    let told: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| {
            let name = line["path"].as_str()?.rsplit('/').next()?;
            matches!(line["type"].as_str(), Some("file" | "problem"))
                .then_some((line["type"].as_str()?, name))
        })
        .collect();
    assert_eq!(told, [("file", "a"), ("problem", "b"), ("file", "c"), ("file", "cut")]);
    let problem = lines.iter().find(|line| line["type"] == "problem").unwrap();
    assert!(problem["reason"].as_str().unwrap().contains("Permission denied"), "{problem}");
    assert_eq!(lines.last().unwrap()["gate"]["exit_code"], 2);
}

#[test]
fn the_same_lines_for_any_number_of_threads_and_anywhere() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = runs();
    for run in RUNS {
        let with = |threads: &str| {
            let mut command = dir.hardpan(&[run, &["--format=jsonl", "-o", "lines.jsonl"]].concat());
            command.env("RAYON_NUM_THREADS", threads).env("SOURCE_DATE_EPOCH", "1800000000");
            let output = command.output().unwrap();
            assert_harmless(&format!("{run:?}"), &output.stdout);
            assert!(fs::read(dir.path("lines.jsonl")).unwrap() == output.stdout, "the file differs");
            output.stdout
        };
        let first = with("1");
        assert!(first.len() > 3000);
        for threads in ["2", "7"] {
            assert!(with(threads) == first, "{run:?} differs with {threads} threads");
        }
    }
}

#[test]
fn a_run_that_was_stopped_has_no_last_line_and_leaves_no_file() {
    let dir = Dir::new();
    let mut command = dir.hardpan(&["checksec", "/usr/bin", "--format=jsonl", "-o", "all.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut read = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line
    };
    // The pipe holds less than the lines of all programs, so that the command waits for this reader.
    assert!(read().starts_with("{\"type\":\"header\""));
    assert!(read().starts_with("{\"type\":\"file\""));
    assert!(!dir.path("all.jsonl").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("{\"type\":\"end\""));
    assert!(!dir.path("all.jsonl").exists());
}

#[test]
fn a_reader_that_goes_away_costs_no_verdict_and_no_file() {
    if lacks(&["cc", "bash"]) {
        return;
    }
    let dir = runs();
    let line =
        format!("set -o pipefail; {HARDPAN} checksec /usr/bin root --format=jsonl -o l.jsonl | head -1");
    let output = dir.command("bash", &["-c", &line]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty());
    assert_eq!(parse(&fs::read(dir.path("l.jsonl")).unwrap()).last().unwrap()["type"], "end");
}

#[test]
fn an_audit_has_no_lines() {
    let dir = Dir::new();
    for options in [["--format", "jsonl"], ["-o", "x.jsonl"], ["-o", "jsonl=x"]] {
        let message = dir.fails(2, &[&["audit", "/nowhere"][..], &options].concat());
        assert!(message.contains("has no JSON Lines"), "{message}");
    }
    assert!(dir.names().is_empty());
}

/// The two schemas speak of the same things, and one of them is easily forgotten.
#[test]
fn both_schemas_define_alike_what_both_define() {
    let dir = Dir::new();
    let parse = |args: &[&str]| serde_json::from_str::<Value>(&dir.ok(args)).unwrap();
    let (report, lines) = (parse(&["schema", "json"]), parse(&["schema", "jsonl"]));
    let own = ["judgement", "header", "file", "problem", "not-entered", "rule", "finding", "end"];
    for (name, definition) in lines["$defs"].as_object().unwrap() {
        if !own.contains(&name.as_str()) {
            assert_eq!(definition, &report["$defs"][name], "{name}");
        }
    }
    let mut cell = lines["$defs"]["judgement"].clone();
    let fixes = cell["properties"].as_object_mut().unwrap().remove("fixes").unwrap();
    let matrix = &report["$defs"]["matrix"]["properties"]["rows"]["items"]["properties"];
    assert_eq!(cell, matrix["cells"]["items"]);
    assert_eq!(fixes, report["$defs"]["finding"]["properties"]["fixes"]);
    for part in ["gate", "totals", "languages"] {
        assert_eq!(lines["$defs"]["end"]["properties"][part], report["properties"][part], "{part}");
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/checksec-jsonl.schema.json");
    assert!(dir.ok(&["schema", "jsonl"]) == fs::read_to_string(kept).unwrap());
}

/// The lines that a run prints; it must end with what its last line says.
fn lines(dir: &Dir, run: &[&str]) -> Vec<Value> {
    let output = dir.run(&[run, &["--format=jsonl"]].concat());
    let lines = parse(&output.stdout);
    let end = lines.last().unwrap();
    assert_eq!(output.status.code().map(i64::from), end["gate"]["exit_code"].as_i64());
    // The report itself is what the lines are held against.
    assert!(Report::parse(&output.stdout).is_err());
    lines
}

fn parse(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}
