//! Processes that the tests start, and what they see of them themselves.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hardpan_checksec::process::rules::RULES;
use hardpan_checksec::process::{HostProcesses, Loaded, Process, ProcessScan, Which, scan};

use crate::support::{Root, run, short};

/// A process that has done what it was told and waits.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        let running = Self(child);
        let is_endless = command.get_args().any(|mode| mode == "thread-runs");
        while running.busy_threads() > usize::from(is_endless) {
            std::thread::yield_now();
        }
        running
    }

    /// How many threads do not wait in a system call.
    fn busy_threads(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let calls = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("syscall")).unwrap());
        calls.filter(|call| call.starts_with("running")).count()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// What the kernel says, read by the test.
    pub(crate) fn proc(&self, file: &str) -> String {
        String::from_utf8(std::fs::read(format!("/proc/{}/{file}", self.pid())).unwrap()).unwrap()
    }

    pub(crate) fn scan(&self) -> ProcessScan {
        scan_these(&[self.pid()])
    }

    /// What the rules say, in short.
    pub(crate) fn verdicts(&self) -> [String; 5] {
        verdicts(&self.scan().processes[0])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn scan_these(pids: &[u32]) -> ProcessScan {
    scan(&HostProcesses, &Which::These(pids.to_vec()), &|_| true).unwrap().unwrap()
}

pub(crate) fn verdicts(process: &Process) -> [String; 5] {
    let all: Vec<String> = RULES.iter().map(|rule| short(&rule.judge(process))).collect();
    all.try_into().unwrap()
}

/// The file with this in its name.
pub(crate) fn loaded<'s>(scan: &'s ProcessScan, name: &str) -> &'s Loaded {
    let files = scan.processes.iter().flat_map(|process| &process.files);
    let mut named = files.filter(|file| String::from_utf8_lossy(&file.name).contains(name));
    named.next().unwrap_or_else(|| panic!("nothing named {name} is loaded"))
}

/// Builds the program that does what it is told.
pub(crate) fn build(root: &Root, name: &str, flags: &[&str]) -> PathBuf {
    let source = root.write("subject.c", include_bytes!("subject.c"));
    let program = root.path().join(name);
    let places = [source.to_str().unwrap(), "-o", program.to_str().unwrap(), "-pthread"];
    run("gcc", &[&places[..], flags].concat(), root.path());
    program
}

pub(crate) fn start(program: &Path, mode: &str) -> Running {
    Running::start(Command::new(program).arg(mode))
}
