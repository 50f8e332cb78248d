//! Damage that nobody thought of: files cut anywhere and changed at random. Nothing panics, and nothing is read over and
//! over. The damage that somebody thought of is in truth/survive.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ElfError, ElfFacts};
use hardpan_image::ReadAt;
use hardpan_report::Outcome;

use crate::support::{Root, Sound, facts, has_peers, run, short};
use crate::tiny::{SHAPES, tiny};

#[test]
fn every_prefix_of_a_program() {
    if !has_peers("prefixes", &["gcc"]) {
        return;
    }
    let whole = program();
    assert!(judge(&whole).unwrap()[..10].iter().all(|verdict| verdict.starts_with(['+', '~'])));
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
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut damaged = 0;
    for round in 0..10_000 {
        let mut bytes = tiny(SHAPES[round % SHAPES.len()]);
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        let source = Counting { bytes, read: AtomicU64::new(0) };
        let length = source.len();
        damaged += u64::from(check(&source).is_none());
        let read = source.read.load(Ordering::Relaxed);
        assert!(read <= 8 * length, "round {round}: {read} bytes read of {length}");
    }
    assert!((100..9_900).contains(&damaged), "{damaged} of 10,000 told nothing");
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

/// Counts the bytes that are read.
struct Counting {
    bytes: Vec<u8>,
    read: AtomicU64,
}

impl ReadAt for Counting {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = self.bytes.read_at(buffer, offset)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Start code finds the slots of a static program without the section headers, so that those must not hide them.
#[test]
fn section_headers_hide_no_slots_of_a_static_program() {
    if !has_peers("section headers of a static program", &["gcc"]) {
        return;
    }
    let root = Root::new();
    root.write("main.c", b"int main(void) { return 0; }\n");
    for (flags, wanted) in [("-Wl,-z,relro", Outcome::Partial), ("-Wl,-z,norelro", Outcome::Fail)] {
        run("gcc", &["-static", "-O2", "-no-pie", flags, "main.c", "-o", "program"], root.path());
        let whole = std::fs::read(root.path().join("program")).unwrap();
        let word =
            |at: usize| usize::try_from(u64::from_le_bytes(whole[at..at + 8].try_into().unwrap())).unwrap();
        let count = usize::from(u16::from_le_bytes([whole[60], whole[61]]));
        let mut hidden = whole.clone();
        for kind in (0..count).map(|index| word(40) + index * 64 + 4) {
            // SHT_RELA and SHT_REL become SHT_PROGBITS.
            if matches!(hidden[kind], 4 | 9) {
                hidden[kind] = 1;
            }
        }
        assert_ne!(whole, hidden);
        for (name, bytes) in [("whole", &whole), ("hidden", &hidden)] {
            let relro = RULES[0].judge(&facts(bytes).unwrap());
            assert_eq!(relro.outcome, wanted, "{flags} {name}: {relro:?}");
        }
    }
}
