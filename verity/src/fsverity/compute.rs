//! Computing the digest of a file in one pass over it.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, PoisonError};

use super::descriptor::Descriptor;
use super::open_blocks::{OpenBlocks, Place};
use super::params::Params;
use super::shape::Shape;
use crate::Progress;
use crate::error::Error;
use crate::hash::Hasher;
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::{DATA, to_usize};
use crate::tree::pool::for_each_task;

/// The name of the tree's sink in errors.
pub const MERKLE_TREE: &str = "Merkle tree";

/// Computes the digest of `file`, and writes its Merkle tree to `tree` if that is wanted.
///
/// The file is read once, on every thread. Each task hashes a stretch of blocks and goes up the tree as far as its digests
/// fill whole hash blocks; the rest goes to hash blocks that are shared, and the task that fills one goes on with it. So no
/// level is ever kept, and memory is bounded by the number of threads: for each one read buffer, and one hash block for each
/// row. Neither the digest nor the tree depends on their number.
///
/// # Errors
///
/// [`Error::Changed`] and [`Error::Resized`] if the file becomes shorter or longer meanwhile, [`Error::Cancelled`],
/// [`Error::Geometry`] if it is longer than files can be, and what reading and writing bring.
pub fn digest(
    file: &dyn BlockSource,
    params: &Params,
    tree: Option<&dyn BlockSink>,
    progress: Progress<'_>,
) -> Result<Descriptor, Error> {
    digest_by(TASK_SIZE, file, params, tree, progress)
}

/// The same with tasks of about `task_size` bytes, a power of two.
fn digest_by(
    task_size: u64,
    file: &dyn BlockSource,
    params: &Params,
    tree: Option<&dyn BlockSink>,
    progress: Progress<'_>,
) -> Result<Descriptor, Error> {
    let size = size_of(file)?;
    let climb = Climb {
        file,
        size,
        shape: Shape::new(size, params)?,
        block_size: params.block_size.bytes() as usize,
        digest_size: params.algorithm.digest_size(),
        hasher: hasher(params)?,
        tree,
        open: OpenBlocks::default(),
        // The root of a file without bytes.
        root: Mutex::new(vec![0; params.algorithm.digest_size()]),
    };
    climb.run(task_size, progress)?;
    match size_of(file)? {
        is if is != size => Err(Error::Resized { what: DATA, was: size, is }),
        _ => {
            let root = climb.root.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(Descriptor::new(params.clone(), size, root))
        }
    }
}

/// The work of one digest.
struct Climb<'a> {
    file: &'a dyn BlockSource,
    size: u64,
    shape: Shape,
    block_size: usize,
    digest_size: usize,
    hasher: Hasher,
    tree: Option<&'a dyn BlockSink>,
    open: OpenBlocks,
    root: Mutex<Vec<u8>>,
}

impl Climb<'_> {
    fn run(&self, task_size: u64, progress: Progress<'_>) -> Result<(), Error> {
        let (count, per_task) = (self.shape.blocks(0), (task_size / self.block_size as u64).max(1));
        // No longer than the file: directories are full of small ones.
        let buffer_size = to_usize((READ_SIZE / self.block_size as u64).min(count)) * self.block_size;
        let buffer = || vec![0; buffer_size];
        for_each_task(count.div_ceil(per_task), buffer, |buffer, task| {
            let blocks = task * per_task..count.min((task + 1) * per_task);
            let digests = self.digest_data(&blocks, buffer)?;
            self.rise(blocks.start, digests)?;
            let hashed = self.offset(blocks.end) - self.offset(blocks.start);
            if progress(hashed) { Ok(()) } else { Err(Error::Cancelled) }
        })
    }

    /// The digests of data blocks, read through `buffer`.
    fn digest_data(&self, blocks: &Range<u64>, buffer: &mut [u8]) -> Result<Vec<u8>, Error> {
        let mut digests = vec![0; to_usize(blocks.end - blocks.start) * self.digest_size];
        let whole = blocks.end.min(self.size / self.block_size as u64);
        let lent = to_usize(whole.saturating_sub(blocks.start));
        let (by_lending, by_reading) = digests.split_at_mut(lent * self.digest_size);
        if lent > 0 && self.digest_lent(blocks.start, lent, by_lending) {
            self.digest_read(whole, buffer, by_reading)?;
        } else {
            self.digest_read(blocks.start, buffer, &mut digests)?;
        }
        Ok(digests)
    }

    /// Writes the digests of `count` whole blocks from `first` on into `digests`, if the file lends them. Otherwise what is in
    /// `digests` means nothing.
    fn digest_lent(&self, first: u64, count: usize, digests: &mut [u8]) -> bool {
        let work = &mut |blocks: &[AtomicU8]| {
            self.hasher.digest_shared(blocks, self.block_size, digests, self.digest_size);
        };
        let len = count * self.block_size;
        self.hasher.takes_shared() && self.file.lend(self.offset(first), len, work)
    }

    /// The same, by reading into `buffer`: one block for each digest, of which the last may be cut off by the file's end.
    fn digest_read(&self, mut first: u64, buffer: &mut [u8], digests: &mut [u8]) -> Result<(), Error> {
        let per_read = buffer.len() / self.block_size;
        for digests in digests.chunks_mut(per_read * self.digest_size) {
            let end = first + (digests.len() / self.digest_size) as u64;
            let (start, bytes) = (self.offset(first), to_usize(self.offset(end) - self.offset(first)));
            let padded = to_usize(end - first) * self.block_size;
            self.file.read_exact_at(&mut buffer[..bytes], start).map_err(Error::read(DATA, start))?;
            buffer[bytes..padded].fill(0);
            self.hasher.digest_blocks(&buffer[..padded], self.block_size, digests, self.digest_size);
            first = end;
        }
        Ok(())
    }

    /// Takes the digests of the data blocks from `first` on up the tree, up to a hash block that others have to fill, or to
    /// the root.
    fn rise(&self, mut first: u64, mut digests: Vec<u8>) -> Result<(), Error> {
        let mut row = 0;
        while !self.shape.is_top(row) {
            let Some((block, bytes)) = self.whole_blocks(row, first, digests) else { return Ok(()) };
            (row, first) = (row + 1, block);
            self.write(row, block, &bytes)?;
            digests = vec![0; bytes.len() / self.block_size * self.digest_size];
            self.hasher.digest_blocks(&bytes, self.block_size, &mut digests, self.digest_size);
        }
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = digests;
        Ok(())
    }

    /// The hash blocks over `row` that the digests of its blocks from `first` on make whole, and the number of the first one.
    /// `None` if they are a part of one that others have to fill.
    ///
    /// Tasks and hash blocks have numbers of blocks that are powers of two; so digests are either those of whole hash blocks, or
    /// within one.
    fn whole_blocks(&self, row: usize, first: u64, mut digests: Vec<u8>) -> Option<(u64, Vec<u8>)> {
        let (per_block, count) = (self.shape.per_block, self.shape.blocks(row));
        let added = (digests.len() / self.digest_size) as u64;
        let (block, end) = (first / per_block, first + added);
        if first.is_multiple_of(per_block) && (end.is_multiple_of(per_block) || end == count) {
            digests.resize(digests.len().next_multiple_of(self.block_size), 0);
            return Some((block, digests));
        }
        let place = Place { row, block, digests: per_block.min(count - block * per_block) };
        let start = to_usize(first % per_block) * self.digest_size;
        self.open.fill(place, self.block_size, start, &digests, added).map(|bytes| (block, bytes))
    }

    fn write(&self, row: usize, block: u64, bytes: &[u8]) -> Result<(), Error> {
        let Some(tree) = self.tree else { return Ok(()) };
        let offset = self.shape.start(row) + block * self.block_size as u64;
        tree.write_all_at(bytes, offset).map_err(|source| Error::Write { what: MERKLE_TREE, offset, source })
    }

    /// Where in the file data block `block` starts; the file's end for the one after the last.
    fn offset(&self, block: u64) -> u64 {
        self.size.min(block.saturating_mul(self.block_size as u64))
    }
}

/// A block with the padded salt before it is hashed as a block of a dm-verity tree of type 1 is with that as its salt.
fn hasher(params: &Params) -> Result<Hasher, Error> {
    let salt = crate::Salt::new(&params.salt.padded(params.algorithm))?;
    let mut plain = crate::Params::new(NonZeroU64::MIN, salt);
    plain.algorithm = params.algorithm.plain();
    (plain.data_block_size, plain.hash_block_size) = (params.block_size.plain(), params.block_size.plain());
    Ok(Hasher::new(&plain))
}

fn size_of(file: &dyn BlockSource) -> Result<u64, Error> {
    file.size().map_err(|source| Error::Size { what: DATA, source })
}

/// Files up to this length in bytes are hashed by the calling thread alone: who has many of them gives them to many threads.
///
/// Long enough that handing out a stretch of it costs nothing, short enough that a run stops soon after it is told to.
pub const TASK_SIZE: u64 = 1 << 20;
/// How much a thread reads at once. It stays in the second-level cache between the copy out of the page cache and the hashing.
const READ_SIZE: u64 = 256 << 10;

#[cfg(test)]
mod tests;
