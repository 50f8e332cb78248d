//! Which files of sysctl.d count and in which order, beside systemd's own answer.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails, and skips are told"
)]

use std::path::Path;
use std::process::Command;

use hardpan_audit::kernel_facts;
use hardpan_image::{DirTree, Index};

const DIRECTORIES: [&str; 4] = ["etc", "run", "usr/local/lib", "usr/lib"];

/// The paths of the files that systemd reads, in its order, below the root; `None` where it is not there.
fn theirs(root: &Path) -> Option<Vec<String>> {
    let mut command = Command::new("systemd-analyze");
    command.arg(format!("--root={}", root.display())).args(["--no-pager", "cat-config", "sysctl.d"]);
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "systemd-analyze is missing");
        eprintln!("skipped: sysctl.d beside systemd: systemd-analyze missing");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    let prefix = format!("# {}", root.display());
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect())
}

/// Every file says its own path under a key that all share, and under one of its own.
fn write(root: &Path, name: &str) {
    for (at, directory) in DIRECTORIES.iter().enumerate() {
        let place = root.join(directory).join("sysctl.d");
        std::fs::create_dir_all(&place).unwrap();
        let hash = name.bytes().map(usize::from).sum::<usize>() + at;
        let path = place.join(name);
        match hash % 4 {
            0 => {}
            1 if at == 0 => std::os::unix::fs::symlink("/dev/null", path).unwrap(),
            _ => {
                let shown = format!("/{directory}/sysctl.d/{name}");
                let own = shown.replace(['/', '.'], "_");
                std::fs::write(path, format!("kernel.last = {shown}\nkernel.{own} = 1\n")).unwrap();
            }
        }
    }
}

#[test]
fn systemd_reads_the_same_files_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for name in [
        "10-a.conf",
        "10.conf",
        "9.conf",
        "Z.conf",
        "a.conf",
        "b.conf",
        "ignored.txt",
        "50-x.conf",
        "51-y.conf",
    ] {
        write(&root, name);
    }
    let Some(theirs) = theirs(&root) else { return };
    let tree = DirTree::open(&root).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let facts = kernel_facts(&index, None);
    // A mask is listed, and says nothing.
    let is_file = |path: &&String| !root.join(&path[1..]).is_symlink();
    let theirs: Vec<&String> = theirs.iter().filter(is_file).collect();
    let value = |key: &str| facts.sysctl.get(key).and_then(|setting| setting.value.clone());
    assert_eq!(value("kernel.last").as_ref(), theirs.last().copied());
    for directory in DIRECTORIES {
        for entry in std::fs::read_dir(root.join(directory).join("sysctl.d")).unwrap() {
            let path = entry.unwrap().path();
            let shown = format!("/{}", path.strip_prefix(&root).unwrap().display());
            let key = format!("kernel.{}", shown.replace(['/', '.'], "_"));
            assert_eq!(value(&key).is_some(), theirs.contains(&&shown), "{shown}");
        }
    }
    assert!(theirs.len() > 4);
}
