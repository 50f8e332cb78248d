//! How many blocks each level of a Merkle tree has, and where it lies.

use super::params::Params;
use crate::error::GeometryError;

/// The levels of the Merkle tree of a file.
///
/// Row 0 are the data blocks, row 1 the hash blocks with their digests, and so on up to the one block whose digest is the
/// root. A tree has the rows from 1 on, stored from the top down without gaps, as `FS_IOC_READ_VERITY_METADATA` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of blocks per row. Empty for an empty file, otherwise falling, with 1 as the last.
    rows: Vec<u64>,
    block_size: u64,
    /// Digests per block. They fill it: both sizes are powers of two.
    pub(super) per_block: u64,
}

impl Shape {
    /// The shape for a file of `size` bytes.
    ///
    /// # Errors
    ///
    /// [`GeometryError::DataTooLarge`] if no file can be so long. Then the tree, less than a fourteenth of it, is no longer either.
    pub fn new(size: u64, params: &Params) -> Result<Self, GeometryError> {
        let block_size = params.block_size.bytes();
        let per_block = u64::from(block_size) / params.algorithm.digest_size() as u64;
        let mut count = size.div_ceil(u64::from(block_size));
        if i64::try_from(size).is_err() {
            return Err(GeometryError::DataTooLarge { data_blocks: count, block_size });
        }
        let mut rows = Vec::new();
        while count > 1 {
            rows.push(count);
            count = count.div_ceil(per_block);
        }
        rows.extend((count == 1).then_some(1));
        Ok(Self { rows, block_size: block_size.into(), per_block })
    }

    /// The length of the tree in bytes: 0 for a file of at most one block.
    pub fn tree_size(&self) -> u64 {
        self.rows.iter().skip(1).sum::<u64>() * self.block_size
    }

    /// The number of blocks in `row`; 0 above the top.
    pub(super) fn blocks(&self, row: usize) -> u64 {
        self.rows.get(row).copied().unwrap_or(0)
    }

    /// Whether `row` is the one block whose digest is the root.
    pub(super) fn is_top(&self, row: usize) -> bool {
        row + 1 >= self.rows.len()
    }

    /// Where in the tree `row`, which is not 0, starts, in bytes.
    pub(super) fn start(&self, row: usize) -> u64 {
        self.rows.iter().skip(row + 1).sum::<u64>() * self.block_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsverity::params::{Algorithm, BlockSize, Salt};

    fn shape(size: u64, block_size: u32) -> Result<Shape, GeometryError> {
        let block_size = BlockSize::new(block_size).unwrap();
        Shape::new(size, &Params::new(Algorithm::Sha256, block_size, Salt::default()))
    }

    #[test]
    fn rows_shrink_to_one_block() {
        let rows = |size| shape(size, 4096).unwrap().rows;
        assert!(rows(0).is_empty());
        assert_eq!(rows(1), [1]);
        assert_eq!(rows(4096), [1]);
        assert_eq!(rows(4097), [2, 1]);
        assert_eq!(rows(128 * 4096), [128, 1]);
        assert_eq!(rows(128 * 4096 + 1), [129, 2, 1]);
        let shape = shape(128 * 4096 + 1, 4096).unwrap();
        assert_eq!((shape.tree_size(), shape.start(1), shape.start(2)), (3 * 4096, 4096, 0));
    }

    #[test]
    fn the_largest_file_has_a_shape_and_a_larger_one_does_not() {
        for block_size in [1024, 65_536] {
            let largest = shape(i64::MAX.unsigned_abs(), block_size).unwrap();
            assert!(largest.tree_size() < 1 << 59);
            assert!(shape(1 << 63, block_size).is_err());
        }
    }
}
