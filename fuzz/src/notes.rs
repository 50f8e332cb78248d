//! Notes of ELF files.

use hardpan_checksec::facts::{Directory, ElfFacts, Environment, NoteReader};
use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ByteOrder, judge_file};
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, NoteIterator};
use object::{Endianness, U32, U64};

/// The first byte chooses class, byte order and alignment; the rest are the notes. Where the reader of `object` takes
/// them, ours finds the same. A program with these notes is judged, by facts that lie in the file.
pub fn check(bytes: &[u8]) {
    let [choice, notes @ ..] = bytes else { return };
    let (is_wide, is_little) = (choice & 1 == 0, choice & 2 == 0);
    let align = [4, 8, 0, 1, 2, 3, 5, 16][usize::from(choice >> 2 & 7)];
    let order = if is_little { ByteOrder::Little } else { ByteOrder::Big };
    let endian = if is_little { Endianness::Little } else { Endianness::Big };
    let ours: Vec<_> = NoteReader::new(notes, 0, align, order).collect();
    assert!(ours.len() <= notes.len() / 12 + 1);
    assert!(ours.iter().rev().skip(1).all(Result::is_ok), "an error ends them");
    let theirs = if is_wide {
        theirs::<FileHeader64<Endianness>>(endian, U64::new(endian, align).get(endian), notes)
    } else {
        let align = u32::try_from(align).expect("it is small");
        theirs::<FileHeader32<Endianness>>(endian, U32::new(endian, align).get(endian), notes)
    };
    if let Some(theirs) = theirs {
        let ours: Vec<_> = ours.into_iter().map(|note| note.expect("object takes it")).collect();
        assert_eq!(ours.len(), theirs.len());
        for (note, (kind, owner, description)) in ours.iter().zip(theirs) {
            assert_eq!((note.kind, note.owner, note.description), (kind, owner, description));
        }
    }
    judge(&program(is_wide, is_little, align, notes));
}

type Parts<'b> = (u32, &'b [u8], &'b [u8]);

/// What `object` reads; `None` if it refuses any of it.
fn theirs<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    align: Elf::Word,
    notes: &[u8],
) -> Option<Vec<Parts<'_>>> {
    let notes: Result<Vec<_>, _> = NoteIterator::<Elf>::new(endian, align, notes).ok()?.collect();
    let parts = notes.ok()?.into_iter().map(|note| (note.n_type(endian).0, note.name(), note.desc()));
    Some(parts.collect())
}

fn judge(file: &[u8]) {
    let elf = judge_file(&file.to_vec(), &file[..file.len().min(64)], b"/x".to_vec(), &Nowhere);
    let facts: &ElfFacts = elf.facts.as_ref().expect("its headers are sound");
    if let Some(id) = facts.build_id() {
        assert!(id.bytes.len() <= 64 && id.offset < file.len() as u64);
        assert_eq!(id.hex().len(), 2 * id.bytes.len());
    }
    if let Ok(Some(properties)) = &facts.notes.properties {
        assert!(properties.offset < file.len() as u64);
    }
    assert_eq!(elf.judgements.len(), RULES.len());
}

struct Nowhere;

impl Environment for Nowhere {
    fn directory(&self, _: &[u8]) -> Directory {
        Directory::Sound
    }
}

/// A program of nothing but notes: the same bytes under `PT_NOTE` and `PT_GNU_PROPERTY`.
fn program(is_wide: bool, is_little: bool, align: u64, notes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let put = |file: &mut Vec<u8>, value: u64, width: usize| {
        let little = &value.to_le_bytes()[..width];
        if is_little { file.extend(little) } else { file.extend(little.iter().rev()) }
    };
    let (word, header, entry) = if is_wide { (8, 64, 56) } else { (4, 52, 32) };
    file.extend([0x7f, b'E', b'L', b'F', 1 + u8::from(is_wide), 2 - u8::from(is_little), 1]);
    file.resize(16, 0);
    // x86-64, i386, AArch64 has one byte order here; big-endian machines of both widths.
    let machine = match (is_wide, is_little) {
        (true, true) => 62,
        (false, true) => 3,
        (true, false) => 21,
        (false, false) => 20,
    };
    for (value, width) in [(2, 2), (machine, 2), (1, 4), (0, word), (header, word), (0, word), (0, 4)] {
        put(&mut file, value, width);
    }
    for value in [header, entry, 2, 0, 0, 0] {
        put(&mut file, value, 2);
    }
    let start = header + 2 * entry;
    for kind in [4, 0x6474_e553] {
        put(&mut file, kind, 4);
        let size = notes.len() as u64;
        if is_wide {
            put(&mut file, 4, 4);
        }
        for value in [start, start, start, size, size] {
            put(&mut file, value, word);
        }
        if !is_wide {
            put(&mut file, 4, 4);
        }
        put(&mut file, align, word);
    }
    file.extend(notes);
    file
}

/// A build id, an ABI tag and properties, in each class and byte order.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for choice in 0..8_u8 {
        let (is_wide, is_little, align) =
            (choice & 1 == 0, choice & 2 == 0, if choice & 4 == 0 { 4 } else { 8 });
        let word = |value: u32| if is_little { value.to_le_bytes() } else { value.to_be_bytes() };
        let note = |kind: u32, description: &[u8]| {
            let size = u32::try_from(description.len()).expect("it is short");
            let mut note = [word(4), word(size), word(kind), *b"GNU\0"].concat();
            note.extend(description);
            note.resize(note.len().next_multiple_of(align), 0);
            note
        };
        let mut properties = [word(0xc000_0002), word(4), word(3)].concat();
        properties.resize(if is_wide { 16 } else { 12 }, 0);
        let tag = [word(0), word(3), word(2), word(0)].concat();
        let all = [vec![choice], note(3, &[0xab; 20]), note(1, &tag), note(5, &properties)];
        seeds.push(all.concat());
    }
    seeds
}
