//! Runs that are stopped at any moment.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::util::report::Report;
use crate::util::{Dir, Numbers, elf, lacks};

#[test]
fn a_signal_leaves_the_old_report_or_the_new_one() {
    if lacks(&["kill"]) {
        return;
    }
    let dir = Dir::new();
    let stopped = interrupt_often(&dir, "/usr", 10, 4000);
    // Two in three runs at least must have been stopped for the test to mean something.
    assert!(stopped >= 6, "only {stopped} of 10 runs were stopped");
}

#[test]
fn a_signal_while_reports_are_written_leaves_the_old_one_or_the_new_one() {
    if lacks(&["cc", "kill"]) {
        return;
    }
    let dir = Dir::new();
    for number in 0..40 {
        dir.write(format!("tree/usr/bin/{number}"), elf::weak());
    }
    // A run takes some tens of milliseconds, most of them for writing.
    interrupt_often(&dir, "tree", 60, 60);
}

/// A second signal, a power cut or the kernel's memory killer leave no time to tidy up.
#[test]
fn a_kill_in_the_middle_of_writing_leaves_the_old_report_or_the_new_one() {
    let dir = Dir::new();
    let mut during = 0;
    for _ in 0..6 {
        dir.write("x.json", "old");
        let mut command = dir.hardpan(&["checksec", "/usr/bin", "--format=none", "-o", "x.json"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // No pause: writing takes milliseconds.
        while child.try_wait().unwrap().is_none() && dir.names() == ["x.json"] && length(&dir) == 3 {}
        child.kill().unwrap();
        child.wait().unwrap();
        let found = fs::read(dir.path("x.json")).unwrap();
        assert!(found == b"old" || Report::parse(&found).is_ok(), "a report of {} bytes is cut", found.len());
        for name in dir.names().iter().filter(|name| *name != "x.json") {
            // What nobody could remove says whose it is.
            assert!(name.starts_with(".hardpan-") && name.strip_suffix(".tmp").is_some(), "{name}");
            during += 1;
            fs::remove_file(dir.path(name)).unwrap();
        }
    }
    assert!(during > 0, "no run was killed while it wrote");
}

fn length(dir: &Dir) -> u64 {
    fs::metadata(dir.path("x.json")).map_or(0, |metadata| metadata.len())
}

/// Stops runs at random moments, and says how many did not come to their end before.
fn interrupt_often(dir: &Dir, subject: &str, runs: u32, longest_ms: usize) -> usize {
    let mut numbers = Numbers::seeded(20_261_123);
    let mut stopped = 0;
    for run in 0..runs {
        let old = if run % 2 == 0 { Some("old") } else { None };
        for name in ["x.html", "x.json"] {
            let _ = fs::remove_file(dir.path(name));
            if let Some(old) = old {
                dir.write(name, old);
            }
        }
        let mut command = dir.hardpan(&["audit", subject, "--format=none", "-o", "x.html", "-o", "x.json"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        wait_for_handler(&child);
        thread::sleep(Duration::from_millis(numbers.below(longest_ms) as u64));
        let signal = ["INT", "TERM"][numbers.below(2)];
        let in_time = child.try_wait().unwrap().is_none();
        kill(&child, signal);
        let code = wait(&mut child);
        if code == Some(130) {
            stopped += 1;
        } else {
            // A signal in the last moments finds nothing to stop.
            assert!(matches!(code, Some(0..=2)), "run {run}, SIG{signal}, in time: {in_time}: {code:?}");
        }
        check(dir, old, code);
    }
    stopped
}

fn check(dir: &Dir, old: Option<&str>, code: Option<i32>) {
    let known = |name: &String| ["tree", "x.html", "x.json"].contains(&name.as_str());
    assert!(dir.names().iter().all(known), "something is left: {:?}", dir.names());
    for name in ["x.html", "x.json"] {
        let found = fs::read(dir.path(name)).ok();
        let is_old = found.as_deref() == old.map(str::as_bytes);
        let is_new = found.as_deref().is_some_and(|bytes| match name {
            "x.html" => bytes.starts_with(b"<!DOCTYPE html>") && bytes.ends_with(b"</html>"),
            _ => Report::parse(bytes).is_ok_and(|report| report.0["schema"] == "hardpan-report/1"),
        });
        assert!(is_new || (is_old && code == Some(130)), "{name} is neither old nor new after {code:?}");
    }
}

/// Waits until the process catches SIGINT and SIGTERM: before, they end it as they end any program.
fn wait_for_handler(child: &Child) {
    let both = (1 << (2 - 1)) | (1 << (15 - 1));
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        // A process that has ended already has no such line.
        let caught = caught.map_or(both, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        if caught & both == both {
            return;
        }
        assert!(Instant::now() < deadline, "the command never caught signals");
        thread::sleep(Duration::from_millis(1));
    }
}

fn kill(child: &Child, signal: &str) {
    // It fails when the process has ended, which is one of the moments to be tried.
    let mut kill = Command::new("kill");
    kill.args([&format!("-{signal}"), &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
}

fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the command went on after a signal");
        }
        thread::sleep(Duration::from_millis(2));
    }
}
