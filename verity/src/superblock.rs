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

mod error;
mod raw;

use std::fmt;

use crate::params::Params;
use crate::uuid::Uuid;

pub use error::{SuperblockError, SuperblockField, SuperblockProblem};
pub use raw::RawSuperblock;

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

    /// The difference, if another UUID is expected than this superblock has.
    pub(crate) fn other_uuid(&self, expected: Option<Uuid>) -> Option<Difference> {
        let expected = expected.filter(|expected| *expected != self.uuid)?;
        let (superblock, expected) = (self.uuid.to_string(), expected.to_string());
        Some(Difference { field: SuperblockField::Uuid, superblock, expected })
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

const SIGNATURE: &[u8; 8] = b"verity\0\0";
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::params::{Algorithm, BlockSize, HashType, Salt};

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
    fn every_kind_of_tree_reads_back() {
        for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            let mut superblock = sample();
            let params = &mut superblock.params;
            params.algorithm = algorithm;
            params.hash_type = if index % 2 == 0 { HashType::V0 } else { HashType::V1 };
            params.data_block_size = BlockSize::new(512 << index).unwrap();
            params.hash_block_size = BlockSize::new(1024 << index).unwrap();
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
        let unsupported: [(usize, &[u8], Field); 4] = [
            (8, &2_u32.to_le_bytes(), Field::Version),
            (32, b"sha257", Field::Algorithm),
            (32, b"SHA256", Field::Algorithm),
            (32, b"shake128", Field::Algorithm),
        ];
        for (offset, value, field) in unsupported {
            let error = error(offset, value);
            assert_eq!((error.offset, error.field, error.is_unsupported()), (offset, field, true), "{error}");
        }
        let malformed: [(usize, &[u8], usize, Field); 15] = [
            (0, b"Verity", 0, Field::Signature),
            (12, &2_u32.to_le_bytes(), 12, Field::HashType),
            (32, &[b'a'; 32], 32, Field::Algorithm),
            (32, b"\0\0\0\0\0\0", 32, Field::Algorithm),
            (40, b"x", 40, Field::Algorithm),
            (64, &0_u32.to_le_bytes(), 64, Field::DataBlockSize),
            (64, &3000_u32.to_le_bytes(), 64, Field::DataBlockSize),
            (64, &256_u32.to_le_bytes(), 64, Field::DataBlockSize),
            (68, &0x10_0000_u32.to_le_bytes(), 68, Field::HashBlockSize),
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
