//! Hostile names, hostile interpreters, and files that must not fall silent.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use hardpan_checksec::{ScanOptions, matrix, scan, verdicts};
use hardpan_image::{DirTree, Index};
use hardpan_report::Cause;

use super::super::BINARIES;
use crate::support::{Patch, Root, has_peers, run};
use crate::tiny::{SHAPES, tiny};

/// Names that end lines, change colours, reverse text or are no text: each is one row, told by one printable path.
#[test]
pub(crate) fn odd_names() {
    let root = Root::new();
    let names: [&[u8]; 9] = [
        b"\xff\xfe",
        b"line\nbreak",
        b"\x1b[31mred\x1b[0m",
        b"tab\tand\rreturn",
        b"\xe2\x80\xaegnp.exe",
        b" leading and trailing ",
        b"-rf",
        b"quote\"'`$(true)",
        b"back\\slash\\x0a",
    ];
    for name in names {
        std::fs::write(root.path().join(OsStr::from_bytes(name)), tiny(SHAPES[0])).unwrap();
        let mut damaged = [name, b".damaged"].concat();
        damaged.truncate(255);
        std::fs::write(root.path().join(OsStr::from_bytes(&damaged)), &tiny(SHAPES[0])[..0x80]).unwrap();
    }
    let scan = root.scan();
    assert_eq!(scan.elves.len(), 2 * names.len());
    let rows = matrix(&scan).rows;
    let shown: std::collections::BTreeSet<String> = rows.iter().map(|row| row.path.to_string()).collect();
    assert_eq!(shown.len(), rows.len(), "two names look alike");
    let is_plain = |text: &str| !text.contains(|letter: char| letter.is_control() || letter == '\u{202e}');
    assert!(shown.iter().all(|path| is_plain(path)), "{shown:?}");
    for (_, verdict) in verdicts(&scan) {
        for finding in &verdict.findings {
            let place = finding.location.as_ref().unwrap().path.to_string();
            assert!(is_plain(&place) && is_plain(&finding.message), "{place:?} {:?}", finding.message);
        }
    }
}

/// A program whose interpreter is a script: whoever asks the loader for anything runs it.
#[test]
pub(crate) fn a_hostile_interpreter_does_not_run() {
    if !has_peers("hostile interpreter", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let marker = root.path().join("marker");
    let script = format!("#!/bin/sh\necho ran >{}\n", marker.display());
    let script = root.write("evil.sh", script.as_bytes());
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    root.write("a.c", b"int main(void) { return 0; }\n");
    let flag = format!("-Wl,--dynamic-linker={}", script.display());
    run("gcc", &["a.c", &flag, "-o", "absolute"], root.path());
    run("gcc", &["a.c", "-Wl,--dynamic-linker=./evil.sh", "-o", "relative"], root.path());
    for on_host in [false, true] {
        let tree = DirTree::open(root.path()).unwrap();
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let found = scan(&index, &ScanOptions { on_host, ..ScanOptions::default() }, &|_| true).unwrap();
        assert_eq!(found.elves.len(), 2);
        assert!(!marker.exists(), "the interpreter ran");
    }
    // That the script can run, as it does when asked to list what the program needs, is what the test rests on.
    run(script.to_str().unwrap(), &["--list", "absolute"], root.path());
    assert!(marker.exists());
}

/// One sound file and five with damaged tables, four of which run: six rows.
#[test]
pub(crate) fn nothing_falls_silent() {
    let Some(whole) = BINARIES.get("gcc-pie") else { return };
    let whole = Patch(whole.clone());
    let dynamic = whole.headers(2)[0];
    let damages: [(&str, usize, &[u8]); 5] = [
        ("sections", 40, &[0xff; 8]),
        ("names", 62, &[0xfe; 2]),
        ("extent", dynamic + 32, &(1_u64 << 40).to_le_bytes()),
        ("strings", whole.dynamic(10) + 8, &[0xff; 8]),
        ("headers", 54, &[0; 2]),
    ];
    let root = Root::new();
    root.write("sound", &whole.0);
    for (name, at, bytes) in damages {
        let mut file = Patch(whole.0.clone());
        file.put(at, bytes);
        root.write(name, &file.0);
    }
    let scan = root.scan();
    let form = &verdicts(&scan).into_iter().find(|(meta, _)| meta.name == "well-formed").unwrap().1;
    assert_eq!((scan.elves.len(), form.findings.len()), (6, 5));
    let lost: Vec<_> =
        form.findings.iter().filter(|finding| finding.cause == Some(Cause::Malformed)).collect();
    assert_eq!(lost.len(), 1, "only one of them tells nothing");
    assert_eq!(lost[0].location.as_ref().unwrap().path.as_bytes(), b"/headers");
}
