//! A row of blocks on a source: the data, or one level of the tree.

use std::ops::Range;
use std::sync::atomic::AtomicU8;

use crate::error::Error;
use crate::hash::Hasher;
use crate::params::Params;
use crate::source::BlockSource;
use crate::tree::holes::{Extents, Stretch, Zeros};

/// `count` blocks of `size` bytes from byte `start`, which a layout has checked to be addressable.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    pub(super) source: &'a dyn BlockSource,
    /// The name in errors.
    pub(super) what: &'static str,
    pub(super) start: u64,
    pub(super) count: u64,
    pub(super) size: usize,
    /// What is known of blocks over holes in the data, if holes are of use.
    pub(super) zeros: Option<Zeros<'a>>,
}

/// What a thread reads through.
pub(super) struct Reader {
    buffer: Vec<u8>,
    extents: Extents,
}

impl Reader {
    /// For blocks of `block_size` bytes or less.
    pub(super) fn new(block_size: usize) -> Self {
        Self { buffer: read_buffer(block_size), extents: Extents::default() }
    }
}

impl<'a> Blocks<'a> {
    /// The data blocks.
    pub(super) fn data(source: &'a dyn BlockSource, params: &Params, hasher: &Hasher) -> Self {
        let size = params.data_block_size.bytes() as usize;
        let count = params.data_blocks.get();
        let zeros = Some(Zeros::of_data(source, count * size as u64, size, hasher));
        Self { source, what: DATA, start: 0, count, size, zeros }
    }

    /// The first blocks of `buffer` from block `first` on: as many whole ones as fit.
    pub(super) fn read(&self, first: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let offset = self.start + first * self.size as u64;
        self.source.read_exact_at(buffer, offset).map_err(Error::read(self.what, offset))
    }

    /// The blocks that the hash block `index` has entries for.
    pub(super) fn under(&self, index: u64, entries_per_block: u64) -> Range<u64> {
        let first = index * entries_per_block;
        first..self.count.min(first + entries_per_block)
    }

    /// Writes the digests of the blocks in `range` into `entries`. Blocks in holes are not read.
    pub(super) fn digest(
        &self,
        range: Range<u64>,
        hasher: &Hasher,
        reader: &mut Reader,
        entries: &mut [u8],
        entry_size: usize,
    ) -> Result<(), Error> {
        let mut first = range.start;
        let mut entries = entries;
        while first < range.end {
            let stretch = self.stretch(&mut reader.extents, first, range.end)?;
            let count = stretch.end - first;
            // The last entry may be cut off behind its digest.
            let len = (to_usize(count) * entry_size).min(entries.len());
            let (now, rest) = entries.split_at_mut(len);
            match &self.zeros {
                Some(zeros) if stretch.is_hole => zeros.fill(now, entry_size, hasher.digest_size()),
                _ if self.digest_lent(first, to_usize(count), hasher, now, entry_size) => {}
                _ => self.digest_read(first, hasher, &mut reader.buffer, now, entry_size)?,
            }
            entries = rest;
            first = stretch.end;
        }
        Ok(())
    }

    /// Writes the digests of `count` blocks from `first` on into `entries`, if the source lends them. Otherwise what is in
    /// `entries` means nothing.
    ///
    /// Only digests are made of what is lent: a hash block counts for what was read of it once, and so it is copied first.
    fn digest_lent(
        &self,
        first: u64,
        count: usize,
        hasher: &Hasher,
        entries: &mut [u8],
        entry_size: usize,
    ) -> bool {
        let offset = self.start + first * self.size as u64;
        let work = &mut |blocks: &[AtomicU8]| hasher.digest_shared(blocks, self.size, entries, entry_size);
        hasher.takes_shared() && self.source.lend(offset, count * self.size, work)
    }

    /// The same, by reading into `buffer`: one block for each entry.
    fn digest_read(
        &self,
        mut first: u64,
        hasher: &Hasher,
        buffer: &mut [u8],
        entries: &mut [u8],
        entry_size: usize,
    ) -> Result<(), Error> {
        let per_read = (buffer.len() / self.size).max(1);
        for entries in entries.chunks_mut(per_read * entry_size) {
            let count = entries.len().div_ceil(entry_size);
            let read = &mut buffer[..count * self.size];
            self.read(first, read)?;
            hasher.digest_blocks(read, self.size, entries, entry_size);
            first += count as u64;
        }
        Ok(())
    }

    fn stretch(&self, extents: &mut Extents, first: u64, end: u64) -> Result<Stretch, Error> {
        let Some(zeros) = &self.zeros else { return Ok(Stretch { end, is_hole: false }) };
        zeros
            .stretch(extents, first, end)
            .map_err(Error::read(self.what, self.start + first * self.size as u64))
    }
}

/// The read buffer of one thread, for blocks of `block_size` bytes or less.
///
/// Small enough to stay in the second-level cache, beside all else, between the copy out of the page cache and the
/// hashing; large enough that the calls do not count and that every kernel has its lanes full of blocks of 4096 bytes.
pub(super) fn read_buffer(block_size: usize) -> Vec<u8> {
    vec![0; READ_SIZE.max(block_size)]
}

/// For numbers that a constant, a buffer or a block size bounds: they always fit.
pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The name of the data device in errors.
pub(crate) const DATA: &str = "data";
/// The name of the hash device in errors.
pub(crate) const HASH: &str = "hash area";
const READ_SIZE: usize = 64 << 10;
