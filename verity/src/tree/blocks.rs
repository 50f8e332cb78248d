//! A row of blocks on a source: the data, or one level of the tree.

use std::ops::Range;

use crate::error::Error;
use crate::hash::Hasher;
use crate::params::Params;
use crate::source::BlockSource;

/// `count` blocks of `size` bytes from byte `start`, which a layout has checked to be addressable.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    pub(super) source: &'a dyn BlockSource,
    /// The name in errors.
    pub(super) what: &'static str,
    pub(super) start: u64,
    pub(super) count: u64,
    pub(super) size: usize,
}

impl<'a> Blocks<'a> {
    /// The data blocks.
    pub(super) fn data(source: &'a dyn BlockSource, params: &Params) -> Self {
        let size = params.data_block_size.bytes() as usize;
        Self { source, what: DATA, start: 0, count: params.data_blocks.get(), size }
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

    /// Writes the digests of the blocks in `range` into `entries`, reading through `buffer`.
    pub(super) fn digest(
        &self,
        range: Range<u64>,
        hasher: &Hasher,
        buffer: &mut [u8],
        entries: &mut [u8],
        entry_size: usize,
    ) -> Result<(), Error> {
        let per_read = (buffer.len() / self.size).max(1);
        let mut first = range.start;
        for entries in entries.chunks_mut(per_read * entry_size) {
            let count = (range.end - first).min(per_read as u64);
            if count == 0 {
                break;
            }
            let read = &mut buffer[..to_usize(count) * self.size];
            self.read(first, read)?;
            hasher.digest_blocks(read, self.size, entries, entry_size);
            first += count;
        }
        Ok(())
    }
}

/// The read buffer of one thread, for blocks of `block_size` bytes or less.
///
/// Small enough to stay in the second-level cache between the copy out of the page cache and the hashing, large enough
/// that the calls do not count; and 256 threads together need 64 MiB.
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
const READ_SIZE: usize = 256 << 10;
