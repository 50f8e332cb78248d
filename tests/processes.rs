//! `hardpan checksec --pid` and `--all-processes` as users run them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::peers::{VALIDATOR, objections, python_with_jsonschema, require};
use crate::util::report::Report;
use crate::util::{Dir, HARDPAN, chmod, is_superuser, lacks, unprivileged};

/// A process that waits until it is dropped.
struct Running(Child);

impl Running {
    /// Runs a program that says that it is ready, and waits until it does nothing any more.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const WAITS: &str =
    "#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts(\"ready\"); fflush(stdout); pause(); }\n";

fn build(dir: &Dir, name: &str, flags: &[&str]) -> std::path::PathBuf {
    dir.write("waits.c", WAITS);
    dir.tool("gcc", &[&["waits.c", "-o", name], flags].concat());
    dir.path(name)
}

fn start(program: &Path) -> Running {
    Running::start(&mut Command::new(program))
}

/// The outcome of a rule for the one process of a report.
fn outcome(report: &Report, rule: &str) -> String {
    let table = &report.0["processes"];
    let columns = table["columns"].as_array().unwrap();
    let at = columns.iter().position(|column| column["rule"] == rule).unwrap();
    table["rows"][0]["cells"][at]["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn an_executable_stack_fails_the_run() {
    if lacks(&["gcc"]) {
        return;
    }
    let dir = Dir::new();
    let program = build(&dir, "program", &["-z", "execstack"]);
    let process = start(&program);
    let report = dir.report(&["checksec", "--pid", &process.pid()]);
    assert_eq!(report.exit_code(), 1);
    assert_eq!(outcome(&report, "PROC-001"), "fail");
    assert_eq!(outcome(&report, "PROC-002"), "fail");
    // The finding is placed where a waiver can name it.
    let finding = &report.rule("PROC-002")["findings"][0];
    assert_eq!(finding["location"]["path"].as_str(), program.to_str());
    assert!(finding["message"].as_str().unwrap().contains(&process.pid()), "{finding}");
    assert!(report.executables().contains(program.to_str().unwrap()));
    assert_eq!(report.rule("PROC-002")["unit"], "processes");
    let waiver = format!(
        "[[waiver]]\nrule = \"PROC-002\"\npath = \"{}\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2999-01-01\n",
        program.display()
    );
    dir.write("hardpan.toml", waiver);
    let waived = dir.report(&["checksec", "--pid", &process.pid()]);
    assert_eq!(waived.rule("PROC-002")["findings"][0]["disposition"]["kind"], "waived");
}

#[test]
fn text_has_a_table_of_processes_above_that_of_files() {
    if lacks(&["gcc"]) {
        return;
    }
    let dir = Dir::new();
    let processes = [start(&build(&dir, "one", &[])), start(&build(&dir, "two", &[]))];
    let pids = processes.each_ref().map(Running::pid).join(",");
    let output = dir.run(&["checksec", "--pid", &pids]);
    let text = String::from_utf8(output.stdout).unwrap();
    for process in &processes {
        let line = text.lines().find(|line| line.starts_with(&process.pid())).unwrap();
        assert!(line.contains("one") || line.contains("two"), "{line}");
    }
    assert!(text.find("2 processes.").unwrap() < text.find("ELF files.").unwrap(), "{text}");
}

#[test]
fn all_formats_carry_processes() {
    if lacks(&["gcc"]) {
        return;
    }
    let dir = Dir::new();
    let process = start(&build(&dir, "program", &["-z", "execstack"]));
    for format in ["json", "sarif", "html", "text"] {
        let output = dir.run(&["checksec", "--pid", &process.pid(), "--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(text.contains("PROC-002") && text.contains(&process.pid()), "{format}");
    }
}

#[test]
fn reports_on_processes_satisfy_the_published_schema() {
    let test = "reports_on_processes_satisfy_the_published_schema";
    let Some(python) = require(test, VALIDATOR, python_with_jsonschema()) else { return };
    if lacks(&["gcc"]) {
        return;
    }
    let dir = Dir::new();
    let process = start(&build(&dir, "program", &["-z", "execstack"]));
    let schema = dir.write("schema.json", dir.ok(&["schema"]));
    let bytes = dir.run(&["checksec", "--pid", &process.pid(), "--format=json"]).stdout;
    assert_eq!(objections(&python, &schema, &bytes), "");
    let broken = String::from_utf8(bytes).unwrap().replace("\"kernel_threads\"", "\"kernels\"");
    assert_ne!(objections(&python, &schema, broken.as_bytes()), "");
    let all = dir.run(&["checksec", "--all-processes", "--format=json"]).stdout;
    assert_eq!(objections(&python, &schema, &all), "");
}

#[test]
fn all_processes_are_read() {
    let dir = Dir::new();
    let report = dir.report(&["checksec", "--all-processes"]);
    let rows = report.0["processes"]["rows"].as_array().unwrap();
    let ours = std::process::id();
    assert!(rows.iter().any(|row| row["pid"] == ours), "the test is missing");
    // The command itself runs, too.
    assert!(rows.iter().any(|row| row["program"] == HARDPAN), "the command is missing");
}

#[test]
fn a_user_judges_processes_of_his_own_and_is_told_of_others() {
    if lacks(&["gcc", "setpriv"]) {
        return;
    }
    let dir = Dir::for_everybody();
    let program = build(&dir, "program", &[]);
    chmod(&program, 0o755);
    let own = Running::start(&mut as_user(&program));
    let report = Report::of(
        &unprivileged(&dir, &["checksec", "--pid", &own.pid(), "--format=json"]).output().unwrap(),
    );
    assert_eq!(outcome(&report, "PROC-001"), "pass");
    assert_eq!(outcome(&report, "PROC-003"), "pass");
    assert!(report.executables().contains(program.to_str().unwrap()), "{:?}", report.executables());
    if !is_superuser() {
        return;
    }
    // What was loaded cannot be had, and what has its name now is not taken for it.
    fs::rename(build(&dir, "other", &[]), &program).unwrap();
    let output = unprivileged(&dir, &["checksec", "--pid", &own.pid(), "--format=json"]).output().unwrap();
    assert_eq!(outcome(&Report::of(&output), "PROC-003"), "fail");
    let others = start(&program);
    let output = unprivileged(&dir, &["checksec", "--pid", &others.pid(), "--format=json"]).output().unwrap();
    let report = Report::of(&output);
    assert_eq!((report.exit_code(), outcome(&report, "PROC-001")), (2, "unknown".into()));
    assert_eq!(report.problems().into_iter().collect::<Vec<_>>(), [format!("/proc/{}", others.pid())]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("run as root"), "{said}");
}

/// The program as whoever [`unprivileged`] is.
fn as_user(program: &Path) -> Command {
    if !is_superuser() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]).arg(program);
    command
}

#[test]
fn what_is_no_process_is_refused() {
    let dir = Dir::new();
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let said = dir.fails(2, &["checksec", "--pid", &ended.id().to_string()]);
    assert!(said.contains("there is no process"), "{said}");
    dir.fails(2, &["checksec", "--pid", "0"]);
    dir.fails(2, &["checksec", "--pid", "1", "/usr/bin/true"]);
    dir.fails(2, &["checksec", "--pid", "1", "--all-processes"]);
    dir.fails(2, &["checksec"]);
    // A thread of this very test is no process.
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let mut names = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
    let thread = names.find(|name| *name != std::process::id().to_string()).unwrap();
    let said = dir.fails(2, &["checksec", "--pid", &thread]);
    assert!(said.contains("is a thread of process"), "{said}");
}
