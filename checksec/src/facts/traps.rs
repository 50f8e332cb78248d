//! The instruction that clang's control-flow integrity ends in where a call is wrong.
//!
//! The form that reports nothing leaves no symbol if it puts no function behind a jump table. Every check leaves its trap,
//! whose operand says what it is of, and which no other code has.

use object::elf::{EM_386, EM_AARCH64, EM_X86_64, PT_LOAD};

use crate::ElfError;
use crate::facts::{Header, Segments};
use crate::reader::Reader;

/// The file offset of the first such trap in executable segments, as far as they are searched.
pub(crate) fn first_cfi_trap(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
) -> Result<Option<u64>, ElfError> {
    let trap: &[u8] = match header.machine {
        machine if machine == EM_X86_64.0 => &UD1_X86_64,
        machine if machine == EM_386.0 => &UD1_I386,
        machine if machine == EM_AARCH64.0 => &BRK,
        _ => return Ok(None),
    };
    let mut budget = MAX_SEARCHED;
    for (_, load) in segments.of(PT_LOAD).filter(|(_, load)| load.is_executable()) {
        let size = load.file_size.min(reader.len().saturating_sub(load.offset)).min(budget);
        budget -= size;
        if let Some(offset) = search(reader, load.offset, size, trap)? {
            return Ok(Some(offset));
        }
    }
    Ok(None)
}

/// Windows overlap, so that nothing is missed at a border.
fn search(reader: &Reader<'_>, start: u64, size: u64, trap: &[u8]) -> Result<Option<u64>, ElfError> {
    let mut done = 0;
    while done < size {
        let at = start.saturating_add(done);
        let code = reader.bytes("code", at, WINDOW.min(size - done))?;
        if let Some(index) = code.bytes.windows(trap.len()).position(|bytes| bytes == trap) {
            return Ok(Some(at + index as u64));
        }
        done += WINDOW - trap.len() as u64;
    }
    Ok(None)
}

/// `ud1 2(%eax), %eax`, where 2 is the number of CFI among the checks that trap, in 64-bit and in 32-bit code.
const UD1_X86_64: [u8; 5] = [0x67, 0x0f, 0xb9, 0x40, 0x02];
const UD1_I386: [u8; 4] = [0x0f, 0xb9, 0x40, 0x02];
/// `brk #0x5502`: `U`, and the same number.
const BRK: [u8; 4] = 0xd42a_a040_u32.to_le_bytes();
const WINDOW: u64 = 48 * 1024;
/// Of all segments together. Code with such checks has one in every few functions, so that this finds them by far.
const MAX_SEARCHED: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{ByteOrder, Class};

    #[test]
    fn traps_at_any_place_are_found() {
        let length = 200_000;
        for at in [0, 1, 7, 48 * 1024 - 6, 48 * 1024 - 3, 48 * 1024, 96 * 1024 - 8, length - 5] {
            let mut code = vec![0x90; length];
            code[at..at + 5].copy_from_slice(&UD1_X86_64);
            let reader = Reader::new(&code, &[], Class::Elf64, ByteOrder::Little);
            assert_eq!(search(&reader, 0, length as u64, &UD1_X86_64).unwrap(), Some(at as u64));
            assert_eq!(search(&reader, 0, at as u64 + 4, &UD1_X86_64).unwrap(), None);
        }
    }
}
