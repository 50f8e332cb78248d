//! `hardpan verity digest`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::Dir;
use crate::util::is_there;

/// Of a file without bytes, and of `abc`, as fsverity prints them.
const EMPTY: &str = "sha256:3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95";
const ABC: &str = "sha256:700b6bd8510f0b4f9bac8b9cf0459151a1c4a99f467892bb4bd289a67df8e19c";

fn dir() -> Dir {
    let dir = Dir::new();
    fs::write(dir.path("empty"), "").unwrap();
    fs::write(dir.path("abc"), "abc").unwrap();
    // More than one thread's work, and not a whole number of blocks.
    fs::write(dir.path("large"), b"hardpan".repeat(300_000)).unwrap();
    dir
}

#[test]
fn output_and_files_are_those_of_fsverity() {
    if !is_there("output_and_files_are_those_of_fsverity", "fsverity", &["--version"]) {
        return;
    }
    let cases: [&[&str]; 8] = [
        &["empty", "abc", "large"],
        &["abc", "abc", "--compact"],
        &["large", "--for-builtin-sig"],
        &["large", "--for-builtin-sig", "--compact", "--hash-alg=sha512"],
        &["large", "--block-size=1024", "--salt=00ff", "--out-merkle-tree=t", "--out-descriptor=d"],
        &["large", "--hash-alg", "sha512", "--block-size", "65536", "--out-descriptor", "d"],
        &["empty", "--salt=", "--out-merkle-tree=t", "--out-descriptor=d"],
        &["./abc", "--out-merkle-tree=t"],
    ];
    for options in cases {
        let (ours, theirs) = (dir(), dir());
        let args = [&["digest"], options].concat();
        let output = theirs.command("fsverity", &args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(ours.ok(&args).as_bytes(), output.stdout, "{options:?}");
        assert_eq!(ours.names(), theirs.names());
        for name in ours.names() {
            let (our_bytes, their_bytes) = (fs::read(ours.path(&name)), fs::read(theirs.path(&name)));
            assert!(our_bytes.unwrap() == their_bytes.unwrap(), "{options:?} {name}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_printed() {
    let dir = dir();
    assert!(dir.command("mkfifo", &["fifo"]).status().unwrap().success());
    symlink("abc", dir.path("link")).unwrap();
    symlink("nowhere", dir.path("broken")).unwrap();
    let output = dir.hardpan(&["digest", "gone", "abc", "fifo", ".", "broken", "/dev/null", "link"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{ABC} abc\n{ABC} link\n"));
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted =
        ["gone: No such file", "fifo is a FIFO", ". is a directory", "broken: No such", "null is a device"];
    assert_eq!(said.lines().count(), wanted.len(), "{said}");
    for (line, wanted) in said.lines().zip(wanted) {
        assert!(line.contains(wanted), "{line}");
    }
    let output = dir.hardpan(&["digest", "gone", "abc", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["files"][0]["error"].as_str().unwrap().contains("No such file"), "{json}");
    assert_eq!(json["files"][0]["digest"], Value::Null);
    assert_eq!(json["files"][1]["digest"], ABC);
}

#[test]
fn a_digest_is_held_against_the_expected_one() {
    let dir = dir();
    assert_eq!(dir.ok(&["digest", "abc", "--expect", ABC]), format!("{ABC} abc\n"));
    let said = dir.fails(1, &["digest", "abc", "--expect", EMPTY]);
    assert!(said.contains("abc does not have the digest sha256:3d24"), "{said}");
    dir.fails(1, &["digest", "abc", "--expect", ABC, "--salt=00"]);
    dir.fails(1, &["digest", "abc", "--expect", ABC, "--block-size=1024"]);
    dir.fails(2, &["digest", "gone", "--expect", ABC]);
    dir.fails(2, &["digest", "abc", "empty", "--expect", ABC]);
    dir.fails(2, &["digest", "abc", "--expect", &ABC[..70]]);
    // The algorithm is a part of it.
    let sha512 = dir.ok(&["digest", "abc", "--hash-alg=sha512"]);
    let sha512 = sha512.split(' ').next().unwrap();
    dir.ok(&["digest", "abc", "--expect", sha512]);
    let said = dir.fails(2, &["digest", "abc", "--expect", sha512, "--hash-alg=sha256"]);
    assert!(said.contains("--hash-alg says sha256"), "{said}");
    // Nothing is written for what is not as expected.
    dir.fails(1, &["digest", "abc", "--expect", EMPTY, "--out-descriptor=d", "--out-merkle-tree=t"]);
    assert_eq!(dir.names(), ["abc", "empty", "large"]);
}

#[test]
fn json_has_what_the_lines_have_and_more() {
    let dir = dir();
    let json: Value = serde_json::from_str(&dir.ok(&["digest", "--json", "abc", "--expect", ABC])).unwrap();
    let file = &json["files"][0];
    assert_eq!(file["digest"], ABC);
    assert_eq!(
        (&file["path"], &file["algorithm"], &file["salt"]),
        (&"abc".into(), &"sha256".into(), &"-".into())
    );
    assert_eq!((&file["size"], &file["block_size"]), (&3.into(), &4096.into()));
    assert_eq!(file["matches"], true);
    let formatted = format!("465356657269747901002000{}", &ABC[7..]);
    assert_eq!(file["formatted_digest"], *formatted);
}

#[test]
fn outputs_are_files_of_their_own_and_replaced_in_one_step() {
    let dir = dir();
    symlink("abc", dir.path("link")).unwrap();
    for output in ["abc", "./abc", "link"] {
        let said = dir.fails(2, &["digest", "abc", "--out-descriptor", output]);
        assert!(said.contains("is also read"), "{said}");
    }
    assert_eq!(fs::read(dir.path("abc")).unwrap(), b"abc");
    dir.fails(2, &["digest", "abc", "--out-descriptor=x", "--out-merkle-tree=./x"]);
    dir.fails(2, &["digest", "abc", "--out-descriptor=/dev/null"]);
    dir.fails(2, &["digest", "abc", "--out-descriptor=no/where"]);
    dir.fails(2, &["digest", "abc", "large", "--out-descriptor=x"]);
    dir.fails(2, &["digest", "gone", "--out-descriptor=x"]);
    assert_eq!(dir.names(), ["abc", "empty", "large", "link"]);
    fs::write(dir.path("x"), vec![1; 1000]).unwrap();
    dir.ok(&["digest", "abc", "--out-descriptor=x"]);
    assert_eq!(fs::metadata(dir.path("x")).unwrap().len(), 256);
}

#[test]
fn names_do_not_drive_the_terminal() {
    let dir = dir();
    let name = OsStr::from_bytes(b"a\x1b[2J\n\xff\\");
    fs::write(dir.path("").join(name), "abc").unwrap();
    let output = dir.command(crate::util::HARDPAN, &["verity", "digest"]).arg(name).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{ABC} a\\x1b[2J\\x0a\\xff\\\\\n"));
}

#[test]
fn wrong_parameters_are_told_before_anything_is_read() {
    let dir = dir();
    for (args, says) in [
        (["--salt", "0"], "even number"),
        (["--salt", "0102030405060708091011121314151617181920212223242526272829303132ff"], "room for 32"),
        (["--block-size", "512"], "from 1024 to 65536"),
        (["--block-size", "4K"], "from 1024 to 65536"),
        (["--hash-alg", "sha1"], "use sha256 or sha512"),
    ] {
        let said = dir.fails(2, &[&["digest", "abc"], &args[..]].concat());
        assert!(said.contains(says), "{said}");
    }
    dir.fails(2, &["digest"]);
}

/// With an RSA key `key` and its certificate `cert`, and another certificate `other`, unless there are no peers.
fn with_key(test: &str) -> Option<Dir> {
    if !is_there(test, "fsverity", &["--version"]) || !is_there(test, "openssl", &["version"]) {
        return None;
    }
    let dir = dir();
    for (key, certificate) in [("key", "cert"), ("other-key", "other")] {
        let args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=files", "-days", "30"];
        let args = [&args[..], &["-keyout", key, "-out", certificate]].concat();
        let output = dir.command("openssl", &args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    Some(dir)
}

#[test]
fn signatures_are_those_of_fsverity_and_checked() {
    let Some(dir) = with_key("signatures_are_those_of_fsverity_and_checked") else { return };
    let names = ["abc", "cert", "empty", "key", "large", "other", "other-key", "ours", "theirs"];
    for options in
        [&["empty"][..], &["large", "--hash-alg=sha512"], &["abc", "--salt=ff", "--block-size=1024"]]
    {
        let sign = ["--sign-key=key", "--certificate=cert", "--signature-out=ours"];
        let said = dir.ok(&[&["digest"], options, &sign].concat());
        assert!(said.starts_with("sha") && said.contains("\nSignature written to ours\n"), "{said}");
        let args = [&["sign", options[0], "theirs", "--key=key", "--cert=cert"], &options[1..]].concat();
        assert!(dir.command("fsverity", &args).output().unwrap().status.success());
        assert!(fs::read(dir.path("ours")).unwrap() == fs::read(dir.path("theirs")).unwrap(), "{options:?}");

        let check = |certificate: &str, more: &[&str]| {
            let certificate = format!("--certificate={certificate}");
            let args = [&["digest", "--check-signature=theirs", &certificate], options, more].concat();
            dir.hardpan(&args)
        };
        let output = check("cert", &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("\nValid signature theirs\n"));
        assert_eq!(check("other", &[]).status.code(), Some(1));
        assert_eq!(check("cert", &["--at=2001-01-01"]).status.code(), Some(1));
        let json: Value = serde_json::from_slice(&check("cert", &["--json"]).stdout).unwrap();
        assert_eq!(json["files"][0]["signature"]["valid"], true);
        let json: Value = serde_json::from_slice(&check("other", &["--json"]).stdout).unwrap();
        assert_eq!(json["files"][0]["signature"]["valid"], false);
        assert_eq!(dir.names(), names);
    }
    // Another file, or the same one with other parameters.
    let check = ["--check-signature=theirs", "--certificate=cert"];
    for file in [&["large", "--salt=ff", "--block-size=1024"][..], &["abc", "--salt=ff"], &["abc"]] {
        let said = dir.fails(1, &[&["digest"], file, &check].concat());
        assert!(said.contains("not a valid signature: theirs"), "{said}");
    }
}

#[test]
fn nothing_is_signed_without_need_and_no_input_is_replaced() {
    let Some(dir) = with_key("nothing_is_signed_without_need_and_no_input_is_replaced") else { return };
    let names = dir.names();
    let sign = ["digest", "--sign-key=key", "--certificate=cert", "--signature-out=sig"];
    dir.fails(1, &[&sign[..], &["abc", "--expect", EMPTY]].concat());
    dir.fails(2, &[&sign[..], &["gone"]].concat());
    dir.fails(2, &[&sign[..], &["abc", "empty"]].concat());
    dir.fails(2, &[&sign[..], &["abc", "--check-signature=sig"]].concat());
    dir.fails(2, &["digest", "abc", "--sign-key=key", "--certificate=other", "--signature-out=sig"]);
    dir.fails(2, &["digest", "abc", "--sign-key=key", "--signature-out=sig"]);
    dir.fails(2, &["digest", "abc", "--sign-key=key", "--certificate=cert"]);
    dir.fails(2, &["digest", "abc", "--signature-out=sig"]);
    dir.fails(2, &["digest", "abc", "--certificate=cert"]);
    dir.fails(2, &["digest", "abc", "--check-signature=key"]);
    dir.fails(2, &["digest", "abc", "--check-signature=gone", "--certificate=cert"]);
    for input in ["key", "cert", "abc"] {
        let out = format!("--signature-out={input}");
        let said = dir.fails(2, &["digest", "abc", "--sign-key=key", "--certificate=cert", &out]);
        assert!(said.contains("is also read"), "{said}");
    }
    assert_eq!(dir.names(), names);
}
