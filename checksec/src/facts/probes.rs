//! The marks of stack clash protection in machine code.
//!
//! A function with a frame above a page moves the stack pointer a page at a time and touches each page, so that none can be
//! stepped over. GCC touches by `or`, LLVM by `mov`, right after the subtraction, in straight code and in loops alike. No
//! compiler writes that pair for anything else.

use memchr::memmem::Finder;
use object::elf::{EM_386, EM_AARCH64, EM_X86_64, PT_LOAD};

use crate::ElfError;
use crate::facts::{Header, Segments};
use crate::reader::{ByteOrder, Class, Reader};

/// A search for probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// File offset of the first, and its instructions.
    pub first: Option<(u64, &'static str)>,
    /// Bytes that were searched.
    pub searched: u64,
    /// Bytes of code that there are.
    pub code: u64,
}

/// Searches the executable segments, or the sections of an object file; `None` for machines whose probes are not known.
pub(crate) fn search(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    sections: &[(u64, u64)],
) -> Result<Option<Probes>, ElfError> {
    let Some(patterns) = patterns(header) else { return Ok(None) };
    let mapped = segments.of(PT_LOAD).filter(|(_, segment)| segment.is_executable());
    let mapped = mapped.map(|(_, segment)| (segment.offset, segment.file_size));
    let mut probes = Probes { first: None, searched: 0, code: 0 };
    for (offset, size) in mapped.chain(sections.iter().copied()) {
        // What ends past the file is an anomaly that another rule reports.
        let size = size.min(reader.len().saturating_sub(offset));
        probes.code = probes.code.saturating_add(size);
        let budget = MAX_SEARCHED - probes.searched;
        if probes.first.is_none() && budget > 0 {
            search_in(reader, patterns, (offset, size.min(budget)), &mut probes)?;
        }
    }
    Ok(Some(probes))
}

fn search_in(
    reader: &Reader<'_>,
    patterns: &'static Patterns,
    (offset, size): (u64, u64),
    probes: &mut Probes,
) -> Result<(), ElfError> {
    let finder = Finder::new(patterns.start);
    let mut done = 0;
    while done < size {
        // Chunks overlap, so that no pair is missed at a border.
        let length = (size - done).min(CHUNK + OVERLAP);
        let start = offset.saturating_add(done);
        let fields = reader.bytes("code", start, length)?;
        for at in finder.find_iter(&fields.bytes) {
            let rest = &fields.bytes[at + patterns.start.len()..];
            let probe = patterns.probes.iter().find(|(bytes, _)| rest.starts_with(bytes));
            if let Some((_, name)) = probe {
                probes.first = Some((start.saturating_add(at as u64), name));
                probes.searched += done + at as u64;
                return Ok(());
            }
        }
        done += length.min(CHUNK);
    }
    probes.searched += size;
    Ok(())
}

struct Patterns {
    /// The subtraction.
    start: &'static [u8],
    /// What may follow it, in words.
    probes: &'static [(&'static [u8], &'static str)],
}

fn patterns(header: &Header) -> Option<&'static Patterns> {
    let is_little = header.order == ByteOrder::Little;
    match header.machine {
        machine if machine == EM_X86_64.0 && header.class == Class::Elf64 => Some(&X86_64),
        machine if machine == EM_386.0 => Some(&I386),
        machine if machine == EM_AARCH64.0 && is_little => Some(&AARCH64),
        _ => None,
    }
}

static X86_64: Patterns = Patterns {
    start: &[0x48, 0x81, 0xec, 0x00, 0x10, 0x00, 0x00],
    probes: &[
        (&[0x48, 0x83, 0x0c, 0x24, 0x00], "sub rsp, 0x1000; or qword [rsp], 0 (GCC)"),
        (&[0x48, 0xc7, 0x04, 0x24, 0x00, 0x00, 0x00, 0x00], "sub rsp, 0x1000; mov qword [rsp], 0 (LLVM)"),
    ],
};
static I386: Patterns = Patterns {
    start: &[0x81, 0xec, 0x00, 0x10, 0x00, 0x00],
    probes: &[
        (&[0x83, 0x0c, 0x24, 0x00], "sub esp, 0x1000; or dword [esp], 0 (GCC)"),
        (&[0xc7, 0x04, 0x24, 0x00, 0x00, 0x00, 0x00], "sub esp, 0x1000; mov dword [esp], 0 (LLVM)"),
    ],
};
/// The ABI's guard is 64 KiB here. LLVM's store at the stack pointer itself is not to be told from one to a variable.
static AARCH64: Patterns = Patterns {
    start: &[0xff, 0x43, 0x40, 0xd1],
    probes: &[(&[0xff, 0x03, 0x02, 0xf9], "sub sp, sp, #65536; str xzr, [sp, #1024] (GCC)")],
};

const CHUNK: u64 = 64 * 1024;
const OVERLAP: u64 = 16;
/// All code of most programs; a search of more would cost as much as all other facts together.
const MAX_SEARCHED: u64 = 128 * 1024;
