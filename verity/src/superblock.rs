//! The superblock: 512 bytes, little-endian, at the start of the hash area. Nothing authenticates it.
//!
//! | offset | size | field |
//! |--------|------|-------|
//! | 0 | 8 | signature, `verity` and two NULs |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | hash type, 0 or 1 |
//! | 16 | 16 | UUID |
//! | 32 | 32 | algorithm, NUL-padded |
//! | 64 | 4 | data block size |
//! | 68 | 4 | hash block size |
//! | 72 | 8 | number of data blocks |
//! | 80 | 2 | salt size |
//! | 82 | 6 | padding |
//! | 88 | 256 | salt, NUL-padded |
//! | 344 | 168 | padding |

use std::fmt;
use std::num::NonZeroU64;

use thiserror::Error;

use crate::params::{Algorithm, BlockSize, HashType, Params, Salt};
use crate::uuid::Uuid;

/// The length of a superblock in bytes, and the unit of the offsets at which one can be.
pub const SUPERBLOCK_SIZE: usize = 512;

/// A superblock that was checked, of a kind that is supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// What decides the tree.
    pub params: Params,
    /// The name of the hash area.
    pub uuid: Uuid,
}

impl Superblock {
    /// Reads a superblock from the first 512 of `bytes`; the first thing that is wrong with it is the error.
    pub fn parse(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let raw = RawSuperblock::read(bytes)?;
        if let Some(problem) = raw.problems().into_iter().next() {
            return Err(problem);
        }
        raw.params().map(|params| Self { params, uuid: raw.uuid })
    }

    /// The 512 bytes to store.
    pub fn encode(&self) -> [u8; SUPERBLOCK_SIZE] {
        let mut bytes = [0; SUPERBLOCK_SIZE];
        let mut put =
            |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
        let salt = self.params.salt.as_bytes();
        put(0, SIGNATURE);
        put(8, &VERSION.to_le_bytes());
        put(12, &self.params.hash_type.number().to_le_bytes());
        put(16, self.uuid.as_bytes());
        put(32, self.params.algorithm.name().as_bytes());
        put(64, &self.params.data_block_size.bytes().to_le_bytes());
        put(68, &self.params.hash_block_size.bytes().to_le_bytes());
        put(72, &self.params.data_blocks.get().to_le_bytes());
        // A salt has at most 256 bytes.
        put(80, &u16::try_from(salt.len()).unwrap_or(u16::MAX).to_le_bytes());
        put(88, salt);
        bytes
    }

    /// What this superblock says otherwise than `params`. The UUID decides nothing and is not compared.
    pub fn differences(&self, params: &Params) -> Vec<Difference> {
        let own = &self.params;
        let pairs = [
            (
                SuperblockField::HashType,
                own.hash_type.number().to_string(),
                params.hash_type.number().to_string(),
            ),
            (SuperblockField::Algorithm, own.algorithm.name().to_owned(), params.algorithm.name().to_owned()),
            (
                SuperblockField::DataBlockSize,
                own.data_block_size.bytes().to_string(),
                params.data_block_size.bytes().to_string(),
            ),
            (
                SuperblockField::HashBlockSize,
                own.hash_block_size.bytes().to_string(),
                params.hash_block_size.bytes().to_string(),
            ),
            (SuperblockField::DataBlocks, own.data_blocks.to_string(), params.data_blocks.to_string()),
            (SuperblockField::Salt, own.salt.to_string(), params.salt.to_string()),
        ];
        let differing = pairs.into_iter().filter(|(_, superblock, expected)| superblock != expected);
        differing.map(|(field, superblock, expected)| Difference { field, superblock, expected }).collect()
    }
}

/// A superblock's fields as they are stored, sound or not, for showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawSuperblock {
    /// The format's version.
    pub version: u32,
    /// The hash type's number.
    pub hash_type: u32,
    /// The name of the hash area.
    pub uuid: Uuid,
    /// The algorithm's name with its padding.
    pub algorithm: [u8; 32],
    /// The data block size in bytes.
    pub data_block_size: u32,
    /// The hash block size in bytes.
    pub hash_block_size: u32,
    /// The number of data blocks.
    pub data_blocks: u64,
    /// How many bytes of `salt` are salt.
    pub salt_size: u16,
    /// The salt with its padding.
    pub salt: [u8; Salt::MAX_LEN],
    padding: [u8; 6],
    tail: [u8; 168],
}

impl RawSuperblock {
    /// Reads the fields from the first 512 of `bytes`; only too few bytes or another signature are errors.
    pub fn read(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let signature = SuperblockField::Signature;
        let Some(bytes) = bytes.first_chunk::<SUPERBLOCK_SIZE>() else {
            return Err(signature.because(SuperblockProblem::TooShort { len: bytes.len() }));
        };
        if !bytes.starts_with(SIGNATURE) {
            return Err(signature.because(SuperblockProblem::NoSignature));
        }
        Ok(Self {
            version: u32::from_le_bytes(take(bytes, 8)),
            hash_type: u32::from_le_bytes(take(bytes, 12)),
            uuid: Uuid::from_bytes(take(bytes, 16)),
            algorithm: take(bytes, 32),
            data_block_size: u32::from_le_bytes(take(bytes, 64)),
            hash_block_size: u32::from_le_bytes(take(bytes, 68)),
            data_blocks: u64::from_le_bytes(take(bytes, 72)),
            salt_size: u16::from_le_bytes(take(bytes, 80)),
            padding: take(bytes, 82),
            salt: take(bytes, 88),
            tail: take(bytes, 344),
        })
    }

    /// The algorithm's name up to its padding, with what is no text replaced.
    pub fn algorithm_name(&self) -> String {
        let len = self.algorithm.iter().position(|byte| *byte == 0).unwrap_or(self.algorithm.len());
        String::from_utf8_lossy(&self.algorithm[..len]).into_owned()
    }

    /// The salt, cut to the room for it.
    pub fn salt_bytes(&self) -> &[u8] {
        &self.salt[..usize::from(self.salt_size).min(Salt::MAX_LEN)]
    }

    /// Everything that keeps [`Superblock::parse`] from taking it, in the order of the fields.
    pub fn problems(&self) -> Vec<SuperblockError> {
        let numbers = [self.version_problem(), self.hash_type_problem(), self.algorithm_problem()];
        let sizes = [
            block_size_problem(SuperblockField::DataBlockSize, self.data_block_size),
            block_size_problem(SuperblockField::HashBlockSize, self.hash_block_size),
        ];
        let rest = [self.data_blocks_problem(), self.salt_size_problem()];
        let salt_len = self.salt_bytes().len();
        let padding = [
            padding_problem(SuperblockField::Padding, &self.padding, 0),
            padding_problem(SuperblockField::Salt, &self.salt[salt_len..], salt_len),
            padding_problem(SuperblockField::Tail, &self.tail, 0),
        ];
        numbers.into_iter().chain(sizes).chain(rest).chain(padding).flatten().collect()
    }

    fn version_problem(&self) -> Option<SuperblockError> {
        let problem = SuperblockProblem::Unsupported { value: self.version.to_string(), supported: "1" };
        (self.version != VERSION).then(|| SuperblockField::Version.because(problem))
    }

    fn hash_type_problem(&self) -> Option<SuperblockError> {
        let field = SuperblockField::HashType;
        match self.hash_type {
            1 => None,
            0 => {
                Some(field.because(SuperblockProblem::Unsupported { value: "0".to_owned(), supported: "1" }))
            }
            value => Some(field.because(SuperblockProblem::Undefined { value: value.into() })),
        }
    }

    fn algorithm_problem(&self) -> Option<SuperblockError> {
        let field = SuperblockField::Algorithm;
        let Some(len) = self.algorithm.iter().position(|byte| *byte == 0) else {
            return Some(field.because(SuperblockProblem::Unterminated));
        };
        if let Some(problem) = padding_problem(field, &self.algorithm[len..], len) {
            return Some(problem);
        }
        let name = self.algorithm_name();
        let problem = match name.as_str() {
            "sha256" => return None,
            "" => SuperblockProblem::Empty,
            _ => SuperblockProblem::Unsupported { value: name, supported: "sha256" },
        };
        Some(field.because(problem))
    }

    fn data_blocks_problem(&self) -> Option<SuperblockError> {
        let problem = SuperblockProblem::Undefined { value: 0 };
        (self.data_blocks == 0).then(|| SuperblockField::DataBlocks.because(problem))
    }

    fn salt_size_problem(&self) -> Option<SuperblockError> {
        let problem = SuperblockProblem::Undefined { value: self.salt_size.into() };
        (usize::from(self.salt_size) > Salt::MAX_LEN).then(|| SuperblockField::SaltSize.because(problem))
    }

    /// The parameters, from fields in which no problem was found.
    fn params(&self) -> Result<Params, SuperblockError> {
        let undefined =
            |field: SuperblockField, value: u64| field.because(SuperblockProblem::Undefined { value });
        let size = |field, value| BlockSize::new(value).map_err(|_| undefined(field, value.into()));
        let data_blocks = NonZeroU64::new(self.data_blocks);
        Ok(Params {
            hash_type: HashType::from_number(self.hash_type)
                .ok_or_else(|| undefined(SuperblockField::HashType, self.hash_type.into()))?,
            algorithm: Algorithm::from_name(&self.algorithm_name())
                .ok_or_else(|| SuperblockField::Algorithm.because(SuperblockProblem::Empty))?,
            data_block_size: size(SuperblockField::DataBlockSize, self.data_block_size)?,
            hash_block_size: size(SuperblockField::HashBlockSize, self.hash_block_size)?,
            data_blocks: data_blocks.ok_or_else(|| undefined(SuperblockField::DataBlocks, 0))?,
            salt: Salt::new(self.salt_bytes())
                .map_err(|_| undefined(SuperblockField::SaltSize, self.salt_size.into()))?,
        })
    }
}

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
        supported: &'static str,
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

    fn because(self, problem: SuperblockProblem) -> SuperblockError {
        SuperblockError { field: self, offset: self.offset(), problem }
    }
}

impl fmt::Display for SuperblockField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "signature",
            Self::Version => "version",
            Self::HashType => "hash type",
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

/// A field in which a superblock and the caller do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: SuperblockField,
    /// What the superblock says.
    pub superblock: String,
    /// What the caller expects.
    pub expected: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, expected {}", self.field, self.superblock, self.expected)
    }
}

fn block_size_problem(field: SuperblockField, value: u32) -> Option<SuperblockError> {
    if BlockSize::new(value).is_ok() {
        return None;
    }
    let possible = value.is_power_of_two() && BLOCK_SIZES.contains(&value);
    let problem = if possible {
        SuperblockProblem::Unsupported { value: value.to_string(), supported: "4096" }
    } else {
        SuperblockProblem::Undefined { value: value.into() }
    };
    Some(field.because(problem))
}

/// The problem if any byte of `padding`, which starts `skipped` bytes into `field`, is not zero.
fn padding_problem(field: SuperblockField, padding: &[u8], skipped: usize) -> Option<SuperblockError> {
    let first = padding.iter().position(|byte| *byte != 0)?;
    Some(SuperblockError {
        field,
        offset: field.offset() + skipped + first,
        problem: SuperblockProblem::NotZero,
    })
}

/// The `N` bytes at `offset`, which the table of fields puts inside the superblock.
fn take<const N: usize>(bytes: &[u8; SUPERBLOCK_SIZE], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..offset + N]);
    field
}

const SIGNATURE: &[u8; 8] = b"verity\0\0";
const VERSION: u32 = 1;
/// What cryptsetup takes as a block size, if it is a power of two.
const BLOCK_SIZES: std::ops::RangeInclusive<u32> = 512..=524_288;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Superblock {
        let params = Params::new(NonZeroU64::new(16_385).unwrap(), Salt::new(&[7; 32]).unwrap());
        Superblock { params, uuid: Uuid::from_bytes([9; 16]) }
    }

    fn error(offset: usize, value: &[u8]) -> SuperblockError {
        let mut bytes = sample().encode();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        Superblock::parse(&bytes).unwrap_err()
    }

    #[test]
    fn what_was_encoded_reads_back() {
        for len in [0, 1, 255, 256] {
            let mut superblock = sample();
            superblock.params.salt = Salt::new(&vec![0xa5; len]).unwrap();
            assert_eq!(Superblock::parse(&superblock.encode()).unwrap(), superblock);
        }
    }

    #[test]
    fn every_prefix_is_too_short() {
        let bytes = sample().encode();
        for len in 0..SUPERBLOCK_SIZE {
            let error = Superblock::parse(&bytes[..len]).unwrap_err();
            assert_eq!(error.problem, SuperblockProblem::TooShort { len });
        }
    }

    #[test]
    fn each_wrong_field_is_named_with_its_offset() {
        use SuperblockField as Field;
        let unsupported: [(usize, &[u8], Field); 6] = [
            (8, &2_u32.to_le_bytes(), Field::Version),
            (12, &0_u32.to_le_bytes(), Field::HashType),
            (32, b"sha512", Field::Algorithm),
            (32, b"SHA256", Field::Algorithm),
            (64, &512_u32.to_le_bytes(), Field::DataBlockSize),
            (68, &8192_u32.to_le_bytes(), Field::HashBlockSize),
        ];
        for (offset, value, field) in unsupported {
            let error = error(offset, value);
            assert_eq!((error.offset, error.field, error.is_unsupported()), (offset, field, true), "{error}");
        }
        let malformed: [(usize, &[u8], usize, Field); 13] = [
            (0, b"Verity", 0, Field::Signature),
            (12, &2_u32.to_le_bytes(), 12, Field::HashType),
            (32, &[b'a'; 32], 32, Field::Algorithm),
            (32, b"\0\0\0\0\0\0", 32, Field::Algorithm),
            (40, b"x", 40, Field::Algorithm),
            (64, &0_u32.to_le_bytes(), 64, Field::DataBlockSize),
            (64, &3000_u32.to_le_bytes(), 64, Field::DataBlockSize),
            (68, &0x8000_0000_u32.to_le_bytes(), 68, Field::HashBlockSize),
            (72, &0_u64.to_le_bytes(), 72, Field::DataBlocks),
            (80, &257_u16.to_le_bytes(), 80, Field::SaltSize),
            (87, b"x", 87, Field::Padding),
            (88 + 32, b"x", 88 + 32, Field::Salt),
            (511, b"x", 511, Field::Tail),
        ];
        for (offset, value, at, field) in malformed {
            let error = error(offset, value);
            assert_eq!((error.offset, error.field, error.is_unsupported()), (at, field, false), "{error}");
        }
    }

    #[test]
    fn a_changed_byte_is_an_error_or_changes_what_is_read() {
        let superblock = sample();
        for offset in 0..SUPERBLOCK_SIZE {
            for bit in 0..8 {
                let mut bytes = superblock.encode();
                bytes[offset] ^= 1 << bit;
                match Superblock::parse(&bytes) {
                    Ok(other) => {
                        assert_ne!(other, superblock, "byte {offset} bit {bit}");
                        assert_eq!(other.encode(), bytes, "byte {offset} bit {bit}");
                    }
                    Err(error) => {
                        // A shorter salt leaves bytes of the salt behind as padding.
                        let cut = matches!(offset, 80 | 81) && error.field == SuperblockField::Salt;
                        assert!(
                            error.offset == offset || error.offset == error.field.offset() || cut,
                            "{offset}: {error}"
                        );
                        assert!(
                            cut || (error.field.offset()..=offset).contains(&error.offset),
                            "{offset}: {error}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn differences_name_both_sides() {
        let superblock = sample();
        assert_eq!(superblock.differences(&superblock.params), []);
        let other = Params::new(NonZeroU64::MIN, Salt::default());
        let text: Vec<String> = superblock.differences(&other).iter().map(ToString::to_string).collect();
        assert_eq!(text[0], "data blocks is 16385, expected 1");
        assert_eq!(text[1], format!("salt is {}, expected -", "07".repeat(32)));
    }
}
