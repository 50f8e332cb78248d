//! Packages and cpio archives against the tools that make and unpack them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/sample.rs"]
mod sample;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hardpan_image::{DirTree, OpenError, Tree, TreeKind, open, open_stream};
use sample::sample;
use support::contents;

/// Runs a tool that succeeds, in a directory.
fn run(directory: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("HOME", directory)
        .output()
        .expect(program);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    output.stdout
}

/// The facts of a tree without extended attributes, which packages do not carry, and without the root.
fn plain(tree: &dyn Tree) -> BTreeMap<Vec<u8>, String> {
    let facts = |facts: String| facts.split(" [").next().unwrap().to_owned();
    let all = contents(tree).into_iter().filter(|(path, _)| path != b"/");
    all.map(|(path, all)| (path, facts(all))).collect()
}

fn small(root: &Path) {
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::write(root.join("usr/bin/tool"), vec![b'x'; 70_000]).unwrap();
    fs::write(root.join("usr/bin/empty"), "").unwrap();
    fs::hard_link(root.join("usr/bin/tool"), root.join("usr/bin/tool-too")).unwrap();
    std::os::unix::fs::symlink("../../usr/bin/tool", root.join("usr/bin/link")).unwrap();
}

fn deb(dir: &Path, compression: &str) -> PathBuf {
    let root = dir.join("root");
    fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let control =
        "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: a sample\n";
    fs::write(root.join("DEBIAN/control"), control).unwrap();
    let name = format!("{compression}.deb");
    run(dir, "dpkg-deb", &["--root-owner-group", &format!("-Z{compression}"), "--build", "root", &name]);
    dir.join(name)
}

#[test]
fn debian_packages_are_what_dpkg_unpacks() {
    let dir = tempfile::tempdir().unwrap();
    small(&dir.path().join("root"));
    for compression in ["none", "gzip", "xz", "zstd"] {
        let package = deb(dir.path(), compression);
        let out = dir.path().join(format!("out-{compression}"));
        run(dir.path(), "dpkg-deb", &["-x", package.to_str().unwrap(), out.to_str().unwrap()]);
        let wanted = plain(&DirTree::open(&out).unwrap());
        let tree = open(&package).unwrap();
        assert_eq!((tree.kind(), tree.anomalies()), (TreeKind::Deb, vec![]), "{compression}");
        assert_eq!(plain(&*tree), wanted, "{compression}");
        let stream = open_stream(fs::File::open(&package).unwrap()).unwrap();
        assert_eq!(plain(&*stream), wanted, "{compression} from a stream");
    }
}

#[test]
fn damage_in_either_part_of_a_debian_package_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    small(&dir.path().join("root"));
    let package = fs::read(deb(dir.path(), "xz")).unwrap();
    let (mut control, mut data) = (package.clone(), package.clone());
    // The parts begin after 8 + 64 + 60 bytes, and the second ends the package.
    control[132 + 60] ^= 1;
    let last = data.len() - 60;
    data[last] ^= 1;
    let anomalies = |bytes: &[u8]| open_stream(bytes).unwrap().anomalies();
    let found = anomalies(&control);
    assert!(found[0].what.starts_with("control.tar.xz: ") && !found[0].hides_entries, "{found:?}");
    let found = anomalies(&data);
    assert!(found[0].what.starts_with("data.tar.xz: ") && found[0].hides_entries, "{found:?}");
    for cut in [8, 60, 100, 140, package.len() - 30] {
        assert!(open_stream(&package[..cut]).is_err(), "cut at {cut}");
    }
    fs::write(dir.path().join("control.tar"), "").unwrap();
    fs::write(dir.path().join("data.tar.bz2"), "").unwrap();
    fs::write(dir.path().join("debian-binary"), "2.0\n").unwrap();
    run(dir.path(), "ar", &["qc", "bzip2.deb", "debian-binary", "control.tar", "data.tar.bz2"]);
    assert!(matches!(open(&dir.path().join("bzip2.deb")), Err(OpenError::Compression("bzip2"))));
    fs::write(dir.path().join("debian-binary"), "3.0\n").unwrap();
    run(dir.path(), "ar", &["r", "bzip2.deb", "debian-binary"]);
    let error = open(&dir.path().join("bzip2.deb")).err().unwrap().to_string();
    assert!(error.contains("3.0"), "{error}");
}

/// Builds a package by `rpmbuild` with a payload of this kind.
fn rpm(dir: &Path, payload: &str) -> PathBuf {
    let spec = "Name: sample\nVersion: 1\nRelease: 1\nSummary: a sample\nLicense: none\nBuildArch: noarch\n\
                %description\nA sample.\n%install\nmkdir -p %{buildroot}\ncp -a %{_topdir}/root/. %{buildroot}/\n\
                %files\n%dir /usr/bin\n/usr/bin/*\n";
    fs::write(dir.join("sample.spec"), spec).unwrap();
    let top = format!("_topdir {}", dir.display());
    let payload_macro = format!("_binary_payload {payload}");
    let rpmdir = format!("_rpmdir {}/{payload}", dir.display());
    // Nothing of the build host is to change the files.
    let arguments = [
        "-bb",
        "--quiet",
        "--define",
        &top,
        "--define",
        &payload_macro,
        "--define",
        &rpmdir,
        "--define",
        "_build_name_fmt sample.rpm",
        "--define",
        "__os_install_post %{nil}",
        "--define",
        "debug_package %{nil}",
        "sample.spec",
    ];
    run(dir, "rpmbuild", &arguments);
    dir.join(payload).join("sample.rpm")
}

/// What `rpm2cpio` and `cpio` make of it.
fn extracted(dir: &Path, package: &Path) -> PathBuf {
    let out = package.with_extension("out");
    fs::create_dir(&out).unwrap();
    let cpio = run(dir, "rpm2cpio", &[package.to_str().unwrap()]);
    fs::write(package.with_extension("cpio"), cpio).unwrap();
    let input = fs::File::open(package.with_extension("cpio")).unwrap();
    let status =
        Command::new("cpio").args(["-id", "--quiet"]).current_dir(&out).stdin(input).status().expect("cpio");
    assert!(status.success());
    out
}

#[test]
fn rpm_packages_are_what_rpm2cpio_and_cpio_unpack() {
    let dir = tempfile::tempdir().unwrap();
    small(&dir.path().join("root"));
    for payload in ["w9.gzdio", "w2.xzdio", "w3.zstdio", "w.ufdio"] {
        let package = rpm(dir.path(), payload);
        let wanted = plain(&DirTree::open(&extracted(dir.path(), &package)).unwrap());
        let tree = open(&package).unwrap();
        assert_eq!((tree.kind(), tree.anomalies()), (TreeKind::Rpm, vec![]), "{payload}");
        let found: BTreeMap<_, _> = plain(&*tree);
        assert!(found.contains_key(&b"/usr/bin/tool-too"[..]), "{:?}", found.keys());
        // `cpio` makes /usr on the way, of which the package says nothing.
        for (path, facts) in &found {
            if path != b"/usr" {
                assert_eq!(wanted.get(path), Some(facts), "{payload} {}", path.escape_ascii());
            }
        }
        assert_eq!(found.len(), wanted.len(), "{payload}");
        let bare = open(&package.with_extension("cpio")).unwrap();
        assert_eq!((bare.kind(), plain(&*bare)), (TreeKind::Cpio, found));
    }
    let refused = open(&rpm(dir.path(), "w9.bzdio"));
    assert!(matches!(refused, Err(OpenError::Compression("bzip2"))));
}

#[test]
fn a_changed_bit_of_an_rpm_package_does_not_go_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    small(&dir.path().join("root"));
    let package = fs::read(rpm(dir.path(), "w3.zstdio")).unwrap();
    let header = {
        let at = |at: usize| u32::from_be_bytes(package[at..at + 4].try_into().unwrap()) as usize;
        (96 + 16 + at(104) * 16 + at(108)).next_multiple_of(8)
    };
    // Everything from the header on is under a digest; the signature header before it is under none.
    for at in (header..package.len()).step_by(7) {
        let mut damaged = package.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(tree) = open_stream(&damaged[..]) {
            assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "at {at}");
        }
    }
    for cut in (0..package.len()).step_by(11) {
        if let Ok(tree) = open_stream(&package[..cut]) {
            assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "cut at {cut}");
        }
    }
}

/// Everything below a directory, by `cpio`.
fn cpio(root: &Path, format: &str) -> Vec<u8> {
    let list = run(root, "find", &[".", "-print0"]);
    let mut child = Command::new("cpio")
        .args(["-o0", "--quiet", "-H", format])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cpio");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &list).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn cpio_archives_read_back_as_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    sample(&root);
    // 40 MiB of mostly holes are 40 MiB in this format.
    fs::remove_file(root.join("sparse")).unwrap();
    let wanted = plain(&DirTree::open(&root).unwrap());
    for format in ["newc", "crc"] {
        let archive = cpio(&root, format);
        let tree = open_stream(&archive[..]).unwrap();
        assert_eq!((tree.kind(), tree.anomalies()), (TreeKind::Cpio, vec![]), "{format}");
        assert_eq!(plain(&*tree), wanted, "{format}");
    }
    let mut damaged = cpio(&root, "crc");
    let content = damaged.windows(9).position(|window| window == b"#!/bin/sh").unwrap();
    damaged[content] ^= 1;
    let found = open_stream(&damaged[..]).unwrap().anomalies();
    assert!(found.iter().any(|anomaly| anomaly.what.contains("checksum")), "{found:?}");
    let whole = cpio(&root, "newc");
    let trailer = whole.windows(10).position(|window| window == b"TRAILER!!!").unwrap();
    for cut in (6..trailer + 10).step_by(13) {
        match open_stream(&whole[..cut]) {
            Err(_) => {}
            Ok(tree) => assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "cut at {cut}"),
        }
    }
}

/// An initramfs: microcode as it is, then the rest in a compression.
#[test]
fn archives_that_follow_each_other_are_one_tree() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    for (root, content) in [(&first, "old"), (&second, "new")] {
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/both"), content).unwrap();
        fs::write(root.join("etc").join(root.file_name().unwrap()), "here").unwrap();
    }
    let (early, rest) = (cpio(&first, "newc"), cpio(&second, "newc"));
    fs::write(dir.path().join("rest"), &rest).unwrap();
    fs::copy(first.join("etc/first"), second.join("etc/first")).unwrap();
    let wanted: Vec<String> = plain(&DirTree::open(&second).unwrap()).into_values().collect();
    let zstd = run(dir.path(), "zstd", &["-qc", "rest"]);
    for parts in [[&early, &rest], [&early, &zstd]] {
        let tree = open_stream(&parts.map(|part| &part[..]).concat()[..]).unwrap();
        assert_eq!(tree.anomalies(), []);
        assert_eq!(plain(&*tree).into_values().collect::<Vec<_>>(), wanted);
    }
    for (tail, says) in [(&b"BZh91AY&SY"[..], "bzip2"), (b"something else", "bytes after the archive")] {
        let found = open_stream(&[&early[..], tail].concat()[..]).unwrap().anomalies();
        assert!(found[0].hides_entries && found[0].what.contains(says), "{found:?}");
    }
}

/// An archive that unpacks to itself would never end. The kernel takes nothing compressed out of what was compressed.
#[test]
fn an_archive_is_not_compressed_within_a_compressed_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "here").unwrap();
    let bare = cpio(&root, "newc");
    let behind = |archive: &[u8]| {
        fs::write(dir.path().join("rest"), archive).unwrap();
        [&bare[..], &run(dir.path(), "gzip", &["-c", "rest"])].concat()
    };
    let once = behind(&bare);
    assert_eq!(open_stream(&once[..]).unwrap().anomalies(), []);
    let found = open_stream(&behind(&once)[..]).unwrap().anomalies();
    assert!(found[0].hides_entries && found[0].what.contains("compressed within"), "{found:?}");
}

/// Found by fuzzing: the bytes of one name went to a node of another type.
#[test]
fn names_of_one_inode_are_of_one_type() {
    let member = |mode: u32, name: &str, content: &[u8]| {
        let (size, len) = (content.len(), name.len() + 1);
        let fields = [7, mode as usize, 0, 0, 2, 0, size, 0, 0, 0, 0, len, 0];
        let fields: Vec<String> = fields.iter().map(|field| format!("{field:08x}")).collect();
        let mut bytes = format!("070701{}{name}\0", fields.concat()).into_bytes();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let trailer = member(0, "TRAILER!!!", b"");
    let archive = [member(0o100_644, "file", b""), member(0o120_777, "link", b"target"), trailer].concat();
    let tree = open_stream(&archive[..]).unwrap();
    assert_eq!(contents(&*tree).len(), 2, "the root and the file, which can be read");
    let found = tree.anomalies();
    assert!(found[0].path == b"/link" && found[0].what.contains("another type"), "{found:?}");
}
