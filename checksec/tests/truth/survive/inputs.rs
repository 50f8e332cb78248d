//! Numbers 34 to 38: what is no ELF file, or no file, or changes while it is read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ElfFacts, Scan, ScanOptions, scan};
use hardpan_image::{DirTree, Index, ReadAt};
use hardpan_report::{Cause, Outcome};

use super::super::{BINARIES, scan_of};
use super::cases;
use crate::support::{Patch, Root, Sound, run, short};
use crate::tiny::{SHAPES, tiny};

cases! {
    34 archives => members_are_judged_or_told_of();
    35 sparse_giant => {
        a_giant_on_disk();
        giants_are_read_within_limits();
    };
    36 fifo_socket_device => special_files();
    37 truncated_while_read => {
        cut_between_open_and_read();
        cut_on_disk();
    };
    38 cafebabe => java_classes_are_no_binaries();
}

fn members_are_judged_or_told_of() {
    let Some(object) = BINARIES.get("object") else { return };
    let sound = archive(&[("member.o/", &object.len().to_string(), object)]);
    let size = |text: &str| archive(&[("member.o/", text, object)]);
    // There, but outside of the image.
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), object).unwrap();
    let files = [
        ("sound.a", sound.clone()),
        ("negative.a", size("-1")),
        ("huge.a", size("9999999999")),
        ("words.a", size("0x10")),
        ("empty.a", size("")),
        ("cut.a", sound[..sound.len() / 2].to_vec()),
        ("long-name.a", archive(&[("/9999999999", &object.len().to_string(), object)])),
        ("thin.a", thin("../../usr/bin/outside/", object.len())),
        ("thin-absolute.a", thin(&format!("{}/", outside.path().display()), object.len())),
        ("magic.a", b"!<arch>\n".to_vec()),
    ];
    let root = Root::new();
    for (name, bytes) in &files {
        root.write(&format!("usr/lib/{name}"), bytes);
    }
    let scan = root.scan();
    // Judged members, and members that cannot be.
    let rows = |archive: &str| {
        let is_of = |path: &[u8]| String::from_utf8_lossy(path).contains(archive);
        let judged = scan.elves.iter().filter(|elf| is_of(&elf.path)).count();
        (judged, scan.unreadable.iter().filter(|file| is_of(&file.path)).count())
    };
    assert_eq!(rows("/sound.a"), (1, 0));
    assert_eq!(rows("/magic.a"), (0, 0));
    for (name, _) in &files[1..9] {
        assert_ne!(rows(&format!("/{name}")), (0, 0), "{name} fell silent");
    }
    for thin in ["/thin.a", "/thin-absolute.a"] {
        assert_eq!(rows(thin).0, 0, "{thin} was followed");
    }
}

fn archive(members: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, size, content) in members {
        bytes.extend(member(name, size));
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

/// A thin archive: the table of names, and a member that is a path.
fn thin(path: &str, size: usize) -> Vec<u8> {
    let names = format!("{path}\n");
    let mut bytes = b"!<thin>\n".to_vec();
    bytes.extend(member("//", &names.len().to_string()));
    bytes.extend(names.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    bytes.extend(member("/0", &size.to_string()));
    bytes
}

fn member(name: &str, size: &str) -> Vec<u8> {
    format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, "100644").into_bytes()
}

const GIANT: u64 = 4 << 40;

/// A program at the start of 4 TB of holes, and 4 TB of nothing.
fn a_giant_on_disk() {
    let root = Root::new();
    for (name, start) in [("program", tiny(SHAPES[0])), ("hole", Vec::new())] {
        let path = root.write(name, &start);
        File::options().write(true).open(path).unwrap().set_len(GIANT).unwrap();
    }
    let scan = root.scan();
    let [elf] = &scan.elves[..] else { panic!("{} rows", scan.elves.len()) };
    assert_eq!((elf.size, scan.files_opened), (GIANT, 2));
    assert!(elf.judgements.iter().take(9).all(|judgement| judgement.outcome == Outcome::Pass));
}

/// Tables may be as large as they say, so that limits have to stop the reading.
fn giants_are_read_within_limits() {
    let mut shape = Patch(tiny(SHAPES[0]));
    for load in shape.headers(1) {
        shape.put(load + 32, &GIANT.to_le_bytes());
        shape.put(load + 40, &GIANT.to_le_bytes());
    }
    let value = |tag| shape.dynamic(tag) + 8;
    let cases: &[(&str, usize, &[u8], &[&str])] = &[
        ("DT_STRSZ", value(10), &(1_u64 << 40).to_le_bytes(), &["stack-protector", "fortify", "rpath"]),
        ("DT_PLTRELSZ", value(2), &(1_u64 << 40).to_le_bytes(), &["relro"]),
        ("nchain", 0x504, &0x7fff_ffff_u32.to_le_bytes(), &["stack-protector", "fortify"]),
    ];
    for (name, at, bytes, unknown) in cases {
        let mut patch = Patch(shape.0.clone());
        patch.put(*at, bytes);
        let source = Holes { start: patch.0, read: AtomicU64::new(0) };
        let facts = ElfFacts::read(&source, &[], b"/bin/sample", &Sound).unwrap();
        for rule in RULES.iter().filter(|rule| unknown.contains(&&*rule.meta().name)) {
            assert_eq!(short(&rule.judge(&facts)), "?unknown", "{name}");
        }
        let read = source.read.load(Ordering::Relaxed);
        assert!(read < 256 << 20, "{name}: {read} bytes");
    }
}

/// Counts the bytes that are read; behind its start there are zeros.
struct Holes {
    start: Vec<u8>,
    read: AtomicU64,
}

impl ReadAt for Holes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap().min(buffer.len());
        buffer[..left].fill(0);
        self.start.read_at(&mut buffer[..left], offset)?;
        self.read.fetch_add(left as u64, Ordering::Relaxed);
        Ok(left)
    }

    fn len(&self) -> u64 {
        GIANT
    }
}

/// Opening the first blocks, reading the second fails, and the last never ends.
fn special_files() {
    let root = Root::new();
    root.write("good", &tiny(SHAPES[0]));
    run("mkfifo", &["fifo"], root.path());
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    // Only root makes devices. A link to one is no file either, and is there in any case.
    std::os::unix::fs::symlink("/dev/zero", root.path().join("link-to-zero")).unwrap();
    let made =
        std::process::Command::new("mknod").args(["zero", "c", "1", "5"]).current_dir(root.path()).output();
    assert!(made.is_ok());
    let scan = root.scan();
    let paths: Vec<_> = scan.elves.iter().map(|elf| elf.path.as_slice()).collect();
    assert_eq!((paths, scan.files_opened), (vec![&b"/good"[..]], 1));
    assert!(scan.unreadable.is_empty());
}

/// The file shrinks between opening and reading.
fn cut_between_open_and_read() {
    let bytes = tiny(SHAPES[0]);
    for kept in [0, 10, 100, 0x450, 0x1010] {
        let source = Cut { bytes: bytes[..kept].to_vec(), length: bytes.len() as u64 };
        let causes = match ElfFacts::read(&source, &[], b"/x", &Sound) {
            Err(error) => vec![error.cause()],
            Ok(facts) => RULES.iter().filter_map(|rule| rule.judge(&facts).cause).collect(),
        };
        // Rules that came later may have nothing to say of it for reasons of their own.
        let is_change =
            |cause: &Cause| *cause == Cause::Changed || (*cause == Cause::Undecided && kept >= 100);
        assert!(causes.contains(&Cause::Changed) && causes.iter().all(is_change), "{kept}: {causes:?}");
    }
}

struct Cut {
    bytes: Vec<u8>,
    length: u64,
}

impl ReadAt for Cut {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.bytes.read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.length
    }
}

/// A real file that is cut after the walk, and one that is cut and grows again while another thread reads: no signal, no
/// panic, and never a pass of the form of what was not all there.
fn cut_on_disk() {
    let root = Root::new();
    let path = root.write("program", &tiny(SHAPES[0]));
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let tree = DirTree::open(root.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    file.set_len(0x900).unwrap();
    let scan_now = || -> Scan { scan(&index, &ScanOptions::default(), &|_| true).unwrap() };
    let cut = scan_now();
    let told = cut.elves.len() + cut.unreadable.len();
    assert_eq!(told, 1, "the file fell silent");
    assert!(cut.elves.iter().all(|elf| elf.judgements.iter().all(|judgement| judgement.label != "full")));
    let whole = tiny(SHAPES[0]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                file.set_len([0x2000, 0, 0x1800, 0x80][round % 4]).unwrap();
                file.write_all_at(&whole[..[0x2000, 0, 0x1800, 0x80][round % 4]], 0).unwrap();
            }
        });
        for _ in 0..100 {
            let scan = scan_now();
            assert!(scan.elves.len() + scan.unreadable.len() <= 1);
        }
    });
}

/// The magic number of Java classes is that of Mach-O files for several machines, whose count the next bytes would be.
fn java_classes_are_no_binaries() {
    let mut class = b"\xca\xfe\xba\xbe\0\0\0\x41".to_vec();
    class.resize(268, 0x10);
    let mut many = b"\xca\xfe\xba\xbe\xff\xff\xff\xff".to_vec();
    many.resize(4096, 0xff);
    let scan = scan_of([("a.class", class.as_slice()), ("many", many.as_slice())].into_iter());
    assert_eq!((scan.elves.len(), scan.unreadable.len(), scan.files_opened), (0, 0, 2));
}
