//! Building a hash tree, level by level, from the data up.

use crate::Progress;
use crate::error::Error;
use crate::params::{Params, RootHash};
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::{Blocks, DATA, HASH, read_buffer, to_usize};
use crate::tree::hasher::Hasher;
use crate::tree::layout::{HashArea, Layout};
use crate::tree::pool::for_each_task;
use crate::tree::slack::check_size;

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
    let mut below = Blocks::data(data, params);
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
        below: &Blocks<'_>,
        index: usize,
        progress: Progress<'_>,
    ) -> Result<Blocks<'a>, Error> {
        let level = self.layout.levels[index];
        let size = self.params.hash_block_size.bytes() as usize;
        let blocks = Blocks { source: self.sink, what: HASH, start: level.start, count: level.blocks, size };
        let buffers = || (read_buffer(), vec![0; size * to_usize(BLOCKS_PER_TASK)]);
        for_each_task(level.blocks.div_ceil(BLOCKS_PER_TASK), buffers, |(input, output), task| {
            let first = task * BLOCKS_PER_TASK;
            let count = BLOCKS_PER_TASK.min(level.blocks - first);
            let output = &mut output[..to_usize(count) * size];
            let hashed = self.fill(below, first, input, output)?;
            write(self.sink, output, level.start + first * size as u64)?;
            // Only the leaves tell how far the work is; the levels above can still be cancelled.
            let done = if index == 0 { hashed } else { 0 };
            if progress(done) { Ok(()) } else { Err(Error::Cancelled) }
        })?;
        Ok(blocks)
    }

    /// Computes the hash blocks from `first` on into `output` and returns how many bytes were hashed.
    fn fill(
        &self,
        below: &Blocks<'_>,
        first: u64,
        input: &mut [u8],
        output: &mut [u8],
    ) -> Result<u64, Error> {
        let size = self.params.hash_block_size.bytes() as usize;
        output.fill(0);
        let mut hashed = 0;
        for (index, block) in (first..).zip(output.chunks_mut(size)) {
            let children = below.under(index, self.layout.entries_per_block);
            hashed += children.end - children.start;
            below.digest(children, &self.hasher, input, block, self.layout.entry_size)?;
        }
        Ok(hashed * below.size as u64)
    }
}

fn write(sink: &dyn BlockSink, bytes: &[u8], offset: u64) -> Result<(), Error> {
    sink.write_all_at(bytes, offset).map_err(|source| Error::Write { offset, source })
}

/// A task is 1 MiB of data and one write of two hash blocks.
const BLOCKS_PER_TASK: u64 = 2;
