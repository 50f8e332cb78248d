//! Where the blocks of a hash tree lie.

use crate::error::GeometryError;
use crate::params::{HashType, Params};
use crate::superblock::SUPERBLOCK_SIZE;

/// Where a hash area starts on its device, and whether with a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashArea {
    offset: u64,
    superblock: bool,
}

impl HashArea {
    /// A superblock at byte `offset`, a multiple of 512, with the tree in the next whole block after it.
    pub fn with_superblock(offset: u64) -> Result<Self, GeometryError> {
        if offset.is_multiple_of(SUPERBLOCK_SIZE as u64) {
            return Ok(Self { offset, superblock: true });
        }
        Err(GeometryError::Unaligned { offset, multiple: 512, why: "the unit of superblocks" })
    }

    /// The tree itself at byte `offset`. That it is a multiple of the hash block size is checked by [`Layout::new`]:
    /// veritysetup would round down, and write where it was not told to.
    pub fn without_superblock(offset: u64) -> Self {
        Self { offset, superblock: false }
    }

    /// After the data on the same device, at the first multiple of the hash block size.
    pub fn after_data(params: &Params, superblock: bool) -> Result<Self, GeometryError> {
        let multiple = u64::from(params.hash_block_size.bytes());
        // At most 2^63, and a block.
        let offset = data_end(params)?.next_multiple_of(multiple);
        if superblock { Self::with_superblock(offset) } else { Ok(Self::without_superblock(offset)) }
    }

    /// Where the area starts, in bytes.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// Whether a superblock is there.
    pub fn has_superblock(self) -> bool {
        self.superblock
    }
}

/// The layout of a tree: levels are stored top first, each block padded with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Where the tree starts on the hash device, in bytes.
    pub start: u64,
    /// Where it ends, in bytes. A tree over one data block has no blocks and ends where it starts.
    pub end: u64,
    /// The levels, leaves first.
    pub levels: Vec<Level>,
    /// How many digests a hash block holds.
    pub entries_per_block: u64,
    /// From the start of a digest to that of the next, in bytes.
    pub entry_size: usize,
    /// Where the last data block ends on the data device, in bytes.
    pub data_end: u64,
}

/// One level of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Level {
    /// Where its first block starts on the hash device, in bytes.
    pub start: u64,
    /// How many blocks it has.
    pub blocks: u64,
}

impl Layout {
    /// The layout of the tree that `params` ask for, in `area`. All numbers are checked: the last byte of data and tree
    /// can be addressed by a file offset.
    pub fn new(params: &Params, area: HashArea) -> Result<Self, GeometryError> {
        let digest_size = params.algorithm.digest_size();
        let entry_size = match params.hash_type {
            HashType::V0 => digest_size,
            HashType::V1 => digest_size.next_power_of_two(),
        };
        let block_size = u64::from(params.hash_block_size.bytes());
        // A power of two for both types, although without padding more would fit. The smallest block has room for 8.
        let entries_per_block = 1 << (block_size / digest_size as u64).ilog2();
        let start = tree_start(params, area)?;
        let counts = level_counts(params.data_blocks.get(), entries_per_block);
        let (levels, end) = place(&counts, start, block_size).ok_or(too_large(params, area))?;
        Ok(Self { start, end, levels, entries_per_block, entry_size, data_end: data_end(params)? })
    }

    /// How many blocks the tree has.
    pub fn tree_blocks(&self) -> u64 {
        self.levels.iter().map(|level| level.blocks).sum()
    }
}

fn tree_start(params: &Params, area: HashArea) -> Result<u64, GeometryError> {
    let multiple = params.hash_block_size.bytes();
    if !area.superblock {
        if area.offset.is_multiple_of(multiple.into()) {
            return Ok(area.offset);
        }
        let why = "the hash block size, as a tree without superblock needs it";
        return Err(GeometryError::Unaligned { offset: area.offset, multiple, why });
    }
    let after = area.offset.checked_add(SUPERBLOCK_SIZE as u64);
    after.and_then(|after| after.checked_next_multiple_of(multiple.into())).ok_or(too_large(params, area))
}

/// The number of blocks of each level, leaves first, until one block is enough. One data block needs no tree at all.
fn level_counts(data_blocks: u64, entries_per_block: u64) -> Vec<u64> {
    let mut counts = Vec::new();
    let mut below = data_blocks;
    while below > 1 {
        below = below.div_ceil(entries_per_block);
        counts.push(below);
    }
    counts
}

/// The levels with their places, and the end of the tree, if that can be addressed.
fn place(counts: &[u64], start: u64, block_size: u64) -> Option<(Vec<Level>, u64)> {
    let mut levels = Vec::with_capacity(counts.len());
    let mut next = start;
    for blocks in counts.iter().rev().copied() {
        levels.push(Level { start: next, blocks });
        next = next.checked_add(blocks.checked_mul(block_size)?)?;
    }
    levels.reverse();
    (next <= MAX_OFFSET).then_some((levels, next))
}

fn data_end(params: &Params) -> Result<u64, GeometryError> {
    let (data_blocks, block_size) = (params.data_blocks.get(), params.data_block_size.bytes());
    let end = data_blocks.checked_mul(block_size.into()).filter(|end| *end <= MAX_OFFSET);
    end.ok_or(GeometryError::DataTooLarge { data_blocks, block_size })
}

fn too_large(params: &Params, area: HashArea) -> GeometryError {
    GeometryError::TreeTooLarge { data_blocks: params.data_blocks.get(), offset: area.offset }
}

/// File offsets are signed.
const MAX_OFFSET: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::params::{Algorithm, BlockSize, Salt};

    fn layout(data_blocks: u64, area: HashArea) -> Result<Layout, GeometryError> {
        Layout::new(&Params::new(NonZeroU64::new(data_blocks).unwrap(), Salt::default()), area)
    }

    #[test]
    fn levels_appear_where_a_block_is_full() {
        let cases: [(u64, &[u64]); 9] = [
            (1, &[]),
            (2, &[1]),
            (127, &[1]),
            (128, &[1]),
            (129, &[2, 1]),
            (16_384, &[128, 1]),
            (16_385, &[129, 2, 1]),
            (2_097_152, &[16_384, 128, 1]),
            (2_097_153, &[16_385, 129, 2, 1]),
        ];
        for (data_blocks, wanted) in cases {
            let layout = layout(data_blocks, HashArea::with_superblock(0).unwrap()).unwrap();
            let counts: Vec<u64> = layout.levels.iter().map(|level| level.blocks).collect();
            assert_eq!(counts, wanted, "{data_blocks}");
            assert_eq!(layout.end, 4096 + layout.tree_blocks() * 4096);
        }
    }

    #[test]
    fn digests_are_packed_by_type() {
        let cases = [
            (HashType::V0, Algorithm::Sha1, 4096, 20, 128),
            (HashType::V1, Algorithm::Sha1, 4096, 32, 128),
            (HashType::V0, Algorithm::Sha224, 512, 28, 16),
            (HashType::V0, Algorithm::Sha384, 4096, 48, 64),
            (HashType::V1, Algorithm::Sha384, 4096, 64, 64),
            (HashType::V1, Algorithm::Sha512, 512, 64, 8),
            (HashType::V1, Algorithm::Sha256, 524_288, 32, 16_384),
        ];
        for (hash_type, algorithm, block_size, entry_size, entries_per_block) in cases {
            let mut params = Params::new(NonZeroU64::MIN, Salt::default());
            (params.hash_type, params.algorithm) = (hash_type, algorithm);
            params.hash_block_size = BlockSize::new(block_size).unwrap();
            let layout = Layout::new(&params, HashArea::without_superblock(0)).unwrap();
            assert_eq!((layout.entry_size, layout.entries_per_block), (entry_size, entries_per_block));
        }
    }

    #[test]
    fn the_top_level_is_stored_first() {
        let layout = layout(16_385, HashArea::without_superblock(8192)).unwrap();
        let starts: Vec<u64> = layout.levels.iter().map(|level| level.start).collect();
        assert_eq!(starts, [8192 + 3 * 4096, 8192 + 4096, 8192]);
    }

    #[test]
    fn the_tree_starts_in_the_next_whole_block() {
        for (offset, start) in
            [(0, 4096), (512, 4096), (3584, 4096), (4096, 8192), (1 << 40, (1 << 40) + 4096)]
        {
            assert_eq!(layout(1, HashArea::with_superblock(offset).unwrap()).unwrap().start, start);
        }
        assert!(HashArea::with_superblock(511).is_err());
        assert!(matches!(
            layout(1, HashArea::without_superblock(512)),
            Err(GeometryError::Unaligned { multiple: 4096, .. })
        ));
    }

    #[test]
    fn what_no_offset_can_address_is_refused() {
        let area = HashArea::with_superblock(0).unwrap();
        for data_blocks in [u64::MAX, 1 << 63, 1 << 52, 1 << 51] {
            let error = layout(data_blocks, area).unwrap_err();
            assert!(
                matches!(error, GeometryError::TreeTooLarge { .. } | GeometryError::DataTooLarge { .. }),
                "{data_blocks}: {error}"
            );
        }
        assert!(layout((1 << 51) - 1, area).is_ok());
        for offset in [u64::MAX - 511, MAX_OFFSET - 511, MAX_OFFSET - 4095 - 512] {
            let error = layout(2, HashArea::with_superblock(offset / 512 * 512).unwrap()).unwrap_err();
            assert!(matches!(error, GeometryError::TreeTooLarge { .. }), "{error}");
        }
    }
}
