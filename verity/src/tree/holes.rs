//! Stretches of the data that were never written. They read as zeros, so that neither reading nor hashing them tells
//! anything new.

use std::io;
use std::ops::Range;

use crate::hash::{Hasher, MAX_DIGEST};
use crate::source::BlockSource;
use crate::tree::layout::Layout;

/// What the source of the data says of the place that was asked for last: a hole from `from` to `data`. Each thread has
/// its own, so that a long extent is asked for once.
#[derive(Default)]
pub(super) struct Extents {
    from: u64,
    data: Range<u64>,
}

impl Extents {
    /// What is known at `offset`: where the hole there ends, which is `offset` itself if there is none, and where the data
    /// after it ends.
    fn at(&mut self, source: &dyn BlockSource, offset: u64) -> io::Result<Range<u64>> {
        if !(self.from..self.data.end).contains(&offset) {
            self.data = source.next_data(offset)?;
            self.from = offset;
        }
        Ok(self.data.start.max(offset)..self.data.end)
    }
}

/// How the blocks of a row follow from the data, so that those which follow from a hole are known.
#[derive(Clone, Copy)]
pub(super) struct Zeros<'a> {
    data: &'a dyn BlockSource,
    data_end: u64,
    /// How many bytes of data are behind one block.
    unit: u64,
    /// The digest of a block that has nothing but zeros behind it.
    digest: [u8; MAX_DIGEST],
}

/// Blocks that follow each other.
pub(super) struct Stretch {
    pub(super) end: u64,
    pub(super) is_hole: bool,
}

impl<'a> Zeros<'a> {
    /// For the data itself, in blocks of `size` bytes up to `data_end`.
    pub(super) fn of_data(data: &'a dyn BlockSource, data_end: u64, size: usize, hasher: &Hasher) -> Self {
        Self { data, data_end, unit: size as u64, digest: digest(hasher, &vec![0; size]) }
    }

    /// For the level above, in blocks of `size` bytes.
    pub(super) fn above(&self, layout: &Layout, size: usize, hasher: &Hasher) -> Self {
        let mut block = vec![0; size];
        for entry in block.chunks_exact_mut(layout.entry_size).zip(0..layout.entries_per_block) {
            fill(entry.0, &self.digest, hasher.digest_size());
        }
        let unit = self.unit.saturating_mul(layout.entries_per_block);
        Self { unit, digest: digest(hasher, &block), ..*self }
    }

    /// The blocks from `first` on, and not beyond `end`, that are in one hole, or that are not. There is at least one.
    pub(super) fn stretch(&self, extents: &mut Extents, first: u64, end: u64) -> io::Result<Stretch> {
        let data = extents.at(self.data, first.saturating_mul(self.unit))?;
        // The last block of a level may be over less data, and is not like the others.
        let after_hole = data.start.min(self.data_end) / self.unit;
        if after_hole > first {
            return Ok(Stretch { end: end.min(after_hole), is_hole: true });
        }
        let after_data = data.end.div_ceil(self.unit).max(first + 1);
        Ok(Stretch { end: end.min(after_data), is_hole: false })
    }

    /// Writes the digest of a block in a hole to the start of every entry.
    pub(super) fn fill(&self, entries: &mut [u8], entry_size: usize, digest_size: usize) {
        entries.chunks_mut(entry_size).for_each(|entry| fill(entry, &self.digest, digest_size));
    }
}

fn fill(entry: &mut [u8], digest: &[u8; MAX_DIGEST], digest_size: usize) {
    entry[..digest_size].copy_from_slice(&digest[..digest_size]);
}

fn digest(hasher: &Hasher, block: &[u8]) -> [u8; MAX_DIGEST] {
    let mut digest = [0; MAX_DIGEST];
    hasher.digest_blocks(block, block.len(), &mut digest[..hasher.digest_size()], hasher.digest_size());
    digest
}
