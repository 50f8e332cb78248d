//! What can go wrong, grouped by who is at fault: the caller's parameters, the environment, or the bytes.

use std::io;

use thiserror::Error;

use crate::damage::Damage;
use crate::fec::FecError;
use crate::params::{Algorithm, Salt};
use crate::superblock::{Difference, SuperblockError};

/// A parameter that is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParamError {
    /// No algorithm has that name.
    #[error("hash algorithm `{text}` is not supported (supported: {})", algorithm_names())]
    Algorithm {
        /// The text given.
        text: String,
    },
    /// Not a block size.
    #[error("block size {bytes} is not a power of two from 512 to 524288")]
    BlockSize {
        /// The size asked for.
        bytes: u32,
    },
    /// The root hash is not so many hexadecimal digits.
    #[error(
        "a {name} root hash is {wanted} hexadecimal digits and nothing else, this has {len} characters",
        name = algorithm.name()
    )]
    RootHash {
        /// The algorithm whose digest it should be.
        algorithm: Algorithm,
        /// How many digits it should have.
        wanted: usize,
        /// How many characters it has.
        len: usize,
    },
    /// The salt is neither hexadecimal digits nor `-`.
    #[error("`{text}` is no salt: use an even number of hexadecimal digits, or - for none")]
    SaltNotHex {
        /// The text given.
        text: String,
    },
    /// The salt does not fit into the superblock.
    #[error("the salt has {len} bytes, the superblock has room for {max}", max = Salt::MAX_LEN)]
    SaltTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not a seed.
    #[error("`{text}` is no seed: use 32 hexadecimal digits, or a UUID")]
    Seed {
        /// The text given.
        text: String,
    },
    /// Not a UUID.
    #[error("`{text}` is no UUID (like 01234567-89ab-4cde-8f01-23456789abcd)")]
    Uuid {
        /// The text given.
        text: String,
    },
}

/// A geometry that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The data would end past what a file offset can say.
    #[error(
        "{data_blocks} data blocks of {block_size} bytes are more than a file offset can say (2^63 - 1 bytes)"
    )]
    DataTooLarge {
        /// The number of blocks.
        data_blocks: u64,
        /// Their size in bytes.
        block_size: u32,
    },
    /// Error correction is defined over blocks of one size.
    #[error("FEC needs data and hash blocks of one size, these have {data} and {hash} bytes")]
    FecBlockSizes {
        /// The size of a data block in bytes.
        data: u32,
        /// The size of a hash block in bytes.
        hash: u32,
    },
    /// A number of parity bytes that the kernel does not take.
    #[error("{roots} FEC roots are not possible (2 to 24 are)")]
    FecRoots {
        /// The number asked for.
        roots: u32,
    },
    /// Not even one data block fits.
    #[error("{total} bytes are too few: one data block with what belongs to it takes {needed}")]
    TooSmall {
        /// The bytes that there are.
        total: u64,
        /// The bytes that one data block takes.
        needed: u64,
    },
    /// The whole would end past what a file offset can say.
    #[error("{data_blocks} data blocks with tree and parity end past 2^63 - 1 bytes")]
    TotalTooLarge {
        /// The number of data blocks.
        data_blocks: u64,
    },
    /// The tree would end past what a file offset can say.
    #[error("a tree for {data_blocks} data blocks at offset {offset} ends past 2^63 - 1 bytes")]
    TreeTooLarge {
        /// The number of data blocks.
        data_blocks: u64,
        /// Where the hash area starts.
        offset: u64,
    },
    /// The hash area does not start where superblock or tree can.
    #[error("hash offset {offset} is not a multiple of {multiple}, {why}")]
    Unaligned {
        /// The offset asked for.
        offset: u64,
        /// What it must be a multiple of.
        multiple: u32,
        /// The reason for that.
        why: &'static str,
    },
}

/// Work that could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The progress callback said so.
    #[error("cancelled")]
    Cancelled,
    /// The source ended before the end that it had when the work began.
    #[error("{what} became shorter while it was read: nothing at offset {offset}")]
    Changed {
        /// `data` or `hash area`.
        what: &'static str,
        /// The offset of the read that failed.
        offset: u64,
    },
    /// The parity cannot be.
    #[error(transparent)]
    Fec(#[from] FecError),
    /// The geometry cannot be.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A parameter does not fit the others.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The operating system refused or failed a read.
    #[error("cannot read {what} at offset {offset}: {source}")]
    Read {
        /// `data` or `hash area`.
        what: &'static str,
        /// The offset of the read.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The source has another length than when the work began.
    #[error("{what} changed its size while it was read, from {was} to {is} bytes")]
    Resized {
        /// `data` or `hash area`.
        what: &'static str,
        /// The length when the work began.
        was: u64,
        /// The length when it was done.
        is: u64,
    },
    /// The operating system refused to tell a length.
    #[error("cannot find out the length of {what}: {source}")]
    Size {
        /// `data` or `hash area`.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is less than the geometry asks for.
    #[error("{what} has {len} bytes, but the geometry needs {needed}")]
    TooShort {
        /// `data` or `hash area`.
        what: &'static str,
        /// The length that it has.
        len: u64,
        /// The length that it needs.
        needed: u64,
    },
    /// The operating system refused or failed a write.
    #[error("cannot write {what} at offset {offset}: {source}")]
    Write {
        /// `hash area`, `FEC area`, `data` or `journal`.
        what: &'static str,
        /// The offset of the write.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// Why nothing was verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Blocks do not hash to what the root hash binds them to, or bytes that it does not bind are not zero.
    #[error("{0}")]
    Corrupt(Box<Damage>),
    /// The verification could not be done.
    #[error(transparent)]
    Error(#[from] Error),
    /// The superblock breaks its format.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// The superblock says something else than the caller.
    #[error("the superblock does not agree with what is expected: {}", list(.0))]
    SuperblockDiffers(Vec<Difference>),
}

impl VerifyError {
    /// Whether the bytes are proved not to be what they should be. Otherwise the work could not be done, and nothing is
    /// known about them.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Corrupt(_) | Self::SuperblockDiffers(_) | Self::Error(Error::TooShort { .. }) => true,
            Self::Superblock(error) => !error.is_unsupported(),
            Self::Error(_) => false,
        }
    }
}

impl Error {
    /// For `map_err`: a failed read of `what`, where the end of the bytes means that they were cut meanwhile.
    pub(crate) fn read(what: &'static str, offset: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Changed { what, offset },
            _ => Self::Read { what, offset, source },
        }
    }
}

/// The names of all algorithms, for messages.
pub(crate) fn algorithm_names() -> String {
    Algorithm::ALL.map(Algorithm::name).join(", ")
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
