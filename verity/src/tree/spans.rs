//! A row of blocks cut into tasks of about equal work.

use std::ops::Range;

/// Consecutive stretches of a row. Each has the digests of whole hash blocks, or an even part of one's: block sizes and the
/// number of entries are powers of two, so that a stretch never ends amid one hash block and begins amid another.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    count: u64,
    per_task: u64,
}

impl Spans {
    /// The stretches of `count` blocks of `block_size` bytes.
    pub(super) fn new(count: u64, block_size: usize) -> Self {
        Self { count, per_task: (TASK_SIZE / block_size as u64).max(1) }
    }

    /// How many there are.
    pub(super) fn tasks(self) -> u64 {
        self.count.div_ceil(self.per_task)
    }

    /// The blocks of the stretch `task`, which is less than their number.
    pub(super) fn range(self, task: u64) -> Range<u64> {
        let first = task * self.per_task;
        first..self.count.min(first + self.per_task)
    }
}

/// The pieces of `range` that lie under one hash block each.
pub(super) fn by_hash_block(range: Range<u64>, entries_per_block: u64) -> impl Iterator<Item = Range<u64>> {
    let mut next = range.start;
    std::iter::from_fn(move || {
        let first = next;
        next = range.end.min((first / entries_per_block + 1) * entries_per_block);
        (first < range.end).then_some(first..next)
    })
}

/// Long enough that handing it out costs nothing, short enough that a run stops soon after it is told to.
const TASK_SIZE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_each_other_without_gaps() {
        for (count, size) in [(1, 512), (2048, 512), (2049, 512), (3, 524_288), (1, 524_288), (257, 4096)] {
            let spans = Spans::new(count, size);
            let mut end = 0;
            for task in 0..spans.tasks() {
                let range = spans.range(task);
                assert!(range.start == end && !range.is_empty(), "{range:?}");
                end = range.end;
            }
            assert_eq!(end, count);
        }
    }

    #[test]
    fn pieces_end_where_hash_blocks_do() {
        let pieces: Vec<_> = by_hash_block(5..21, 8).collect();
        assert_eq!(pieces, [5..8, 8..16, 16..21]);
        assert_eq!(by_hash_block(3..5, 8).count(), 1);
        assert_eq!(by_hash_block(3..3, 8).count(), 0);
    }
}
