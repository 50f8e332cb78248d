//! Terminals and pipes.

use std::process::{Command, Output};

use super::hostile_tree;
use crate::util::{Dir, HARDPAN, lacks, text};

#[test]
fn colours_are_for_terminals_only() {
    if lacks(&["cc", "script"]) {
        return;
    }
    let dir = hostile_tree();
    let colored = |output: &Output| {
        assert_eq!(output.status.code(), Some(1), "{}", text(output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("ELF-001"));
        output.stdout.contains(&0x1b)
    };
    let on_terminal = |options: &str, variables: &[(&str, &str)]| {
        let mut command = on_terminal(&dir, &format!("audit root --quiet {options}"));
        colored(&command.envs(variables.iter().copied()).output().unwrap())
    };
    assert!(on_terminal("", &[]));
    assert!(on_terminal("", &[("NO_COLOR", "")]), "an empty NO_COLOR says nothing");
    assert!(!on_terminal("", &[("NO_COLOR", "1")]));
    assert!(!on_terminal("", &[("TERM", "dumb")]));
    assert!(!on_terminal("--color=never", &[]));
    assert!(on_terminal("--color=always", &[("NO_COLOR", "1")]));

    assert!(!colored(&dir.run(&["audit", "root"])));
    assert!(colored(&dir.run(&["audit", "root", "--color=always"])));
}

/// Progress is drawn on standard error, and only there; what is on standard output stays a report.
#[test]
fn progress_never_mixes_with_a_report() {
    if lacks(&["cc", "script"]) {
        return;
    }
    let dir = hostile_tree();
    let output = on_terminal(&dir, "audit /usr/bin --format=json > report.json").output().unwrap();
    assert!(output.stdout.contains(&b'\r') || output.stdout.contains(&0x1b), "no progress was drawn");
    let report = std::fs::read(dir.path("report.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&report).is_ok());
    let output = on_terminal(&dir, "audit /usr/bin --quiet --format=json > report.json").output().unwrap();
    assert!(output.stdout.is_empty(), "{}", text(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    if lacks(&["cc", "bash"]) {
        return;
    }
    let dir = hostile_tree();
    for arguments in [
        "audit root --all",
        "audit root --format=json",
        "audit root --format=html",
        "audit root --format=sarif",
        "checksec /usr/bin --format=json",
        "rules",
        "rules --json",
        "schema",
        "explain relro",
        "--help",
    ] {
        // The pipe is closed before anything is written, and after the first line.
        for reader in ["true", "head -1"] {
            let line = format!("set -o pipefail; sh -c '{HARDPAN} {arguments}; echo $? >&2' | {reader}");
            let output = dir.command("bash", &["-c", &line]).output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(errors.lines().count(), 1, "{arguments} | {reader}: {errors}");
            // An audit whose report was read to its end, or lay in the pipe, may still tell that it found something.
            assert!(matches!(errors.trim(), "0" | "1"), "{arguments} | {reader}: {errors}");
        }
    }
}

#[test]
fn a_closed_standard_output_costs_no_file() {
    if lacks(&["cc", "bash"]) {
        return;
    }
    let dir = hostile_tree();
    let line = format!("{HARDPAN} audit root --all -o r.json -o r.html | true");
    dir.tool("bash", &["-c", &line]);
    let report = std::fs::read(dir.path("r.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&report).is_ok());
    assert!(std::fs::read(dir.path("r.html")).unwrap().ends_with(b"</html>"));
}

/// Runs the command on a terminal of its own.
fn on_terminal(dir: &Dir, arguments: &str) -> Command {
    let mut command = dir.command("script", &["-qec", &format!("{HARDPAN} {arguments}"), "/dev/null"]);
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    command
}
