//! What processes do with their memory, held against what the kernel shows to the test itself.

use std::process::Command;

use hardpan_checksec::process::{HostProcesses, Maps, Which, scan};
use hardpan_report::Confidence;

use super::running::{build, loaded, scan_these, start, verdicts};
use crate::support::{Root, has_peers};

/// Each mode of the program, with what the rules say of it: writable code, stack, code on disk. `gcc` with these flags.
const CASES: &[(&str, &[&str], [&str; 3])] = &[
    ("waits", &[], ["+yes", "+NX", "+yes"]),
    ("wx", &[], ["-no", "+NX", "%generated"]),
    ("thread", &[], ["-no", "+NX", "%generated"]),
    ("thread-on-wx", &[], ["-no", "-exec", "%generated"]),
    ("thread-runs", &[], ["-no", "?unknown", "%generated"]),
    ("twice", &[], ["%twice", "+NX", "-memfd"]),
    ("twice-private", &[], ["%twice", "+NX", "-memfd"]),
    ("generated", &[], ["+yes", "+NX", "%generated"]),
    ("shared", &[], ["+yes", "+NX", "%generated"]),
    ("device", &[], ["+yes", "+NX", "%generated"]),
    ("waits", &["-z", "execstack"], ["-no", "-exec", "+yes"]),
    ("waits", &["-static-pie"], ["+yes", "+NX", "+yes"]),
    ("waits", &["-no-pie"], ["+yes", "+NX", "+yes"]),
];

#[test]
fn memory_is_judged_as_it_is() {
    if !has_peers("memory_is_judged_as_it_is", &["gcc"]) {
        return;
    }
    let root = Root::new();
    for (at, (mode, flags, expected)) in CASES.iter().enumerate() {
        let process = start(&build(&root, &format!("subject-{at}"), flags), mode);
        let seen = process.verdicts();
        assert_eq!(seen[..3], *expected, "{mode} {flags:?}\n{}", process.proc("maps"));
        let has_both = process.proc("maps").lines().any(|line| line.contains(" rwx"));
        assert_eq!(seen[0] == "-no", has_both, "{mode} {flags:?}");
    }
}

#[test]
fn an_executable_stack_is_what_pmap_shows() {
    if !has_peers("an_executable_stack_is_what_pmap_shows", &["gcc", "pmap"]) {
        return;
    }
    let root = Root::new();
    for (flag, verdict) in [("execstack", "-exec"), ("noexecstack", "+NX")] {
        let process = start(&build(&root, flag, &["-z", flag]), "waits");
        assert_eq!(process.verdicts()[1], verdict);
        let pmap = Command::new("pmap").arg(process.pid().to_string()).output().unwrap();
        let pmap = String::from_utf8(pmap.stdout).unwrap();
        let stack = pmap.lines().find(|line| line.contains("[ stack ]")).unwrap();
        assert_eq!(stack.contains("rwx"), verdict == "-exec", "{pmap}");
    }
}

#[test]
fn code_from_nowhere_is_a_guess_and_code_from_memory_is_not() {
    if !has_peers("code_from_nowhere_is_a_guess_and_code_from_memory_is_not", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let program = build(&root, "subject", &[]);
    for (mode, confidence) in [("generated", Confidence::Heuristic), ("twice", Confidence::Proven)] {
        let process = start(&program, mode);
        let rule = hardpan_checksec::process::rules::RULES[2];
        assert_eq!(rule.judge(&process.scan().processes[0]).confidence, confidence, "{mode}");
    }
}

#[test]
fn relro_is_looked_up_where_the_loader_put_it() {
    if !has_peers("relro_is_looked_up_where_the_loader_put_it", &["gcc", "readelf"]) {
        return;
    }
    let root = Root::new();
    let lazy = ["-Wl,-z,relro,-z,lazy"];
    let now = ["-Wl,-z,relro,-z,now"];
    let fixed = ["-no-pie", "-Wl,-z,relro,-z,now"];
    for (name, flags, mode, writable, open) in [
        ("now", &now[..], "waits", false, false),
        ("lazy", &lazy, "waits", false, true),
        ("fixed", &fixed, "waits", false, false),
        ("opened", &now, "no-relro", true, false),
    ] {
        let program = build(&root, name, flags);
        let process = start(&program, mode);
        let scan = process.scan();
        let relro = loaded(&scan, name).relro.clone().unwrap();
        assert!(relro.is_located && relro.missing == 0, "{name}: {relro:?}");
        assert_eq!((relro.writable > 0, relro.open_slot.is_some()), (writable, open), "{name}: {relro:?}");
        assert_eq!(relro.pages.clone(), expected_pages(&process, &program), "{name}");
        let maps = Maps::parse(process.proc("maps").as_bytes());
        let any_writable = maps.within(&relro.pages).any(|(_, mapping)| mapping.writable);
        assert_eq!(any_writable, writable, "{name}\n{}", process.proc("maps"));
        if writable {
            assert_eq!(verdicts(&scan.processes[0])[3], "-writable");
        }
    }
}

/// The pages by readelf and by where the file's first mapping is.
fn expected_pages(process: &super::running::Running, program: &std::path::Path) -> std::ops::Range<u64> {
    let output = Command::new("readelf").arg("-lW").arg(program).output().unwrap();
    let headers = String::from_utf8(output.stdout).unwrap();
    let field = |kind: &str, at: usize| {
        let line = headers.lines().find(|line| line.trim_start().starts_with(kind)).unwrap();
        let digits = line.split_whitespace().nth(at).unwrap().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap()
    };
    let maps = process.proc("maps");
    let first = maps.lines().find(|line| line.ends_with(program.to_str().unwrap())).unwrap();
    let bias = u64::from_str_radix(first.split('-').next().unwrap(), 16).unwrap() - field("LOAD", 2);
    let start = field("GNU_RELRO", 2) + bias;
    let page = |address: u64| address / 4096 * 4096;
    page(start)..page(start + field("GNU_RELRO", 5))
}

#[test]
fn relro_of_whole_processes() {
    if !has_peers("relro_of_whole_processes", &["gcc"]) {
        return;
    }
    let root = Root::new();
    // A static program is the only file of its process, so that no library of the system has a part in the verdict.
    let good = start(&build(&root, "static", &["-static-pie", "-Wl,-z,relro,-z,now"]), "waits");
    assert_eq!(good.verdicts()[3], "+applied");
    let none = start(&build(&root, "without", &["-static", "-Wl,-z,norelro"]), "waits");
    assert_eq!(none.verdicts()[3], "~none");
    let lazy = start(&build(&root, "lazy", &["-Wl,-z,relro,-z,lazy"]), "waits");
    assert_eq!(lazy.verdicts()[3], "%partial");
    // Binding at start by the environment leaves the slots where they are.
    let mut command = Command::new(root.path().join("lazy"));
    let bound = super::running::Running::start(command.arg("waits").env("LD_BIND_NOW", "1"));
    assert_eq!(bound.verdicts()[3], "%partial");
}

#[test]
fn confinement_is_told_from_the_kernel() {
    if !has_peers("confinement_is_told_from_the_kernel", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let program = build(&root, "subject", &[]);
    let process = start(&program, "confined");
    assert_eq!(process.verdicts()[4], "+filter");
    let status = process.proc("status");
    assert!(status.contains("\nSeccomp:\t2\n") && status.contains("\nNoNewPrivs:\t1\n"), "{status}");
    let process = start(&program, "named");
    assert_eq!(&*process.scan().processes[0].status.name, b"a\n\x1b[31m\\b");
}

#[test]
fn processes_that_end_are_counted_and_not_judged() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    // Nothing but taking notice of its end makes its state go away.
    while !std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    let ended = scan_these(&[pid]);
    assert_eq!((ended.processes.len(), ended.ended, ended.gone, ended.unread.len()), (0, 1, 0, 0));
    child.wait().unwrap();
    let gone = scan_these(&[pid]);
    assert_eq!((gone.processes.len(), gone.ended, gone.gone, gone.unread.len()), (0, 0, 1, 0));
}

#[test]
fn all_processes_hold_our_own() {
    let all = scan(&HostProcesses, &Which::All, &|_| true).unwrap().unwrap();
    let own = all.processes.iter().find(|process| process.pid == std::process::id()).unwrap();
    let path = std::env::current_exe().unwrap();
    assert_eq!(own.program.as_deref(), Some(path.as_os_str().as_encoded_bytes()));
    assert!(all.files.elves.iter().any(|elf| elf.path == path.as_os_str().as_encoded_bytes()));
    let stopped = scan(&HostProcesses, &Which::All, &|_| false).unwrap();
    assert!(stopped.is_none());
}
