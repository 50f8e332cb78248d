//! Finding what damaged blocks held, by parity, and proving it by the tree.
//!
//! The tree tells from the root hash down which blocks are bad. What parity makes of them counts only if it has the
//! digest that an authenticated block above gives it, so neither forged parity nor a miscorrection gets through. What is
//! below a lost hash block cannot be judged; once that is repaired, the next pass judges it. Passes go on until nothing
//! is wrong, or nothing more can be repaired.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::RepairError;
use super::layout::{Covered, FecLayout};
use super::overlay::{Index, Overlay, Part};
use super::suspects::{Suspects, Target};
use super::words::Workshop;
use crate::Progress;
use crate::damage::{BlockRanges, Damage, RangeCollector};
use crate::error::{Error, VerifyError};
use crate::hash::Hasher;
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::{DATA, HASH, to_usize};
use crate::tree::layout::Layout;
use crate::tree::pool::for_each_task;
use crate::tree::verify::{Expected, authenticator, verify};
use crate::witness::Verified;

/// What is to be repaired, and from what.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Damaged<'a> {
    /// The data.
    pub data: &'a dyn BlockSource,
    /// The hash device, up to the parity if that is on it as well.
    pub hash: &'a dyn BlockSource,
    /// The device with the parity.
    pub fec: &'a dyn BlockSource,
    /// Where the parity is and what it covers.
    pub layout: &'a FecLayout,
    /// What data and tree should be. It must be trusted: it decides what is written.
    pub expected: &'a Expected,
}

/// What a search for repairs found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Found {
    /// There is nothing to repair.
    Sound(Verified),
    /// With these repairs nothing is wrong any more.
    Repairs(Repairs),
}

/// Contents for damaged blocks. With all of them in place data and tree verify: that was done before this was made.
#[derive(Debug)]
pub struct Repairs {
    index: Index,
    block_size: u64,
    hash_start: u64,
}

/// Searches what all damaged blocks held, until data and tree with these contents verify. Nothing that is damaged is
/// written to.
///
/// The contents go to `store` from byte `store_start` on, one after the other; only their places are kept in memory.
/// Progress counts bytes hashed, in as many passes as are needed.
///
/// # Errors
///
/// [`RepairError::Unrepairable`] with what would still be wrong, [`RepairError::Verify`] if something is wrong that parity
/// does not cover, [`RepairError::TooMany`], and what reading and writing bring.
pub fn find_repairs(
    damaged: Damaged<'_>,
    store: &dyn BlockSink,
    store_start: u64,
    progress: Progress<'_>,
) -> Result<Found, RepairError> {
    let parity_end = damaged.layout.parity_end();
    let mut search = Search { damaged, store, next: AtomicU64::new(store_start), index: Index::new() };
    let mut checked = false;
    loop {
        let damage = match search.verify(progress) {
            Ok(verified) if search.index.is_empty() => return Ok(Found::Sound(verified)),
            Ok(_) => return Ok(Found::Repairs(Repairs::new(search.index, damaged.layout))),
            Err(VerifyError::Corrupt(damage)) => damage,
            Err(error) => return Err(error.into()),
        };
        if !checked {
            crate::tree::slack::check_size(damaged.fec, super::encode::FEC, parity_end)?;
            checked = true;
        }
        let repaired = if damage.slack.is_empty() { search.pass(&damage, progress)? } else { Index::new() };
        let before = search.index.len();
        search.index.extend(repaired);
        // What was repaired stays so. If it does not, the devices change meanwhile, and there would be no end.
        if search.index.len() == before {
            return Err(RepairError::Unrepairable { damage, repairable: before as u64 });
        }
        if search.index.len() > MAX_REPAIRS {
            return Err(RepairError::TooMany { limit: MAX_REPAIRS });
        }
    }
}

struct Search<'a> {
    damaged: Damaged<'a>,
    store: &'a dyn BlockSink,
    /// Where the next content goes.
    next: AtomicU64,
    index: Index,
}

impl Search<'_> {
    fn verify(&self, progress: Progress<'_>) -> Result<Verified, VerifyError> {
        let [data, hash] = overlays(self.damaged, &self.index, self.store);
        verify(&data, &hash, self.damaged.expected, progress)
    }

    /// Repairs what can be repaired of what can be judged. Repairs take effect after the pass, so that its result does
    /// not depend on which thread is first.
    fn pass(&self, damage: &Damage, progress: Progress<'_>) -> Result<Index, RepairError> {
        let expected = self.damaged.expected;
        let tree = Layout::new(&expected.params, expected.area).map_err(Error::from)?;
        let suspects = Suspects::new(damage, &tree, self.damaged.layout);
        let rounds = self.by_round(&suspects)?;
        let [data, hash] = overlays(self.damaged, &self.index, self.store);
        let covered = Covered { data: &data, hash: &hash, layout: self.damaged.layout };
        let hasher = Hasher::new(&expected.params);
        let repaired = Mutex::new(Index::new());
        let state = || {
            let authenticator = authenticator(&data, &hash, expected, &tree, &hasher);
            Workshop::new(covered, self.damaged.fec, authenticator, &suspects)
        };
        for_each_task(rounds.len() as u64, state, |workshop, task| {
            let (round, targets) = &rounds[to_usize(task)];
            workshop.repair(*round, targets, |target, content| {
                let at = self.next.fetch_add(content.len() as u64, Ordering::Relaxed);
                self.store.write_all_at(content, at).map_err(|source| Error::Write {
                    what: "journal",
                    offset: at,
                    source,
                })?;
                let place = self.damaged.layout.place(target.covered);
                repaired.lock().unwrap_or_else(PoisonError::into_inner).insert(place, at);
                Ok(())
            })?;
            if progress(0) { Ok(()) } else { Err(Error::Cancelled) }
        })?;
        Ok(repaired.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The blocks to repair, by the round in which they are.
    fn by_round(&self, suspects: &Suspects<'_>) -> Result<Vec<(u64, Vec<Target>)>, RepairError> {
        if !suspects.are_complete() {
            return Err(RepairError::TooMany { limit: MAX_REPAIRS });
        }
        let mut rounds: BTreeMap<u64, Vec<Target>> = BTreeMap::new();
        for (count, target) in suspects.targets().enumerate() {
            if count >= MAX_REPAIRS {
                return Err(RepairError::TooMany { limit: MAX_REPAIRS });
            }
            rounds.entry(target.covered % self.damaged.layout.rounds).or_default().push(target);
        }
        Ok(rounds.into_iter().collect())
    }
}

impl Repairs {
    fn new(index: Index, layout: &FecLayout) -> Self {
        Self { index, block_size: layout.block_size, hash_start: layout.hash_start }
    }

    /// Repairs whose contents are already in `store`, if data and tree verify with them: a journal that an interrupted run
    /// left. What is in it counts for nothing before that.
    pub(super) fn verified(
        index: Index,
        store: &dyn BlockSource,
        damaged: Damaged<'_>,
        progress: Progress<'_>,
    ) -> Result<Self, VerifyError> {
        let [data, hash] = overlays(damaged, &index, store);
        verify(&data, &hash, damaged.expected, progress)?;
        Ok(Self::new(index, damaged.layout))
    }

    /// The numbers of the repaired data blocks.
    pub fn data_blocks(&self) -> BlockRanges {
        self.numbers(Part::Data, 0)
    }

    /// The numbers of the repaired hash blocks, from the first of the tree, which is its top.
    pub fn hash_blocks(&self) -> BlockRanges {
        self.numbers(Part::Tree, self.hash_start)
    }

    /// Writes the repaired blocks of `part` from `store` to where they belong on `sink`. Writing them again does no harm.
    pub fn write(&self, part: Part, store: &dyn BlockSource, sink: &dyn BlockSink) -> Result<(), Error> {
        let what = match part {
            Part::Data => DATA,
            Part::Tree => HASH,
        };
        let mut block = vec![0; to_usize(self.block_size)];
        for ((_, offset), stored) in self.index.range((part, 0)..=(part, u64::MAX)) {
            store.read_exact_at(&mut block, *stored).map_err(Error::read("journal", *stored))?;
            let failed = |source| Error::Write { what, offset: *offset, source };
            sink.write_all_at(&block, *offset).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn block_size(&self) -> u64 {
        self.block_size
    }

    fn numbers(&self, part: Part, start: u64) -> BlockRanges {
        let mut ranges = RangeCollector::default();
        for (_, offset) in self.index.range((part, 0)..=(part, u64::MAX)).map(|(place, _)| place) {
            let number = (offset - start) / self.block_size;
            ranges.add(number..number + 1);
        }
        ranges.finish()
    }
}

fn overlays<'a>(damaged: Damaged<'a>, index: &'a Index, store: &'a dyn BlockSource) -> [Overlay<'a>; 2] {
    let block_size = damaged.layout.block_size;
    let overlay = |base, part| Overlay { base, part, index, store, block_size };
    [overlay(damaged.data, Part::Data), overlay(damaged.hash, Part::Tree)]
}

/// Bounds the memory for the places of repaired blocks: 2^20 take about 50 MiB, and are 4 GiB of 4096-byte blocks.
pub(super) const MAX_REPAIRS: usize = 1 << 20;
