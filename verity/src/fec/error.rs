//! Parity that cannot be.

use thiserror::Error;

/// A parity area that cannot be, or that is where something else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FecError {
    /// The code is defined over blocks of one size.
    #[error(
        "FEC needs data and hash blocks of one size, these have {data_block_size} and {hash_block_size} bytes"
    )]
    BlockSizes {
        /// The size of a data block in bytes.
        data_block_size: u32,
        /// The size of a hash block in bytes.
        hash_block_size: u32,
    },
    /// The parity would lie over the data.
    #[error("FEC at byte {offset} would overlap the data, which ends at byte {end} of the same device")]
    OverlapsData {
        /// Where the parity starts.
        offset: u64,
        /// Where the data ends.
        end: u64,
    },
    /// The parity would lie over the hash area, or in front of it, where the kernel does not look for it.
    #[error(
        "FEC at byte {offset} is not after the hash area, which ends at byte {end} of the same device: what it covers \
         starts with the tree and ends where FEC starts"
    )]
    OverlapsHash {
        /// Where the parity starts.
        offset: u64,
        /// Where the tree ends.
        end: u64,
    },
    /// A number of parity bytes that the kernel does not support.
    #[error("{roots} FEC roots are not supported (supported: 2 to 24)")]
    Roots {
        /// The number asked for.
        roots: u64,
    },
    /// The parity would end past what a file offset can say.
    #[error("FEC for {blocks} blocks at offset {offset} ends past 2^63 - 1 bytes")]
    TooLarge {
        /// How many blocks are covered.
        blocks: u64,
        /// Where the parity starts.
        offset: u64,
    },
    /// Tables count the start of the parity in blocks.
    #[error("FEC offset {offset} is not a multiple of {block_size}, the block size")]
    Unaligned {
        /// The offset asked for.
        offset: u64,
        /// The block size in bytes.
        block_size: u32,
    },
}
