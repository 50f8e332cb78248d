//! Called as secilc: what it writes and with which code it ends, beside secilc itself.

use std::fs;
use std::os::unix::fs::symlink;

use super::{SMALL, has_secilc};
use crate::util::{Dir, HARDPAN, assert_no_panic, text};

/// Command lines that both take or refuse alike, over the files `small.cil`, `more.cil` and `broken.cil`.
const ALIKE: &[&str] = &[
    "small.cil",
    "small.cil more.cil",
    "more.cil small.cil",
    "-c 30 small.cil",
    "small.cil --policyvers=31",
    "--policyversion 32 small.cil -o x",
    "small.cil --out y --filecontext=z",
    "small.cil -Mfalse",
    "small.cil --mls TRUE",
    "-U allow small.cil more.cil -D",
    "-DNPmGO -X 3 small.cil more.cil",
    "-o a -o b small.cil",
    "-- small.cil",
    "-Q small.cil",
    "-t xen -c 30 small.cil",
    "",
    "-c 31",
    "small.cil -c x",
    "small.cil -c 0x1f",
    "small.cil -c 14",
    "small.cil -M maybe",
    "small.cil -U no",
    "small.cil -t SELINUX",
    "small.cil -X -1",
    "absent.cil",
    "broken.cil",
    "small.cil broken.cil",
    "small.cil -o absent/x",
    "-- -c",
    "--help",
];

#[test]
fn called_as_secilc_it_writes_what_secilc_writes() {
    if !has_secilc() {
        return;
    }
    for line in ALIKE {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (theirs, ours) = (with_files(), with_files());
        let their_output = theirs.command("secilc", &words).output().unwrap();
        symlink(HARDPAN, ours.path("secilc")).unwrap();
        let link = ours.path("secilc");
        let mut command = ours.command(link.to_str().unwrap(), &words);
        let our_output = command.env("HARDPAN_SECILC_COMPAT", "3.4").output().unwrap();
        assert_no_panic(&our_output);
        let said = text(&our_output);
        // secilc ends with one of two codes when there is no policy, by which of its functions failed.
        let code =
            if their_output.status.code() == Some(254) { Some(255) } else { their_output.status.code() };
        assert_eq!(our_output.status.code(), code, "{line}: {said}");
        fs::remove_file(link).unwrap();
        if their_output.status.success() {
            assert_eq!(our_output.stdout, their_output.stdout, "{line}");
            assert_eq!(ours.names(), theirs.names(), "{line}: {said}");
            for name in theirs.names() {
                let read = |dir: &Dir| fs::read(dir.path(&name)).unwrap();
                assert!(read(&ours) == read(&theirs), "{line}: {name} differs");
            }
        } else {
            assert_eq!(ours.names(), ["broken.cil", "more.cil", "small.cil"], "{line}: {said}");
        }
    }
}

/// secilc goes on without the option, so that the policy is not what was asked for.
#[test]
fn an_option_that_does_not_exist_is_an_error() {
    let dir = with_files();
    for line in ["--disable-neverallows small.cil", "-z small.cil", "--o=y small.cil", "--help=3 small.cil"] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = dir.fails(1, &[&["secilc"], &words[..]].concat());
        assert!(said.contains("secilc: ") && said.contains("--help"), "{line}: {said}");
    }
    assert_eq!(dir.names(), ["broken.cil", "more.cil", "small.cil"]);
}

#[test]
fn warnings_and_switched_off_optionals_are_told_on_request() {
    let dir = with_files();
    let said = |flags: &[&str]| {
        let output = dir.run(&[&["secilc", "small.cil", "more.cil"], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said(&[]), "");
    assert!(!said(&["-v"]).contains("ghost_t"));
    assert!(said(&["-vv"]).contains("ghost_t"));
}

fn with_files() -> Dir {
    let dir = Dir::new();
    dir.write("small.cil", SMALL);
    dir.write(
        "more.cil",
        "(type y)\n(roletype r y)\n(allow t y (file (write)))\n(dontaudit t y (file (read)))\n\
         (optional ghosts (allow t ghost_t (file (read))))\n(filecon \"/y\" any ())\n",
    );
    dir.write("broken.cil", "(allow t nothing (file (read)))\n");
    dir
}
