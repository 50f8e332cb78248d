//! The slots that relocations fill in: what full RELRO has to cover.

use object::elf::{
    DT_JMPREL, DT_PLTGOT, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELACOUNT, DT_RELASZ, DT_RELCOUNT,
    DT_RELR, DT_RELSZ, DynamicTag, EM_386, EM_AARCH64, EM_ARM, EM_PPC, EM_PPC64, EM_RISCV, EM_S390, EM_SPARC,
    EM_SPARCV9, EM_X86_64, PT_GNU_RELRO, PT_LOAD,
};

use crate::ElfError;
use crate::facts::{Dynamic, Header, Sections, Segment, Segments};
use crate::reader::{Reader, Table};

/// Which relocations the slots are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotSource {
    /// `DT_JMPREL`: the slots of the procedure linkage table.
    Plt,
    /// The `GLOB_DAT` relocations of `DT_RELA` or `DT_REL`; on machines without such a type all that name a symbol, looked
    /// at where there is no `DT_JMPREL`.
    Got,
    /// Those of `DT_JMPREL` and the `GLOB_DAT` relocations.
    Both,
    /// The relocations of a static program, found by its section headers since it has no dynamic segment.
    Static,
}

/// The GOT slots of a file and how many of them become read-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Which.
    pub source: SlotSource,
    /// How many.
    pub count: u64,
    /// How many of them are filled in when they are first called, unless the file is bound at start: those of `DT_JMPREL`.
    pub calls: u64,
    /// How many lie outside the pages that `PT_GNU_RELRO` makes read-only.
    pub outside: u64,
    /// How many of those are slots of calls.
    pub calls_outside: u64,
    /// The address of the first of those.
    pub first_outside: Option<u64>,
    /// One more than the highest symbol that they name.
    pub(crate) symbols: u64,
}

/// The addresses that the loader makes read-only: like the loader, both ends are rounded down to pages.
pub(crate) fn protected(segments: &Segments) -> std::ops::Range<u64> {
    let Some((_, relro)) = segments.last(PT_GNU_RELRO) else { return 0..0 };
    let end = relro.address.saturating_add(relro.memory_size);
    relro.address / PAGE * PAGE..end / PAGE * PAGE
}

/// Reads the slots of a dynamically linked or self-relocating file; `None` if nothing tells them from other pointers.
pub(crate) fn of_dynamic(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    dynamic: &Dynamic,
) -> Result<Option<Slots>, ElfError> {
    let mut slots = Slots::none(SlotSource::Plt);
    let protected = protected(segments);
    let glob_dat = glob_dat(header.machine);
    if let Some(table) = plt_table(reader, segments, dynamic)? {
        slots.scan(reader, table, |_, _| true, &protected)?;
        (slots.calls, slots.calls_outside) = (slots.count, slots.outside);
        if glob_dat.is_none() {
            return Ok(Some(slots));
        }
    }
    for tags in [(DT_RELA, DT_RELASZ, DT_RELACOUNT, 3), (DT_REL, DT_RELSZ, DT_RELCOUNT, 2)] {
        if let Some(table) = got_table(reader, segments, dynamic, tags)? {
            let is_slot = |kind, symbol| glob_dat.map_or(symbol != 0, |glob_dat| kind == glob_dat);
            slots.scan(reader, table, is_slot, &protected)?;
        }
    }
    slots.source = match (slots.calls, slots.count - slots.calls) {
        (0, _) => SlotSource::Got,
        (_, 0) => SlotSource::Plt,
        _ => SlotSource::Both,
    };
    // RISC-V and others fill in slots and all other pointers by one type: whichever lies outside may be either, and so
    // may what DT_PLTGOT points to.
    let got = dynamic.get(DT_PLTGOT).filter(|_| glob_dat.is_none());
    let is_got_outside = got.is_some_and(|got| !protected.contains(&got.value));
    Ok(Some(slots).filter(|slots| glob_dat.is_some() || (slots.outside == 0 && !is_got_outside)))
}

/// Reads the slots of a static program without dynamic segment. Its start code fills them in between two symbols that
/// a stripped file lacks; the sections between those are the only relocation sections that it maps. Nothing that runs reads
/// the section headers, so that where they have none the relocations are looked for as well.
pub(crate) fn of_static(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    sections: &Sections,
) -> Result<Slots, ElfError> {
    let mut slots = Slots::none(SlotSource::Static);
    let protected = protected(segments);
    for section in sections.relocations() {
        let size = section.words * reader.word();
        let table = Table {
            structure: "relocation section",
            offset: section.offset,
            count: section.size / size,
            size,
        };
        slots.scan(reader, limited(reader, table)?, |_, _| true, &protected)?;
    }
    if slots.count == 0 {
        slots.search(reader, header, segments, &protected)?;
    }
    Ok(slots)
}

/// One more than the highest symbol that any relocation names.
pub(crate) fn symbol_count(
    reader: &Reader<'_>,
    segments: &Segments,
    dynamic: &Dynamic,
) -> Result<u64, ElfError> {
    let mut all = Slots::none(SlotSource::Got);
    let tables = [
        plt_table(reader, segments, dynamic)?,
        got_table(reader, segments, dynamic, (DT_RELA, DT_RELASZ, DT_RELACOUNT, 3))?,
        got_table(reader, segments, dynamic, (DT_REL, DT_RELSZ, DT_RELCOUNT, 2))?,
    ];
    for table in tables.into_iter().flatten() {
        all.scan(reader, table, |_, _| true, &(0..0))?;
    }
    Ok(all.symbols)
}

/// Whether the file has anything that the loader writes before it hands over.
pub(crate) fn has_any(dynamic: &Dynamic) -> bool {
    [DT_JMPREL, DT_RELA, DT_REL, DT_RELR].iter().any(|tag| dynamic.has(*tag))
}

impl Slots {
    fn none(source: SlotSource) -> Self {
        let (count, calls, outside, calls_outside, symbols) = (0, 0, 0, 0, 0);
        Self { source, count, calls, outside, calls_outside, first_outside: None, symbols }
    }

    /// Looks for the relocations that C libraries have in static programs: each names a slot that can be written, the one
    /// type for functions that are chosen at start, and a function. Linkers place them behind the first headers.
    fn search(
        &mut self,
        reader: &Reader<'_>,
        header: &Header,
        segments: &Segments,
        protected: &std::ops::Range<u64>,
    ) -> Result<(), ElfError> {
        let Some(kind) = irelative(header.machine).filter(|_| reader.word() == 8) else { return Ok(()) };
        let lies_in = |address: u64, is_wanted: fn(&Segment) -> bool| {
            let holds = |load: &Segment| {
                address.checked_sub(load.address).is_some_and(|into| into < load.memory_size)
            };
            segments.of(PT_LOAD).any(|(_, load)| is_wanted(load) && holds(load))
        };
        let Some((_, load)) = segments.of(PT_LOAD).find(|(_, load)| !load.is_writable()) else {
            return Ok(());
        };
        let size = load.file_size.min(reader.len().saturating_sub(load.offset)).min(SEARCHED);
        let fields = reader.bytes("first segment", load.offset, size)?;
        let mut at = 0;
        while at + 24 <= fields.bytes.len() {
            let (slot, info, function) = (fields.u64(at), fields.u64(at + 8), fields.u64(at + 16));
            if info == kind
                && lies_in(slot, Segment::is_writable)
                && lies_in(function, Segment::is_executable)
            {
                self.count += 1;
                if !protected.contains(&slot) {
                    self.outside += 1;
                    self.first_outside.get_or_insert(slot);
                }
                at += 16;
            }
            at += 8;
        }
        Ok(())
    }

    fn scan(
        &mut self,
        reader: &Reader<'_>,
        table: Table,
        wanted: impl Fn(u32, u64) -> bool,
        protected: &std::ops::Range<u64>,
    ) -> Result<(), ElfError> {
        let wide = reader.word() == 8;
        reader.records(table, |fields, at| {
            let (address, kind, symbol) = if wide {
                let info = fields.u64(at + 8);
                // The low half is the type.
                (fields.u64(at), (info & 0xffff_ffff) as u32, info >> 32)
            } else {
                let info = fields.u32(at + 4);
                (u64::from(fields.u32(at)), info & 0xff, u64::from(info >> 8))
            };
            if wanted(kind, symbol) {
                self.count += 1;
                self.symbols = self.symbols.max(symbol + 1);
                if !protected.contains(&address) {
                    self.outside += 1;
                    self.first_outside.get_or_insert(address);
                }
            }
            true
        })
    }
}

fn plt_table(reader: &Reader<'_>, segments: &Segments, dynamic: &Dynamic) -> Result<Option<Table>, ElfError> {
    let Some(start) = dynamic.get(DT_JMPREL) else { return Ok(None) };
    let bytes = dynamic.get(DT_PLTRELSZ).map_or(0, |size| size.value);
    let words =
        if dynamic.get(DT_PLTREL).is_some_and(|kind| kind.value.cast_signed() == DT_REL.0) { 2 } else { 3 };
    if bytes == 0 {
        return Ok(None);
    }
    mapped(reader, segments, "DT_JMPREL", start.offset, (start.value, bytes, words)).map(Some)
}

/// A relocation table without the relative relocations at its start, which are most of it and name no slots.
fn got_table(
    reader: &Reader<'_>,
    segments: &Segments,
    dynamic: &Dynamic,
    (tag, size, relative, words): (DynamicTag, DynamicTag, DynamicTag, u64),
) -> Result<Option<Table>, ElfError> {
    let (Some(start), Some(size)) = (dynamic.get(tag), dynamic.get(size)) else { return Ok(None) };
    if size.value == 0 {
        return Ok(None);
    }
    let mut table =
        mapped(reader, segments, "DT_RELA or DT_REL", start.offset, (start.value, size.value, words))?;
    let skip = dynamic.get(relative).map_or(0, |count| count.value).min(table.count);
    table.offset += skip * table.size;
    table.count -= skip;
    Ok(Some(table))
}

fn mapped(
    reader: &Reader<'_>,
    segments: &Segments,
    structure: &'static str,
    entry: u64,
    (address, bytes, words): (u64, u64, u64),
) -> Result<Table, ElfError> {
    let size = words * reader.word();
    let range = segments.file_range(address, reader.len()).filter(|(_, available)| bytes <= *available);
    let (offset, _) = range.ok_or_else(|| {
        ElfError::malformed(
            structure,
            entry,
            format!("{bytes:#x} bytes at address {address:#x} lie in no PT_LOAD"),
        )
    })?;
    limited(reader, Table { structure, offset, count: bytes / size, size })
}

fn limited(reader: &Reader<'_>, table: Table) -> Result<Table, ElfError> {
    reader.end(table.structure, table.offset, table.count.saturating_mul(table.size))?;
    if table.count > MAX_RELOCATIONS {
        let Table { structure, offset, .. } = table;
        return Err(ElfError::Limit { structure, offset, limit: MAX_RELOCATIONS });
    }
    Ok(table)
}

/// The relocation type that fills in a GOT slot with a symbol's address.
fn glob_dat(machine: u16) -> Option<u32> {
    let known = [
        (EM_X86_64.0, 6),
        (EM_386.0, 6),
        (EM_AARCH64.0, 1025),
        (EM_ARM.0, 21),
        (EM_PPC64.0, 20),
        (EM_PPC.0, 20),
        (EM_S390.0, 10),
        (EM_SPARC.0, 20),
        (EM_SPARCV9.0, 20),
    ];
    known.iter().find(|(known, _)| *known == machine).map(|(_, kind)| *kind)
}

/// The relocation type of functions that are chosen at start, on machines with 64 bits that have `SHT_RELA`.
fn irelative(machine: u16) -> Option<u64> {
    let known =
        [(EM_X86_64.0, 37), (EM_AARCH64.0, 1032), (EM_PPC64.0, 248), (EM_RISCV.0, 58), (EM_S390.0, 61)];
    known.iter().find(|(known, _)| *known == machine).map(|(_, kind)| *kind)
}

/// The headers, notes and relocations of static programs by glibc take some three kibibytes.
const SEARCHED: u64 = 64 * 1024;
/// The smallest page of any machine: linkers align RELRO to the largest, so that every size gives the same answer for
/// what they make, and for anything else the smallest is the one that x86 has.
const PAGE: u64 = 4096;
/// Ten times what the largest browser engines have.
const MAX_RELOCATIONS: u64 = 1 << 22;
