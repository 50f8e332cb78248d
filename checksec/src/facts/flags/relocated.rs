//! Relocations of debugging sections. Object files refer from one to the other by them: without, each offset is 0, or the
//! addend.

use crate::ElfError;
use crate::facts::sections::Section;
use crate::reader::{ByteOrder, Class, Reader, Table};

/// The relocations of one section, sorted by place.
pub(super) struct Relocations<'a> {
    reader: Reader<'a>,
    symbols: Option<Section>,
    all: Vec<Relocation>,
}

#[derive(Clone, Copy)]
struct Relocation {
    place: u64,
    symbol: u32,
    /// `None` if it is in the place itself, as in `SHT_REL`.
    addend: Option<u64>,
}

impl<'a> Relocations<'a> {
    /// Reads `SHT_RELA` or `SHT_REL`.
    pub(super) fn read(
        reader: &Reader<'a>,
        section: Section,
        symbols: Option<Section>,
    ) -> Result<Self, ElfError> {
        let size = section.words * reader.word();
        let count = section.size.checked_div(size).unwrap_or(0);
        reader.end(STRUCTURE, section.offset, section.size)?;
        if count > MAX_RELOCATIONS {
            return Err(ElfError::Limit {
                structure: STRUCTURE,
                offset: section.offset,
                limit: MAX_RELOCATIONS,
            });
        }
        let word = usize::try_from(reader.word()).unwrap_or(8);
        let is_wide = reader.class == Class::Elf64;
        let mut all = Vec::new();
        reader.records(
            Table { structure: STRUCTURE, offset: section.offset, count, size },
            |fields, at| {
                let native = |at| fields.native(at, at);
                let info = native(at + word);
                let symbol = if is_wide { info >> 32 } else { info >> 8 };
                let symbol = u32::try_from(symbol).unwrap_or(u32::MAX);
                let addend = (section.words == 3).then(|| native(at + 2 * word));
                all.push(Relocation { place: native(at), symbol, addend });
                true
            },
        )?;
        all.sort_by_key(|relocation| relocation.place);
        Ok(Self { reader: *reader, symbols, all })
    }

    /// Writes what a linker would into `bytes`, which start at `at` in their section: the symbol's value and the addend, as
    /// 32 bits, which is what an offset into a debugging section has in the one DWARF format that compilers write. Addresses
    /// and differences become nonsense, and are of no interest here.
    pub(super) fn apply(&self, bytes: &mut [u8], at: u64) -> Result<(), ElfError> {
        let first = self.all.partition_point(|relocation| relocation.place < at);
        for relocation in &self.all[first..] {
            let start = usize::try_from(relocation.place - at).unwrap_or(usize::MAX);
            let Some(field) = start.checked_add(4).and_then(|end| bytes.get_mut(start..end)) else { break };
            let addend = relocation.addend.unwrap_or_else(|| self.reader.number(field));
            let value = self.symbol(relocation.symbol)?.wrapping_add(addend).to_le_bytes();
            let mut value = [value[0], value[1], value[2], value[3]];
            if self.reader.order == ByteOrder::Big {
                value.reverse();
            }
            field.copy_from_slice(&value);
        }
        Ok(())
    }

    /// `st_value`, which is 0 for the symbols of sections.
    fn symbol(&self, index: u32) -> Result<u64, ElfError> {
        let (at, size) = if self.reader.class == Class::Elf32 { (4, 16) } else { (8, 24) };
        let place = u64::from(index) * size;
        match self.symbols {
            Some(table) if index > 0 && place < table.size => {
                let fields = self.reader.bytes("symbol table", table.offset.saturating_add(place), size)?;
                Ok(fields.native(at, at))
            }
            _ => Ok(0),
        }
    }
}

const STRUCTURE: &str = "relocations of debugging sections";
/// Those of an object file of 20 MB.
const MAX_RELOCATIONS: u64 = 1 << 20;
