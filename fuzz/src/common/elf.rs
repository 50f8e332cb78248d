//! ELF files around bytes of an input.

use hardpan_checksec::ElfFacts;
use hardpan_checksec::facts::{Directory, Environment, Flags};

/// The byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// A section: name, type, flags, content.
pub(crate) type Section<'s> = (&'s str, u32, u64, &'s [u8]);

pub(crate) const PROGBITS: u32 = 1;
pub(crate) const NOTE: u32 = 7;

struct Sound;

impl Environment for Sound {
    fn directory(&self, _: &[u8]) -> Directory {
        Directory::Sound
    }
}

/// What Hardpan reads of how a file with these sections was built. Whatever they hold, the file is sound.
pub(crate) fn flags(order: Order, sections: &[Section<'_>]) -> Flags {
    let file = elf(order, sections);
    let head = &file[..file.len().min(4096)];
    ElfFacts::read(&file, head, b"/file", &Sound).expect("header and tables are sound").flags
}

/// A 64-bit program in which all is mapped at its own offset.
pub(crate) fn elf(order: Order, sections: &[Section<'_>]) -> Vec<u8> {
    let mut file = vec![0; CONTENT];
    let mut names = vec![0];
    let mut headers = vec![0; SECTION_HEADER];
    for (name, kind, flags, content) in sections.iter().copied().chain([(".shstrtab", 3, 0, &[][..])]) {
        let is_names = name == ".shstrtab";
        let at = names.len();
        names.extend(name.as_bytes());
        names.push(0);
        file.resize(file.len().next_multiple_of(16), 0);
        let offset = file.len();
        file.extend(if is_names { &names } else { content });
        let mut header = Writer { bytes: vec![0; SECTION_HEADER], order };
        header.put(0, at, 4);
        header.put(4, kind as usize, 4);
        header.put(8, usize::try_from(flags).expect("flags are small"), 8);
        header.put(24, offset, 8);
        header.put(32, file.len() - offset, 8);
        headers.extend(header.bytes);
    }
    file.resize(file.len().next_multiple_of(16), 0);
    let table = file.len();
    file.extend(headers);
    let mut writer = Writer { bytes: file, order };
    writer.header(table, sections.len() + 2);
    writer.bytes
}

struct Writer {
    bytes: Vec<u8>,
    order: Order,
}

impl Writer {
    fn put(&mut self, at: usize, value: usize, width: usize) {
        let value = value as u64;
        let field = &mut self.bytes[at..at + width];
        match self.order {
            Order::Little => field.copy_from_slice(&value.to_le_bytes()[..width]),
            Order::Big => field.copy_from_slice(&value.to_be_bytes()[8 - width..]),
        }
    }

    fn header(&mut self, table: usize, count: usize) {
        let data = if self.order == Order::Little { 1 } else { 2 };
        self.bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, data, 1]);
        // ET_EXEC for x86-64 or s390x, without an entry.
        self.put(16, 2, 2);
        self.put(18, if self.order == Order::Little { 62 } else { 22 }, 2);
        self.put(20, 1, 4);
        self.put(32, 64, 8);
        self.put(40, table, 8);
        for (at, value) in [(52, 64), (54, 56), (56, 1), (58, SECTION_HEADER), (60, count), (62, count - 1)] {
            self.put(at, value, 2);
        }
        // PT_LOAD, to be read and executed.
        let size = self.bytes.len();
        for (at, value, width) in [(64, 1, 4), (68, 5, 4), (96, size, 8), (104, size, 8), (112, 16, 8)] {
            self.put(at, value, width);
        }
    }
}

const SECTION_HEADER: usize = 64;
/// After the ELF header and one program header, at a multiple of 16.
pub(crate) const CONTENT: usize = 128;
