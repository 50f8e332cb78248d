//! Damaged files: nothing panics, nothing takes long or much memory, and what Linux would run is judged as it would
//! run.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ElfError, ElfFacts};
use hardpan_image::ReadAt;
use hardpan_report::{Cause, Outcome};

use crate::support::{Patch, Root, Sound, assert_runs, facts, has_peers, run, short};
use crate::tiny::{SHAPES, tiny};

#[test]
fn every_prefix_of_a_program() {
    if !has_peers("prefixes", &["gcc"]) {
        return;
    }
    let whole = program();
    assert!(judge(&whole).unwrap().iter().all(|verdict| verdict.starts_with(['+', '~'])));
    for length in 0..whole.len() {
        // The section headers are last, so that every cut is seen.
        let found = judge(&whole[..length]);
        assert!(length >= 64 || found.is_err(), "{length}");
        assert!(found.is_err() || found.is_ok_and(|verdicts| verdicts[9] != "+yes"), "{length}");
    }
}

#[test]
fn every_prefix_of_every_shape() {
    for shape in SHAPES {
        let whole = tiny(shape);
        for length in 0..whole.len() {
            let found = judge(&whole[..length]);
            assert!(
                found.is_err() || found.is_ok_and(|verdicts| verdicts[9] != "+yes"),
                "{shape:?} {length}"
            );
        }
    }
}

#[test]
fn ten_thousand_mutations() {
    let start = Instant::now();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut damaged = 0;
    for round in 0..10_000 {
        let mut bytes = tiny(SHAPES[round % SHAPES.len()]);
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        let source = Counting { bytes, length: None, read: AtomicU64::new(0) };
        let length = source.len();
        damaged += u64::from(check(&source).is_none());
        let read = source.read.load(Ordering::Relaxed);
        assert!(read <= 8 * length, "round {round}: {read} bytes read of {length}");
    }
    assert!((100..9_900).contains(&damaged), "{damaged} of 10,000 told nothing");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// Damage that Linux does not look at changes no verdict but the one about the form.
#[test]
fn what_linux_runs_is_judged_as_it_runs() {
    if !has_peers("damage that runs", &["gcc"]) {
        return;
    }
    let whole = Patch(program());
    let untouched = judge(&whole.0).unwrap();
    let sections = usize::try_from(whole.u64(40)).unwrap();
    let names = sections + usize::from(whole.u16(62)) * 64;
    let dynamic = whole.headers(2)[0];
    let hash = whole.dynamic(0x6fff_fef5);
    let hash = usize::try_from(whole.u64(hash + 8)).unwrap();
    let value = |tag| whole.dynamic(tag) + 8;
    let cases: &[(&str, usize, &[u8])] = &[
        ("EI_CLASS 0", 4, &[0]),
        ("EI_CLASS 1", 4, &[1]),
        ("EI_CLASS 3", 4, &[3]),
        ("EI_DATA 0", 5, &[0]),
        ("EI_DATA 2", 5, &[2]),
        ("EI_VERSION 9", 6, &[9]),
        ("e_ehsize", 52, &[1, 0]),
        ("e_shentsize 0", 58, &[0, 0]),
        ("e_shoff past the end", 40, &(1_u64 << 40).to_le_bytes()),
        ("e_shoff -1", 40, &u64::MAX.to_le_bytes()),
        ("e_shstrndx 0xfefe", 62, &[0xfe, 0xfe]),
        ("e_shnum of more than there are", 60, &[0xff, 0xfe]),
        ("sh_offset and sh_size wrap", names + 24, &(u64::MAX - 7).to_le_bytes()),
        ("section names of 2^60 bytes", names + 32, &(1_u64 << 60).to_le_bytes()),
        ("p_filesz of PT_DYNAMIC 2^40", dynamic + 32, &(1_u64 << 40).to_le_bytes()),
        ("p_filesz of PT_DYNAMIC 2^63", dynamic + 32, &(1_u64 << 63).to_le_bytes()),
        ("p_filesz of PT_DYNAMIC 1", dynamic + 32, &1_u64.to_le_bytes()),
        ("p_offset of PT_DYNAMIC wraps", dynamic + 8, &(u64::MAX - 8).to_le_bytes()),
        ("DT_STRSZ 2^64-1", value(10), &u64::MAX.to_le_bytes()),
    ];
    for (name, at, bytes) in cases {
        let mut patch = Patch(whole.0.clone());
        patch.put(*at, bytes);
        let found = judge(&patch.0).unwrap();
        assert_eq!(found[..9], untouched[..9], "{name}");
        assert_eq!(found[9], "-malformed", "{name}");
        assert_runs(name, &patch.0);
    }
    // What nothing that is judged depends on is not even odd. The loader crashes on those that are set apart.
    let fatal = ["nbuckets 2^32-1", "bloom size 0"];
    let harmless: &[(&str, usize, &[u8])] = &[
        ("e_shnum 0", 60, &[0, 0]),
        ("DT_SYMENT 0", value(11), &0_u64.to_le_bytes()),
        ("DT_SYMENT 1", value(11), &1_u64.to_le_bytes()),
        ("nbuckets 0", hash, &0_u32.to_le_bytes()),
        ("nbuckets 2^32-1", hash, &u32::MAX.to_le_bytes()),
        ("bloom size 0", hash + 8, &0_u32.to_le_bytes()),
    ];
    for (name, at, bytes) in harmless {
        let mut patch = Patch(whole.0.clone());
        patch.put(*at, bytes);
        assert_eq!(judge(&patch.0).unwrap()[..9], untouched[..9], "{name}");
        if !fatal.contains(name) {
            assert_runs(name, &patch.0);
        }
    }
    let cut = judge(&whole.0[..whole.0.len() - 1]).unwrap();
    assert_eq!((&cut[..9], &*cut[9]), (&untouched[..9], "-malformed"));
    assert_runs("the last byte cut", &whole.0[..whole.0.len() - 1]);
}

/// Damage to one part makes unknown exactly the rules that need it.
#[test]
fn damage_to_a_part_stays_there() {
    if !has_peers("damage to parts", &["gcc"]) {
        return;
    }
    let whole = Patch(program());
    let value = |tag| whole.dynamic(tag) + 8;
    let (interpreter, dynamic) = (whole.headers(3)[0], whole.headers(2)[0]);
    let end_of_interpreter =
        usize::try_from(whole.u64(interpreter + 8) + whole.u64(interpreter + 32)).unwrap() - 1;
    let hash = usize::try_from(whole.u64(value(0x6fff_fef5))).unwrap();
    let all_but_stack_and_wx: &[usize] = &[0, 1, 2, 4, 5, 6, 7];
    let cases: &[(&str, usize, &[u8], &[usize])] = &[
        ("PT_DYNAMIC unmapped", dynamic + 16, &(1_u64 << 40).to_le_bytes(), all_but_stack_and_wx),
        ("DT_STRTAB unmapped", value(5), &(1_u64 << 40).to_le_bytes(), &[4, 5, 6]),
        ("DT_SYMTAB unmapped", value(6), &u64::MAX.to_le_bytes(), &[4, 5]),
        ("DT_NEEDED 2^63", value(1), &(1_u64 << 63).to_le_bytes(), &[6]),
        ("DT_PLTRELSZ 2^60", value(2), &(1_u64 << 60).to_le_bytes(), &[0, 4, 5]),
        ("DT_JMPREL unmapped", value(23), &(1_u64 << 50).to_le_bytes(), &[0, 4, 5]),
        ("DT_RELASZ 2^60", value(8), &(1_u64 << 60).to_le_bytes(), &[4, 5]),
        ("first hashed symbol 2^32-1", hash + 4, &u32::MAX.to_le_bytes(), &[4, 5]),
        ("PT_INTERP empty", interpreter + 32, &0_u64.to_le_bytes(), &[6]),
        ("PT_INTERP of 2^40 bytes", interpreter + 32, &(1_u64 << 40).to_le_bytes(), &[6]),
        ("PT_INTERP unterminated", end_of_interpreter, b"x", &[6]),
    ];
    let untouched = judge(&whole.0).unwrap();
    for (name, at, bytes, unknown) in cases {
        let mut patch = Patch(whole.0.clone());
        patch.put(*at, bytes);
        let found = judge(&patch.0).unwrap();
        for rule in 0..9 {
            let wanted = if unknown.contains(&rule) { "?unknown" } else { &untouched[rule] };
            assert_eq!(found[rule], wanted, "{name}: {}", RULES[rule].meta().name);
        }
        assert_eq!(found[9], "-malformed", "{name}");
    }
    // The loader would take these for names as well; none of them is a sign of any defence.
    let mut aliased = Patch(whole.0.clone());
    aliased.put(value(5), &whole.u64(value(6)).to_le_bytes());
    let found = judge(&aliased.0).unwrap();
    assert!(!found[4].starts_with('+') && !found[5].starts_with('+'), "{found:?}");
}

#[test]
fn files_of_which_nothing_can_be_told() {
    if !has_peers("hopeless files", &["gcc"]) {
        return;
    }
    let whole = Patch(program());
    let cases: &[(&str, usize, &[u8])] = &[
        ("e_phentsize 0", 54, &[0, 0]),
        ("e_phentsize 1", 54, &[1, 0]),
        ("e_phentsize 65535", 54, &[0xff, 0xff]),
        ("PN_XNUM", 56, &[0xff, 0xff]),
        ("e_phnum 0", 56, &[0, 0]),
        ("e_phoff -1", 32, &u64::MAX.to_le_bytes()),
        ("e_phoff -56", 32, &(u64::MAX - 55).to_le_bytes()),
    ];
    for (name, at, bytes) in cases {
        let mut patch = Patch(whole.0.clone());
        patch.put(*at, bytes);
        let error = facts(&patch.0).expect_err(name);
        assert_eq!(error.cause(), Cause::Malformed, "{name}");
        assert!(error.to_string().starts_with("program headers at offset"), "{name}: {error}");
    }
    for length in [0, 4, 16, 51, 63] {
        assert!(matches!(facts(&whole.0[..length]), Err(ElfError::Malformed { .. })), "{length}");
    }
    let mut core = Patch(whole.0.clone());
    core.put(16, &[4]);
    assert!(judge(&core.0).unwrap().iter().all(|verdict| verdict == "~n/a"));
    let mut strange = Patch(whole.0.clone());
    strange.put(16, &[0x77, 0x77]);
    assert_eq!(judge(&strange.0).unwrap()[9], "-malformed");
    let mut machine = Patch(whole.0.clone());
    machine.put(18, &[0x34, 0x12]);
    assert_eq!(judge(&machine.0).unwrap()[..4], ["+full", "+now", "+PIE", "+NX"]);
}

/// A file of 4 TB that is all holes: tables may be as large as they say, so that limits have to stop the reading.
#[test]
fn sparse_giants_are_read_within_limits() {
    let length = 4_u64 << 40;
    let mut shape = Patch(tiny(SHAPES[0]));
    for load in shape.headers(1) {
        shape.put(load + 32, &length.to_le_bytes());
        shape.put(load + 40, &length.to_le_bytes());
    }
    let value = |tag| shape.dynamic(tag) + 8;
    let cases: &[(&str, usize, u64, &[usize])] = &[
        ("DT_STRSZ", value(10), 1 << 40, &[4, 5, 6]),
        ("DT_PLTRELSZ", value(2), 1 << 40, &[0]),
        ("nchain", 0x504, 0x7fff_ffff, &[4, 5]),
    ];
    for (name, at, wanted, unknown) in cases {
        let mut patch = Patch(shape.0.clone());
        if *name == "nchain" {
            patch.put(*at, &u32::try_from(*wanted).unwrap().to_le_bytes());
        } else {
            patch.put(*at, &wanted.to_le_bytes());
        }
        let source = Counting { bytes: patch.0, length: Some(length), read: AtomicU64::new(0) };
        let verdicts = check(&source).unwrap();
        for rule in *unknown {
            assert_eq!(verdicts[*rule], "?unknown", "{name}");
        }
        let read = source.read.load(Ordering::Relaxed);
        assert!(read < 256 << 20, "{name}: {read} bytes");
    }
}

/// The file shrinks between opening and reading.
#[test]
fn a_cut_while_reading_is_a_change() {
    let bytes = tiny(SHAPES[0]);
    for kept in [0, 10, 100, 0x450, 0x1010] {
        let source = Shrunk { bytes: bytes[..kept].to_vec(), length: bytes.len() as u64 };
        let causes = match ElfFacts::read(&source, &[], b"/x", &Sound) {
            Err(error) => vec![error.cause()],
            Ok(facts) => RULES.iter().filter_map(|rule| rule.judge(&facts).cause).collect(),
        };
        assert!(
            !causes.is_empty() && causes.iter().all(|cause| *cause == Cause::Changed),
            "{kept}: {causes:?}"
        );
    }
}

fn program() -> Vec<u8> {
    let root = Root::new();
    let source = b"#include <stdio.h>\n#include <string.h>\nint main(int c, char **v) { char b[64]; strcpy(b, v[0]); printf(\"%s %d\\n\", b, c); return 0; }\n";
    root.write("a.c", source);
    let flags =
        "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fPIE -pie -fstack-protector-strong -Wl,-z,relro,-z,now";
    let mut arguments: Vec<&str> = flags.split(' ').collect();
    arguments.extend(["-s", "a.c", "-o", "a"]);
    run("gcc", &arguments, root.path());
    std::fs::read(root.path().join("a")).unwrap()
}

fn judge(bytes: &[u8]) -> Result<Vec<String>, ElfError> {
    let facts = facts(bytes)?;
    Ok(RULES.iter().map(|rule| short(&rule.judge(&facts))).collect())
}

/// Judges, and checks what must hold of any judgement; `None` if nothing can be told of the file.
fn check(source: &dyn ReadAt) -> Option<Vec<String>> {
    let facts = ElfFacts::read(source, &[], b"/bin/sample", &Sound).ok()?;
    let verdicts = RULES.iter().map(|rule| {
        let judgement = rule.judge(&facts);
        assert_eq!(judgement.outcome == Outcome::Unknown, judgement.cause.is_some());
        let must_prove = matches!(judgement.outcome, Outcome::Pass | Outcome::Fail);
        assert!(!must_prove || !judgement.evidence.is_empty(), "{}", rule.meta().name);
        assert!(judgement.outcome == Outcome::Pass || !judgement.message.is_empty(), "{}", rule.meta().name);
        short(&judgement)
    });
    Some(verdicts.collect())
}

/// Headers, dynamic segment and tables are all in the first 2 KiB and around 0x1000; the values are those that break
/// arithmetic.
fn mutate(bytes: &mut [u8], random: &mut Random) {
    let at = match random.below(8) {
        0..=3 => random.below(0x180),
        4 | 5 => 0x1000 + random.below(0xb0),
        6 => 0x400 + random.below(0x400),
        _ => random.below(bytes.len()),
    };
    let value = match random.below(6) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << random.below(64),
        3 => u64::MAX - random.below(64) as u64,
        4 => bytes.len() as u64,
        _ => random.next(),
    };
    let width = [1, 2, 4, 8][random.below(4)];
    for (byte, new) in bytes[at..].iter_mut().zip(value.to_le_bytes()).take(width) {
        *byte = new;
    }
}

/// xorshift64: seeded, so that a failing round can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// Counts the bytes that are read; beyond its bytes there are zeros up to `length`.
struct Counting {
    bytes: Vec<u8>,
    length: Option<u64>,
    read: AtomicU64,
}

impl ReadAt for Counting {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap().min(buffer.len());
        buffer[..left].fill(0);
        self.bytes.read_at(&mut buffer[..left], offset)?;
        self.read.fetch_add(left as u64, Ordering::Relaxed);
        Ok(left)
    }

    fn len(&self) -> u64 {
        self.length.unwrap_or(self.bytes.len() as u64)
    }
}

struct Shrunk {
    bytes: Vec<u8>,
    length: u64,
}

impl ReadAt for Shrunk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.bytes.read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.length
    }
}
