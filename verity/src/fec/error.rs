//! Parity that cannot be, and repairs that cannot be made.

use thiserror::Error;

use crate::damage::Damage;
use crate::error::{Error, VerifyError};

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

/// Why nothing was repaired.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The work could not be done.
    #[error(transparent)]
    Error(#[from] Error),
    /// More blocks than one run can repair.
    #[error("more than {limit} blocks are damaged, which is more than a repair can keep in mind")]
    TooMany {
        /// The most that there can be.
        limit: usize,
    },
    /// Parity does not yield what the root hash stands for.
    #[error("{damage}")]
    Unrepairable {
        /// What would still be wrong with all that can be repaired.
        damage: Box<Damage>,
        /// How many blocks could be repaired.
        repairable: u64,
    },
    /// Something is wrong that parity does not cover, or the verification could not be done.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl RepairError {
    /// Whether the bytes are proved not to be what they should be. Otherwise the work could not be done, and nothing is
    /// known about them.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Unrepairable { .. } | Self::TooMany { .. } | Self::Error(Error::TooShort { .. }) => true,
            Self::Verify(error) => error.is_failure(),
            Self::Error(_) => false,
        }
    }
}

/// A journal that cannot be carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Its blocks have another size than those of the tree.
    #[error("the journal, header, offset 16: blocks of {block_size} bytes are not those of the tree")]
    BlockSize {
        /// The size in bytes.
        block_size: u64,
    },
    /// It could not be read.
    #[error(transparent)]
    Error(#[from] Error),
    /// The file does not have the length that its header tells.
    #[error("the journal, header, offset 16: {count} blocks of {block_size} bytes do not make {len} bytes")]
    Length {
        /// The length of the file in bytes.
        len: u64,
        /// The number of blocks.
        count: u64,
        /// The size of a block in bytes.
        block_size: u64,
    },
    /// The file was not made by a repair.
    #[error("the file is no journal of a repair")]
    NoJournal,
    /// A block that is no block of data or tree, is named twice, or has its content somewhere else.
    #[error("the journal, entries: nothing can be repaired at offset {offset}")]
    Place {
        /// The offset on the device.
        offset: u64,
    },
    /// A state that there is not.
    #[error("the journal, header, offset 12: there is no state {state}")]
    State {
        /// The number.
        state: u64,
    },
    /// With its contents data and tree do not verify, or that could not be found out.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A version that is not supported.
    #[error("the journal, header, offset 8: version {version} is not supported (supported: 1)")]
    Version {
        /// The number.
        version: u64,
    },
}
