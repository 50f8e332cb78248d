//! Which files are judged: those that were loaded, whatever has become of their names.

use std::path::Path;
use std::process::Command;

use hardpan_checksec::Kind;
use hardpan_checksec::process::OnDisk;

use super::running::{Running, build, loaded, scan_these, start, verdicts};
use crate::support::{Root, has_peers, run};

#[test]
fn a_replaced_program_is_judged_as_it_was_loaded() {
    if !has_peers("a_replaced_program_is_judged_as_it_was_loaded", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let program = build(&root, "program", &["-no-pie"]);
    let process = start(&program, "waits");
    assert_eq!(process.verdicts()[2], "+yes");
    std::fs::remove_file(&program).unwrap();
    check(&process, "-deleted", &OnDisk::Deleted);
    // What has its name now is position-independent.
    build(&root, "program", &["-pie"]);
    check(&process, "-replaced", &OnDisk::Replaced);
}

#[test]
fn a_name_that_ends_like_the_mark_of_the_deleted_is_a_name() {
    if !has_peers("a_name_that_ends_like_the_mark_of_the_deleted_is_a_name", &["gcc"]) {
        return;
    }
    let root = Root::new();
    for name in ["program (deleted)", "pro\ngram", "pro\\012gram"] {
        let process = start(&build(&root, name, &[]), "waits");
        assert_eq!(process.verdicts()[2], "+yes", "{name:?}\n{}", process.proc("maps"));
    }
}

#[test]
fn a_replaced_library_is_judged_as_it_was_loaded() {
    if !has_peers("a_replaced_library_is_judged_as_it_was_loaded", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let library = |name: &str, relro: &str| {
        let source =
            root.write("library.c", b"int answer(void) { return 42; }\nint (*table)(void) = answer;\n");
        let flags = ["-shared", "-fPIC", "-o", name, source.to_str().unwrap(), relro];
        run("gcc", &flags, root.path());
    };
    library("libanswer.so", "-Wl,-z,norelro");
    let at = root.path().to_str().unwrap();
    let links = ["-Wl,--no-as-needed", "-L", at, "-lanswer", "-Wl,-rpath", at];
    let process = start(&build(&root, "program", &links), "waits");
    library("new.so", "-Wl,-z,relro");
    std::fs::rename(root.path().join("new.so"), root.path().join("libanswer.so")).unwrap();
    let scan = process.scan();
    let file = loaded(&scan, "libanswer.so");
    assert_eq!(file.on_disk, OnDisk::Replaced);
    // The one on disk has the segment.
    let elf = scan.files.elves.iter().find(|elf| elf.path == *file.name).unwrap();
    assert!(elf.facts.as_ref().unwrap().segments.last(object::elf::PT_GNU_RELRO).is_none());
}

#[test]
fn a_file_that_many_processes_share_is_judged_once() {
    if !has_peers("a_file_that_many_processes_share_is_judged_once", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let program = build(&root, "program", &[]);
    let processes = [start(&program, "waits"), start(&program, "generated")];
    let scan = scan_these(&processes.each_ref().map(Running::pid));
    assert_eq!(scan.processes.len(), 2);
    let paths: Vec<&[u8]> = scan.files.elves.iter().map(|elf| &*elf.path).collect();
    let mut once = paths.clone();
    once.dedup();
    assert_eq!(paths, once);
    assert_eq!(paths.len() as u64, scan.files.files_opened);
}

/// Under another mount namespace a name is another file: here ours is position-independent and theirs is not.
#[test]
fn files_of_other_mounts_are_their_own() {
    let test = "files_of_other_mounts_are_their_own";
    if !has_peers(test, &["gcc", "unshare", "mount"]) || !can_mount(test) {
        return;
    }
    let root = Root::new();
    std::fs::create_dir(root.path().join("ours")).unwrap();
    std::fs::create_dir(root.path().join("theirs")).unwrap();
    build(&root, "ours/program", &["-pie"]);
    build(&root, "theirs/program", &["-no-pie"]);
    let process =
        in_other_mounts(root.path(), "mount --bind theirs ours && exec \"$PWD/ours/program\" waits");
    let scan = process.scan();
    let file = loaded(&scan, "/ours/program");
    assert_eq!(file.on_disk, OnDisk::Same);
    assert_eq!(scan.processes[0].shares_mounts, Some(false));
    let elf = scan.files.elves.iter().find(|elf| elf.path == *file.name).unwrap();
    assert_eq!(elf.facts.as_ref().unwrap().kind, Kind::Executable);
}

/// The names of a process that has only changed its root are told from ours.
#[test]
fn files_below_another_root_are_found() {
    let test = "files_below_another_root_are_found";
    if !has_peers(test, &["gcc", "chroot"]) || !can_mount(test) {
        return;
    }
    let root = Root::new();
    build(&root, "program", &["-static-pie"]);
    let process = Running::start(Command::new("chroot").arg(root.path()).args(["/program", "waits"]));
    let scan = process.scan();
    assert_eq!(loaded(&scan, "/program").on_disk, OnDisk::Same);
    assert_eq!(scan.processes[0].shares_mounts, Some(true));
}

fn in_other_mounts(directory: &Path, script: &str) -> Running {
    let mut command = Command::new("unshare");
    Running::start(command.args(["--mount", "sh", "-c", script]).current_dir(directory))
}

/// Only the superuser may.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn can_mount(test: &str) -> bool {
    let can = Command::new("unshare").args(["--mount", "true"]).status().unwrap().success();
    if !can {
        eprintln!("skipped: {test}: only the superuser may mount");
    }
    can
}

/// What became of the name does not change what is judged.
fn check(process: &Running, verdict: &str, on_disk: &OnDisk) {
    let scan = process.scan();
    assert_eq!(verdicts(&scan.processes[0])[2], verdict);
    let name = loaded(&scan, "/program (deleted)");
    assert_eq!(name.on_disk, *on_disk);
    let elf = scan.files.elves.iter().find(|elf| elf.path == *name.name).unwrap();
    assert_eq!(elf.facts.as_ref().unwrap().kind, Kind::Executable);
    assert!(scan.files.unreadable.is_empty());
}
