//! Whether code that is marked for landing pads, or signed return addresses, looks it.
//!
//! A mark is a claim of whoever linked the file: `-z ibt` sets it over any code. So the first instruction is looked at
//! wherever an indirect branch is known to arrive: at the entry, at `main`, and at a sample of exported functions.

use object::elf::{EM_386, EM_AARCH64, EM_X86_64, PT_LOAD, STT_FUNC};

use crate::ElfError;
use crate::facts::gnu_hash::GnuHash;
use crate::facts::{Header, Kind, Segments};
use crate::reader::Reader;

/// Where indirect branches arrive, and what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landing {
    /// How many such places were looked at.
    pub examined: u64,
    /// At how many of them the instruction is one that a branch may land on.
    pub padded: u64,
    /// How many of them sign the return address (AArch64).
    pub signing: u64,
    /// How many of the program's own, which is all but the entry, have none.
    pub bare: u64,
    /// File offset of the first without a pad.
    pub first_without: Option<u64>,
    /// File offset of the first instruction that signs a return address, among the first of the code (AArch64). Unlike
    /// the others such code protects without any mark.
    pub signs_at: Option<u64>,
}

/// Looks at the places. `exports` are those of a file with a dynamic segment.
pub(crate) fn examine(
    reader: &Reader<'_>,
    header: &Header,
    kind: Kind,
    segments: &Segments,
    exports: Option<&GnuHash<'_, '_>>,
) -> Result<Landing, ElfError> {
    let mut landing = Landing::default();
    if kind != Kind::SharedObject && header.entry != 0 {
        landing.look(reader, header, segments, header.entry)?;
        if let Some(main) = main_of(reader, header, segments)? {
            landing.look_at_own(reader, header, segments, main)?;
        }
    }
    let sample = exports.map_or_else(|| Ok(Vec::new()), |exports| exports.sample(SAMPLE))?;
    for function in sample.iter().filter(|symbol| symbol.kind == STT_FUNC.0) {
        landing.look_at_own(reader, header, segments, function.address)?;
    }
    Ok(landing)
}

/// Looks for an instruction that signs return addresses in the first code of each executable segment.
pub(crate) fn first_signing(reader: &Reader<'_>, segments: &Segments) -> Result<Option<u64>, ElfError> {
    for (_, load) in segments.of(PT_LOAD).filter(|(_, load)| load.is_executable()) {
        let size = load.file_size.min(reader.len().saturating_sub(load.offset)).min(SEARCHED);
        let code = reader.bytes("code", load.offset, size)?;
        let (words, _) = code.bytes.as_chunks::<4>();
        if let Some(index) = words.iter().position(|word| SIGNING.contains(&u32::from_le_bytes(*word))) {
            return Ok(Some(load.offset + index as u64 * 4));
        }
    }
    Ok(None)
}

impl Landing {
    /// Looks at a place in code that whoever made the file compiled, unlike the start code.
    fn look_at_own(
        &mut self,
        reader: &Reader<'_>,
        header: &Header,
        segments: &Segments,
        address: u64,
    ) -> Result<(), ElfError> {
        let (examined, padded) = (self.examined, self.padded);
        self.look(reader, header, segments, address)?;
        self.bare += (self.examined - examined) - (self.padded - padded);
        Ok(())
    }

    fn look(
        &mut self,
        reader: &Reader<'_>,
        header: &Header,
        segments: &Segments,
        address: u64,
    ) -> Result<(), ElfError> {
        let Some((offset, _)) = code_at(reader, segments, address, 4) else { return Ok(()) };
        // Instructions are little-endian on all three machines, whatever the data is.
        let first = reader.bytes("code", offset, 4)?;
        let first = first.bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let is_pad = match header.machine {
            machine if machine == EM_X86_64.0 => first == ENDBR64,
            machine if machine == EM_386.0 => first == ENDBR32,
            _ => PADS.contains(&first) || SIGNING.contains(&first),
        };
        self.examined += 1;
        self.padded += u64::from(is_pad);
        self.signing += u64::from(header.machine == EM_AARCH64.0 && SIGNING.contains(&first));
        if !is_pad {
            self.first_without = self.first_without.or(Some(offset));
        }
        Ok(())
    }
}

/// The address of `main`, where the start code of glibc has it as an argument: `lea main(%rip), %rdi` or
/// `mov $main, %rdi`. The start code is the C library's, so that `main` is the first of the program's own.
fn main_of(reader: &Reader<'_>, header: &Header, segments: &Segments) -> Result<Option<u64>, ElfError> {
    if header.machine != EM_X86_64.0 {
        return Ok(None);
    }
    let Some((offset, available)) = code_at(reader, segments, header.entry, 7) else { return Ok(None) };
    let code = reader.bytes("code", offset, available.min(START_CODE))?;
    let operand = |start: usize| {
        let bytes = code.bytes.get(start + 3..start + 7)?;
        Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let main = code.bytes.windows(3).enumerate().find_map(|(start, opcode)| match opcode {
        [0x48, 0x8d, 0x3d] => {
            let next = header.entry.checked_add(start as u64 + 7)?;
            next.checked_add_signed(operand(start)?)
        }
        [0x48, 0xc7, 0xc7] => u64::try_from(operand(start)?).ok(),
        _ => None,
    });
    Ok(main)
}

/// The file offset of an address in executable code, and how many bytes follow; `None` if `length` do not.
fn code_at(reader: &Reader<'_>, segments: &Segments, address: u64, length: u64) -> Option<(u64, u64)> {
    let is_code = |load: &crate::facts::Segment| {
        load.is_executable() && address.checked_sub(load.address).is_some_and(|into| into < load.file_size)
    };
    segments.of(PT_LOAD).find(|(_, load)| is_code(load))?;
    segments.file_range(address, reader.len()).filter(|(_, available)| *available >= length)
}

/// Enough to tell compiled code from assembly here and there, and each may cost a read.
const SAMPLE: usize = 16;
/// glibc's start code for x86-64 has 34 to 48 bytes.
const START_CODE: u64 = 64;
/// Of each segment. Start code comes first, so it is more than that; compiled code signs in most functions.
const SEARCHED: u64 = 16 * 1024;
const ENDBR64: u32 = u32::from_le_bytes([0xf3, 0x0f, 0x1e, 0xfa]);
const ENDBR32: u32 = u32::from_le_bytes([0xf3, 0x0f, 0x1e, 0xfb]);
/// `bti c` and `bti jc`, which a call may land on.
const PADS: [u32; 2] = [0xd503_245f, 0xd503_24df];
/// `paciasp` and `pacibsp`, which are landing pads too.
const SIGNING: [u32; 2] = [0xd503_233f, 0xd503_237f];
