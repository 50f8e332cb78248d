//! One section of an ELF file, by its name: as much of ELF as a module's own words need.
//!
//! Both classes and byte orders, as the kernel's include/uapi/linux/elf.h lays them out. Every number is checked against the
//! file before anything is read by it.

use super::ModuleError;

/// The bytes of the section of this name; the first one, if several have it.
pub(super) fn section<'f>(file: &'f [u8], name: &str) -> Result<&'f [u8], ModuleError> {
    let elf = Elf::open(file)?;
    let names = elf.content(elf.header(elf.names)?)?;
    for index in 0..elf.count {
        let header = elf.header(index)?;
        let found = usize::try_from(header.name).ok().and_then(|at| names.get(at..));
        let found = found
            .ok_or_else(|| malformed(header.at, "the name of a section is not in the table of names"))?;
        let end = found.iter().position(|byte| *byte == 0);
        if end.is_some_and(|end| &found[..end] == name.as_bytes()) {
            return elf.content(header);
        }
    }
    Err(ModuleError::NoModinfo)
}

struct Elf<'f> {
    file: &'f [u8],
    is_64: bool,
    is_little: bool,
    /// Where the section headers are, how long one is, and how many there are.
    table: u64,
    entry_size: u64,
    count: u64,
    /// Which section has the names.
    names: u64,
}

#[derive(Clone, Copy)]
struct Header {
    at: u64,
    name: u64,
    kind: u64,
    offset: u64,
    size: u64,
    link: u64,
}

impl<'f> Elf<'f> {
    fn open(file: &'f [u8]) -> Result<Self, ModuleError> {
        let ident = file.first_chunk::<16>().filter(|ident| ident.starts_with(b"\x7fELF"));
        let ident = ident.ok_or(ModuleError::NoElf)?;
        let (is_64, is_little) = match (ident[4], ident[5]) {
            (class @ (1 | 2), order @ (1 | 2)) => (class == 2, order == 1),
            _ => return Err(malformed(4, "class and byte order are not those of any Linux machine")),
        };
        let mut elf = Self { file, is_64, is_little, table: 0, entry_size: 0, count: 0, names: 0 };
        if elf.number(16, 2)? != RELOCATABLE {
            return Err(malformed(16, "it is no relocatable file, which modules are"));
        }
        let (table_at, sizes_at) = if is_64 { (40, 58) } else { (32, 46) };
        elf.table = elf.number(table_at, if is_64 { 8 } else { 4 })?;
        elf.entry_size = elf.number(sizes_at, 2)?;
        elf.count = elf.number(sizes_at + 2, 2)?;
        elf.names = elf.number(sizes_at + 4, 2)?;
        if elf.entry_size != if is_64 { 64 } else { 40 } {
            return Err(malformed(sizes_at, "section headers are not as long as those of its class"));
        }
        // Files with many sections have the true numbers in the first header.
        let first = elf.header(0)?;
        if elf.count == 0 {
            elf.count = first.size;
        }
        if elf.names == EXTENDED {
            elf.names = first.link;
        }
        let len = elf.count.checked_mul(elf.entry_size).and_then(|len| elf.table.checked_add(len));
        if elf.table == 0 || elf.names >= elf.count || len.is_none_or(|end| end > file.len() as u64) {
            return Err(malformed(table_at, "the section headers are not within the file"));
        }
        Ok(elf)
    }

    fn header(&self, index: u64) -> Result<Header, ModuleError> {
        let at = index.checked_mul(self.entry_size).and_then(|offset| self.table.checked_add(offset));
        let at = at.ok_or_else(|| malformed(self.table, "the section headers are not within the file"))?;
        let fields = if self.is_64 { [(24, 8), (32, 8), (40, 4)] } else { [(16, 4), (20, 4), (24, 4)] };
        let field = |(offset, len)| {
            let place = at.checked_add(offset).ok_or_else(|| malformed(at, "an offset is too large"))?;
            self.number(place, len)
        };
        let [offset, size, link] = fields;
        Ok(Header {
            at,
            name: field((0, 4))?,
            kind: field((4, 4))?,
            offset: field(offset)?,
            size: field(size)?,
            link: field(link)?,
        })
    }

    fn content(&self, header: Header) -> Result<&'f [u8], ModuleError> {
        if header.kind == NO_BITS {
            return Ok(&[]);
        }
        let end = header.offset.checked_add(header.size);
        let range = usize::try_from(header.offset).ok().zip(end.and_then(|end| usize::try_from(end).ok()));
        let bytes = range.and_then(|(start, end)| self.file.get(start..end));
        bytes.ok_or_else(|| malformed(header.at, "a section is not within the file"))
    }

    /// A number of `len` bytes, at most eight.
    fn number(&self, at: u64, len: usize) -> Result<u64, ModuleError> {
        let start = usize::try_from(at).ok();
        let bytes = start.and_then(|start| self.file.get(start..start.checked_add(len)?));
        let bytes = bytes.ok_or_else(|| malformed(at, "the file ends there"))?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }
}

fn malformed(offset: u64, reason: &'static str) -> ModuleError {
    ModuleError::Malformed { offset, reason }
}

/// `ET_REL`.
const RELOCATABLE: u64 = 1;
/// `SHT_NOBITS`.
const NO_BITS: u64 = 8;
/// `SHN_XINDEX`.
const EXTENDED: u64 = 0xffff;
