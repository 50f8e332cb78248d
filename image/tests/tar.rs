//! `TarTree` against GNU tar, against the `tar` crate, against the directory that was archived, and against damage.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

#[path = "support/sample.rs"]
mod sample;
mod support;

use hardpan_image::{DirTree, Index, OpenError, TreeKind, open, open_stream};
use sample::sample;
use support::contents;

fn gnu_tar(root: &Path, archive: &Path, options: &[&str]) {
    let status = Command::new("tar")
        .args(["-C", root.to_str().unwrap(), "-cf", archive.to_str().unwrap()])
        .args(options)
        .arg(".")
        .status()
        .unwrap();
    assert!(status.success(), "tar {options:?}");
}

#[test]
fn every_format_of_gnu_tar_reads_back_as_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    sample(&root);
    let wanted = contents(&DirTree::open(&root).unwrap());
    let without_xattrs: BTreeMap<_, _> = wanted
        .iter()
        .map(|(path, facts)| (path.clone(), facts.split(" [").next().unwrap().to_owned()))
        .collect();
    for options in [
        &["--format=pax", "--xattrs", "--xattrs-include=*"][..],
        &["--format=pax", "--xattrs", "--xattrs-include=*", "-S"],
        &["--format=pax", "--xattrs", "--xattrs-include=*", "-S", "--sparse-version=0.1"],
        &["--format=gnu"],
        &["--format=gnu", "-S"],
    ] {
        let archive = dir.path().join("archive.tar");
        gnu_tar(&root, &archive, options);
        let tree = open(&archive).unwrap();
        assert_eq!(tree.anomalies(), [], "{options:?}");
        let got = contents(&*tree);
        if options[0] == "--format=pax" {
            assert_eq!(got, wanted, "{options:?}");
        } else {
            let got: BTreeMap<_, _> = got
                .into_iter()
                .map(|(path, facts)| (path, facts.split(" [").next().unwrap().to_owned()))
                .collect();
            assert_eq!(got, without_xattrs, "{options:?}");
        }
    }
}

#[test]
fn compressed_archives_and_streams_read_as_the_plain_archive() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    sample(&root);
    let plain = dir.path().join("archive.tar");
    gnu_tar(&root, &plain, &["--format=pax"]);
    let wanted = contents(&*open(&plain).unwrap());
    let kinds = [("gzip", TreeKind::TarGzip), ("xz", TreeKind::TarXz), ("zstd", TreeKind::TarZstd)];
    for (tool, kind) in kinds {
        let packed = Command::new(tool).arg("-c").arg(&plain).output().expect(tool).stdout;
        let path = dir.path().join("packed");
        // Two members in a row are one stream in both formats.
        std::fs::write(&path, &packed).unwrap();
        let tree = open(&path).unwrap();
        assert_eq!(tree.kind(), kind);
        assert_eq!(contents(&*tree), wanted);
        assert_eq!(contents(&*open_stream(&packed[..]).unwrap()), wanted);
        for cut in [packed.len() / 2, packed.len() - 1] {
            std::fs::write(&path, &packed[..cut]).unwrap();
            let Ok(tree) = open(&path) else { continue };
            assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "{tool} cut at {cut}");
        }
    }
    assert!(matches!(open_stream(&b"BZh91AY"[..]), Err(OpenError::Compression("bzip2"))));
}

/// A small archive by another writer.
fn small() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, link: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(bytes.len() as u64);
        if link.is_empty() {
            builder.append_data(&mut header, name, bytes).unwrap();
        } else {
            builder.append_link(&mut header, name, link).unwrap();
        }
    };
    add("usr/", tar::EntryType::Directory, "", b"");
    add("usr/a", tar::EntryType::Regular, "", &[7; 1300]);
    add(&format!("usr/{}", "n".repeat(180)), tar::EntryType::Regular, "", b"long");
    add("usr/b", tar::EntryType::Link, "usr/a", b"");
    add("c", tar::EntryType::Symlink, "usr/b", b"");
    builder.into_inner().unwrap()
}

#[test]
fn the_tar_crate_reads_the_same_members() {
    let bytes = small();
    let mut theirs = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = [b"/", entry.path_bytes().trim_suffix_slash()].concat();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if entry.header().entry_type() == tar::EntryType::Regular {
            theirs.insert(path, content);
        }
    }
    let tree = open_stream(&bytes[..]).unwrap();
    let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
    for (path, content) in &theirs {
        assert_eq!(&index.read(index.lookup(path).unwrap(), 1 << 20).unwrap(), content);
    }
    assert_eq!(index.lookup(b"/usr/b"), index.lookup(b"/usr/b"));
    assert_eq!(index.entry(index.resolve(b"/c").unwrap()).metadata.links, 2);
    assert_eq!(theirs.len(), 2);
}

trait TrimSlash {
    fn trim_suffix_slash(&self) -> &[u8];
}

impl TrimSlash for std::borrow::Cow<'_, [u8]> {
    fn trim_suffix_slash(&self) -> &[u8] {
        self.strip_suffix(b"/").unwrap_or(self)
    }
}

#[test]
fn every_cut_is_noticed() {
    let whole = small();
    // The writer pads with two zero blocks; the archive is whole with the first of them.
    let enough = whole.len() - 512;
    for cut in 0..enough {
        match open_stream(&whole[..cut]) {
            Err(_) => {}
            Ok(tree) => assert!(tree.anomalies().iter().any(|anomaly| anomaly.hides_entries), "cut at {cut}"),
        }
    }
    assert_eq!(open_stream(&whole[..]).unwrap().anomalies(), []);
}

#[test]
fn damage_never_panics_and_what_survives_can_be_read() {
    let whole = small();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        for _ in 0..=next() % 4 {
            let at = usize::try_from(next()).unwrap() % bytes.len();
            bytes[at] = next().to_le_bytes()[0];
            // Half of the damage gets a good checksum, or none of it would pass the header.
            if next() % 2 == 0 {
                fix_checksum(&mut bytes, at / 512 * 512);
            }
        }
        let Ok(tree) = open_stream(&bytes[..]) else { continue };
        let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
        for entry in index.entries() {
            let _ = index.read(entry.id, 1 << 16);
            let _ = index.read_link(entry.id);
            let _ = index.resolve(&index.path(entry.id));
        }
    }
}

fn fix_checksum(archive: &mut [u8], header: usize) {
    let block = &mut archive[header..header + 512];
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

#[test]
fn hostile_members_are_refused_one_by_one() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &[u8], kind: u8, link: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(0o644);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    };
    add(b"good", b'0', b"");
    add(b"../../etc/passwd", b'0', b"");
    add(b"link", b'2', b"/etc");
    add(b"link/passwd", b'0', b"");
    add(b"late", b'1', b"nothing");
    add(b"multi-volume", b'M', b"");
    add(b"also-good", b'0', b"");
    let bytes = builder.into_inner().unwrap();
    let tree = open_stream(&bytes[..]).unwrap();
    let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
    let names: Vec<_> = index.children(index.root()).map(|entry| entry.name.to_vec()).collect();
    assert_eq!(names, [&b"also-good"[..], b"good", b"link"]);
    assert_eq!(tree.anomalies().len(), 4, "{:#?}", tree.anomalies());
    assert!(tree.anomalies().iter().all(|anomaly| anomaly.hides_entries));
}

/// A member of a small archive: its name, type and bytes.
fn archive(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_mode(0o755);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn a_refused_member_makes_its_own_place_unsure() {
    let bytes = archive(&[("./etc/", b'5', b""), ("./etc/shadow", b'M', b"x"), ("./usr/", b'5', b"")]);
    let tree = open_stream(&bytes[..]).unwrap();
    let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
    assert_eq!(index.blind_spots(b"/etc/shadow").count(), 1, "{:?}", tree.anomalies());
    assert_eq!(index.blind_spots(b"/usr").count(), 0);
    assert_eq!(index.resolve(b"/etc/shadow"), Err(hardpan_image::ResolveError::NotRead));
    assert_eq!(index.resolve(b"/etc/group"), Err(hardpan_image::ResolveError::NotFound));
}

#[test]
fn a_directory_never_vanishes_with_what_is_in_it() {
    let shadow: (&str, u8, &[u8]) = ("etc/shadow", b'0', b"root::");
    for odd in [("etc", b'2'), ("etc", b'0'), ("etc/", b'0'), ("etc", b'1')] {
        let bytes = archive(&[("a", b'0', b""), shadow, (odd.0, odd.1, b"")]);
        let tree = open_stream(&bytes[..]).unwrap();
        let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
        assert!(index.lookup(b"/etc/shadow").is_some(), "{odd:?}");
        assert_eq!(tree.anomalies().len(), 1, "{odd:?}: {:?}", tree.anomalies());
    }
}

fn run(tool: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(tool)
        .args(["-q", "-c"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect(tool);
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn frames_and_padding_are_read_and_a_wrong_checksum_is_noticed() {
    let whole = small();
    let anomalies = |bytes: &[u8]| open_stream(bytes).unwrap().anomalies();
    let (first, second) = whole.split_at(700);
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let frames = [&skippable[..], &run("zstd", first), skippable, &run("zstd", second)].concat();
    assert_eq!(anomalies(&frames), []);
    let members = [&run("gzip", first)[..], &run("gzip", second)].concat();
    assert_eq!(anomalies(&members), []);
    assert_eq!(anomalies(&[&members[..], &[0; 5000]].concat()), []);
    assert!(anomalies(&[&members[..], b"garbage"].concat())[0].hides_entries);
    let mut wrong = run("zstd", &whole);
    *wrong.last_mut().unwrap() ^= 1;
    assert!(anomalies(&wrong)[0].what.contains("checksum"));
    let streams = [&run("xz", first)[..], &[0; 8], &run("xz", second)].concat();
    assert_eq!(anomalies(&streams), []);
    assert!(anomalies(&[&streams[..], &[0; 3]].concat())[0].hides_entries);
}

#[test]
fn bytes_behind_the_end_marker_are_noticed() {
    let mut bytes = small();
    bytes.extend_from_slice(&small());
    let tree = open_stream(&bytes[..]).unwrap();
    assert!(tree.anomalies()[0].what.contains("after the end marker"), "{:?}", tree.anomalies());
}

/// Found by fuzzing: the directory became a file that could not be read, and the link was refused.
#[test]
fn a_hard_link_may_be_the_first_in_its_directory() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    builder.append_data(&mut header, "a", &b"text"[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    builder.append_link(&mut header, "new/deep/b", "a").unwrap();
    let bytes = builder.into_inner().unwrap();
    let tree = open_stream(&bytes[..]).unwrap();
    assert_eq!(tree.anomalies(), []);
    let index = Index::build(&*tree, &|_| true).unwrap().unwrap();
    let link = index.lookup(b"/new/deep/b").unwrap();
    assert_eq!((&*index.read(link, 9).unwrap(), index.entry(link).metadata.links), (&b"text"[..], 2));
}

#[test]
fn something_else_is_no_archive() {
    for bytes in [&b""[..], b"hello", &[0x7f; 2000]] {
        assert!(matches!(open_stream(bytes), Err(OpenError::Unrecognized(_))));
    }
}
