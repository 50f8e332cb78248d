//! Running secilc and checkpolicy.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One of everything that a policy for Linux can hold.
pub(crate) const EVERY: &str = include_str!("every.cil");
/// One of everything that only policies for Xen have.
pub(crate) const XEN: &str = include_str!("xen.cil");

/// [`EVERY`] without extended permissions, which began with version 30.
pub(crate) fn without_xperms() -> String {
    EVERY.lines().filter(|line| !line.contains("x init_t")).map(|line| line.to_owned() + "\n").collect()
}

/// Whether all programs are there. A missing one fails the test unless the environment says to go without peers.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn has_peers(test: &str, peers: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |peer: &&&str| !std::env::split_paths(&path).any(|directory| directory.join(peer).is_file());
    let missing: Vec<_> = peers.iter().filter(is_there).collect();
    if !missing.is_empty() {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "{test} needs {missing:?}");
        eprintln!("skipped: {test}: {missing:?} missing");
    }
    missing.is_empty()
}

/// A directory of one test, empty.
pub(crate) fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// What secilc makes of a text; versions before 25 make it speak of what they lack, which is not shown.
pub(crate) fn secilc(directory: &Path, text: &str, arguments: &[&str]) -> Vec<u8> {
    std::fs::write(directory.join("policy.cil"), text).unwrap();
    let output = ["-o", "policy.bin", "-f", "file_contexts", "policy.cil"];
    run(directory, "secilc", &[arguments, &output].concat());
    std::fs::read(directory.join("policy.bin")).unwrap()
}

/// What checkpolicy makes of a text in its own language.
pub(crate) fn checkpolicy(directory: &Path, text: &str, arguments: &[&str]) -> Vec<u8> {
    std::fs::write(directory.join("policy.conf"), text).unwrap();
    run(directory, "checkpolicy", &[arguments, &["-o", "policy.bin", "policy.conf"]].concat());
    std::fs::read(directory.join("policy.bin")).unwrap()
}

/// A binary policy as text, by checkpolicy.
pub(crate) fn text_of(directory: &Path, policy: &[u8], arguments: &[&str]) -> String {
    std::fs::write(directory.join("given.bin"), policy).unwrap();
    run(directory, "checkpolicy", &[arguments, &["-o", "policy.txt", "given.bin"]].concat());
    std::fs::read_to_string(directory.join("policy.txt")).unwrap()
}

pub(crate) fn run(directory: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(directory).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}\n{errors}", arguments.join(" "));
}
