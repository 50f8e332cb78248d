//! What a verification found wrong, all of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::params::RootHash;

/// Everything that keeps data and tree from being what the root hash stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The root that the top block has, if it is not the one expected and what it should hold cannot be recovered.
    /// Then nothing else of the tree can be judged: the root hash is that of something else, or the top is lost.
    pub wrong_root: Option<RootHash>,
    /// Levels with damage, leaves first.
    pub levels: Vec<LevelDamage>,
    /// Data blocks that do not have the digest that the authenticated tree gives them.
    pub data: BlockRanges,
    /// Data blocks that nothing vouches for, since the hash block above them is lost.
    pub unauthenticated_data: BlockRanges,
    /// Bytes that the root hash does not cover and that should be zero.
    pub slack: Vec<Slack>,
}

/// Damage of one level of the tree. Block numbers count from the level's first block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelDamage {
    /// The level; 0 is that of the leaves, whose entries are digests of data.
    pub level: usize,
    /// Blocks that do not have the digest that the authenticated level above, or the root hash, gives them.
    pub bad: BlockRanges,
    /// Blocks that nothing vouches for, since the one above is lost.
    pub unauthenticated: BlockRanges,
    /// Blocks that have their digest, but hold bytes beside the digests that are not zero. The kernel would not look at
    /// them; but no tool that makes trees writes them, so that something is hidden there.
    pub unclean: BlockRanges,
}

impl LevelDamage {
    /// Whether nothing is wrong with the level.
    pub fn is_empty(&self) -> bool {
        self.bad.is_empty() && self.unauthenticated.is_empty() && self.unclean.is_empty()
    }
}

/// Bytes outside data and tree that are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slack {
    /// Which bytes.
    pub area: SlackArea,
    /// Where they start and end.
    pub range: Range<u64>,
    /// The first that is not zero.
    pub first: u64,
}

/// Where bytes lie that the root hash does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SlackArea {
    /// Between the superblock and the tree.
    AfterSuperblock,
    /// From the tree to the end of the hash device.
    AfterTree,
    /// From the last data block to the end of the data device, or to the hash area in it.
    AfterData,
}

/// Sorted ranges of blocks that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockRanges {
    ranges: Vec<Range<u64>>,
    count: u64,
}

impl BlockRanges {
    /// The ranges, lowest first.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// How many blocks there are, those not listed included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether every block is in a range. Only after more than a million separate stretches it is not.
    pub fn is_complete(&self) -> bool {
        self.ranges.iter().map(|range| range.end - range.start).sum::<u64>() == self.count
    }

    /// Whether `block` is in one of the ranges.
    pub(crate) fn contains(&self, block: u64) -> bool {
        let after = self.ranges.partition_point(|range| range.start <= block);
        after > 0 && self.ranges[after - 1].end > block
    }

    /// The numbers in the ranges, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.ranges.iter().cloned().flatten()
    }

    pub(crate) fn all(count: u64) -> Self {
        Self { ranges: std::iter::once(0..count).filter(|range| !range.is_empty()).collect(), count }
    }
}

impl fmt::Display for BlockRanges {
    /// `3, 7-9`, with both ends in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            match range.end - range.start {
                1 => write!(f, "{}", range.start)?,
                _ => write!(f, "{}-{}", range.start, range.end - 1)?,
            }
        }
        if self.is_complete() { Ok(()) } else { f.write_str(", and more") }
    }
}

impl Damage {
    /// Whether anything was found.
    pub fn is_empty(&self) -> bool {
        self.wrong_root.is_none()
            && self.levels.is_empty()
            && self.data.is_empty()
            && self.unauthenticated_data.is_empty()
            && self.slack.is_empty()
    }
}

impl Damage {
    /// Whether all that is wrong are bytes beside data and tree, which the kernel would never map.
    pub fn is_slack_only(&self) -> bool {
        !self.slack.is_empty() && Self { slack: Vec::new(), ..self.clone() }.is_empty()
    }
}

impl fmt::Display for Damage {
    /// One line for each kind of damage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if let Some(root) = &self.wrong_root {
            lines.push(format!(
                "the top of the tree hashes to {root}, not to the root hash: nothing below it can be trusted"
            ));
        }
        for damage in &self.levels {
            let level = damage.level;
            push(&mut lines, &format!("corrupt hash blocks of level {level}"), &damage.bad);
            push(
                &mut lines,
                &format!("unauthenticated hash blocks of level {level}"),
                &damage.unauthenticated,
            );
            let unclean =
                format!("hash blocks of level {level} with bytes beside the digests that are not zero");
            push(&mut lines, &unclean, &damage.unclean);
        }
        push(&mut lines, "corrupt data blocks", &self.data);
        push(&mut lines, "unauthenticated data blocks", &self.unauthenticated_data);
        lines.extend(self.slack.iter().map(ToString::to_string));
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.range;
        write!(f, "bytes {start} to {end} {} are not covered by the root hash ", self.area)?;
        write!(f, "and not zero (first at {})", self.first)
    }
}

impl fmt::Display for SlackArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterSuperblock => "between superblock and tree",
            Self::AfterTree => "after the tree",
            Self::AfterData => "after the data",
        })
    }
}

/// Ranges as the threads find them. What is kept does not depend on the order in which they come.
#[derive(Debug, Default)]
pub struct RangeCollector {
    stretches: BTreeMap<u64, u64>,
    count: u64,
}

impl RangeCollector {
    /// Adds a range that does not overlap with those before. Beyond the limit the highest is dropped and only counted.
    pub fn add(&mut self, range: Range<u64>) {
        self.count += range.end - range.start;
        self.stretches.insert(range.start, range.end);
        if self.stretches.len() > MAX_STRETCHES {
            self.stretches.pop_last();
        }
    }

    /// The ranges, sorted and merged.
    pub fn finish(self) -> BlockRanges {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (start, end) in self.stretches {
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        BlockRanges { ranges, count: self.count }
    }
}

fn push(lines: &mut Vec<String>, what: &str, blocks: &BlockRanges) {
    if !blocks.is_empty() {
        lines.push(format!("{what}: {blocks} ({} in all)", blocks.count()));
    }
}

/// Bounds the memory for a device that is corrupt everywhere: 2^20 stretches take about 24 MiB.
const MAX_STRETCHES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_whatever_their_order() {
        let mut collector = RangeCollector::default();
        for range in [7..9, 0..1, 9..10, 3..4] {
            collector.add(range);
        }
        let ranges = collector.finish();
        assert_eq!(ranges.ranges(), [0..1, 3..4, 7..10]);
        assert_eq!((ranges.count(), ranges.to_string().as_str()), (5, "0, 3, 7-9"));
        assert!(ranges.is_complete());
    }

    #[test]
    fn beyond_the_limit_the_count_stays_exact() {
        let mut collector = RangeCollector::default();
        let count = MAX_STRETCHES as u64 + 10;
        for block in (0..count).rev() {
            collector.add(block * 2..block * 2 + 1);
        }
        let ranges = collector.finish();
        assert_eq!((ranges.count(), ranges.ranges().len()), (count, MAX_STRETCHES));
        assert_eq!(ranges.ranges()[0], 0..1);
        assert!(!ranges.is_complete());
        assert!(ranges.to_string().ends_with(", and more"));
    }
}
