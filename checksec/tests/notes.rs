//! Notes written by hand, in both classes and byte orders, and notes of a real program that are damaged.

use hardpan_checksec::facts::{AbiTag, ElfFacts};
use hardpan_checksec::{ByteOrder, Class};
use hardpan_report::Cause;

use crate::samples::{SAMPLE, compile, row_of};
use crate::support::{Patch, Root, facts, has_peers};
use crate::tiny::{SHAPES, Shape, tiny, with_notes};

#[test]
fn notes_are_read_in_every_class_and_byte_order() {
    for shape in SHAPES {
        let word = if shape.class == Class::Elf64 { 8 } else { 4 };
        let mut notes = note(shape, b"GNU\0", &[0xab; 20], 3, 4);
        let tag: Vec<u8> = [0, 3, 2, 1].into_iter().flat_map(|value| bytes(shape, value)).collect();
        notes.extend(note(shape, b"GNU\0", &tag, 1, 4));
        notes.extend(note(shape, b"Go\0\0", b"id", 4, 4));
        notes.extend(note(shape, b"FDO\0", b"{}", 0xcafe_1a7e, 4));
        let file = with_notes(shape, &[(PT_NOTE, 4, &notes)]);
        let facts = facts(&file).unwrap();
        let id = facts.build_id().unwrap();
        assert_eq!((id.hex(), id.offset), ("ab".repeat(20), NOTES), "{shape:?}");
        let tag = AbiTag { offset: NOTES + 36, system: 0, version: [3, 2, 1] };
        assert_eq!(facts.notes.abi, Some(tag), "{shape:?}");
        assert_eq!(facts.notes.go_build_id, Some(NOTES + 68), "{shape:?}");
        assert_eq!(facts.notes.properties, Ok(None));

        let marks = property_note(shape, 1);
        for (kind, align, found) in [
            (PT_GNU_PROPERTY, word, true),
            // Its own program header decides where it is, whatever else that says.
            (PT_GNU_PROPERTY, 4, true),
            (PT_NOTE, word, shape.machine != 183),
            (PT_NOTE, 12 - word, false),
        ] {
            let file = with_notes(shape, &[(kind, align, &property_note_aligned(shape, 7, align))]);
            let features = features(&file);
            let known = [62, 3, 183].contains(&shape.machine);
            let wanted = found.then_some(if known { 7 } else { 0 });
            assert_eq!(features, wanted, "{shape:?} {kind:#x} {align}");
        }
        // Beside its own header, that of all notes does not count.
        let both =
            with_notes(shape, &[(PT_NOTE, word, &marks), (PT_GNU_PROPERTY, word, &property_note(shape, 2))]);
        let wanted = if [62, 3, 183].contains(&shape.machine) { 2 } else { 0 };
        assert_eq!(features(&both), Some(wanted), "{shape:?}");
        let twice = [property_note(shape, 3), property_note(shape, 6)].concat();
        assert_eq!(
            features(&with_notes(shape, &[(PT_GNU_PROPERTY, word, &twice)])),
            Some(wanted),
            "{shape:?}"
        );
    }
}

#[test]
fn sizes_that_cannot_be_are_damage_of_what_needs_them() {
    for shape in SHAPES {
        let word = if shape.class == Class::Elf64 { 8 } else { 4 };
        let good = [note(shape, b"GNU\0", &[1; 20], 3, 4), note(shape, b"x\0\0\0", &[2; 8], 9, 4)].concat();
        for field in [0, 4] {
            for size in [u32::MAX, u32::MAX - 3, 1 << 31, 0x1000] {
                let mut notes = good.clone();
                notes[field..field + 4].copy_from_slice(&bytes(shape, size));
                let found = facts(&with_notes(shape, &[(PT_NOTE, 4, &notes)])).unwrap();
                assert_eq!(found.notes.build_id.as_ref().unwrap_err().cause(), Cause::Malformed);
                // Properties are looked for only where they are aligned to a word.
                let may_have = shape.class == Class::Elf32;
                assert_eq!(found.notes.properties.is_err(), may_have, "{shape:?}");
                // Behind the build id nothing keeps it from being known.
                let mut notes = good.clone();
                notes[36 + field..40 + field].copy_from_slice(&bytes(shape, size));
                let found = facts(&with_notes(shape, &[(PT_NOTE, 4, &notes)])).unwrap();
                assert!(found.build_id().is_some(), "{shape:?} {field} {size:#x}");
            }
        }
        for (size, at) in [(u32::MAX, 20), (u32::MAX, 4), (0, 20), (3, 20), (5, 20), (100, 20)] {
            let mut notes = property_note(shape, 3);
            notes[at..at + 4].copy_from_slice(&bytes(shape, size));
            let found = facts(&with_notes(shape, &[(PT_GNU_PROPERTY, word, &notes)])).unwrap();
            if ![62, 3, 183].contains(&shape.machine) && size < 6 {
                continue;
            }
            assert_eq!(
                found.notes.properties.as_ref().unwrap_err().cause(),
                Cause::Malformed,
                "{shape:?} {at}"
            );
            assert_eq!(found.notes.build_id, Ok(None));
        }
    }
}

#[test]
fn long_notes_stop_at_limits() {
    let shape = SHAPES[0];
    let id = note(shape, b"GNU\0", &[1; 65], 3, 4);
    let found = facts(&with_notes(shape, &[(PT_NOTE, 4, &id)])).unwrap();
    assert_eq!(found.notes.build_id.unwrap_err().cause(), Cause::Limit);
    let id = note(shape, b"GNU\0", &[1; 64], 3, 4);
    assert!(facts(&with_notes(shape, &[(PT_NOTE, 4, &id)])).unwrap().build_id().is_some());
    // Two segments of 1 MiB together are more than is read, and the second is unknown.
    let long = note(shape, b"x\0\0\0", &vec![0; (1 << 20) - 16], 9, 4);
    let file = with_notes(shape, &[(PT_NOTE, 4, &long), (PT_NOTE, 4, &id)]);
    assert_eq!(facts(&file).unwrap().notes.build_id.unwrap_err().cause(), Cause::Limit);
    let file = with_notes(shape, &[(PT_NOTE, 4, &id), (PT_NOTE, 4, &long)]);
    assert!(facts(&file).unwrap().build_id().is_some());
    let mut past = Patch(with_notes(shape, &[(PT_NOTE, 4, &id)]));
    let header = past.headers(PT_NOTE)[0];
    for size in [u64::MAX, 1 << 60, 1 << 40] {
        past.put(header + 32, &size.to_le_bytes());
        assert_eq!(facts(&past.0).unwrap().notes.build_id.unwrap_err().cause(), Cause::Malformed);
    }
    past.put(header + 8, &(u64::MAX - 7).to_le_bytes());
    assert_eq!(facts(&past.0).unwrap().notes.build_id.unwrap_err().cause(), Cause::Malformed);
}

/// Damage to the notes of a real program reaches the rules that need them and no others.
#[test]
fn damaged_notes_make_unknown_what_needs_them() {
    if !has_peers("damaged notes", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    let arguments = "-O2 -fcf-protection=full -Wl,-z,ibt,-z,shstk,--build-id=sha1";
    compile(&root, "gcc", "made", &arguments.split(' ').map(Into::into).collect::<Vec<_>>(), &source);
    let whole = std::fs::read(root.path().join("bin/made")).unwrap();
    let sound = row_of(&whole);
    assert_eq!((&*sound["cet"], &*sound["build-id"]), ("+marked", "+yes"));
    let place = |facts: &ElfFacts| {
        let properties = facts.notes.properties.as_ref().unwrap().unwrap().offset;
        (usize::try_from(properties).unwrap(), usize::try_from(facts.build_id().unwrap().offset).unwrap())
    };
    let (properties, id) = place(&facts(&whole).unwrap());
    let damaged = |at: usize, unknown: &str| {
        let mut patch = Patch(whole.clone());
        patch.put(at, &u32::MAX.to_le_bytes());
        let found = row_of(&patch.0);
        for (rule, verdict) in &sound {
            // Safe stacks are judged by the same marks.
            let is_damaged = *rule == unknown || (unknown == "cet" && *rule == "build-id");
            match *rule {
                "well-formed" => assert_eq!(found[rule], "+yes"),
                "safe-stack" if unknown == "cet" => assert_eq!(found[rule], "~GCC"),
                "build-id" if unknown == "cet" => {}
                _ if is_damaged => assert_eq!(found[rule], "?unknown", "{rule}"),
                _ => assert_eq!(found[rule], *verdict, "{rule}"),
            }
        }
    };
    for field in [0, 4, 20] {
        damaged(properties + field, "cet");
    }
    for field in [0, 4] {
        damaged(id + field, "build-id");
    }
}

fn features(file: &[u8]) -> Option<u32> {
    facts(file).unwrap().notes.properties.unwrap().map(|properties| properties.features)
}

/// The features of each machine under its own number, so that one note serves all.
fn property_note(shape: Shape, features: u32) -> Vec<u8> {
    property_note_aligned(shape, features, if shape.class == Class::Elf64 { 8 } else { 4 })
}

fn property_note_aligned(shape: Shape, features: u32, align: u64) -> Vec<u8> {
    let kind = if shape.machine == 183 { 0xc000_0000 } else { 0xc000_0002 };
    let mut property: Vec<u8> =
        [kind, 4, features].into_iter().flat_map(|field| bytes(shape, field)).collect();
    property.resize(if shape.class == Class::Elf64 { 16 } else { 12 }, 0);
    note(shape, b"GNU\0", &property, 5, usize::try_from(align).unwrap())
}

fn note(shape: Shape, owner: &[u8], description: &[u8], kind: u32, align: usize) -> Vec<u8> {
    let sizes = [owner.len(), description.len()].map(|size| u32::try_from(size).unwrap());
    let mut note: Vec<u8> =
        [sizes[0], sizes[1], kind].into_iter().flat_map(|field| bytes(shape, field)).collect();
    for part in [owner, description] {
        note.extend(part);
        note.resize(note.len().next_multiple_of(align), 0);
    }
    note
}

fn bytes(shape: Shape, value: u32) -> [u8; 4] {
    if shape.order == ByteOrder::Little { value.to_le_bytes() } else { value.to_be_bytes() }
}

/// Where [`with_notes`] puts the first.
const NOTES: u64 = 0x2000;
const PT_NOTE: u32 = 4;
const PT_GNU_PROPERTY: u32 = 0x6474_e553;

#[test]
fn a_file_without_notes_has_none() {
    let facts = facts(&tiny(SHAPES[0])).unwrap();
    assert_eq!(facts.notes, hardpan_checksec::facts::Notes::default());
}
