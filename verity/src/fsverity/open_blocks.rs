//! Hash blocks that wait for digests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The hash blocks of a tree of which some digests are there and some are not, by row and number.
///
/// Tasks are handed out in the order of the file. So a block that is open lies above a task under way, or above the place up to
/// which tasks were handed out: at most one block per row for each thread and one more, however long the file is and however
/// late a task is done. A queue that puts results in order would grow without bound behind a slow task, or would have to make
/// the others wait for it.
#[derive(Default)]
pub(super) struct OpenBlocks(Mutex<BTreeMap<(usize, u64), OpenBlock>>);

struct OpenBlock {
    /// Zeros where digests are missing.
    bytes: Vec<u8>,
    /// How many digests are missing.
    missing: u64,
}

/// Which hash block is meant.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) block: u64,
    /// How many digests the block has in the end: fewer than fit in the last one of a row.
    pub(super) digests: u64,
}

impl OpenBlocks {
    /// Puts `digests`, so many as `count` says, at byte `start` of a block of `size` bytes. Returns the block if that was the
    /// last part of it.
    pub(super) fn fill(
        &self,
        place: Place,
        size: usize,
        start: usize,
        digests: &[u8],
        count: u64,
    ) -> Option<Vec<u8>> {
        let key = (place.row, place.block);
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open =
            blocks.entry(key).or_insert_with(|| OpenBlock { bytes: vec![0; size], missing: place.digests });
        open.bytes[start..start + digests.len()].copy_from_slice(digests);
        open.missing = open.missing.saturating_sub(count);
        if open.missing > 0 {
            return None;
        }
        blocks.remove(&key).map(|block| block.bytes)
    }

    #[cfg(all(test, feature = "parallel"))]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
