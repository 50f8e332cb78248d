//! What parity covers, in which order, and where it lies.
//!
//! Covered are the data blocks and then the blocks of the hash device from the first of the tree to its end, or to the
//! parity if that is on the same device. The covered blocks are cut into `k` = 255 - roots rows of `rounds` blocks. Round
//! `n` takes the block `n` of every row: byte `b` of these blocks is the message of one codeword, whose parity bytes
//! are at `(n * block size + b) * roots`. So a stretch of `rounds` blocks has one block in each codeword.

use std::fmt;
use std::str::FromStr;

use super::error::FecError;
use super::gf;
use crate::error::Error;
use crate::params::Params;
use crate::source::BlockSource;
use crate::tree::blocks::{DATA, HASH, to_usize};
use crate::tree::layout::{HashArea, Layout};

/// The number of parity bytes in a codeword: 2 to 24, as the kernel has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roots(u8);

impl Roots {
    /// What veritysetup takes when nothing is said.
    pub const DEFAULT: Self = Self(2);
    /// The most that there can be.
    pub const MAX: Self = Self(24);

    /// So many parity bytes.
    pub fn new(roots: u64) -> Result<Self, FecError> {
        match u8::try_from(roots) {
            Ok(number @ 2..=24) => Ok(Self(number)),
            _ => Err(FecError::Roots { roots }),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0.into()
    }

    /// How many message bytes a codeword has.
    pub fn message_len(self) -> usize {
        gf::ORDER - self.get()
    }
}

impl FromStr for Roots {
    type Err = FecError;

    /// Reads a decimal number. What is none is reported like one that is out of range.
    fn from_str(text: &str) -> Result<Self, FecError> {
        Self::new(text.parse().unwrap_or(0))
    }
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much parity there is and where it starts on its device, whichever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it has no more parts")]
pub struct FecShape {
    /// The number of parity bytes in a codeword.
    pub roots: Roots,
    /// Where the parity starts, in bytes.
    pub offset: u64,
}

/// Where parity is and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must decide")]
pub struct FecArea {
    /// The number of parity bytes in a codeword.
    pub roots: Roots,
    /// Where the parity starts on its device, in bytes.
    pub offset: u64,
    /// Whether it is on the device of the data.
    pub on_data_device: bool,
    /// Whether it is on the device of the tree, so that what it covers ends where it starts.
    pub on_hash_device: bool,
}

/// The layout of parity and of what it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FecLayout {
    /// The number of parity bytes in a codeword.
    pub roots: Roots,
    /// The size of every block in bytes.
    pub block_size: u64,
    /// How many data blocks are covered.
    pub data_blocks: u64,
    /// Where the covered part of the hash device starts, in bytes: at the tree.
    pub hash_start: u64,
    /// How many blocks of the hash device are covered.
    pub hash_blocks: u64,
    /// How many blocks a row has, and how many times there are `block_size` codewords.
    pub rounds: u64,
    /// Where the parity starts on its device, in bytes.
    pub parity_start: u64,
    /// How long the parity is, in bytes.
    pub parity_size: u64,
}

impl FecLayout {
    /// The layout for the tree of `params` in `area`, on a hash device of `hash_len` bytes. All numbers are checked: the
    /// last byte of the parity can be addressed by a file offset.
    ///
    /// # Errors
    ///
    /// [`Error::Fec`] if the parity cannot be or overlaps, [`Error::Geometry`] if the tree cannot be, and
    /// [`Error::TooShort`] if the hash device ends before the tree.
    pub fn new(params: &Params, area: HashArea, fec: FecArea, hash_len: u64) -> Result<Self, Error> {
        let (data_block_size, hash_block_size) =
            (params.data_block_size.bytes(), params.hash_block_size.bytes());
        if data_block_size != hash_block_size {
            return Err(FecError::BlockSizes { data_block_size, hash_block_size }.into());
        }
        let tree = Layout::new(params, area)?;
        check_place(&tree, fec, data_block_size)?;
        let hash_end = if fec.on_hash_device { fec.offset } else { hash_len };
        if hash_end < tree.end {
            return Err(Error::TooShort { what: HASH, len: hash_end, needed: tree.end });
        }
        let (block_size, data_blocks) = (u64::from(data_block_size), params.data_blocks.get());
        // A part of a block at the end of the device is not covered.
        let hash_blocks = (hash_end - tree.start) / block_size;
        // Both are at most 2^63 bytes.
        let blocks = data_blocks + hash_blocks;
        let rounds = blocks.div_ceil(fec.roots.message_len() as u64);
        let size = rounds.checked_mul(block_size).and_then(|size| size.checked_mul(fec.roots.get() as u64));
        let size = size.filter(|size| fec.offset.checked_add(*size).is_some_and(|end| end <= MAX_OFFSET));
        let parity_size = size.ok_or(FecError::TooLarge { blocks, offset: fec.offset })?;
        let (roots, hash_start, parity_start) = (fec.roots, tree.start, fec.offset);
        Ok(Self {
            roots,
            block_size,
            data_blocks,
            hash_start,
            hash_blocks,
            rounds,
            parity_start,
            parity_size,
        })
    }

    /// How many blocks are covered: the number that a kernel table has as `fec_blocks`.
    pub fn covered_blocks(&self) -> u64 {
        self.data_blocks + self.hash_blocks
    }

    /// Where the parity ends on its device, in bytes.
    pub fn parity_end(&self) -> u64 {
        self.parity_start + self.parity_size
    }

    /// The length of the parity of one round in bytes.
    pub(super) fn parity_per_round(&self) -> u64 {
        self.block_size * self.roots.get() as u64
    }
}

fn check_place(tree: &Layout, fec: FecArea, block_size: u32) -> Result<(), FecError> {
    let offset = fec.offset;
    if !offset.is_multiple_of(block_size.into()) {
        return Err(FecError::Unaligned { offset, block_size });
    }
    if fec.on_data_device && offset < tree.data_end {
        return Err(FecError::OverlapsData { offset, end: tree.data_end });
    }
    if fec.on_hash_device && offset < tree.end {
        return Err(FecError::OverlapsHash { offset, end: tree.end });
    }
    Ok(())
}

/// The covered blocks as one stream.
#[derive(Clone, Copy)]
pub(super) struct Covered<'a> {
    pub(super) data: &'a dyn BlockSource,
    pub(super) hash: &'a dyn BlockSource,
    pub(super) layout: &'a FecLayout,
}

impl Covered<'_> {
    /// Fills `buffer` with the covered blocks from `first` on, and with zeros past the last.
    pub(super) fn read(&self, first: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let layout = self.layout;
        let size = layout.block_size;
        let wanted = buffer.len() as u64 / size;
        let in_data = layout.data_blocks.saturating_sub(first).min(wanted);
        let (data, rest) = buffer.split_at_mut(to_usize(in_data * size));
        let skipped = (first + in_data) - layout.data_blocks.min(first + in_data);
        let in_hash = layout.hash_blocks.saturating_sub(skipped).min(wanted - in_data);
        let (hash, zeros) = rest.split_at_mut(to_usize(in_hash * size));
        read_at(self.data, DATA, first * size, data)?;
        read_at(self.hash, HASH, layout.hash_start + skipped * size, hash)?;
        zeros.fill(0);
        Ok(())
    }
}

fn read_at(
    source: &dyn BlockSource,
    what: &'static str,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), Error> {
    if buffer.is_empty() {
        return Ok(());
    }
    source.read_exact_at(buffer, offset).map_err(Error::read(what, offset))
}

/// File offsets are signed.
const MAX_OFFSET: u64 = i64::MAX as u64;
