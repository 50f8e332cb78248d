//! The ELF header, read the way Linux reads it.
//!
//! Linux decides by `e_machine` and `e_phentsize` and ignores `EI_CLASS`, `EI_DATA` and `EI_VERSION` of a program, so a
//! file whose identification lies still runs. Such a file is read as the machine would, and the lie is an anomaly.

use std::borrow::Cow;

use object::elf::{
    EM_386, EM_AARCH64, EM_ARM, EM_BPF, EM_LOONGARCH, EM_MIPS, EM_PPC, EM_PPC64, EM_RISCV, EM_S390, EM_SPARC,
    EM_SPARCV9, EM_X86_64, ET_CORE, ET_DYN, ET_EXEC, ET_REL,
};

use crate::ElfError;
use crate::facts::Anomaly;
use crate::reader::{ByteOrder, Class, Fields, Reader};
use hardpan_image::ReadAt;

/// The ELF header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The class that the file is read in.
    pub class: Class,
    /// The byte order that the file is read in.
    pub order: ByteOrder,
    /// `e_type`.
    pub file_type: u16,
    /// `e_machine`.
    pub machine: u16,
    /// `e_entry`.
    pub entry: u64,
    /// `e_phoff`.
    pub program_headers: u64,
    /// `e_phentsize`.
    pub program_header_size: u16,
    /// `e_phnum`.
    pub program_header_count: u16,
    /// `e_shoff`.
    pub section_headers: u64,
    /// `e_shentsize`.
    pub section_header_size: u16,
    /// `e_shnum`.
    pub section_count: u16,
    /// `e_shstrndx`.
    pub section_names: u16,
}

impl Header {
    /// The machine in the short form that people know; a number where there is none.
    pub fn machine_name(&self) -> Cow<'static, str> {
        let known = MACHINES.iter().find(|(machine, ..)| *machine == self.machine);
        match (self.machine, self.class, known) {
            (machine, Class::Elf32, _) if machine == EM_X86_64.0 => Cow::Borrowed("x32"),
            (.., Some((_, name, _))) => Cow::Borrowed(name),
            (machine, ..) => Cow::Owned(format!("machine {machine}")),
        }
    }

    /// Whether the kernel or the loader could be asked to run it.
    pub fn is_loadable(&self) -> bool {
        self.file_type == ET_EXEC.0 || self.file_type == ET_DYN.0
    }
}

/// Every short form of [`Header::machine_name`]; a machine without one is named `machine` and its number.
pub fn machine_names() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|(_, name, _)| *name).chain(["x32"])
}

/// Reads the header and chooses class and byte order.
pub(crate) fn read<'a>(
    source: &'a dyn ReadAt,
    head: &'a [u8],
    anomalies: &mut Vec<Anomaly>,
) -> Result<(Header, Reader<'a>), ElfError> {
    let probe = Reader::new(source, head, Class::Elf32, ByteOrder::Little);
    let ident = probe.bytes("ELF header", 0, EHDR32)?;
    let (class, order) = choose(source, head, &ident)?;
    let reader = Reader::new(source, head, class, order);
    let fields = reader.bytes("ELF header", 0, if class == Class::Elf32 { EHDR32 } else { EHDR64 })?;
    let header = header_of(&fields, class, order);
    note_identification(&ident, &header, anomalies);
    note_fields(&fields, &header, anomalies);
    Ok((header, reader))
}

fn header_of(fields: &Fields<'_>, class: Class, order: ByteOrder) -> Header {
    // The five 16-bit counts end the header in both classes.
    let counts = if class == Class::Elf32 { 42 } else { 54 };
    Header {
        class,
        order,
        file_type: fields.u16(16),
        machine: fields.u16(18),
        entry: fields.native(24, 24),
        program_headers: fields.native(28, 32),
        section_headers: fields.native(32, 40),
        program_header_size: fields.u16(counts),
        program_header_count: fields.u16(counts + 2),
        section_header_size: fields.u16(counts + 4),
        section_count: fields.u16(counts + 6),
        section_names: fields.u16(counts + 8),
    }
}

/// The declared class and order if they are valid and make sense, else the first of the other readings that does.
fn choose(source: &dyn ReadAt, head: &[u8], ident: &Fields<'_>) -> Result<(Class, ByteOrder), ElfError> {
    let declared = declared_class(ident).zip(declared_order(ident));
    let candidates = declared.into_iter().chain([
        (Class::Elf64, ByteOrder::Little),
        (Class::Elf32, ByteOrder::Little),
        (Class::Elf64, ByteOrder::Big),
        (Class::Elf32, ByteOrder::Big),
    ]);
    for (class, order) in candidates {
        let size = if class == Class::Elf32 { EHDR32 } else { EHDR64 };
        let Ok(fields) = Reader::new(source, head, class, order).bytes("ELF header", 0, size) else {
            continue;
        };
        if is_plausible(&header_of(&fields, class, order)) {
            return Ok((class, order));
        }
    }
    declared.ok_or_else(|| {
        let (class, order) = (ident.u8(EI_CLASS), ident.u8(EI_DATA));
        let reason =
            format!("neither EI_CLASS {class} and EI_DATA {order} nor any known machine tell how to read it");
        ElfError::malformed("e_ident", EI_CLASS as u64, reason)
    })
}

/// Whether Linux on that machine would take it in this reading: what it looks at is the machine and the size of a
/// program header. Linkers, which take the other types, look at the size of a section header.
fn is_plausible(header: &Header) -> bool {
    let machine = MACHINES.iter().find(|(machine, ..)| *machine == header.machine);
    let class_fits = machine.is_some_and(|(.., class)| match class {
        Width::Only32 => header.class == Class::Elf32,
        Width::Only64 => header.class == Class::Elf64,
        Width::Both => true,
    });
    let (program, section) = if header.class == Class::Elf32 { (32, 40) } else { (56, 64) };
    let table_fits = if header.is_loadable() {
        header.program_header_count > 0 && header.program_header_size == program
    } else {
        header.section_count == 0 || header.section_header_size == section
    };
    class_fits && table_fits
}

fn declared_class(ident: &Fields<'_>) -> Option<Class> {
    match ident.u8(EI_CLASS) {
        1 => Some(Class::Elf32),
        2 => Some(Class::Elf64),
        _ => None,
    }
}

fn declared_order(ident: &Fields<'_>) -> Option<ByteOrder> {
    match ident.u8(EI_DATA) {
        1 => Some(ByteOrder::Little),
        2 => Some(ByteOrder::Big),
        _ => None,
    }
}

fn note_identification(ident: &Fields<'_>, header: &Header, anomalies: &mut Vec<Anomaly>) {
    let mut note = |what, offset: usize, seen: u8, wanted: u8| {
        if seen != wanted {
            anomalies.push(Anomaly::new(what, offset as u64, seen.to_string(), wanted.to_string()));
        }
    };
    note("EI_CLASS", EI_CLASS, ident.u8(EI_CLASS), if header.class == Class::Elf32 { 1 } else { 2 });
    note("EI_DATA", EI_DATA, ident.u8(EI_DATA), if header.order == ByteOrder::Little { 1 } else { 2 });
    note("EI_VERSION", EI_VERSION, ident.u8(EI_VERSION), 1);
}

fn note_fields(fields: &Fields<'_>, header: &Header, anomalies: &mut Vec<Anomaly>) {
    if ![ET_REL.0, ET_EXEC.0, ET_DYN.0, ET_CORE.0].contains(&header.file_type) {
        let seen = format!("{:#x}", header.file_type);
        anomalies.push(Anomaly::new("e_type", 16, seen, "ET_REL, ET_EXEC, ET_DYN or ET_CORE"));
    }
    let (at, size) = if header.class == Class::Elf32 { (40, EHDR32) } else { (52, EHDR64) };
    if u64::from(fields.u16(at)) != size {
        anomalies.push(Anomaly::new("e_ehsize", at as u64, fields.u16(at).to_string(), size.to_string()));
    }
}

/// Which class a machine's Linux takes.
enum Width {
    Only32,
    Only64,
    Both,
}

/// The machines that Linux runs on today, named as readelf's users know them.
const MACHINES: [(u16, &str, Width); 13] = [
    (EM_X86_64.0, "x86-64", Width::Both),
    (EM_AARCH64.0, "aarch64", Width::Only64),
    (EM_386.0, "i386", Width::Only32),
    (EM_ARM.0, "arm", Width::Only32),
    (EM_RISCV.0, "riscv", Width::Both),
    (EM_PPC64.0, "ppc64", Width::Only64),
    (EM_PPC.0, "ppc", Width::Only32),
    (EM_S390.0, "s390x", Width::Both),
    (EM_LOONGARCH.0, "loongarch", Width::Both),
    (EM_MIPS.0, "mips", Width::Both),
    (EM_SPARCV9.0, "sparc64", Width::Only64),
    (EM_SPARC.0, "sparc", Width::Only32),
    (EM_BPF.0, "bpf", Width::Only64),
];

const EI_CLASS: usize = 4;
const EI_DATA: usize = 5;
const EI_VERSION: usize = 6;
/// `sizeof(Elf32_Ehdr)`.
pub(crate) const EHDR32: u64 = 52;
/// `sizeof(Elf64_Ehdr)`.
const EHDR64: u64 = 64;
