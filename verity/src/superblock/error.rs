//! What can be wrong with a superblock.

use std::fmt;

use thiserror::Error;

use super::SUPERBLOCK_SIZE;

/// What is wrong with a superblock, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("verity superblock, {field} at byte {offset}: {problem}")]
#[non_exhaustive]
pub struct SuperblockError {
    /// The field.
    pub field: SuperblockField,
    /// The offset in the superblock of the first byte at fault.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: SuperblockProblem,
}

impl SuperblockError {
    /// Whether the field may be right by the format, only not supported here.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.problem, SuperblockProblem::Unsupported { .. })
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SuperblockProblem {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// These are not the bytes that every superblock starts with.
    #[error("is not `verity`: there is no superblock here")]
    NoSignature,
    /// Padding holds something.
    #[error("padding is not zero")]
    NotZero,
    /// The bytes end before the superblock does.
    #[error("only {len} of {SUPERBLOCK_SIZE} bytes are there")]
    TooShort {
        /// How many bytes there are.
        len: usize,
    },
    /// The format has no such value.
    #[error("{value} is not a possible value")]
    Undefined {
        /// The value.
        value: u64,
    },
    /// The format may have it, but it is not supported.
    #[error("{value} is not supported (supported: {supported})")]
    Unsupported {
        /// The value.
        value: String,
        /// What would be supported.
        supported: String,
    },
    /// No NUL ends the name.
    #[error("is not terminated")]
    Unterminated,
}

/// A field of the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SuperblockField {
    /// `verity` and two NULs.
    Signature,
    /// The format's version.
    Version,
    /// The hash type.
    HashType,
    /// The name of the hash area.
    Uuid,
    /// The algorithm's name.
    Algorithm,
    /// The data block size.
    DataBlockSize,
    /// The hash block size.
    HashBlockSize,
    /// The number of data blocks.
    DataBlocks,
    /// The length of the salt.
    SaltSize,
    /// The padding after the salt size.
    Padding,
    /// The salt and its padding.
    Salt,
    /// The padding at the end.
    Tail,
}

impl SuperblockField {
    /// Where the field starts.
    pub fn offset(self) -> usize {
        match self {
            Self::Signature => 0,
            Self::Version => 8,
            Self::HashType => 12,
            Self::Uuid => 16,
            Self::Algorithm => 32,
            Self::DataBlockSize => 64,
            Self::HashBlockSize => 68,
            Self::DataBlocks => 72,
            Self::SaltSize => 80,
            Self::Padding => 82,
            Self::Salt => 88,
            Self::Tail => 344,
        }
    }

    pub(super) fn because(self, problem: SuperblockProblem) -> SuperblockError {
        SuperblockError { field: self, offset: self.offset(), problem }
    }
}

impl fmt::Display for SuperblockField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "signature",
            Self::Version => "version",
            Self::HashType => "hash type",
            Self::Uuid => "UUID",
            Self::Algorithm => "hash algorithm",
            Self::DataBlockSize => "data block size",
            Self::HashBlockSize => "hash block size",
            Self::DataBlocks => "data blocks",
            Self::SaltSize => "salt size",
            Self::Padding => "padding",
            Self::Salt => "salt",
            Self::Tail => "tail",
        })
    }
}
