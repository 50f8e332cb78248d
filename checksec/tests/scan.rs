//! Scanning trees that hold what makes scanners hang, die or fall silent.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use hardpan_checksec::{Scan, ScanOptions, Summary, matrix, scan, scan_in_order, verdicts};
use hardpan_image::{
    Anomaly, DirTree, Error, Index, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr,
};
use hardpan_report::{Cause, Outcome};

use crate::support::{Root, run, scan_directory};
use crate::tiny::{SHAPES, tiny};

#[test]
fn a_tree_full_of_traps() {
    let root = Root::new();
    let elf = tiny(SHAPES[0]);
    root.write("bin/good", &elf);
    root.write("bin/damaged", &elf[..0x80]);
    root.write(
        "bin/java",
        b"\xca\xfe\xba\xbe\0\0\0\x41 a class file, not 65 Mach-O binaries, and long enough to be looked at",
    );
    root.write("bin/short", b"\x7fELF");
    std::fs::write(root.path().join("bin").join(OsStr::from_bytes(b"\xff\x1b[31m\n")), &elf).unwrap();
    run("mkfifo", &["bin/fifo"], root.path());
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("bin/socket")).unwrap();
    symlink("loop", root.path().join("loop")).unwrap();
    symlink("..", root.path().join("bin/up")).unwrap();
    symlink("good", root.path().join("bin/link")).unwrap();

    let scan = root.scan();
    let paths: Vec<_> = scan.elves.iter().map(|elf| elf.path.as_slice()).collect();
    assert_eq!(paths, [&b"/bin/damaged"[..], b"/bin/good", b"/bin/short", b"/bin/\xff\x1b[31m\n"]);
    assert_eq!(scan.files_opened, 5);
    assert!(scan.unreadable.is_empty());
    let all = verdicts(&scan);
    for (meta, verdict) in &all[..9] {
        let (tally, unit) = verdict.tally.unwrap();
        assert_eq!((tally.pass, tally.unknown, unit), (2, 2, "executables"), "{}", meta.id);
        assert_eq!(verdict.outcome(), Outcome::Unknown, "{}", meta.id);
        assert!(verdict.findings.is_empty(), "{}: {:?}", meta.id, verdict.findings);
    }
    let [finding, short] = &all[9].1.findings[..] else { panic!("{:?}", all[9].1.findings) };
    assert_eq!((finding.outcome, finding.cause), (Outcome::Unknown, Some(Cause::Malformed)));
    assert_eq!(finding.fingerprint(&all[9].0.id), "ELF-010:/bin/damaged:well-formed");
    assert_eq!(finding.location.as_ref().unwrap().offset, Some(64));
    assert_eq!((short.outcome, short.cause), (Outcome::Unknown, Some(Cause::Malformed)));
    let table = matrix(&scan);
    assert_eq!((table.columns.len(), table.rows.len()), (hardpan_checksec::rules::RULES.len(), 4));
    assert_eq!((table.rows[0].kind, &*table.rows[0].cells[3].label), ("damaged", "damaged"));
    assert_eq!(table.rows[3].path.to_string(), "/bin/\\xff\\x1b[31m\\x0a");
}

/// A tree in which some files cannot be opened, or end before they should.
struct Broken {
    inner: DirTree,
    refused: Mutex<Vec<NodeId>>,
    /// Nodes and how many bytes of them are left.
    shrinking: Mutex<Vec<(NodeId, u64)>>,
}

struct Shrinking<'t>(Box<dyn ReadAt + 't>, u64);

impl ReadAt for Shrinking<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.1.saturating_sub(offset)).unwrap().min(buffer.len());
        self.0.read_at(&mut buffer[..left], offset)
    }

    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl Tree for Broken {
    fn kind(&self) -> TreeKind {
        self.inner.kind()
    }

    fn root(&self) -> NodeId {
        self.inner.root()
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
        self.inner.metadata(node)
    }

    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
        let listing = self.inner.read_dir(directory)?;
        if let Listing::Entries(entries) = &listing {
            let named =
                |name: &[u8]| entries.iter().find(|entry| *entry.name == *name).map(|entry| entry.node);
            self.refused.lock().unwrap().extend(named(b"refused"));
            let mut shrinking = self.shrinking.lock().unwrap();
            shrinking.extend(named(b"shrinking").map(|node| (node, 100)));
            // Its first page is whole, the dynamic segment behind it is not.
            shrinking.extend(named(b"shrinking-later").map(|node| (node, 0x1010)));
        }
        Ok(listing)
    }

    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
        self.inner.read_link(symlink)
    }

    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
        self.inner.xattrs(node)
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
        if self.refused.lock().unwrap().contains(&file) {
            return Err(Error::Io { operation: "open", source: io::ErrorKind::PermissionDenied.into() });
        }
        let source = self.inner.open(file)?;
        let shrinking = self.shrinking.lock().unwrap();
        match shrinking.iter().find(|(node, _)| *node == file) {
            Some((_, left)) => Ok(Box::new(Shrinking(source, *left))),
            None => Ok(source),
        }
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        self.inner.anomalies()
    }
}

#[test]
fn files_that_cannot_be_read_are_unknown() {
    let root = Root::new();
    for name in ["good", "refused", "shrinking", "shrinking-later"] {
        root.write(name, &tiny(SHAPES[0]));
    }
    let inner = DirTree::open(root.path()).unwrap();
    let tree = Broken { inner, refused: Mutex::default(), shrinking: Mutex::default() };
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let scan = scan(&index, &ScanOptions::default(), &|_| true).unwrap();
    let unreadable: Vec<_> = scan.unreadable.iter().map(|file| (&*file.path, file.cause)).collect();
    assert_eq!(unreadable, [(&b"/refused"[..], Cause::Unreadable), (b"/shrinking", Cause::Changed)]);
    let later = &scan.elves[1];
    assert_eq!(later.path, b"/shrinking-later");
    assert_eq!(later.facts.as_ref().unwrap().dynamic.as_ref().unwrap_err().cause(), Cause::Changed);
    let all = verdicts(&scan);
    let form = &all[9].1;
    let causes: Vec<_> = form.findings.iter().map(|finding| finding.cause).collect();
    assert_eq!(causes, [Some(Cause::Unreadable), Some(Cause::Changed), Some(Cause::Changed)]);
    assert_eq!(form.summary, "1 of 4 pass; 3 unknown");
    assert_eq!(all[0].1.summary, "1 of 4 pass; 3 unknown");
    // The two that nothing is known of are reported once, not by every rule.
    assert_eq!(all[0].1.findings.len(), 1);
    assert_eq!(all[0].1.outcome(), Outcome::Unknown);
    assert_eq!(form.evidence[0].seen, "2 ELF files judged, 4 files opened, 2 of them unreadable");
}

#[test]
fn other_files_are_shown_to_whoever_asks() {
    let root = Root::new();
    root.write("script", b"#!/bin/sh\n");
    root.write("two", b"#!");
    root.write("one", b"#");
    root.write("elf", &tiny(SHAPES[0]));
    root.write("fragment", b"\x7fELF");
    root.write("large", &[7; 10_000]);
    let tree = DirTree::open(root.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let seen = Mutex::new(Vec::new());
    let sniff = |entry: hardpan_image::Entry<'_>, head: &[u8]| {
        seen.lock().unwrap().push((entry.name.to_vec(), head.len()));
    };
    let found =
        scan(&index, &ScanOptions { sniff: Some(&sniff), ..ScanOptions::default() }, &|_| true).unwrap();
    assert_eq!((found.elves.len(), found.files_opened), (2, 5));
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    let wanted = [("large", 4096), ("script", 10), ("two", 2)];
    assert_eq!(seen, wanted.map(|(name, length)| (name.as_bytes().to_vec(), length)));
}

#[test]
fn a_scan_can_be_stopped() {
    let root = Root::new();
    for number in 0..50 {
        root.write(&format!("{number}"), &tiny(SHAPES[0]));
    }
    let tree = DirTree::open(root.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let count = AtomicU64::new(0);
    let told = scan(&index, &ScanOptions::default(), &|entries| {
        count.fetch_add(entries, Ordering::Relaxed);
        true
    });
    assert_eq!((told.unwrap().elves.len(), count.into_inner()), (50, 51));
    let left = AtomicU64::new(10);
    let stop =
        |_| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    assert!(scan(&index, &ScanOptions::default(), &stop).is_none());
}

/// The index goes breadth first, which is not the order of paths.
#[test]
fn files_are_ordered_by_path() {
    let root = Root::new();
    for path in ["b", "a/z/z", "a/b", "a.b"] {
        root.write(path, &tiny(SHAPES[0]));
    }
    let scan = root.scan();
    let paths: Vec<_> = scan.elves.iter().map(|elf| elf.path.as_slice()).collect();
    assert_eq!(paths, [&b"/a.b"[..], b"/a/b", b"/a/z/z", b"/b"]);
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let scans: Vec<Scan> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| scan_directory("/usr/bin".as_ref()))
        })
        .collect();
    for other in &scans[1..] {
        assert_eq!(scans[0].elves, other.elves);
        assert_eq!(scans[0].unreadable, other.unreadable);
        assert_eq!(verdicts(&scans[0]).len(), verdicts(other).len());
        for ((_, ours), (_, theirs)) in verdicts(&scans[0]).iter().zip(&verdicts(other)) {
            assert_eq!(ours, theirs);
        }
    }
    assert!(scans[0].elves.len() > 100);
    assert!(scans[0].elves.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn a_directory_that_was_not_read_keeps_every_rule_from_passing() {
    let program = std::fs::read("/bin/true").unwrap();
    let tree = hardpan_image::MemoryTree::new().file("/bin/true", 0o755, program);
    let outcomes = |tree: &hardpan_image::MemoryTree| {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let found = scan(&index, &ScanOptions::default(), &|_| true).unwrap();
        verdicts(&found).into_iter().map(|(_, verdict)| verdict.outcome()).collect::<Vec<_>>()
    };
    assert!(outcomes(&tree).contains(&Outcome::Pass));
    let tree = tree.directory("/lib", 0o755).unreadable("/lib");
    assert!(!outcomes(&tree).contains(&Outcome::Pass));
}

#[test]
fn a_file_for_no_machine_is_data_in_the_shape_of_elf() {
    let mut program = std::fs::read("/bin/true").unwrap();
    program[18..20].fill(0);
    let tree = hardpan_image::MemoryTree::new().file("/module.go", 0o644, program);
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let found = scan(&index, &ScanOptions::default(), &|_| true).unwrap();
    assert_eq!(found.elves[0].facts.as_ref().unwrap().kind.as_str(), "other");
    assert!(found.elves[0].judgements.iter().all(|judgement| judgement.outcome != Outcome::Fail));
}

/// More files than are judged at a time, in directories whose names sort otherwise than their paths.
#[test]
fn a_scan_in_order_finds_what_a_scan_finds() {
    let mut tree = hardpan_image::MemoryTree::new().file("/usr/lib/cut", 0o644, &b"\x7fELF"[..]);
    for number in 0..1100 {
        let path = format!("/usr/lib{}/{}/{number}", ["", "-x", "64"][number % 3], number % 7);
        tree = tree.file(&path, 0o755, if number % 2 == 0 { tiny(SHAPES[0]) } else { b"text".to_vec() });
    }
    let tree = tree.file("/usr/lib/closed", 0o755, tiny(SHAPES[0])).unreadable("/usr/lib/closed");
    let tree = tree.directory("/usr/hidden", 0o755).unreadable("/usr/hidden");
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let whole = scan(&index, &ScanOptions::default(), &|_| true).unwrap();
    let (mut elves, mut unreadable, mut summary, mut stretches) =
        (Vec::new(), Vec::new(), Summary::default(), 0);
    let ended = scan_in_order(&index, &ScanOptions::default(), &|_| true, &mut |stretch| {
        summary.add(&stretch, true);
        elves.extend(stretch.elves);
        unreadable.extend(stretch.unreadable);
        stretches += 1;
        true
    });
    assert!(ended && stretches == 5, "{stretches}");
    assert_eq!((&elves, &unreadable), (&whole.elves, &whole.unreadable));
    assert_eq!((elves.len(), unreadable.len()), (551, 1));
    assert_eq!(summary.elf_files(), 551);
    let languages = format!("{:?}", summary.languages());
    assert_eq!(languages, format!("{:?}", hardpan_checksec::languages(&whole)));
    for ((_, ours), (_, theirs)) in summary.verdicts().iter().zip(&verdicts(&whole)) {
        assert_eq!(ours, theirs);
    }
    // Whoever wants no more gets no more.
    let mut calls = 0;
    let stop = &mut |_| {
        calls += 1;
        false
    };
    assert!(!scan_in_order(&index, &ScanOptions::default(), &|_| true, stop));
    assert_eq!(calls, 1);
    assert!(!scan_in_order(&index, &ScanOptions::default(), &|_| false, &mut |_| true));
}

#[test]
fn an_index_without_files_may_still_hide_some() {
    let tree = hardpan_image::MemoryTree::new().directory("/lib", 0o755).unreadable("/lib");
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let mut hidden = 0;
    let ended = scan_in_order(&index, &ScanOptions::default(), &|_| true, &mut |stretch| {
        hidden += stretch.hidden_places;
        true
    });
    assert!(ended && hidden == 1);
}
