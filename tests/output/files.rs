//! Files that reports are written to.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Stdio;

use crate::util::{Dir, chmod, elf, lacks, names, text, unprivileged};

#[test]
fn an_ending_that_tells_no_format_lists_those_that_do() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = small();
    for name in ["report.pdf", "report", ".html/report", "xml=report.html.bak"] {
        let message = dir.fails(2, &["checksec", "bin", "-o", name]);
        for part in [name, ".html", ".json", ".jsonl", ".sarif", ".xml", ".csv", ".txt", "FORMAT=FILE"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
    assert_eq!(dir.names(), ["bin"]);
}

#[test]
fn a_directory_that_may_not_be_written_gets_nothing_and_fails() {
    if lacks(&["cc", "setfattr", "setpriv"]) {
        return;
    }
    let dir = small();
    chmod(dir.root(), 0o755);
    let closed = dir.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("old.json"), "old").unwrap();
    chmod(&closed, 0o555);
    for name in ["closed/new.html", "closed/old.json"] {
        let output = unprivileged(&dir, &["checksec", "bin", "-o", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(&format!("cannot write {name}")), "{message}");
    }
    assert_eq!(names(&closed), ["old.json"]);
    assert_eq!(fs::read(closed.join("old.json")).unwrap(), b"old");
    assert!(
        dir.fails(2, &["checksec", "bin", "-o", "nowhere/r.html"]).contains("cannot write nowhere/r.html")
    );
    assert!(!dir.path("nowhere").exists());
}

#[test]
fn a_full_disk_is_an_error_and_not_a_short_report() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = small();
    let message = dir.fails(2, &["checksec", "bin", "-o", "html=/dev/full"]);
    assert!(message.contains("cannot write /dev/full"), "{message}");
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let output = dir.hardpan(&["checksec", "bin", "--format=json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(dir.hardpan(&["rules"]).stdout(full).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_file_is_replaced_in_one_step() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = small();
    fs::write(dir.path("r.json"), "old").unwrap();
    let kept = File::open(dir.path("r.json")).unwrap();
    dir.run(&["checksec", "bin", "-o", "r.json"]);
    // Who has the old file open still reads the old file.
    assert_eq!(kept.metadata().unwrap().len(), 3);
    let metadata = dir.path("r.json").metadata().unwrap();
    assert_ne!(metadata.ino(), kept.metadata().unwrap().ino());
    assert!(metadata.len() > 1000);
    assert_eq!(metadata.permissions().mode() & 0o111, 0);
    assert_eq!(dir.names(), ["bin", "r.json"]);
}

#[test]
fn a_report_goes_where_a_link_leads() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = small();
    fs::create_dir(dir.path("elsewhere")).unwrap();
    fs::write(dir.path("elsewhere/real.json"), "old").unwrap();
    chmod(&dir.path("elsewhere/real.json"), 0o600);
    symlink("elsewhere/real.json", dir.path("r.json")).unwrap();
    dir.run(&["checksec", "bin", "-o", "r.json"]);
    assert!(dir.path("r.json").symlink_metadata().unwrap().is_symlink(), "the link was replaced");
    let metadata = dir.path("elsewhere/real.json").metadata().unwrap();
    assert!(metadata.len() > 1000);
    // What its owner kept to himself is not opened to others.
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&dir.path("elsewhere")), ["real.json"]);
}

fn small() -> Dir {
    let dir = Dir::new();
    dir.write("bin/weak", elf::weak());
    dir
}
