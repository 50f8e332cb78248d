//! What decides the digest of a file besides its bytes, each value parsed once and valid from then on.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::hex;

/// The parameters of one digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Params {
    /// The digest of blocks and descriptor.
    pub algorithm: Algorithm,
    /// The unit of file and tree.
    pub block_size: BlockSize,
    /// Hashed before every block.
    pub salt: Salt,
}

impl Params {
    /// The parameters of these values.
    pub fn new(algorithm: Algorithm, block_size: BlockSize, salt: Salt) -> Self {
        Self { algorithm, block_size, salt }
    }
}

/// The algorithms that fs-verity knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, of FIPS 180-4.
    #[default]
    Sha256,
    /// SHA-512, of FIPS 180-4.
    Sha512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name in `sha256:…`, which is the kernel's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The number in descriptors and signatures: `FS_VERITY_HASH_ALG_…`.
    pub fn number(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// How many bytes a digest has.
    pub fn digest_size(self) -> usize {
        self.plain().digest_size()
    }

    /// The length in bytes of what the compression function takes at once, to which the salt is padded. The kernel does so
    /// that the state after the salt can be kept.
    pub(super) fn compression_block(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The same algorithm of a dm-verity tree.
    pub(super) fn plain(self) -> crate::Algorithm {
        match self {
            Self::Sha256 => crate::Algorithm::Sha256,
            Self::Sha512 => crate::Algorithm::Sha512,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        let named = Self::ALL.into_iter().find(|algorithm| algorithm.name() == text);
        named.ok_or_else(|| ParamError::Algorithm { text: text.to_owned() })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A block size in bytes: a power of two from 1024 to 65536. The kernel takes no smaller ones, and none that are larger
/// than a page, of which the largest of any architecture is 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockSize(crate::BlockSize);

impl BlockSize {
    /// 4096 bytes, which every kernel with fs-verity takes.
    pub const DEFAULT: Self = Self(crate::BlockSize::DEFAULT);

    /// The block size of so many bytes.
    pub fn new(bytes: u32) -> Result<Self, ParamError> {
        let size = crate::BlockSize::new(bytes).ok().filter(|_| (MIN_BLOCK..=MAX_BLOCK).contains(&bytes));
        size.map(Self).ok_or_else(|| ParamError::BlockSize { text: bytes.to_string() })
    }

    /// The number of bytes.
    pub fn bytes(self) -> u32 {
        self.0.bytes()
    }

    /// Its logarithm to the base 2, as descriptors have it.
    pub(super) fn log2(self) -> u8 {
        // At most 16.
        self.bytes().trailing_zeros().to_le_bytes()[0]
    }

    /// The same size of a dm-verity tree.
    pub(super) fn plain(self) -> crate::BlockSize {
        self.0
    }
}

impl Default for BlockSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for BlockSize {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        let bytes = text.parse().map_err(|_| ParamError::BlockSize { text: text.to_owned() })?;
        Self::new(bytes)
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.bytes(), f)
    }
}

/// The salt: 0 to 32 bytes, since the descriptor has room for no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Salt(Vec<u8>);

impl Salt {
    /// The most bytes that a salt can have.
    pub const MAX_LEN: usize = 32;

    /// The salt of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, ParamError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(ParamError::SaltTooLong { len: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is hashed before a block: nothing, or the salt with zeros up to the block of the compression function.
    pub(super) fn padded(&self, algorithm: Algorithm) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len().next_multiple_of(algorithm.compression_block()), 0);
        bytes
    }
}

impl FromStr for Salt {
    type Err = ParamError;

    /// Reads hexadecimal digits; `-` or nothing for no salt.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        let digits = if text == "-" { "" } else { text };
        Self::new(&hex::decode(digits).ok_or_else(|| ParamError::SaltNotHex { text: text.to_owned() })?)
    }
}

impl fmt::Display for Salt {
    /// Hexadecimal digits, or `-` for no salt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("-") } else { hex::write(f, &self.0) }
    }
}

/// A parameter that is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParamError {
    /// fs-verity has no such algorithm.
    #[error("fs-verity has no hash algorithm `{text}`: use sha256 or sha512")]
    Algorithm {
        /// The text given.
        text: String,
    },
    /// Not a block size.
    #[error("block size {text} is not a power of two from {MIN_BLOCK} to {MAX_BLOCK}")]
    BlockSize {
        /// The text given.
        text: String,
    },
    /// Not a digest with its algorithm.
    #[error("`{text}` is no fs-verity digest (like sha256:, then 64 hexadecimal digits)")]
    Digest {
        /// The text given.
        text: String,
    },
    /// The salt is neither hexadecimal digits nor `-`.
    #[error("`{text}` is no salt: use an even number of hexadecimal digits, or - for none")]
    SaltNotHex {
        /// The text given.
        text: String,
    },
    /// The salt does not fit into the descriptor.
    #[error("the salt has {len} bytes, the fs-verity descriptor has room for {max}", max = Salt::MAX_LEN)]
    SaltTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

const MIN_BLOCK: u32 = 1 << 10;
const MAX_BLOCK: u32 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_size_is_a_power_of_two_from_1024_to_65536() {
        for shift in 0..32 {
            assert_eq!(BlockSize::new(1 << shift).is_ok(), (10..=16).contains(&shift), "{shift}");
        }
        assert_eq!("4096".parse::<BlockSize>().unwrap().log2(), 12);
        for wrong in ["", "0", "3000", "4K", "-4096", "131072", "99999999999"] {
            let error = wrong.parse::<BlockSize>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("65536"), "{error}");
        }
    }

    #[test]
    fn a_salt_has_up_to_32_bytes_and_is_padded_to_a_block() {
        for none in ["", "-"] {
            assert_eq!(none.parse::<Salt>().unwrap().padded(Algorithm::Sha256), b"");
        }
        let salt = "00FF".parse::<Salt>().unwrap();
        assert_eq!(salt.to_string(), "00ff");
        assert_eq!(salt.padded(Algorithm::Sha256).len(), 64);
        assert_eq!(salt.padded(Algorithm::Sha512).len(), 128);
        assert_eq!(salt.padded(Algorithm::Sha512)[..3], [0, 0xff, 0]);
        assert!("ab".repeat(32).parse::<Salt>().is_ok());
        assert_eq!("ab".repeat(33).parse::<Salt>(), Err(ParamError::SaltTooLong { len: 33 }));
        for wrong in ["0", "zz", "0x00", " 00"] {
            assert!(matches!(wrong.parse::<Salt>(), Err(ParamError::SaltNotHex { .. })), "{wrong}");
        }
    }

    #[test]
    fn names_and_numbers_are_the_kernels() {
        assert_eq!(Algorithm::ALL.map(Algorithm::name), ["sha256", "sha512"]);
        assert_eq!(Algorithm::ALL.map(Algorithm::number), [1, 2]);
        for wrong in ["sha1", "SHA256", ""] {
            assert!(wrong.parse::<Algorithm>().is_err(), "{wrong}");
        }
    }
}
