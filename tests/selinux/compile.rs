//! `hardpan policy compile` and `check`: what they write, beside secilc, and when they write nothing.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::{SMALL, has_secilc, own_files, own_policy, same, with_small};
use crate::util::Dir;

/// Options of secilc, and the same in our words.
const OPTIONS: &[(&[&str], &[&str])] = &[
    (&[], &[]),
    (&["-c", "30"], &["-c", "30"]),
    (&["-c", "31"], &["--policy-version", "31"]),
    (&["-c", "32", "-O"], &["-c32", "--optimize"]),
    (&["-U", "allow"], &["--handle-unknown", "allow"]),
    (&["-U", "reject", "-D"], &["-U", "reject", "--disable-dontaudit"]),
    (&["-P", "-m"], &["--preserve-tunables", "--multiple-decls"]),
    (&["-G", "-X", "5"], &["--expand-generated", "--expand-size", "5"]),
    (&["-N"], &["--danger-disable-neverallow"]),
];

#[test]
fn our_own_policy_comes_out_as_secilc_makes_it() {
    if !has_secilc() {
        return;
    }
    let (dir, policy) = (Dir::new(), own_policy());
    let files = own_files();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for (theirs, ours) in OPTIONS {
        dir.tool("secilc", &[&["-o", "t", "-f", "tc"], *theirs, &files].concat());
        let compile = ["policy", "compile", "--compat", "3.4", "-o", "o", "-f", "oc"];
        dir.ok(&[&compile, *ours, &[policy.to_str().unwrap()]].concat());
        assert!(same(&dir.path("t"), &dir.path("o")), "{ours:?}: the policies differ");
        assert!(same(&dir.path("tc"), &dir.path("oc")), "{ours:?}: the file contexts differ");
    }
}

#[test]
fn numbered_by_names_the_order_of_files_decides_nothing() {
    let dir = Dir::new();
    let mut files = own_files();
    let compile = |name: &str, options: &[&str], files: &[String]| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        dir.ok(&[&["policy", "compile", "-o", name, "-f", "contexts"], options, &files].concat());
    };
    for (options, is_same) in [(&["--canonical"][..], true), (&[], false)] {
        compile("forward", options, &files);
        files.reverse();
        compile("backward", options, &files);
        assert_eq!(same(&dir.path("forward"), &dir.path("backward")), is_same, "{options:?}");
    }
}

#[test]
fn files_directories_and_standard_input_are_one_policy() {
    let dir = with_small();
    let (start, end) = SMALL.split_at(SMALL.find("(userrole").unwrap());
    dir.write("parts/a/start.cil", start);
    dir.write("parts/b/end.cil", end);
    dir.write("parts/b/notes.txt", "this is no policy");
    dir.ok(&["policy", "compile", "small.cil", "-o", "whole"]);
    dir.ok(&["policy", "compile", "parts", "-o", "parts.bin"]);
    dir.ok(&["policy", "compile", "parts/a/start.cil", "parts/b", "-o", "mixed"]);
    let compile = ["policy", "compile", "parts/a", "-", "-o", "piped"];
    let mut child = dir.hardpan(&compile).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(end.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    for name in ["parts.bin", "mixed", "piped"] {
        assert!(same(&dir.path("whole"), &dir.path(name)), "{name}");
    }
}

#[test]
fn default_names_are_those_of_secilc() {
    let dir = with_small();
    dir.ok(&["policy", "compile", "small.cil"]);
    dir.ok(&["policy", "compile", "small.cil", "-c", "31"]);
    assert_eq!(dir.names(), ["file_contexts", "policy.31", "policy.33", "small.cil"]);
}

#[test]
fn a_policy_with_errors_leaves_the_old_files() {
    let dir = with_small();
    dir.ok(&["policy", "compile", "small.cil", "-o", "policy"]);
    let before = fs::read(dir.path("policy")).unwrap();
    dir.write("broken.cil", "(allow t nothing (file (read)))");
    let said = dir.fails(1, &["policy", "compile", "small.cil", "broken.cil", "-o", "policy"]);
    assert!(said.contains("broken.cil:1:") && said.contains("nothing"), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(fs::read(dir.path("policy")).unwrap(), before);
    assert_eq!(dir.names(), ["broken.cil", "file_contexts", "policy", "small.cil"]);
}

#[test]
fn check_writes_nothing() {
    let dir = with_small();
    dir.ok(&["policy", "check", "small.cil"]);
    dir.write("broken.cil", "(allow t nothing (file (read)))");
    dir.fails(1, &["policy", "check", "small.cil", "broken.cil"]);
    assert_eq!(dir.names(), ["broken.cil", "small.cil"]);
}

#[test]
fn what_cannot_be_read_or_written_is_no_verdict() {
    let dir = with_small();
    dir.write("empty/notes.txt", "");
    for (args, reason) in [
        (&["policy", "check", "absent.cil"][..], "absent.cil"),
        (&["policy", "check", "empty"], "no .cil file"),
        (&["policy", "check", "/dev/zero"], "bytes together"),
        (&["policy", "compile", "small.cil", "-o", "absent/policy"], "absent/policy"),
        (&["policy", "compile", "small.cil", "-f", "absent/contexts"], "absent/contexts"),
        (&["policy", "compile", "small.cil", "-c", "29"], "29"),
        (&["policy", "compile"], "FILE"),
    ] {
        let said = dir.fails(2, args);
        assert!(said.contains(reason), "{args:?}: {said}");
    }
}

#[test]
fn a_switched_off_optional_is_told_and_may_fail_the_run() {
    let dir = with_small();
    dir.write("optional.cil", "(optional ghosts\n  (allow t ghost_t (file (read))))\n");
    let files = ["small.cil", "optional.cil"];
    let said = crate::util::text(&dir.run(&[&["policy", "check"], &files[..]].concat()));
    assert!(said.contains("1 disabled optional block (--optionals tells which)"), "{said}");
    assert!(!said.contains("ghost_t"), "{said}");
    let said = crate::util::text(&dir.run(&[&["policy", "check", "--optionals"], &files[..]].concat()));
    assert!(said.contains("ghosts") && said.contains("ghost_t"), "{said}");
    let said = dir.fails(1, &[&["policy", "compile", "--deny-disabled-optionals"], &files[..]].concat());
    assert!(said.contains("ghost_t") && said.contains("nothing was written"), "{said}");
    assert_eq!(dir.names(), ["optional.cil", "small.cil"]);
}

#[test]
fn json_tells_what_was_written() {
    let dir = with_small();
    let told: Value = serde_json::from_str(&dir.ok(&["policy", "compile", "small.cil", "--json"])).unwrap();
    assert_eq!(told["compiled"], true);
    assert_eq!(told["policy"]["path"], "policy.33");
    let length = fs::metadata(dir.path("policy.33")).unwrap().len();
    assert_eq!(told["policy"]["bytes"], length);
    assert_eq!((&told["errors"], &told["diagnostics"]), (&0.into(), &Value::Array(Vec::new())));
}
