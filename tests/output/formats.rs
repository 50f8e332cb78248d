//! Every format of real runs, held against its schema.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{assert_harmless, hostile_tree};
use crate::peers::{VALIDATOR, fetched, objections, python_with_jsonschema, require};
use crate::util::report::Report;
use crate::util::{Dir, HARDPAN, chmod, elf, lacks, unprivileged};

/// In the npm package `@microsoft/jest-sarif` 1.0.0-beta.0.
const SARIF_SCHEMA: &str = "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json";

/// What standard output can be asked for, but JSON Lines, which audits lack.
const FORMATS: [&str; 9] = ["text", "wide", "json", "sarif", "html", "junit", "csv", "github", "gitlab"];

/// The runs: all programs of this machine, a hostile tree, its archive, and one with damage of every kind.
const RUNS: [&[&str]; 5] = [
    &["checksec", "/usr/bin"],
    &["audit", "root"],
    &["audit", "root.tar"],
    &["audit", "cut.tar"],
    &["checksec", "damaged", "/usr/bin/env"],
];

fn runs() -> Dir {
    let dir = hostile_tree();
    dir.tool("tar", &["--format=pax", "-cf", "root.tar", "-C", "root", "."]);
    let archive = fs::read(dir.path("root.tar")).unwrap();
    dir.write("cut.tar", &archive[..archive.len() / 2]);
    dir.write("damaged/cut\u{1b}[31m", &fs::read(HARDPAN).unwrap()[..5000]);
    dir.write(
        "hardpan.toml",
        "[[waiver]]\nrule = \"relro\"\nreason = \"a \\u001b[31mreason\"\nowner = \"o\"\nexpires = 9999-12-31\n\
        [[waiver]]\nrule = \"pie\"\npath = \"/nowhere/\\u001b*\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2001-01-01\n",
    );
    dir
}

#[test]
fn json_of_real_runs_satisfies_the_schema_that_the_command_prints() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let name = "json_of_real_runs_satisfies_the_schema_that_the_command_prints";
    let Some(python) = require(name, VALIDATOR, python_with_jsonschema()) else { return };
    let dir = runs();
    let schema = dir.write("schema.json", dir.ok(&["schema"]));
    for run in RUNS {
        let report = dir.run(&[run, &["--format=json"]].concat()).stdout;
        assert!(report.len() > 10_000, "{run:?}: the report is too short to prove anything");
        assert_eq!(objections(&python, &schema, &report), "", "{run:?}");
        let mut damaged: Value = serde_json::from_slice(&report).unwrap();
        damaged["gate"]["exit_code"] = 3.into();
        assert_ne!(objections(&python, &schema, damaged.to_string().as_bytes()), "");
    }
}

#[test]
fn sarif_of_real_runs_satisfies_the_standards_schema() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let name = "sarif_of_real_runs_satisfies_the_standards_schema";
    let Some(python) = require(name, VALIDATOR, python_with_jsonschema()) else { return };
    let Some(schema) = require(name, SARIF_SCHEMA, fetched(SARIF_SCHEMA)) else { return };
    let dir = runs();
    for run in RUNS {
        let log = dir.run(&[run, &["--format=sarif"]].concat()).stdout;
        assert_eq!(objections(&python, &schema, &log), "", "{run:?}");
        let log: Value = serde_json::from_slice(&log).unwrap();
        let json = dir.report(run);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert!(!results.is_empty(), "{run:?}: no results prove nothing");
        // The form that code-scanning services take is limited in number; none of these runs comes near.
        assert!(json.findings().count() == results.len() || results.len() >= 5000, "{run:?}");
    }
}

#[test]
fn hostile_names_reach_no_format_raw() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let dir = runs();
    for run in RUNS {
        for format in FORMATS {
            let mut output = dir.run(&[run, &["--all", "--format", format]].concat());
            if format == "csv" {
                // RFC 4180 ends lines so; the names themselves have no carriage return left.
                output.stdout.retain(|byte| *byte != b'\r');
            }
            assert_harmless(&format!("{run:?} as {format}"), &output.stdout);
            assert_harmless(&format!("standard error of {run:?}"), &output.stderr);
        }
        // Colours are the only escape sequences, when they are asked for.
        let output = dir.run(&[run, &["--all", "--color=always"]].concat());
        assert_harmless(&format!("{run:?} in colour"), &without_colors(&output.stdout));
    }
    // An error about a file with such a name is shown on a terminal too.
    let message = dir.fails(2, &["audit", "no\u{1b}[31m\u{7}where"]);
    assert_harmless("the error", message.as_bytes());
    assert!(message.contains("no\\x1b[31m\\x07where"), "{message}");
    let message = dir.fails(2, &["audit", "root", "no\u{1b}[31m\u{7}where"]);
    assert_harmless("the error about arguments", message.as_bytes());
}

#[test]
fn the_same_input_gives_the_same_bytes_for_any_number_of_threads() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let dir = runs();
    for run in RUNS {
        for format in ["text", "json", "sarif", "html"] {
            let with = |threads: &str| {
                let mut command = dir.hardpan(&[run, &["--all", "--format", format]].concat());
                command.env("RAYON_NUM_THREADS", threads).env("SOURCE_DATE_EPOCH", "1800000000");
                command.output().unwrap()
            };
            let first = with("1");
            for threads in ["2", "2", "1", "7"] {
                assert!(with(threads) == first, "{run:?} as {format} differs with {threads} threads");
            }
        }
    }
}

#[test]
fn all_formats_are_written_in_one_run() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = hostile_tree();
    let outputs = [
        "r.html",
        "r.json",
        "r.sarif",
        "r.txt",
        "html=page",
        "json=data.txt",
        "r.xml",
        "r.csv",
        "github=hub",
    ];
    let options: Vec<&str> = outputs.iter().flat_map(|output| ["--output", output]).collect();
    let printed = dir.run(&[&["audit", "root", "--format=none"], options.as_slice()].concat());
    assert_eq!(printed.status.code(), Some(1));
    assert!(printed.stdout.is_empty() && printed.stderr.is_empty());
    assert_eq!(
        dir.names(),
        ["data.txt", "hub", "page", "r.csv", "r.html", "r.json", "r.sarif", "r.txt", "r.xml", "root"]
    );
    // Each is what standard output would have been.
    let files = [("r.html", "html"), ("r.json", "json"), ("r.sarif", "sarif"), ("page", "html")];
    let more = [("data.txt", "json"), ("r.xml", "junit"), ("r.csv", "csv"), ("hub", "github")];
    for (file, format) in files.into_iter().chain(more) {
        let stdout = dir.run(&["audit", "root", "--format", format]).stdout;
        assert!(fs::read(dir.path(file)).unwrap() == stdout, "{file}");
    }
    let json = Report::parse(&fs::read(dir.path("r.json")).unwrap()).unwrap();
    let text = fs::read_to_string(dir.path("r.txt")).unwrap();
    for rule in json.rules().iter().filter(|rule| rule["outcome"] == "fail") {
        assert!(text.contains(rule["id"].as_str().unwrap()), "{} is not in the text", rule["id"]);
    }
}

/// What is wrong with one file keeps no other from being reported, in no format, and the exit code says so in each.
#[test]
fn every_format_is_complete_where_a_scan_failed_in_places() {
    if lacks(&["cc", "setpriv"]) {
        return;
    }
    let dir = Dir::for_everybody();
    for (name, bytes) in [("closed", elf::weak()), ("hardened", elf::hardened()), ("weak", elf::weak())] {
        dir.write(format!("bin/{name}"), bytes);
    }
    dir.write("bin/damaged", &elf::hardened()[..100]);
    chmod(&dir.path("bin/closed"), 0o600);
    for format in FORMATS.into_iter().chain(["jsonl"]) {
        let output = unprivileged(&dir, &["checksec", "bin", "--all", "--format", format]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{format}");
        let text = String::from_utf8(output.stdout).unwrap().replace("&#x2f;", "/");
        for name in ["closed", "damaged", "weak"] {
            assert!(text.contains(&format!("bin/{name}")), "{name} is not in {format}: {text}");
        }
        // What passes has nothing to say where only findings are told.
        assert!(matches!(format, "sarif" | "github" | "gitlab") || text.contains("bin/hardened"), "{format}");
        assert!(text.contains("Permission denied"), "{format} does not say why: {text}");
        let is_incomplete = match format {
            "json" => text.contains("\"exit_code\": 2"),
            "jsonl" => text.trim_end().ends_with('}') && text.contains("\"exit_code\":2"),
            "sarif" => text.contains("\"executionSuccessful\": false"),
            "junit" => text.contains("<error ") && text.ends_with("</testsuites>\n"),
            "csv" => text.contains("unknown:unread"),
            // It has no word for that; the job's exit code has.
            "gitlab" => text.ends_with("]\n") && text.contains("\"check_name\": \"ELF-010\""),
            _ => text.contains("INCOMPLETE"),
        };
        assert!(is_incomplete, "{format}: {text}");
    }
}

#[test]
fn the_published_schema_is_the_one_that_the_command_prints() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    assert!(Dir::new().ok(&["schema"]) == fs::read_to_string(kept).unwrap());
}

fn without_colors(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let color = rest.strip_prefix(b"\x1b[").and_then(|tail| {
            let length = tail.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')?;
            tail[length..].strip_prefix(b"m")
        });
        if color.is_none() {
            kept.push(byte);
        }
        rest = color.unwrap_or(tail);
    }
    kept
}
