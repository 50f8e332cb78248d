//! Directories that cannot be read in full, or that change while they are read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, Mode, OFlags, inotify, mkdirat, openat};

use crate::util::report::Report;
use crate::util::{Dir, Numbers, chmod, elf, is_superuser, lacks, text, unprivileged};

#[test]
fn what_may_not_be_read_makes_a_run_incomplete() {
    if lacks(&["cc", "setfattr", "setpriv"]) {
        return;
    }
    let dir = Dir::for_everybody();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    dir.write_program("root/usr/bin/hardened", elf::hardened());
    dir.write_program("root/usr/bin/secret", elf::hardened());
    dir.write("root/var/closed/inside", "");
    chmod(&dir.path("root/usr/bin/secret"), 0o111);
    chmod(&dir.path("root/var/closed"), 0o000);
    for command in ["audit", "checksec"] {
        let output = unprivileged(&dir, &[command, "root", "--format=json"]).output().unwrap();
        let report = Report::of(&output);
        assert_eq!(report.exit_code(), 2, "{command}: {}", report.0["gate"]);
        assert!(report.problems().contains("/var/closed"), "{command}: {}", report.0["coverage"]);
        let unknown: Vec<&str> = report
            .findings()
            .filter(|(_, finding)| finding["outcome"] == "unknown")
            .filter_map(|(_, finding)| finding["location"]["path"].as_str())
            .collect();
        assert!(unknown.contains(&"/usr/bin/secret"), "{command}: {unknown:?}");
        assert!(report.executables().contains("/usr/bin/hardened"));
        // A rule about /etc alone may pass. It must not claim that everything was read.
        let passes = report.rules().iter().filter(|rule| rule["outcome"] == "pass");
        let evidence: Vec<String> = passes.map(|rule| rule["evidence"].to_string()).collect();
        assert_eq!(evidence.iter().filter(|text| text.contains("every directory read\"")).count(), 0);
        let honest = evidence.iter().any(|text| text.contains("every directory read but 1 place"));
        assert_eq!(honest, command == "audit");
    }
    // For the tests' own cleaning up.
    chmod(&dir.path("root/var/closed"), 0o755);
}

#[test]
fn a_root_that_may_not_be_read_is_an_error() {
    if lacks(&["setfattr", "setpriv"]) {
        return;
    }
    let dir = Dir::for_everybody();
    dir.write("closed/etc/passwd", "");
    chmod(&dir.path("closed"), 0o000);
    let output = unprivileged(&dir, &["audit", "closed"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    chmod(&dir.path("closed"), 0o755);
    for (name, part) in [("/proc", "proc"), ("/dev/null", "neither a directory nor a tar")] {
        let message = dir.fails(2, &["audit", name]);
        assert!(message.contains(part), "{message}");
    }
}

/// Opening a FIFO waits for ever, reading `/dev/zero` never ends, and opening a watchdog's device resets the host.
#[test]
fn pipes_sockets_and_devices_are_never_opened() {
    if lacks(&["timeout"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    dir.tool("mkfifo", &["root/etc/shadow", "root/fifo"]);
    let _socket = UnixListener::bind(dir.path("root/socket")).unwrap();
    let mut watched = vec!["root/etc/shadow", "root/fifo", "root/socket"];
    if is_superuser() {
        fs::create_dir_all(dir.path("root/etc/sysctl.d")).unwrap();
        dir.tool("mknod", &["root/etc/sysctl.d/zero.conf", "c", "1", "5"]);
        dir.tool("mknod", &["root/disk", "b", "7", "200"]);
        watched.extend(["root/etc/sysctl.d/zero.conf", "root/disk"]);
    }
    let opened = watch(&dir, &watched);
    for command in ["audit", "checksec"] {
        let report = Report::of(&in_time(&dir, &[command, "root", "--format=json"]));
        assert!(report.0["coverage"]["entries"].as_u64().unwrap() > 5);
    }
    assert_eq!(opened(), 0, "a special file was opened");
    // The watch can see: else the line above would prove nothing.
    let opened = watch(&dir, &["root/etc/passwd"]);
    dir.run(&["audit", "root"]);
    assert!(opened() > 0);
    // A FIFO that is named where a file is wanted is waited for by no one.
    for name in ["root/fifo", "root/socket"] {
        let output = in_time(&dir, &["checksec", name]);
        assert!(matches!(output.status.code(), Some(0..=2)), "{}", text(&output));
    }
}

#[test]
fn deep_trees_are_read_to_the_end() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    // Each path is far longer than PATH_MAX, and can only be reached step by step.
    let name = "n".repeat(250);
    let mut at = openat(CWD, dir.path("root"), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..200 {
        mkdirat(&at, &name, Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, &name, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY;
    let file = openat(&at, "weak", flags, Mode::from_raw_mode(0o755)).unwrap();
    std::io::Write::write_all(&mut File::from(file), elf::weak()).unwrap();
    let path = format!("/{name}").repeat(200) + "/weak";
    let report = dir.report(&["audit", "root"]);
    assert_eq!(report.0["coverage"]["directories"], 202);
    assert!(report.executables().contains(&*path));
    assert!(report.disposed("gating").contains(&*path));
    // Their archive too. `tar` cannot name what it cannot reach, so this one is of short names.
    let deep: PathBuf = std::iter::repeat_n("d", 200).collect();
    dir.write(OsStr::new("short/etc/passwd"), "root:x:0:0::/:/bin/false\n");
    dir.write(PathBuf::from("short").join(&deep).join("weak"), elf::weak());
    dir.tool("tar", &["-cf", "short.tar", "-C", "short", "."]);
    let path = format!("/{}/weak", deep.display());
    for subject in ["short", "short.tar"] {
        assert!(dir.report(&["audit", subject]).executables().contains(&*path), "{subject}");
    }
}

#[test]
fn files_that_are_cut_or_go_while_they_are_read_do_no_harm() {
    if lacks(&["cc", "timeout"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    let path = |number: usize| dir.path(format!("root/usr/bin/{number}"));
    for number in 0..40 {
        dir.write_program(format!("root/usr/bin/{number}"), elf::weak());
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = Numbers::seeded(7);
            while !done.load(Ordering::Relaxed) {
                let file = path(numbers.below(40));
                match numbers.below(4) {
                    0 => drop(fs::remove_file(&file)),
                    1 => drop(fs::write(&file, &elf::weak()[..numbers.below(elf::weak().len())])),
                    2 => drop(fs::rename(&file, path(numbers.below(40)))),
                    _ => drop(fs::write(&file, elf::weak())),
                }
            }
        });
        let report = |command| {
            let report = Report::of(&in_time(&dir, &[command, "root", "--format=json"]));
            // Who read half a file says so, and blames nobody's hardening.
            for (rule, finding) in report.findings().filter(|(_, finding)| finding["outcome"] == "unknown") {
                assert!(finding["cause"].is_string(), "{rule}: {finding}");
            }
        };
        (0..25).for_each(|_| ["audit", "checksec"].into_iter().for_each(report));
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn directories_that_go_while_they_are_read_do_no_harm() {
    if lacks(&["cc", "timeout"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let place = dir.path(format!("root/var/{}/a/b/c", round % 7));
                let _ = fs::create_dir_all(&place);
                let _ = fs::write(place.join("weak"), elf::weak());
                let _ = fs::remove_dir_all(dir.path(format!("root/var/{}", (round + 3) % 7)));
            }
        });
        for _ in 0..25 {
            Report::of(&in_time(&dir, &["audit", "root", "--format=json"]));
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Runs the command, which must end within half a minute.
fn in_time(dir: &Dir, args: &[&str]) -> Output {
    let limited = [&["--signal=KILL", "30", crate::util::HARDPAN], args].concat();
    let output = dir.command("timeout", &limited).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code <= 2), "it hangs or died: {}", text(&output));
    output
}

/// Watches who opens these files; the result tells how often that happened.
fn watch<'d>(dir: &'d Dir, names: &[&str]) -> impl Fn() -> usize + use<'d> {
    let watcher = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    for name in names {
        inotify::add_watch(&watcher, dir.path(name), inotify::WatchFlags::OPEN).unwrap();
    }
    move || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&watcher, &mut buffer);
        std::iter::from_fn(|| reader.next().ok().map(drop)).count()
    }
}
