//! What a description of an image can say.

use std::fmt;

/// What a description can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DescribedField {
    /// The root hash.
    RootHash,
    /// The hash type.
    HashType,
    /// The algorithm.
    Algorithm,
    /// The data block size.
    DataBlockSize,
    /// The hash block size.
    HashBlockSize,
    /// The number of data blocks.
    DataBlocks,
    /// The salt.
    Salt,
    /// Whether there is a superblock.
    Superblock,
    /// The superblock's UUID.
    Uuid,
    /// Where the hash area starts.
    HashOffset,
    /// The block with which the tree starts.
    HashStart,
    /// The sector of the mapped device with which the target starts.
    StartSector,
    /// The length of the mapped device.
    Sectors,
    /// The UUID of the partition with the data.
    DataPartition,
    /// The UUID of the partition with the hash area.
    HashPartition,
}

impl DescribedField {
    /// The name in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::RootHash => "root_hash",
            Self::HashType => "hash_type",
            Self::Algorithm => "algorithm",
            Self::DataBlockSize => "data_block_size",
            Self::HashBlockSize => "hash_block_size",
            Self::DataBlocks => "data_blocks",
            Self::Salt => "salt",
            Self::Superblock => "superblock",
            Self::Uuid => "uuid",
            Self::HashOffset => "hash_offset",
            Self::HashStart => "hash_start_block",
            Self::StartSector => "start_sector",
            Self::Sectors => "sectors",
            Self::DataPartition => "data_partuuid",
            Self::HashPartition => "hash_partuuid",
        }
    }
}

impl fmt::Display for DescribedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootHash => "root hash",
            Self::HashType => "hash type",
            Self::Algorithm => "hash algorithm",
            Self::DataBlockSize => "data block size",
            Self::HashBlockSize => "hash block size",
            Self::DataBlocks => "data blocks",
            Self::Salt => "salt",
            Self::Superblock => "superblock",
            Self::Uuid => "UUID",
            Self::HashOffset => "hash offset",
            Self::HashStart => "hash start block",
            Self::StartSector => "start in sectors",
            Self::Sectors => "length in sectors",
            Self::DataPartition => "UUID of the data partition",
            Self::HashPartition => "UUID of the hash partition",
        })
    }
}
