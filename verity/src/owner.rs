//! Whose blocks are bad: the hook for readers of file systems, which this crate knows nothing of.

use std::ops::Range;

use crate::damage::Damage;
use crate::params::BlockSize;

/// Tells what a stretch of the data device belongs to.
pub trait BlockOwner {
    /// Why it could not be told.
    type Error;

    /// What the bytes in `range` belong to: names of files, or of structures of the file system, in its order. What
    /// belongs to nothing is not listed.
    fn owners(&self, range: Range<u64>) -> Result<Vec<String>, Self::Error>;
}

/// A stretch of bad data blocks and what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedRange<E> {
    /// The blocks.
    pub blocks: Range<u64>,
    /// What they belong to, or why that could not be told: one failure does not hide the others.
    pub owners: Result<Vec<String>, E>,
}

impl Damage {
    /// What the bad data blocks, which have `block_size`, belong to. Blocks that nothing vouches for are left out: they may
    /// be sound.
    pub fn owners<O: BlockOwner>(&self, block_size: BlockSize, owner: &O) -> Vec<OwnedRange<O::Error>> {
        let size = u64::from(block_size.bytes());
        let ranges = self.data.ranges().iter();
        // The end of the data is an offset, so that no product overflows.
        let bytes = |blocks: &Range<u64>| blocks.start * size..blocks.end * size;
        ranges
            .map(|blocks| OwnedRange { blocks: blocks.clone(), owners: owner.owners(bytes(blocks)) })
            .collect()
    }
}
