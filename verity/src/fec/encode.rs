//! Computing parity, and comparing it with what is stored.

use std::sync::{Mutex, PoisonError};

use super::layout::{Covered, FecLayout};
use super::rows::Registers;
use crate::Progress;
use crate::damage::{BlockRanges, RangeCollector};
use crate::error::Error;
use crate::source::{BlockSink, BlockSource};
use crate::tree::blocks::to_usize;
use crate::tree::pool::for_each_task;

/// Writes the parity for all covered blocks into `sink`, from `layout.parity_start` to [`FecLayout::parity_end`].
///
/// Every part is written once. The bytes do not depend on the number of threads; memory does not grow with the data.
/// Progress counts covered bytes.
///
/// # Errors
///
/// [`Error::Changed`] if a device became shorter, [`Error::Cancelled`], and what reading and writing bring.
pub fn encode(
    data: &dyn BlockSource,
    hash: &dyn BlockSource,
    layout: &FecLayout,
    sink: &dyn BlockSink,
    progress: Progress<'_>,
) -> Result<(), Error> {
    each_parity(Covered { data, hash, layout }, progress, |_, computed, at| {
        sink.write_all_at(computed, at).map_err(|source| Error::Write { what: FEC, offset: at, source })
    })
}

/// The rounds whose stored parity is not that of the covered blocks; progress counts covered bytes.
///
/// This tells of parity only where all covered blocks are known to be sound.
///
/// # Errors
///
/// [`Error::TooShort`] if the parity ends too early, and what reading brings.
pub fn check_parity(
    data: &dyn BlockSource,
    hash: &dyn BlockSource,
    fec: &dyn BlockSource,
    layout: &FecLayout,
    progress: Progress<'_>,
) -> Result<BlockRanges, Error> {
    crate::tree::slack::check_size(fec, FEC, layout.parity_end())?;
    let wrong = Mutex::new(RangeCollector::default());
    each_parity(Covered { data, hash, layout }, progress, |first, computed, at| {
        let mut stored = vec![0; computed.len()];
        fec.read_exact_at(&mut stored, at).map_err(Error::read(FEC, at))?;
        let round_size = to_usize(layout.parity_per_round());
        let rounds = (first..).zip(computed.chunks(round_size).zip(stored.chunks(round_size)));
        for (round, (computed, stored)) in rounds {
            if computed != stored {
                wrong.lock().unwrap_or_else(PoisonError::into_inner).add(round..round + 1);
            }
        }
        Ok(())
    })?;
    Ok(wrong.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
}

/// Computes the parity of some neighbouring rounds at a time and gives it to `take`, with the first round and the offset.
fn each_parity(
    covered: Covered<'_>,
    progress: Progress<'_>,
    take: impl Fn(u64, &[u8], u64) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let layout = covered.layout;
    let per_task = rounds_per_task(layout);
    let state = || Task::new(covered, per_task);
    for_each_task(layout.rounds.div_ceil(per_task), state, |task, number| {
        let first = number * per_task;
        let count = per_task.min(layout.rounds - first);
        let parity = task.compute(first, count, progress)?;
        take(first, parity, layout.parity_start + first * layout.parity_per_round())
    })
}

/// What a thread needs to compute parity.
struct Task<'a> {
    covered: Covered<'a>,
    registers: Registers,
    rows: Vec<u8>,
    parity: Vec<u8>,
}

impl<'a> Task<'a> {
    fn new(covered: Covered<'a>, rounds: u64) -> Self {
        let layout = covered.layout;
        let width = to_usize(rounds * layout.block_size);
        let registers = Registers::new(layout.roots.get(), width);
        let parity = vec![0; to_usize(rounds * layout.parity_per_round())];
        let rows = vec![0; width * rows_per_step(layout)];
        Self { covered, registers, rows, parity }
    }

    /// The parity of `count` rounds from `first` on.
    fn compute(&mut self, first: u64, count: u64, progress: Progress<'_>) -> Result<&[u8], Error> {
        let layout = self.covered.layout;
        let width = to_usize(count * layout.block_size);
        self.registers.reset(width);
        let mut begin = first;
        let mut left = layout.roots.message_len();
        while left > 0 {
            let step = left.min(rows_per_step(layout));
            let rows = &mut self.rows[..step * width];
            for row in rows.chunks_exact_mut(width) {
                self.covered.read(begin, row)?;
                begin += layout.rounds;
            }
            self.registers.feed(rows);
            if !progress(rows.len() as u64) {
                return Err(Error::Cancelled);
            }
            left -= step;
        }
        let parity = &mut self.parity[..to_usize(count * layout.parity_per_round())];
        self.registers.write_parity(parity);
        Ok(parity)
    }
}

/// As many rounds as keep the registers and rows of a thread in its second-level cache: reads are of so many neighbouring
/// blocks.
fn rounds_per_task(layout: &FecLayout) -> u64 {
    let rows = (layout.roots.get() + rows_per_step(layout)) as u64;
    (WORKING_SET / (rows * layout.block_size)).max(1)
}

/// How many rows are read before they are fed to the registers. Feeding many at once saves passes over the registers,
/// which counts with many roots; with few, reading all of them at once was slower. Of blocks up to 512 KiB there are fewer,
/// so that a thread stays under 32 MiB.
fn rows_per_step(layout: &FecLayout) -> usize {
    if layout.block_size > LARGE_BLOCK { 8 } else { 16 }
}

/// Measured on 1 GiB, with 8 to 253 rows and 256 KiB to 8 MiB: more is no faster.
const WORKING_SET: u64 = 1 << 20;
const LARGE_BLOCK: u64 = 64 << 10;
/// The name of the parity in errors.
pub(super) const FEC: &str = "FEC area";
