//! The catalogue's texts against the programs that people run: renamed, they are still told; others are left alone.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails, and skips are told"
)]

use std::path::{Path, PathBuf};

use hardpan_audit::content::{self, Content};
use hardpan_audit::{Program, TOOLS};
use hardpan_image::{DirTree, Index};

/// Programs and what they are to be told as.
const TOLD: [(&str, &str); 11] = [
    ("bash", "bash"),
    ("dash", "Almquist shell"),
    ("busybox", "BusyBox"),
    ("zsh", "zsh"),
    ("mksh", "MirBSD Korn shell"),
    ("perl", "Perl"),
    ("mawk", "mawk"),
    ("gawk", "GNU awk"),
    ("ssh", "OpenSSH client"),
    ("dpkg", "dpkg"),
    ("dbclient", "Dropbear"),
];

/// Programs that mention shells, interpreters or ssh, and are none.
const LEFT_ALONE: [&str; 12] =
    ["env", "find", "xargs", "cat", "ls", "tar", "login", "su", "chroot", "script", "apt-get", "ldconfig"];

#[test]
fn renamed_programs_are_told_by_their_content() {
    for (program, what) in TOLD {
        let Some(path) = installed(program) else {
            skip("renamed_programs_are_told_by_their_content", program);
            continue;
        };
        let found = told_as(&path);
        assert!(found.contains(&what), "{program} is told as {found:?}");
    }
}

#[test]
fn other_programs_are_told_as_nothing() {
    for program in LEFT_ALONE {
        let Some(path) = installed(program) else {
            skip("other_programs_are_told_as_nothing", program);
            continue;
        };
        assert_eq!(told_as(&path), Vec::<&str>::new(), "{program}");
    }
}

/// This test holds the catalogue, as Hardpan's own program does.
#[test]
fn the_catalogue_does_not_tell_itself() {
    assert!(TOOLS.iter().any(|tool| !tool.literals.is_empty()));
    let own = std::env::current_exe().unwrap();
    assert_eq!(told_as(&own), Vec::<&str>::new());
}

/// What a copy of the program called `agent` is told as.
fn told_as(program: &Path) -> Vec<&'static str> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(program, directory.path().join("agent")).unwrap();
    let tree = DirTree::open(directory.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let mut programs = [Program::new(index.lookup(b"/agent").unwrap())];
    content::search(&index, &mut programs);
    match &programs[0].content {
        Content::Searched(traces) => traces.iter().map(|trace| trace.what).collect(),
        other => panic!("{}: {other:?}", program.display()),
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let directories = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(Path::new);
    directories.iter().map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn skip(test: &str, peer: &str) {
    assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "{peer} is missing");
    eprintln!("skipped: {test}: {peer} missing");
}
