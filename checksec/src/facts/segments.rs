//! The program headers: what is mapped, and how.

use object::elf::{PF_W, PF_X, PT_LOAD};

use crate::ElfError;
use crate::facts::{Anomaly, Header};
use crate::reader::{Class, Fields, Reader, Table};

/// A program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `p_type`.
    pub kind: u32,
    /// `p_flags`.
    pub flags: u32,
    /// `p_offset`.
    pub offset: u64,
    /// `p_vaddr`.
    pub address: u64,
    /// `p_filesz`.
    pub file_size: u64,
    /// `p_memsz`.
    pub memory_size: u64,
    /// `p_align`.
    pub align: u64,
}

impl Segment {
    /// Whether `PF_X` is set.
    pub fn is_executable(&self) -> bool {
        self.flags & PF_X.0 != 0
    }

    /// Whether `PF_W` is set.
    pub fn is_writable(&self) -> bool {
        self.flags & PF_W.0 != 0
    }
}

/// All program headers of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    table: u64,
    entry_size: u16,
    all: Box<[Segment]>,
}

impl Segments {
    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.all.iter()
    }

    /// Those of a type, with the file offset of each program header.
    pub fn of(&self, kind: object::elf::ProgramType) -> impl DoubleEndedIterator<Item = (u64, &Segment)> {
        let offset = |index: usize| self.table + index as u64 * u64::from(self.entry_size);
        self.all
            .iter()
            .enumerate()
            .filter(move |(_, segment)| segment.kind == kind.0)
            .map(move |(index, segment)| (offset(index), segment))
    }

    /// The last one of a type, which for most types is the one that kernel and loader end up with.
    pub fn last(&self, kind: object::elf::ProgramType) -> Option<(u64, &Segment)> {
        self.of(kind).next_back()
    }

    /// Whether any executable byte is mapped from the file.
    pub fn has_code(&self) -> bool {
        self.of(PT_LOAD).any(|(_, segment)| segment.is_executable() && segment.file_size > 0)
    }

    /// The file offset of an address, and how many bytes of the file follow it in the same segment. Where segments
    /// overlap, Linux maps the later one over the earlier one.
    pub(crate) fn file_range(&self, address: u64, file_length: u64) -> Option<(u64, u64)> {
        self.of(PT_LOAD).rev().find_map(|(_, segment)| {
            let into = address.checked_sub(segment.address).filter(|into| *into < segment.file_size)?;
            let offset = segment.offset.checked_add(into).filter(|offset| *offset < file_length)?;
            Some((offset, (segment.file_size - into).min(file_length - offset)))
        })
    }
}

/// Reads the table.
pub(crate) fn read(
    reader: &Reader<'_>,
    header: &Header,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Segments, ElfError> {
    let table = table(reader, header)?;
    let mut all = Vec::new();
    reader.records(table, |fields, at| {
        all.push(if fields.is_wide() { segment64(fields, at) } else { segment32(fields, at) });
        true
    })?;
    let segments = Segments { table: table.offset, entry_size: header.program_header_size, all: all.into() };
    note_loads(&segments, reader.len(), anomalies);
    Ok(segments)
}

/// Where the table is, within the limits of the kernel: it refuses a program that has no program headers, or whose
/// headers have another size or exceed 64 KiB.
fn table(reader: &Reader<'_>, header: &Header) -> Result<Table, ElfError> {
    let size: u64 = if reader.class == Class::Elf32 { 32 } else { 56 };
    let (offset, count) = (header.program_headers, u64::from(header.program_header_count));
    let refused = |reason: String| Err(ElfError::malformed("program headers", offset, reason));
    if count == 0 {
        return refused("there are none".into());
    }
    if u64::from(header.program_header_size) != size {
        return refused(format!("e_phentsize is {}, not {size}", header.program_header_size));
    }
    if count * size > MAX_TABLE {
        return refused(format!("{count} of them exceed the kernel's {MAX_TABLE} bytes"));
    }
    Ok(Table { structure: "program headers", offset, count, size })
}

fn segment32(fields: &Fields<'_>, at: usize) -> Segment {
    Segment {
        kind: fields.u32(at),
        flags: fields.u32(at + 24),
        offset: fields.u32(at + 4).into(),
        address: fields.u32(at + 8).into(),
        file_size: fields.u32(at + 16).into(),
        memory_size: fields.u32(at + 20).into(),
        align: fields.u32(at + 28).into(),
    }
}

fn segment64(fields: &Fields<'_>, at: usize) -> Segment {
    Segment {
        kind: fields.u32(at),
        flags: fields.u32(at + 4),
        offset: fields.u64(at + 8),
        address: fields.u64(at + 16),
        file_size: fields.u64(at + 32),
        memory_size: fields.u64(at + 40),
        align: fields.u64(at + 48),
    }
}

/// What a sound linker does not write, though Linux may run it.
fn note_loads(segments: &Segments, file_length: u64, anomalies: &mut Vec<Anomaly>) {
    let mut previous: Option<&Segment> = None;
    for (at, load) in segments.of(PT_LOAD) {
        if load.file_size > load.memory_size {
            let seen = format!("p_filesz {:#x}", load.file_size);
            let wanted = format!("at most p_memsz {:#x}", load.memory_size);
            anomalies.push(Anomaly::new("PT_LOAD", at, seen, wanted));
        }
        let end = load.offset.checked_add(load.file_size);
        if load.file_size > 0 && end.is_none_or(|end| end > file_length) {
            let seen = format!("p_offset {:#x} and p_filesz {:#x}", load.offset, load.file_size);
            anomalies.push(Anomaly::new(
                "PT_LOAD",
                at,
                seen,
                format!("within the file's {file_length} bytes"),
            ));
        }
        if let Some(previous) = previous {
            note_order(at, load, previous, anomalies);
        }
        previous = Some(load);
    }
}

/// What is mapped where two segments meet is that of the later one, which only who maps them like Linux sees.
fn note_order(at: u64, load: &Segment, previous: &Segment, anomalies: &mut Vec<Anomaly>) {
    let seen = format!("p_vaddr {:#x} after {:#x}", load.address, previous.address);
    let end = previous.address.saturating_add(previous.memory_size);
    // Segments that share a page are one mapping twice if they are as far apart in the file as in memory.
    let is_same_page = load.address / PAGE * PAGE < end && previous.memory_size > 0;
    let is_same_place =
        load.address.wrapping_sub(load.offset) == previous.address.wrapping_sub(previous.offset);
    if load.address < previous.address {
        anomalies.push(Anomaly::new("PT_LOAD", at, seen, "ascending p_vaddr"));
    } else if load.address < end || (is_same_page && !is_same_place) {
        anomalies.push(Anomaly::new("PT_LOAD", at, seen, format!("behind its pages, which end at {end:#x}")));
    }
}

/// The smallest page of any machine.
const PAGE: u64 = 4096;
/// `load_elf_phdrs` of Linux refuses larger tables.
const MAX_TABLE: u64 = 65536;
