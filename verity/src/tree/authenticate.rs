//! Authenticating blocks one path at a time: a block counts only if the block above it counts and has its digest.
//!
//! Each thread has its own authenticator, which remembers one block per level. Tasks come nearly in order, so that a
//! block is read and hashed about once per thread, and no state grows with the size of the tree. The alternative, a
//! pass over each level that hands a set of bad blocks to the next, needs memory for that set.

use std::ops::Range;

use crate::error::Error;
use crate::hash::Hasher;
use crate::params::RootHash;
use crate::tree::blocks::{Blocks, Reader, to_usize};
use crate::tree::layout::Layout;

/// What is known about a stored hash block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has the digest that it should have.
    Sound,
    /// It has, but what it holds beside digests is not zero. No format writes that.
    Unclean,
    /// It has not, but recomputing it from the blocks below gave what it should hold.
    Recovered,
    /// It has not, and what it should hold is not known.
    Lost,
    /// The block above is not known, so neither is the digest that it should have.
    Unauthenticated,
}

/// What data blocks under one leaf are.
pub(super) struct CheckedData {
    /// Whether the leaf is not known, so that they could not be checked.
    pub(super) unauthenticated: bool,
    /// Those that do not have their digest.
    pub(super) bad: Vec<Range<u64>>,
}

pub(crate) struct Authenticator<'a> {
    /// The data, then the levels of the tree, leaves first: the entries of `rows[i + 1]` are digests of `rows[i]`.
    rows: Vec<Blocks<'a>>,
    layout: &'a Layout,
    hasher: Hasher,
    root: &'a RootHash,
    /// For each level, the block that was looked at last.
    known: Vec<Known>,
    reader: Reader,
}

/// A hash block that was looked at. The content is what it should hold if the state is `Sound`, `Unclean` or `Recovered`.
struct Known {
    index: Option<u64>,
    state: State,
    content: Vec<u8>,
}

impl<'a> Authenticator<'a> {
    pub(super) fn new(rows: Vec<Blocks<'a>>, layout: &'a Layout, hasher: Hasher, root: &'a RootHash) -> Self {
        let known = rows.iter().skip(1);
        let known =
            known.map(|row| Known { index: None, state: State::Lost, content: vec![0; row.size] }).collect();
        let largest = rows.iter().map(|row| row.size).max().unwrap_or_default();
        Self { rows, layout, hasher, root, known, reader: Reader::new(largest) }
    }

    /// The state of block `index` of `level`.
    pub(super) fn hash_block(&mut self, level: usize, index: u64) -> Result<State, Error> {
        if self.known[level].index != Some(index) {
            self.known[level].index = None;
            self.known[level].state = self.look_at(level, index)?;
            self.known[level].index = Some(index);
        }
        Ok(self.known[level].state)
    }

    /// Checks the data blocks in `range`, all under one leaf. Without any levels the range is the one block that the root
    /// hash is of.
    pub(super) fn check_data(&mut self, range: Range<u64>) -> Result<CheckedData, Error> {
        let mut checked = CheckedData { unauthenticated: false, bad: Vec::new() };
        let Some(wanted) = self.entries(0, range.clone())? else {
            checked.unauthenticated = true;
            return Ok(checked);
        };
        let mut actual = vec![0; wanted.len()];
        let (size, digest) = (self.layout.entry_size, self.root.as_bytes().len());
        self.rows[0].digest(range.clone(), &self.hasher, &mut self.reader, &mut actual, size)?;
        let pairs = wanted.chunks(size).zip(actual.chunks(size));
        for (block, (wanted, actual)) in range.zip(pairs) {
            // Padding is judged with the leaf, and not once more as damage of the data.
            if wanted[..digest] != actual[..digest] {
                extend(&mut checked.bad, block);
            }
        }
        Ok(checked)
    }

    /// Whether `content` has the digest that block `index` of `row` should have; it has not if that is not known. Row 0
    /// are the data, row 1 the leaves.
    pub(crate) fn accepts(&mut self, row: usize, index: u64, content: &[u8]) -> Result<bool, Error> {
        let wanted = self.entries(row, index..index + 1)?;
        let digest = self.hasher.root(content);
        Ok(wanted.is_some_and(|wanted| wanted[..digest.as_bytes().len()] == *digest.as_bytes()))
    }

    /// What block `index` of `level` should hold, if it does not but the blocks below it tell.
    pub(crate) fn recovered(&mut self, level: usize, index: u64) -> Result<Option<&[u8]>, Error> {
        let state = self.hash_block(level, index)?;
        Ok((state == State::Recovered).then_some(self.known[level].content.as_slice()))
    }

    /// The root hash of the top block as it is stored.
    pub(super) fn stored_root(&self, top: usize) -> Result<RootHash, Error> {
        let mut block = vec![0; self.rows[top + 1].size];
        self.rows[top + 1].read(0, &mut block)?;
        Ok(self.hasher.root(&block))
    }

    fn look_at(&mut self, level: usize, index: u64) -> Result<State, Error> {
        let Some(wanted) = self.entries(level + 1, index..index + 1)? else {
            return Ok(State::Unauthenticated);
        };
        let wanted = RootHash::from_digest(&wanted[..self.root.as_bytes().len()]);
        let content = &mut self.known[level].content;
        self.rows[level + 1].read(index, content)?;
        if self.hasher.root(content) == wanted {
            return Ok(if self.is_clean(level, index) { State::Sound } else { State::Unclean });
        }
        self.recompute(level, index)?;
        let recovered = self.hasher.root(&self.known[level].content) == wanted;
        Ok(if recovered { State::Recovered } else { State::Lost })
    }

    /// Whether the content of block `index` of `level` is zero beside the digests.
    fn is_clean(&self, level: usize, index: u64) -> bool {
        let (size, digest) = (self.layout.entry_size, self.root.as_bytes().len());
        let children = self.rows[level].under(index, self.layout.entries_per_block);
        let (entries, rest) =
            self.known[level].content.split_at(to_usize(children.end - children.start) * size);
        let padding = entries.chunks(size).flat_map(|entry| &entry[digest..]);
        padding.chain(rest).all(|byte| *byte == 0)
    }

    /// Fills the content of block `index` of `level` with the digests of what is stored below it.
    fn recompute(&mut self, level: usize, index: u64) -> Result<(), Error> {
        let below = self.rows[level];
        let range = below.under(index, self.layout.entries_per_block);
        let content = &mut self.known[level].content;
        content.fill(0);
        below.digest(range, &self.hasher, &mut self.reader, content, self.layout.entry_size)
    }

    /// The entries for the blocks in `range` of `rows[row]`, all under one hash block; `None` if that is not known.
    /// For the topmost row the one entry is the root hash.
    fn entries(&mut self, row: usize, range: Range<u64>) -> Result<Option<Vec<u8>>, Error> {
        let size = self.layout.entry_size;
        if row == self.known.len() {
            let mut entry = self.root.as_bytes().to_vec();
            entry.resize(size, 0);
            return Ok(Some(entry));
        }
        let per_block = self.layout.entries_per_block;
        let state = self.hash_block(row, range.start / per_block)?;
        if matches!(state, State::Lost | State::Unauthenticated) {
            return Ok(None);
        }
        // Both are less than the number of entries of a block, and the range is not empty.
        let first = to_usize(range.start % per_block) * size;
        let len = to_usize(range.end - range.start) * size;
        Ok(Some(self.known[row].content[first..first + len].to_vec()))
    }
}

/// Adds `block` to sorted ranges, to the last if it follows that.
fn extend(ranges: &mut Vec<Range<u64>>, block: u64) {
    match ranges.last_mut() {
        Some(last) if last.end == block => last.end += 1,
        _ => ranges.push(block..block + 1),
    }
}
