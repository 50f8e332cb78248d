//! Files with holes: which bytes an archive really holds of them.

use super::header::{BLOCK, BLOCK_LEN, Header, malformed, number};
use crate::archive::{Segment, SparseMap};
use crate::{Error, ReadAt, read_exact_at};

/// GNU's old format: four pieces in the header, and blocks of 21 more after it.
pub(super) fn gnu(header: &Header, archive: &dyn ReadAt, after_header: u64) -> Result<SparseMap, Error> {
    let size = number(&header.block[483..495], after_header - BLOCK + 483, "realsize")?;
    let mut map = Builder::new(size, after_header);
    map.add_table(&header.block[386..482])?;
    let mut extended = header.block[482] != 0;
    let mut at = after_header;
    while extended {
        let mut block = [0; BLOCK_LEN];
        read_exact_at(archive, &mut block, at).map_err(Error::io("read"))?;
        map.at = at;
        map.add_table(&block[..504])?;
        extended = block[504] != 0;
        at += BLOCK;
    }
    map.finish(header.size, at - after_header)
}

/// GNU's format 1.0: the map is decimal lines at the start of the data, padded to a block.
pub(super) fn pax_1_0(archive: &dyn ReadAt, data: u64, stored: u64, size: u64) -> Result<SparseMap, Error> {
    let mut lines = Lines { archive, at: data, end: data.saturating_add(stored), block: Vec::new(), used: 0 };
    let count = lines.next_number()?;
    let mut map = Builder::new(size, data);
    for _ in 0..count {
        let (offset, len) = (lines.next_number()?, lines.next_number()?);
        map.add(offset, len)?;
    }
    let header_len = lines.at - data;
    map.finish(stored.saturating_sub(header_len), header_len)
}

/// GNU's format 0.1: the map is a list in one PAX record.
pub(super) fn pax_0_1(list: &[u8], data: u64, stored: u64, size: u64) -> Result<SparseMap, Error> {
    let mut map = Builder::new(size, data);
    let mut numbers = list.split(|byte| *byte == b',').map(decimal);
    while let Some(offset) = numbers.next() {
        let broken = || malformed(data, "GNU.sparse.map is no list of pairs of numbers");
        let (Some(offset), Some(Some(len))) = (offset, numbers.next()) else { return Err(broken()) };
        map.add(offset, len)?;
    }
    map.finish(stored, 0)
}

/// A decimal number.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

struct Builder {
    map: SparseMap,
    /// Where in the archive the map is read from, for errors.
    at: u64,
}

impl Builder {
    fn new(size: u64, at: u64) -> Self {
        Self { map: SparseMap { segments: Vec::new(), size, header_len: 0 }, at }
    }

    /// Pairs of 12-byte numbers; the first pair without digits ends the table.
    fn add_table(&mut self, table: &[u8]) -> Result<(), Error> {
        for pair in table.chunks_exact(24) {
            if pair[0] == 0 {
                break;
            }
            let (offset, len) =
                (number(&pair[..12], self.at, "offset")?, number(&pair[12..], self.at, "numbytes")?);
            self.add(offset, len)?;
        }
        Ok(())
    }

    fn add(&mut self, offset: u64, len: u64) -> Result<(), Error> {
        let before = self.map.segments.last().map_or(0, |last| last.offset + last.len);
        let end = offset.checked_add(len).filter(|end| *end <= self.map.size);
        if offset < before || end.is_none() {
            return Err(malformed(self.at, "the pieces of a sparse file overlap or pass its end"));
        }
        if self.map.segments.len() >= MAX_SEGMENTS {
            return Err(Error::Limit { what: "pieces of a sparse file", limit: MAX_SEGMENTS as u64 });
        }
        if len > 0 {
            self.map.segments.push(Segment { offset, len });
        }
        Ok(())
    }

    fn finish(mut self, stored: u64, header_len: u64) -> Result<SparseMap, Error> {
        let sum: u64 = self.map.segments.iter().map(|segment| segment.len).sum();
        if sum != stored {
            return Err(malformed(
                self.at,
                format!("a sparse file's pieces have {sum} bytes, its member {stored}"),
            ));
        }
        self.map.header_len = header_len;
        Ok(self.map)
    }
}

/// Decimal lines, read a block at a time, since the data begins at the block after the last line.
struct Lines<'a> {
    archive: &'a dyn ReadAt,
    at: u64,
    end: u64,
    block: Vec<u8>,
    used: usize,
}

impl Lines<'_> {
    fn next_number(&mut self) -> Result<u64, Error> {
        let mut digits = Vec::new();
        loop {
            match self.next_byte()? {
                b'\n' => break,
                digit if digits.len() < 20 => digits.push(digit),
                _ => return Err(malformed(self.at, "a number of a sparse map has over 20 digits")),
            }
        }
        decimal(&digits).ok_or_else(|| malformed(self.at, "a sparse map has a line that is no number"))
    }

    fn next_byte(&mut self) -> Result<u8, Error> {
        if self.used == self.block.len() {
            if self.at >= self.end {
                return Err(malformed(self.at, "a sparse map does not end within its member"));
            }
            self.block.resize(BLOCK_LEN, 0);
            read_exact_at(self.archive, &mut self.block, self.at).map_err(Error::io("read"))?;
            self.at += BLOCK;
            self.used = 0;
        }
        self.used += 1;
        Ok(self.block[self.used - 1])
    }
}

/// 16 MiB of map; a file with more holes than that was made to be slow.
const MAX_SEGMENTS: usize = 1 << 20;
