//! Which blocks of a codeword can be relied on.

use super::layout::FecLayout;
use crate::damage::{BlockRanges, Damage};
use crate::tree::layout::Layout;

/// A block that is to be repaired: it is bad, and what its digest should be is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// 0 for data, otherwise one more than the level of the tree.
    pub(super) row: usize,
    /// Its number in the row.
    pub(super) index: u64,
    /// Its number among the covered blocks.
    pub(super) covered: u64,
}

/// What is known of a block that is covered by parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has its digest.
    Sound,
    /// It does not have its digest.
    Bad,
    /// Its digest is not known.
    Unauthenticated,
    /// It is behind the tree, where no digest is of it.
    Foreign,
    /// It is behind the last covered block and counts as zero.
    Absent,
}

/// What a verification found, by the numbers of covered blocks.
pub(super) struct Suspects<'a> {
    damage: &'a Damage,
    tree: &'a Layout,
    layout: &'a FecLayout,
}

impl<'a> Suspects<'a> {
    pub(super) fn new(damage: &'a Damage, tree: &'a Layout, layout: &'a FecLayout) -> Self {
        Self { damage, tree, layout }
    }

    /// Whether all that is wrong is listed, so that what is not listed is sound.
    pub(super) fn are_complete(&self) -> bool {
        let levels = self.damage.levels.iter();
        let mut ranges = levels.flat_map(|level| [&level.bad, &level.unauthenticated]);
        ranges.all(BlockRanges::is_complete)
            && self.damage.data.is_complete()
            && self.damage.unauthenticated_data.is_complete()
    }

    /// All blocks to be repaired.
    pub(super) fn targets(&self) -> impl Iterator<Item = Target> {
        let data = self.damage.data.numbers().map(|index| Target { row: 0, index, covered: index });
        let hash = self.damage.levels.iter().flat_map(|damage| {
            let first = self.first_of(damage.level);
            damage.bad.numbers().map(move |index| Target {
                row: damage.level + 1,
                index,
                covered: first + index,
            })
        });
        data.chain(hash)
    }

    /// What is known of the block `covered`.
    pub(super) fn standing(&self, covered: u64) -> Standing {
        if covered < self.layout.data_blocks {
            return standing(covered, Some(&self.damage.data), Some(&self.damage.unauthenticated_data));
        }
        if covered >= self.layout.covered_blocks() {
            return Standing::Absent;
        }
        let levels = self.tree.levels.iter().enumerate();
        let mut levels =
            levels.map(|(level, place)| (level, covered.checked_sub(self.first_of(level)), place));
        let level = levels.find_map(|(level, index, place)| {
            index.filter(|index| *index < place.blocks).map(|index| (level, index))
        });
        let Some((level, index)) = level else { return Standing::Foreign };
        let damage = self.damage.levels.iter().find(|damage| damage.level == level);
        standing(index, damage.map(|damage| &damage.bad), damage.map(|damage| &damage.unauthenticated))
    }

    /// The number among the covered blocks of the first block of `level`.
    fn first_of(&self, level: usize) -> u64 {
        let offset = self.tree.levels[level].start - self.layout.hash_start;
        self.layout.data_blocks + offset / self.layout.block_size
    }
}

fn standing(index: u64, bad: Option<&BlockRanges>, unauthenticated: Option<&BlockRanges>) -> Standing {
    let contains = |ranges: Option<&BlockRanges>| ranges.is_some_and(|ranges| ranges.contains(index));
    match () {
        () if contains(bad) => Standing::Bad,
        () if contains(unauthenticated) => Standing::Unauthenticated,
        () => Standing::Sound,
    }
}
