//! Exported symbols, found as the loader finds them: by the GNU hash table.

use object::elf::{DT_GNU_HASH, DT_SYMTAB, SHN_UNDEF, gnu_hash};

use crate::ElfError;
use crate::facts::strings::Strings;
use crate::facts::symbols::symbol_size;
use crate::facts::{Dynamic, Segments};
use crate::reader::{Fields, Reader};

/// A GNU hash table with the symbols that it leads to.
pub(crate) struct GnuHash<'r, 'a> {
    reader: &'r Reader<'a>,
    strings: &'r Strings<'a>,
    buckets: u32,
    /// The first symbol that is in the table.
    first: u32,
    bloom_words: u32,
    bloom_shift: u32,
    /// File offset of the Bloom filter, which buckets and chains follow.
    bloom: u64,
    /// File offset of the symbols, and how many bytes follow in the segment.
    symbols: (u64, u64),
}

/// A defined dynamic symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exported {
    /// File offset of the symbol.
    pub(crate) offset: u64,
    /// `st_value`.
    pub(crate) address: u64,
    /// `STT_*`.
    pub(crate) kind: u8,
}

impl<'r, 'a> GnuHash<'r, 'a> {
    /// Finds the table; `None` if there is none or it is empty.
    pub(crate) fn read(
        reader: &'r Reader<'a>,
        segments: &Segments,
        dynamic: &Dynamic,
        strings: &'r Strings<'a>,
    ) -> Result<Option<Self>, ElfError> {
        let (Some(table), Some(symbols)) = (dynamic.get(DT_GNU_HASH), dynamic.get(DT_SYMTAB)) else {
            return Ok(None);
        };
        let range = |structure, entry: crate::facts::Tagged| {
            let unmapped = || ElfError::malformed(structure, entry.offset, "its address lies in no PT_LOAD");
            segments.file_range(entry.value, reader.len()).ok_or_else(unmapped)
        };
        let (offset, available) = range(STRUCTURE, table)?;
        let symbols = range("DT_SYMTAB", symbols)?;
        let header = reader.bytes(STRUCTURE, offset, HEADER)?;
        let [buckets, first, bloom_words, bloom_shift] = [0, 4, 8, 12].map(|at| header.u32(at));
        if buckets == 0 {
            return Ok(None);
        }
        let size = HEADER + u64::from(bloom_words) * reader.word() + u64::from(buckets) * 4;
        // The loader masks with the number of words, less one.
        if !bloom_words.is_power_of_two() || size > available {
            let reason = format!("{bloom_words} words and {buckets} buckets in {available} bytes");
            return Err(ElfError::malformed(STRUCTURE, offset, reason));
        }
        let bloom = offset + HEADER;
        Ok(Some(Self { reader, strings, buckets, first, bloom_words, bloom_shift, bloom, symbols }))
    }

    /// The symbol that the file exports under a name.
    pub(crate) fn find(&self, name: &[u8]) -> Result<Option<Exported>, ElfError> {
        let hash = gnu_hash(name);
        if !self.may_have(hash)? {
            return Ok(None);
        }
        let bucket = self.buckets_at() + u64::from(hash % self.buckets) * 4;
        let mut symbol = self.reader.bytes(STRUCTURE, bucket, 4)?.u32(0);
        if symbol < self.first {
            return Ok(None);
        }
        for _ in 0..MAX_CHAIN {
            let link = self.reader.bytes(STRUCTURE, self.chain_at(symbol), 4)?.u32(0);
            if link | 1 == hash | 1 && self.name(symbol)? == name {
                return self.symbol(symbol);
            }
            if link & 1 != 0 {
                return Ok(None);
            }
            symbol = symbol.saturating_add(1);
        }
        Err(ElfError::Limit { structure: STRUCTURE, offset: self.chain_at(symbol), limit: MAX_CHAIN })
    }

    /// At most `wanted` exported symbols, the first of each of the first buckets: which these are follows from their
    /// names alone, so that they are as good as any.
    pub(crate) fn sample(&self, wanted: usize) -> Result<Vec<Exported>, ElfError> {
        let buckets = self.buckets.min(MAX_SAMPLED);
        let table = self.reader.bytes(STRUCTURE, self.buckets_at(), u64::from(buckets) * 4)?;
        let firsts = (0..buckets as usize).map(|bucket| table.u32(bucket * 4));
        let mut found = Vec::new();
        for symbol in firsts.filter(|symbol| *symbol >= self.first) {
            if found.len() == wanted {
                break;
            }
            found.extend(self.symbol(symbol)?);
        }
        Ok(found)
    }

    fn may_have(&self, hash: u32) -> Result<bool, ElfError> {
        let bits = 8 * u32::try_from(self.reader.word()).unwrap_or(8);
        let word = u64::from((hash / bits) & (self.bloom_words - 1));
        let filter =
            self.reader.bytes(STRUCTURE, self.bloom + word * self.reader.word(), self.reader.word())?;
        let filter = filter.native(0, 0);
        let bit = |hash: u32| filter >> (hash % bits) & 1 == 1;
        // The loader shifts by what is written there, of which the processor takes the lowest bits.
        Ok(bit(hash) && bit(hash.wrapping_shr(self.bloom_shift)))
    }

    fn buckets_at(&self) -> u64 {
        self.bloom + u64::from(self.bloom_words) * self.reader.word()
    }

    fn chain_at(&self, symbol: u32) -> u64 {
        let index = u64::from(symbol).saturating_sub(self.first.into());
        self.buckets_at() + u64::from(self.buckets) * 4 + index * 4
    }

    fn name(&self, symbol: u32) -> Result<&[u8], ElfError> {
        let (fields, _) = self.fields(symbol)?;
        self.strings.string(fields.u32(0).into())
    }

    fn symbol(&self, symbol: u32) -> Result<Option<Exported>, ElfError> {
        let (fields, offset) = self.fields(symbol)?;
        let is_wide = fields.is_wide();
        let is_defined = fields.u16(if is_wide { 6 } else { 14 }) != SHN_UNDEF.0;
        let kind = fields.u8(if is_wide { 4 } else { 12 }) & 0xf;
        Ok(is_defined.then(|| Exported { offset, address: fields.native(4, 8), kind }))
    }

    fn fields(&self, symbol: u32) -> Result<(Fields<'a>, u64), ElfError> {
        let size = symbol_size(self.reader);
        let (start, available) = self.symbols;
        let at = u64::from(symbol) * size;
        if at + size > available {
            let reason = format!("symbol {symbol} lies past its segment");
            return Err(ElfError::malformed(STRUCTURE, self.bloom, reason));
        }
        Ok((self.reader.bytes("dynamic symbol table", start + at, size)?, start + at))
    }
}

const STRUCTURE: &str = "DT_GNU_HASH";
/// Four words before the Bloom filter.
const HEADER: u64 = 16;
/// Linkers make one bucket for every two to four symbols; hundreds in one only somebody who chose the names could make.
const MAX_CHAIN: u64 = 4096;
/// One read of 2 KiB.
const MAX_SAMPLED: u32 = 512;
