//! A superblock's fields as they are, sound or not.

use std::num::NonZeroU64;

use super::{SIGNATURE, SUPERBLOCK_SIZE, SuperblockError, SuperblockField, SuperblockProblem, VERSION};
use crate::error::algorithm_names;
use crate::params::{Algorithm, BlockSize, HashType, Params, Salt};
use crate::uuid::Uuid;

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

    /// Everything that keeps [`Superblock::parse`](super::Superblock::parse) from taking it, in the order of the fields.
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
        let problem =
            SuperblockProblem::Unsupported { value: self.version.to_string(), supported: "1".to_owned() };
        (self.version != VERSION).then(|| SuperblockField::Version.because(problem))
    }

    fn hash_type_problem(&self) -> Option<SuperblockError> {
        let problem = SuperblockProblem::Undefined { value: self.hash_type.into() };
        HashType::from_number(self.hash_type).is_none().then(|| SuperblockField::HashType.because(problem))
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
            "" => SuperblockProblem::Empty,
            _ if Algorithm::from_name(&name).is_some() => return None,
            _ => SuperblockProblem::Unsupported { value: name, supported: algorithm_names() },
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
    pub(super) fn params(&self) -> Result<Params, SuperblockError> {
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

fn block_size_problem(field: SuperblockField, value: u32) -> Option<SuperblockError> {
    if BlockSize::new(value).is_ok() {
        return None;
    }
    let problem = SuperblockProblem::Undefined { value: value.into() };
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
