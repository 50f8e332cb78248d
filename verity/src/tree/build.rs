//! Building a hash tree, level by level, from the data up.

use std::ops::Range;

use crate::Progress;
use crate::error::Error;
use crate::hash::Hasher;
use crate::params::{Params, RootHash};
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::{Blocks, DATA, HASH, Reader, to_usize};
use crate::tree::layout::{HashArea, Layout};
use crate::tree::pool::for_each_task;
use crate::tree::slack::check_size;
use crate::tree::spans::{Spans, by_hash_block};

/// Writes the tree over the first `params.data_blocks` blocks of `data` into `sink` and returns its root hash.
///
/// All of the hash area up to the end of the tree is written, with zeros for the superblock and what follows it, before
/// anything else. Who wants a superblock writes [`Superblock::encode`](crate::Superblock::encode) there once the tree is safe:
/// so an interrupted run leaves nothing that parses. Memory does not grow with the data, since each thread has one
/// buffer and levels are read back from the sink. The bytes do not depend on the number of threads.
///
/// # Errors
///
/// [`Error::TooShort`] if there is less data, [`Error::Changed`] if it becomes less meanwhile, [`Error::Cancelled`], and
/// what reading and writing bring.
pub fn build(
    data: &dyn BlockSource,
    params: &Params,
    sink: &dyn BlockSink,
    area: HashArea,
    progress: Progress<'_>,
) -> Result<RootHash, Error> {
    let layout = Layout::new(params, area)?;
    check_size(data, DATA, layout.data_end)?;
    write(sink, &vec![0; to_usize(layout.start - area.offset())], area.offset())?;
    let builder = Builder { sink, layout: &layout, hasher: Hasher::new(params), params };
    let mut below = Blocks::data(data, params, &builder.hasher);
    for index in 0..layout.levels.len() {
        below = builder.build_level(&below, index, progress)?;
    }
    let mut top = vec![0; below.size];
    below.read(0, &mut top)?;
    // Without levels nothing has told of the one block yet.
    let done = if layout.levels.is_empty() { top.len() as u64 } else { 0 };
    if !progress(done) {
        return Err(Error::Cancelled);
    }
    Ok(builder.hasher.root(&top))
}

struct Builder<'a> {
    sink: &'a dyn BlockSink,
    layout: &'a Layout,
    hasher: Hasher,
    params: &'a Params,
}

impl<'a> Builder<'a> {
    /// Writes the level `index`, whose entries are the digests of `below`, and returns its blocks.
    fn build_level(
        &self,
        below: &Blocks<'a>,
        index: usize,
        progress: Progress<'_>,
    ) -> Result<Blocks<'a>, Error> {
        let level = self.layout.levels[index];
        let size = self.params.hash_block_size.bytes() as usize;
        let zeros = below.zeros.map(|zeros| zeros.above(self.layout, size, &self.hasher));
        let blocks =
            Blocks { source: self.sink, what: HASH, start: level.start, count: level.blocks, size, zeros };
        let spans = Spans::new(below.count, below.size);
        let buffers = || (Reader::new(below.size), Vec::new());
        for_each_task(spans.tasks(), buffers, |(reader, output), task| {
            let range = spans.range(task);
            let hashed = (range.end - range.start) * below.size as u64;
            let start = self.fill(below, range, reader, output)?;
            write(self.sink, output, level.start + start)?;
            // Only the leaves tell how far the work is; the levels above can still be cancelled.
            let done = if index == 0 { hashed } else { 0 };
            if progress(done) { Ok(()) } else { Err(Error::Cancelled) }
        })?;
        Ok(blocks)
    }

    /// Computes the part of a level that has the digests of the blocks in `range` of `below`, zeros that end a hash block
    /// included, into `output`, and returns where in the level it starts, in bytes.
    fn fill(
        &self,
        below: &Blocks<'_>,
        range: Range<u64>,
        reader: &mut Reader,
        output: &mut Vec<u8>,
    ) -> Result<u64, Error> {
        let (per_block, entry_size) = (self.layout.entries_per_block, self.layout.entry_size);
        let start = self.position(range.start);
        let ends_block = range.end == below.count || range.end.is_multiple_of(per_block);
        let end = self.position(if ends_block { range.end.next_multiple_of(per_block) } else { range.end });
        output.clear();
        output.resize(to_usize(end - start), 0);
        for piece in by_hash_block(range, per_block) {
            let entries = &mut output[to_usize(self.position(piece.start) - start)..];
            below.digest(piece, &self.hasher, reader, entries, entry_size)?;
        }
        Ok(start)
    }

    /// Where in a level the entry for block `child` of the row below starts, in bytes.
    fn position(&self, child: u64) -> u64 {
        let per_block = self.layout.entries_per_block;
        let block = child / per_block * u64::from(self.params.hash_block_size.bytes());
        block + child % per_block * self.layout.entry_size as u64
    }
}

fn write(sink: &dyn BlockSink, bytes: &[u8], offset: u64) -> Result<(), Error> {
    sink.write_all_at(bytes, offset).map_err(|source| Error::Write { what: HASH, offset, source })
}
