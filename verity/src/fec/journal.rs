//! The journal of a repair: all contents are safe in one file before the first damaged block is written over.
//!
//! | offset | size | field |
//! |--------|------|-------|
//! | 0 | 8 | signature, `hpvrjrnl` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | state: 0 in preparation, 1 sealed |
//! | 16 | 8 | block size in bytes |
//! | 24 | 8 | number of blocks |
//! | 32 | 32 | sha256 of the 32 bytes before it and of the entries |
//! | 4096 | blocks | contents, one after the other |
//! | after them | 24 each | entries: device (0 data, 1 tree), offset on it, offset of the content in the journal |
//!
//! Numbers are little-endian. A journal in preparation is worth nothing: nothing was written over, and the next run
//! begins anew; so is one whose seal was cut short. A sealed one is carried out again. It is not trusted for that: only if data and tree verify with its
//! contents in place do they count, as it is with what parity yields.

use sha2::{Digest as _, Sha256};

use super::error::JournalError;
use super::overlay::{Index, Part};
use super::repair::{Damaged, MAX_REPAIRS, Repairs};
use crate::Progress;
use crate::error::Error;
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::to_usize;
use crate::tree::layout::Layout;

/// Where the contents start, in bytes.
pub const JOURNAL_CONTENTS: u64 = 4096;

/// What a file has that should be a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Journal {
    /// Nothing was sealed, so nothing was written over, and it can be removed.
    Unsealed,
    /// Sealed, so that some of it may be written already.
    Sealed(SealedJournal),
}

/// The entries of a journal that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedJournal {
    index: Index,
    block_size: u64,
}

impl Journal {
    /// Makes of an empty `sink` a journal in preparation.
    pub fn begin(sink: &dyn BlockSink) -> Result<(), Error> {
        let header = header(State::Preparing, 0, 0, &[]);
        write(sink, &header, 0)
    }

    /// Seals the journal in `sink`, which has the contents of `repairs`. `sync` makes durable what was written so far.
    pub fn seal(
        repairs: &Repairs,
        sink: &dyn BlockSink,
        sync: impl Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let entries = encode_entries(repairs.index());
        let (count, block_size) = (repairs.index().len() as u64, repairs.block_size());
        write(sink, &entries, JOURNAL_CONTENTS + count * block_size)?;
        sync()?;
        write(sink, &header(State::Sealed, block_size, count, &entries), 0)?;
        sync()
    }

    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`] names what is wrong with a file that is no journal, or not one that could be carried out.
    pub fn read(source: &dyn BlockSource) -> Result<Self, JournalError> {
        let len = source.size().map_err(|source| Error::Size { what: JOURNAL, source })?;
        let mut header = [0; HEADER];
        let there = to_usize(len.min(HEADER as u64));
        source.read_exact_at(&mut header[..there], 0).map_err(Error::read(JOURNAL, 0))?;
        if there < HEADER {
            // The beginning of one in preparation, down to an empty file.
            let begun = self::header(State::Preparing, 0, 0, &[]).starts_with(&header[..there]);
            return if begun { Ok(Self::Unsealed) } else { Err(JournalError::NoJournal) };
        }
        if header[..8] != *SIGNATURE {
            return Err(JournalError::NoJournal);
        }
        match (number(&header[8..12]), number(&header[12..16])) {
            (VERSION, PREPARING) => Ok(Self::Unsealed),
            (VERSION, SEALED) => sealed(source, &header, len),
            (VERSION, state) => Err(JournalError::State { state }),
            (version, _) => Err(JournalError::Version { version }),
        }
    }
}

impl SealedJournal {
    /// The repairs in the journal `source`, if they are of blocks that parity covers and data and tree verify with them.
    ///
    /// # Errors
    ///
    /// [`JournalError::Verify`] says why they do not: the journal is of something else, or damaged itself. Other errors name
    /// what does not belong to `damaged`.
    pub fn verify(
        self,
        source: &dyn BlockSource,
        damaged: Damaged<'_>,
        progress: Progress<'_>,
    ) -> Result<Repairs, JournalError> {
        self.check(damaged)?;
        Ok(Repairs::verified(self.index, source, damaged, progress)?)
    }

    /// Checks that the blocks are blocks of data or tree as `damaged` has them.
    fn check(&self, damaged: Damaged<'_>) -> Result<(), JournalError> {
        let layout = damaged.layout;
        if self.block_size != layout.block_size {
            return Err(JournalError::BlockSize { block_size: self.block_size });
        }
        // Not all that parity covers: behind the tree may be what verification passes over.
        let tree = Layout::new(&damaged.expected.params, damaged.expected.area).map_err(Error::from)?;
        let fits = |part: Part, offset: u64| {
            let (start, blocks) = match part {
                Part::Data => (0, layout.data_blocks),
                Part::Tree => (tree.start, tree.tree_blocks()),
            };
            let block = offset.checked_sub(start).filter(|offset| offset.is_multiple_of(self.block_size));
            block.is_some_and(|offset| offset / self.block_size < blocks)
        };
        let wrong = self.index.keys().find(|(part, offset)| !fits(*part, *offset));
        wrong.map_or(Ok(()), |(_, offset)| Err(JournalError::Place { offset: *offset }))
    }
}

#[derive(Clone, Copy)]
enum State {
    Preparing,
    Sealed,
}

fn header(state: State, block_size: u64, count: u64, entries: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let state: u32 = match state {
        State::Preparing => 0,
        State::Sealed => 1,
    };
    header[..8].copy_from_slice(SIGNATURE);
    header[8..12].copy_from_slice(&1_u32.to_le_bytes());
    header[12..16].copy_from_slice(&state.to_le_bytes());
    header[16..24].copy_from_slice(&block_size.to_le_bytes());
    header[24..32].copy_from_slice(&count.to_le_bytes());
    let digest = digest(&header[..32], entries);
    header[32..].copy_from_slice(&digest);
    header
}

fn sealed(source: &dyn BlockSource, header: &[u8; HEADER], len: u64) -> Result<Journal, JournalError> {
    let (block_size, count) = (number(&header[16..24]), number(&header[24..32]));
    // The number is held against the length and the limit before memory is taken.
    let contents = count.checked_mul(block_size).and_then(|size| size.checked_add(JOURNAL_CONTENTS));
    let end = contents.zip(count.checked_mul(ENTRY as u64)).and_then(|(start, size)| start.checked_add(size));
    let (Some(start), true, true) = (contents, end == Some(len), count <= MAX_REPAIRS as u64) else {
        return Err(JournalError::Length { len, count, block_size });
    };
    let mut entries = vec![0; to_usize(count) * ENTRY];
    source.read_exact_at(&mut entries, start).map_err(Error::read(JOURNAL, start))?;
    if header[32..] != digest(&header[..32], &entries) {
        // Even if it was whole once: what it wrote is sound, what it did not write is as damaged as before.
        return Ok(Journal::Unsealed);
    }
    let mut index = Index::new();
    for entry in entries.chunks_exact(ENTRY) {
        let (part, offset, stored) = (number(&entry[..8]), number(&entry[8..16]), number(&entry[16..24]));
        let part = match part {
            0 => Part::Data,
            1 => Part::Tree,
            _ => return Err(JournalError::Place { offset }),
        };
        let within =
            stored >= JOURNAL_CONTENTS && stored.checked_add(block_size).is_some_and(|end| end <= start);
        if !within || index.insert((part, offset), stored).is_some() {
            return Err(JournalError::Place { offset });
        }
    }
    Ok(Journal::Sealed(SealedJournal { index, block_size }))
}

fn encode_entries(index: &Index) -> Vec<u8> {
    let mut entries = Vec::with_capacity(index.len() * ENTRY);
    for ((part, offset), stored) in index {
        let part: u64 = match part {
            Part::Data => 0,
            Part::Tree => 1,
        };
        for number in [part, *offset, *stored] {
            entries.extend(number.to_le_bytes());
        }
    }
    entries
}

fn digest(header: &[u8], entries: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(header).chain_update(entries).finalize().into()
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn write(sink: &dyn BlockSink, bytes: &[u8], offset: u64) -> Result<(), Error> {
    sink.write_all_at(bytes, offset).map_err(|source| Error::Write { what: JOURNAL, offset, source })
}

/// The name in errors.
pub(super) const JOURNAL: &str = "journal";
const SIGNATURE: &[u8; 8] = b"hpvrjrnl";
const VERSION: u64 = 1;
const PREPARING: u64 = 0;
const SEALED: u64 = 1;
const HEADER: usize = 64;
const ENTRY: usize = 24;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::fec::{FecArea, FecLayout, Roots};
    use crate::{Expected, HashArea, Params, RootHash, Salt};

    /// Behind the tree may be what verification passes over, so that nothing would judge what is written there.
    #[test]
    fn nothing_is_written_behind_the_tree() {
        let params = Params::new(NonZeroU64::new(2).unwrap(), Salt::default());
        let area = HashArea::without_superblock(0);
        let fec = FecArea { roots: Roots::DEFAULT, offset: 0, on_data_device: false, on_hash_device: false };
        let layout = &FecLayout::new(&params, area, fec, 3 * 4096).unwrap();
        assert_eq!(layout.hash_blocks, 3);
        let expected = &Expected::new(params, RootHash::from_digest(&[0; 32]), area);
        let none = &Vec::new();
        let damaged = Damaged { data: none, hash: none, fec: none, layout, expected };
        let fits = |part, offset| {
            let index = Index::from([((part, offset), JOURNAL_CONTENTS)]);
            SealedJournal { index, block_size: 4096 }.check(damaged).is_ok()
        };
        assert!(fits(Part::Data, 4096) && !fits(Part::Data, 8192) && !fits(Part::Data, 1));
        assert!(fits(Part::Tree, 0) && !fits(Part::Tree, 4096) && !fits(Part::Tree, 8192));
    }
}
