//! `hardpan verity manifest`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::Dir;
use crate::util::{self, chmod, is_superuser, is_there, unprivileged};

/// A directory `tree` with one of everything that needs no privileges.
fn dir() -> Dir {
    let dir = Dir::new();
    fs::create_dir_all(dir.path("tree/sub/deep")).unwrap();
    fs::write(dir.path("tree/file"), "abc").unwrap();
    fs::write(dir.path("tree/sub/empty"), "").unwrap();
    fs::write(dir.path("tree/sub/large"), vec![7; 3 << 20]).unwrap();
    fs::write(dir.path("tree/sub").join(OsStr::from_bytes(b"odd \\\n\xff")), "odd").unwrap();
    fs::hard_link(dir.path("tree/file"), dir.path("tree/sub/again")).unwrap();
    symlink("../../outside", dir.path("tree/sub/link")).unwrap();
    symlink("sub", dir.path("tree/to-dir")).unwrap();
    fs::write(dir.path("outside"), "not a part of it").unwrap();
    assert!(dir.command("mkfifo", &["tree/fifo"]).status().unwrap().success());
    for (path, mode) in [("", 0o755), ("sub", 0o750), ("sub/deep", 0o1777), ("file", 0o4755), ("fifo", 0o600)]
    {
        chmod(&dir.path("tree").join(path), mode);
    }
    // Whatever mask the tests run under.
    for name in ["empty", "large"] {
        chmod(&dir.path("tree/sub").join(name), 0o644);
    }
    dir
}

fn check(dir: &Dir, code: i32) -> (String, String) {
    let output = dir.hardpan(&["manifest", "--check", "m", "tree"]);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_manifest_lists_everything_and_follows_nothing() {
    let dir = dir();
    let text = dir.ok(&["manifest", "tree", "--no-owner"]);
    let lines: Vec<&str> = text.lines().collect();
    let abc = "700b6bd8510f0b4f9bac8b9cf0459151a1c4a99f467892bb4bd289a67df8e19c";
    let wanted = [
        "hardpan-manifest 1 sha256 4096 -".to_owned(),
        "directory 0755 - /".to_owned(),
        "fifo 0600 - /fifo".to_owned(),
        format!("file 4755 - 3 {abc} /file"),
        "directory 0750 - /sub".to_owned(),
        format!("file 4755 - 3 {abc} /sub/again"),
        "directory 1777 - /sub/deep".to_owned(),
        "file 0644 - 0 3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95 /sub/empty"
            .to_owned(),
    ];
    assert_eq!(lines[..wanted.len()], wanted);
    assert!(lines[8].starts_with("file 0644 - 3145728 ") && lines[8].ends_with(" /sub/large"), "{text}");
    assert_eq!(lines[9], "symlink 0777 - ../../outside /sub/link");
    assert!(lines[10].ends_with(r" /sub/odd\x20\x5c\x0a\xff"), "{text}");
    assert_eq!(lines[11..], ["symlink 0777 - sub /to-dir", "end 11"]);
    // The same into a file, with any number of threads, and with other parameters.
    for threads in ["1", "5"] {
        let mut command =
            dir.command(util::HARDPAN, &["verity", "manifest", "tree", "--no-owner", "-o", "m"]);
        assert!(command.env("RAYON_NUM_THREADS", threads).status().unwrap().success());
        assert_eq!(fs::read_to_string(dir.path("m")).unwrap(), text);
    }
    let other = dir.ok(&["manifest", "tree", "--hash-alg=sha512", "--block-size=1024", "--salt=0f"]);
    assert!(other.starts_with("hardpan-manifest 1 sha512 1024 0f\ndirectory 0755 "), "{other}");
    let digest =
        dir.ok(&["digest", "--hash-alg=sha512", "--block-size=1024", "--salt=0f", "--compact", "tree/file"]);
    assert!(other.contains(digest.trim_end()), "{other}");
}

#[test]
fn digests_are_those_of_fsverity() {
    if !is_there("digests_are_those_of_fsverity", "fsverity", &["--version"]) {
        return;
    }
    let dir = dir();
    let text = dir.ok(&["manifest", "tree"]);
    for name in ["file", "sub/empty", "sub/large"] {
        let args = ["digest", "--compact", &format!("tree/{name}")];
        let output = dir.command("fsverity", &args).output().unwrap();
        let digits = String::from_utf8(output.stdout).unwrap();
        let wanted = format!(" {} /{name}", digits.trim_end());
        assert!(text.lines().any(|line| line.ends_with(&wanted)), "{name}: {text}");
    }
}

#[test]
fn whatever_changes_is_named() {
    let dir = dir();
    dir.ok(&["manifest", "tree", "-o", "m"]);
    assert_eq!(check(&dir, 0), (String::new(), String::new()));
    // Outside of it anything may change.
    fs::write(dir.path("outside"), "changed").unwrap();
    check(&dir, 0);

    let mut large = vec![7; 3 << 20];
    large[2 << 20] ^= 1;
    fs::write(dir.path("tree/sub/large"), large).unwrap();
    fs::write(dir.path("tree/sub/empty"), "x").unwrap();
    fs::remove_dir(dir.path("tree/sub/deep")).unwrap();
    fs::create_dir(dir.path("tree/new\nline")).unwrap();
    chmod(&dir.path("tree/sub"), 0o700);
    fs::remove_file(dir.path("tree/sub/link")).unwrap();
    symlink("../../other side", dir.path("tree/sub/link")).unwrap();
    fs::remove_file(dir.path("tree/fifo")).unwrap();
    fs::write(dir.path("tree/fifo"), "").unwrap();
    chmod(&dir.path("tree/fifo"), 0o600);
    let (printed, _) = check(&dir, 1);
    let wanted = [
        "changed  /fifo: type is file, was fifo",
        "added    /new\\x0aline",
        "changed  /sub: mode is 0700, was 0750",
        "missing  /sub/deep",
        "changed  /sub/empty: size is 1, was 0",
        "changed  /sub/empty: digest is sha256:",
        "changed  /sub/large: digest is sha256:",
        r"changed  /sub/link: target is ../../other\x20side, was ../../outside",
    ];
    assert_eq!(printed.lines().count(), wanted.len(), "{printed}");
    for (line, wanted) in printed.lines().zip(wanted) {
        assert!(line.starts_with(wanted), "{line}");
    }

    let output = dir.hardpan(&["manifest", "--check", "m", "tree", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: Vec<&str> =
        json["differences"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    let wanted = ["changed", "added", "changed", "missing", "changed", "changed", "changed"];
    assert_eq!((kinds, &json["matches"]), (wanted.to_vec(), &Value::Bool(false)));
    assert_eq!(json["differences"][2]["changes"][0]["what"], "mode");
}

/// What is not read is neither missing nor right.
#[test]
fn what_cannot_be_read_is_unknown() {
    let dir = util::Dir::for_everybody();
    dir.write("tree/locked/file", "abc");
    dir.write("tree/secret", "abc");
    dir.write("tree/file", "abc");
    chmod(&dir.path("tree/locked"), 0o755);
    chmod(&dir.path("tree/secret"), 0o644);
    fs::write(dir.path("m"), dir.ok(&["verity", "manifest", "tree"])).unwrap();
    chmod(&dir.path("tree/locked"), 0);
    chmod(&dir.path("tree/secret"), 0);
    let run = |args: &[&str]| {
        let output = unprivileged(&dir, args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, said) = run(&["verity", "manifest", "--check", "m", "tree"]);
    // Of the file that cannot be read not even the mode is told: it has no entry.
    let modes = "changed  /locked: mode is 0000, was 0755\n";
    assert_eq!((code, &*printed), (Some(2), modes), "{said}");
    let refused = |path: &str| format!("error: cannot read {path}: open: Permission denied (os error 13)\n");
    assert_eq!(said, refused("/locked") + &refused("/secret"));
    // And there is no manifest of a part.
    chmod(dir.root(), 0o777);
    let (code, printed, _) = run(&["verity", "manifest", "tree", "-o", "part"]);
    assert_eq!((code, &*printed), (Some(2), ""));
    assert!(!dir.path("part").exists());
    chmod(&dir.path("tree/locked"), 0o755);
}

#[test]
fn devices_and_owners_are_listed() {
    if !is_superuser() {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "only the superuser makes device nodes");
        eprintln!("skipped: devices_and_owners_are_listed: the superuser missing");
        return;
    }
    let dir = dir();
    assert!(dir.command("mknod", &["tree/null", "c", "1", "3"]).status().unwrap().success());
    std::os::unix::fs::chown(dir.path("tree/file"), Some(12), Some(34)).unwrap();
    chmod(&dir.path("tree/null"), 0o666);
    let text = dir.ok(&["manifest", "tree", "-o", "m"]);
    assert_eq!(text, "");
    let text = fs::read_to_string(dir.path("m")).unwrap();
    assert!(text.contains("char 0666 0:0 1:3 /null\n") && text.contains("file 0755 12:34 3 "), "{text}");
    fs::remove_file(dir.path("tree/null")).unwrap();
    assert!(dir.command("mknod", &["-m", "666", "tree/null", "c", "1", "5"]).status().unwrap().success());
    std::os::unix::fs::chown(dir.path("tree/file"), Some(0), Some(34)).unwrap();
    let (printed, _) = check(&dir, 1);
    let wanted = [
        "changed  /file: owner is 0:34, was 12:34",
        "changed  /null: device is 1:5, was 1:3",
        "changed  /sub/again: owner is 0:34, was 12:34",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn an_archive_has_the_manifest_of_its_directory() {
    if !is_there("an_archive_has_the_manifest_of_its_directory", "tar", &["--version"]) {
        return;
    }
    let dir = dir();
    let text = dir.ok(&["manifest", "tree"]);
    assert!(dir.command("tar", &["-C", "tree", "-cf", "tree.tar", "."]).status().unwrap().success());
    assert_eq!(dir.ok(&["manifest", "tree.tar"]), text);
}

#[test]
fn what_is_no_manifest_is_refused() {
    let dir = dir();
    dir.ok(&["manifest", "tree", "-o", "whole"]);
    let text = fs::read_to_string(dir.path("whole")).unwrap();
    let without_end = text.rsplit_once("end").unwrap().0;
    for (bytes, says) in [
        (String::new(), "no manifest"),
        ("junk\n".to_owned(), "no manifest"),
        (without_end.to_owned(), "it was cut"),
        (text.replace("end 11", "end 10"), "end 11"),
        (text.replace("0755", "755"), "another way"),
    ] {
        fs::write(dir.path("m"), bytes).unwrap();
        let (printed, said) = check(&dir, 2);
        assert!(printed.is_empty() && said.contains(says), "{said}");
    }
    dir.fails(2, &["manifest", "--check", "gone", "tree"]);
    dir.fails(2, &["manifest", "--check", "whole", "gone"]);
    dir.fails(2, &["manifest", "gone", "-o", "x"]);
    // The manifest says how digests are computed.
    dir.fails(2, &["manifest", "--check", "whole", "tree", "--hash-alg=sha512"]);
}
