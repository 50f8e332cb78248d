//! The section headers: evidence only, since neither kernel nor loader looks at them, except for object files, which
//! have nothing else.

use object::elf::{
    ET_REL, SHF_ALLOC, SHF_EXECINSTR, SHN_XINDEX, SHT_DYNSYM, SHT_NOBITS, SHT_NOTE, SHT_REL, SHT_RELA,
    SHT_SYMTAB,
};

use crate::ElfError;
use crate::facts::Header;
use crate::facts::flags::BuildSections;
use crate::facts::strings::Strings;
use crate::reader::{Class, Reader, Table};

/// A section header of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) link: u32,
    /// `sh_addralign`.
    pub(crate) align: u64,
    pub(crate) info: u32,
    /// Words of one record in a relocation section.
    pub(crate) words: u64,
    /// File offset of the header itself.
    pub(crate) header: u64,
    name: u32,
}

/// What rules and language detection want of the section headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    /// How many there are.
    pub(crate) count: u64,
    /// `.comment`, the compilers' names.
    pub(crate) comment: Option<Section>,
    /// `.go.buildinfo`.
    pub(crate) go_buildinfo: Option<Section>,
    /// `.rodata`.
    pub(crate) rodata: Option<Section>,
    /// `.note.GNU-stack`.
    pub(crate) stack_note: Option<Section>,
    /// `.modinfo`, which only kernel modules have.
    pub(crate) has_modinfo: bool,
    /// Whether a section with machine code has no bytes in the file.
    pub(crate) code_is_elsewhere: bool,
    /// Whether any section holds machine code.
    pub(crate) has_code: bool,
    /// Where machine code is: offset and size.
    pub(crate) code: Vec<(u64, u64)>,
    /// The symbol table of an object file, with its string table.
    pub(crate) symbols: Option<(Section, Section)>,
    /// How many symbols the dynamic symbol table has.
    pub(crate) dynamic_symbols: Option<u64>,
    /// What describes the file to debuggers.
    pub(crate) debug: DebugSections,
    /// Where compilers say how they were called.
    pub(crate) build: BuildSections,
    relocations: Vec<Section>,
    notes: Vec<Section>,
    data: Vec<Section>,
}

/// The sections that describe a file to debuggers. Nothing that runs needs them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugSections {
    /// The symbol table: the file offset of its section header, and how many symbols it has.
    pub symbols: Option<(u64, u64)>,
    /// The file offset of the first section header of debugging information.
    pub information: Option<u64>,
    /// The file offset of the section header of `.gnu_debugdata`: a symbol table in xz.
    pub compressed_symbols: Option<u64>,
    /// The file offset of the section header of `.gnu_debuglink`, which names a file with the rest.
    pub link: Option<u64>,
}

impl Sections {
    /// Relocation sections that are mapped.
    pub(crate) fn relocations(&self) -> &[Section] {
        &self.relocations
    }

    /// Notes that are mapped. Others are of no interest here and can be very many.
    pub(crate) fn notes(&self) -> &[Section] {
        &self.notes
    }

    /// The section header of the first data in a range of the file.
    pub(crate) fn data_within(&self, range: &std::ops::Range<u64>) -> Option<u64> {
        let is_within = |section: &&Section| range.contains(&section.offset);
        self.data.iter().find(is_within).map(|section| section.header)
    }
}

/// Reads the section headers; an empty set if the file declares none.
pub(crate) fn read(reader: &Reader<'_>, header: &Header) -> Result<Sections, ElfError> {
    if header.section_headers == 0 {
        return Ok(Sections::default());
    }
    let size: u64 = if reader.class == Class::Elf32 { 40 } else { 64 };
    let at = header.section_headers;
    if u64::from(header.section_header_size) != size {
        let reason = format!("e_shentsize is {}, not {size}", header.section_header_size);
        return Err(ElfError::malformed(STRUCTURE, at, reason));
    }
    let first = reader.bytes(STRUCTURE, at, size)?;
    // With more sections than the header's 16 bits can count, the first section header holds the numbers.
    let count = match header.section_count {
        0 => first.native(20, 32),
        count => u64::from(count),
    };
    let names = match header.section_names {
        index if index == SHN_XINDEX.0 => first.u32(if reader.class == Class::Elf32 { 24 } else { 40 }),
        index => u32::from(index),
    };
    reader.end(STRUCTURE, at, count.saturating_mul(size))?;
    if count > MAX_SECTIONS {
        return Err(ElfError::Limit { structure: STRUCTURE, offset: at, limit: MAX_SECTIONS });
    }
    let mut all = Vec::new();
    reader.records(Table { structure: STRUCTURE, offset: at, count, size }, |fields, at| {
        all.push(section(fields, at));
        true
    })?;
    let shape = Shape { count, at, is_object: header.file_type == ET_REL.0 };
    let Some(strings) = all.get(names as usize).filter(|_| names != 0) else {
        return if names == 0 { Ok(classify(&all, |_| Ok(&[]), shape)?) } else { Err(no_names(at, names)) };
    };
    let strings = Strings::read(reader, "section names", strings.offset, strings.size)?;
    classify(&all, |section| strings.string(u64::from(section.name)), shape)
}

#[derive(Clone, Copy)]
struct Shape {
    count: u64,
    at: u64,
    is_object: bool,
}

fn classify<'s>(
    all: &[Section],
    name: impl Fn(&Section) -> Result<&'s [u8], ElfError>,
    shape: Shape,
) -> Result<Sections, ElfError> {
    let mut sections = Sections { count: shape.count, ..Sections::default() };
    // The first is no section.
    for (index, section) in all.iter().enumerate().skip(1) {
        let name = name(section)?;
        sections.build.take(name, u32::try_from(index).unwrap_or(u32::MAX), *section);
        match name {
            b".comment" => sections.comment = Some(*section),
            b".go.buildinfo" => sections.go_buildinfo = Some(*section),
            b".rodata" => sections.rodata = Some(*section),
            b".note.GNU-stack" => sections.stack_note = Some(*section),
            b".modinfo" => sections.has_modinfo = true,
            name => sections.debug.take(name, section),
        }
        sections.take(section, all, shape.at)?;
    }
    if shape.is_object {
        sections.build.relocate(all, sections.symbols.map(|(table, _)| table));
    }
    Ok(sections)
}

impl Sections {
    fn take(&mut self, section: &Section, all: &[Section], table: u64) -> Result<(), ElfError> {
        if section.flags & SHF_EXECINSTR.0 != 0 && section.size > 0 {
            self.has_code = true;
            self.code_is_elsewhere |= section.kind == SHT_NOBITS.0;
            if section.kind != SHT_NOBITS.0 {
                self.code.push((section.offset, section.size));
            }
        }
        if section.flags & SHF_ALLOC.0 != 0 && (section.kind == SHT_RELA.0 || section.kind == SHT_REL.0) {
            self.relocations.push(*section);
        }
        if section.flags & SHF_ALLOC.0 != 0 && section.kind == SHT_NOTE.0 {
            self.notes.push(*section);
        }
        let is_data = section.flags & (SHF_ALLOC.0 | SHF_EXECINSTR.0) == SHF_ALLOC.0;
        if is_data && section.kind != SHT_NOBITS.0 && section.size > 0 {
            self.data.push(*section);
        }
        if section.kind == SHT_DYNSYM.0 && section.words > 0 {
            self.dynamic_symbols = Some(section.size / section.words);
        }
        if section.kind == SHT_SYMTAB.0 {
            let strings = all.get(section.link as usize);
            let strings = strings.ok_or_else(|| {
                let reason = format!("sh_link {} of the symbol table is no section", section.link);
                ElfError::malformed(STRUCTURE, table, reason)
            })?;
            self.symbols = Some((*section, *strings));
            // The first is none.
            let count = (section.size / section.words.max(1)).saturating_sub(1);
            self.debug.symbols = (count > 0).then_some((section.header, count));
        }
        Ok(())
    }
}

impl DebugSections {
    fn take(&mut self, name: &[u8], section: &Section) {
        let slot = match name {
            b".gnu_debuglink" => &mut self.link,
            b".gnu_debugdata" => &mut self.compressed_symbols,
            // Which assemblers compressed before there was a flag for that.
            _ if name.starts_with(b".debug_") || name.starts_with(b".zdebug_") || name == b".stab" => {
                &mut self.information
            }
            _ => return,
        };
        slot.get_or_insert(section.header);
    }
}

fn section(fields: &crate::reader::Fields<'_>, at: usize) -> Section {
    let kind = fields.u32(at + 4);
    Section {
        kind,
        flags: fields.native(at + 8, at + 8),
        offset: fields.native(at + 16, at + 24),
        size: fields.native(at + 20, at + 32),
        align: fields.native(at + 32, at + 48),
        link: fields.u32(at + if fields.is_wide() { 40 } else { 24 }),
        info: fields.u32(at + if fields.is_wide() { 44 } else { 28 }),
        words: match kind {
            kind if kind == SHT_RELA.0 => 3,
            kind if kind == SHT_REL.0 => 2,
            // The size of a symbol.
            kind if kind == SHT_DYNSYM.0 || kind == SHT_SYMTAB.0 => {
                if fields.is_wide() {
                    24
                } else {
                    16
                }
            }
            _ => 0,
        },
        header: fields.offset.saturating_add(at as u64),
        name: fields.u32(at),
    }
}

fn no_names(at: u64, index: u32) -> ElfError {
    ElfError::malformed(STRUCTURE, at, format!("e_shstrndx {index} is no section"))
}

const STRUCTURE: &str = "section headers";
/// Above the 65,280 that need no extension; object files with one section for each function have had twice as many.
const MAX_SECTIONS: u64 = 1 << 18;
