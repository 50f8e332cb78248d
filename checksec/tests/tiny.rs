//! A small program written byte by byte, in either class and byte order, so that machines without a compiler here are
//! tested too and every structure has a known place.

use crate::support::facts;
use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ByteOrder, Class, Kind};

/// How to write it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) class: Class,
    pub(crate) order: ByteOrder,
    pub(crate) machine: u16,
}

pub(crate) const SHAPES: [Shape; 6] = [
    Shape { class: Class::Elf64, order: ByteOrder::Little, machine: 62 },
    Shape { class: Class::Elf64, order: ByteOrder::Little, machine: 183 },
    Shape { class: Class::Elf32, order: ByteOrder::Little, machine: 3 },
    Shape { class: Class::Elf32, order: ByteOrder::Little, machine: 40 },
    Shape { class: Class::Elf64, order: ByteOrder::Big, machine: 21 },
    Shape { class: Class::Elf32, order: ByteOrder::Big, machine: 20 },
];

/// Address of the first byte of the file; its segments follow the file's layout.
pub(crate) const BASE: u64 = 0x10000;
const DYNAMIC: u64 = 0x1000;
const DYNSYM: u64 = 0x400;
const HASH: u64 = 0x500;
const DYNSTR: u64 = 0x600;
const JMPREL: u64 = 0x700;
const INTERP: u64 = 0x7c0;
const SLOT: u64 = 0x1f00;
const STRINGS: &[u8] = b"\0libc.so.6\0__stack_chk_fail\0__printf_chk\0/usr/lib\0";

/// A dynamically linked PIE that is right in everything: full RELRO over 0x1000..0x2000 of its segment.
pub(crate) fn tiny(shape: Shape) -> Vec<u8> {
    let mut out = Out { shape, bytes: vec![0; 0x2000] };
    let wide = shape.class == Class::Elf64;
    let (header, entry): (u64, u64) = if wide { (64, 56) } else { (52, 32) };
    let ident = [
        0x7f,
        b'E',
        b'L',
        b'F',
        if wide { 2 } else { 1 },
        if shape.order == ByteOrder::Little { 1 } else { 2 },
        1,
    ];
    out.bytes[..7].copy_from_slice(&ident);
    out.u16(16, 3);
    out.u16(18, shape.machine);
    out.u32(20, 1);
    out.word(24, BASE + 0x800);
    out.word(if wide { 32 } else { 28 }, header);
    let counts = if wide { 52 } else { 40 };
    for (index, value) in [header, entry, 6].into_iter().enumerate() {
        out.u16(counts + index as u64 * 2, u16::try_from(value).unwrap());
    }
    let segments = [
        (3, 4, INTERP, 16),
        (1, 5, 0, 0x1000),
        (1, 6, DYNAMIC, 0x1000),
        (2, 6, DYNAMIC, 11 * 2 * out.size()),
        (0x6474_e551, 6, 0, 0),
        (0x6474_e552, 4, DYNAMIC, 0x1000),
    ];
    for (index, (kind, flags, offset, size)) in segments.into_iter().enumerate() {
        out.segment(header + index as u64 * entry, kind, flags, offset, size);
    }
    out.dynamic();
    out.tables();
    out.bytes
}

/// The same with notes behind everything else, each under a program header of a type and alignment.
pub(crate) fn with_notes(shape: Shape, notes: &[(u32, u64, &[u8])]) -> Vec<u8> {
    let mut out = Out { shape, bytes: tiny(shape) };
    let wide = shape.class == Class::Elf64;
    let (header, entry): (u64, u64) = if wide { (64, 56) } else { (52, 32) };
    out.u16(if wide { 56 } else { 44 }, u16::try_from(6 + notes.len()).unwrap());
    for (index, (kind, align, bytes)) in notes.iter().enumerate() {
        let (at, place) = (header + (6 + index as u64) * entry, out.bytes.len() as u64);
        out.segment(at, *kind, 4, place, bytes.len() as u64);
        out.word(at + if wide { 48 } else { 28 }, *align);
        out.bytes.extend(*bytes);
        out.bytes.resize(out.bytes.len().next_multiple_of(16), 0);
    }
    out.bytes
}

struct Out {
    shape: Shape,
    bytes: Vec<u8>,
}

impl Out {
    fn size(&self) -> u64 {
        if self.shape.class == Class::Elf64 { 8 } else { 4 }
    }

    fn put<const N: usize>(&mut self, at: u64, little: [u8; N]) {
        let mut bytes = little;
        if self.shape.order == ByteOrder::Big {
            bytes.reverse();
        }
        let at = usize::try_from(at).unwrap();
        self.bytes[at..at + N].copy_from_slice(&bytes);
    }

    fn u16(&mut self, at: u64, value: u16) {
        self.put(at, value.to_le_bytes());
    }

    fn u32(&mut self, at: u64, value: u32) {
        self.put(at, value.to_le_bytes());
    }

    fn word(&mut self, at: u64, value: u64) {
        match self.shape.class {
            Class::Elf32 => self.u32(at, u32::try_from(value).unwrap()),
            Class::Elf64 => self.put(at, value.to_le_bytes()),
        }
    }

    fn segment(&mut self, at: u64, kind: u32, flags: u32, offset: u64, size: u64) {
        self.u32(at, kind);
        let wide = self.shape.class == Class::Elf64;
        self.u32(at + if wide { 4 } else { 24 }, flags);
        let places = if wide { [8, 16, 24, 32, 40] } else { [4, 8, 12, 16, 20] };
        for (place, value) in places.into_iter().zip([offset, BASE + offset, BASE + offset, size, size]) {
            self.word(at + place, value);
        }
    }

    fn dynamic(&mut self) {
        let jmprel_size = if self.size() == 8 { 48 } else { 24 };
        let entries = [
            (1, 1),
            (29, 41),
            (5, BASE + DYNSTR),
            (10, STRINGS.len() as u64),
            (6, BASE + DYNSYM),
            (4, BASE + HASH),
            (23, BASE + JMPREL),
            (2, jmprel_size),
            (30, 8),
            (0x6fff_fffb, 0x0800_0001),
            (0, 0),
        ];
        let size = self.size();
        for (index, (tag, value)) in entries.into_iter().enumerate() {
            let at = DYNAMIC + index as u64 * 2 * size;
            self.word(at, tag);
            self.word(at + size, value);
        }
    }

    fn tables(&mut self) {
        let at = usize::try_from(DYNSTR).unwrap();
        self.bytes[at..at + STRINGS.len()].copy_from_slice(STRINGS);
        let at = usize::try_from(INTERP).unwrap();
        self.bytes[at..at + 16].copy_from_slice(b"/lib/ld-linux.s\0");
        let wide = self.size() == 8;
        let symbol = if wide { 24 } else { 16 };
        for (index, name) in [11, 28].into_iter().enumerate() {
            self.u32(DYNSYM + (index as u64 + 1) * symbol, name);
        }
        // nbucket, nchain.
        self.u32(HASH, 1);
        self.u32(HASH + 4, 3);
        for index in 0..2 {
            let at = JMPREL + index * if wide { 24 } else { 12 };
            self.word(at, BASE + SLOT + index * self.size());
            self.word(at + self.size(), if wide { ((index + 1) << 32) | 7 } else { ((index + 1) << 8) | 7 });
        }
    }
}

#[test]
fn every_class_and_byte_order_is_read_alike() {
    for shape in SHAPES {
        let facts = facts(&tiny(shape)).unwrap();
        assert_eq!((facts.header.class, facts.header.order), (shape.class, shape.order), "{shape:?}");
        assert_eq!(facts.kind, Kind::Pie, "{shape:?}");
        let labels: Vec<_> = RULES.iter().map(|rule| crate::support::short(&rule.judge(&facts))).collect();
        let wanted =
            ["+full", "+now", "+PIE", "+NX", "+yes", "+2+", "+safe RUNPATH", "+none", "+yes", "+yes"];
        assert_eq!(labels[..10], wanted, "{shape:?}");
        let slots = facts.slots.as_ref().unwrap().unwrap();
        assert_eq!((slots.count, slots.outside), (2, 0), "{shape:?}");
    }
}
