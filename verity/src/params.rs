//! What decides the bytes of a hash tree, each value parsed once and valid from then on.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::error::ParamError;
use crate::hex;

/// The parameters that, with the data, decide a hash tree and its root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Params {
    /// Where the salt goes and how digests are padded.
    pub hash_type: HashType,
    /// The digest.
    pub algorithm: Algorithm,
    /// The unit in which data is read and hashed.
    pub data_block_size: BlockSize,
    /// The unit of the tree.
    pub hash_block_size: BlockSize,
    /// How many data blocks are covered. None is not a device.
    pub data_blocks: NonZeroU64,
    /// Hashed with every block.
    pub salt: Salt,
}

impl Params {
    /// Type 1, sha256, blocks of 4096 bytes: what veritysetup takes when nothing is said.
    pub fn new(data_blocks: NonZeroU64, salt: Salt) -> Self {
        Self {
            hash_type: HashType::V1,
            algorithm: Algorithm::Sha256,
            data_block_size: BlockSize::DEFAULT,
            hash_block_size: BlockSize::DEFAULT,
            data_blocks,
            salt,
        }
    }
}

/// How a block and the salt become a digest, and how digests are packed into a hash block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashType {
    /// The salt is hashed after the block, and digests follow each other without padding. Chromium OS's.
    V0,
    /// The salt is hashed before the block, and digests are padded to a power of two. What everybody else uses.
    V1,
}

impl HashType {
    /// The number in superblock and table.
    pub fn number(self) -> u32 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
        }
    }

    /// The type with that number, if there is one.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            _ => None,
        }
    }
}

/// A digest algorithm, by the kernel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-1, of FIPS 180-4. Weak: see [`Algorithm::is_weak`].
    Sha1,
    /// SHA-224, of FIPS 180-4.
    Sha224,
    /// SHA-256, of FIPS 180-4.
    Sha256,
    /// SHA-384, of FIPS 180-4.
    Sha384,
    /// SHA-512, of FIPS 180-4.
    Sha512,
    /// SHA3-256, of FIPS 202.
    Sha3_256,
    /// SHA3-512, of FIPS 202.
    Sha3_512,
    /// BLAKE2b with digests of 32 bytes, of RFC 7693.
    Blake2b256,
    /// BLAKE2s with digests of 32 bytes, of RFC 7693.
    Blake2s256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha3_256,
        Self::Sha3_512,
        Self::Blake2b256,
        Self::Blake2s256,
    ];

    /// The name in superblock and table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_512 => "sha3-512",
            Self::Blake2b256 => "blake2b-256",
            Self::Blake2s256 => "blake2s-256",
        }
    }

    /// The algorithm of that name, if it is supported. Only lower case is: so it is stored.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// How many bytes a digest has.
    pub fn digest_size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Sha3_256 | Self::Blake2b256 | Self::Blake2s256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// Whether collisions can be made: then whoever builds an image can build a second one with the same root hash.
    pub fn is_weak(self) -> bool {
        self == Self::Sha1
    }
}

impl FromStr for Algorithm {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        Self::from_name(text).ok_or_else(|| ParamError::Algorithm { text: text.to_owned() })
    }
}

/// A block size in bytes: a power of two from 512 to 524288, as cryptsetup has it.
///
/// The kernel takes no blocks that are smaller than the device's logical block, and no data blocks larger than a page of
/// memory; hash blocks may be larger than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockSize(u32);

impl BlockSize {
    /// 4096 bytes: veritysetup's default, and the largest data block that every kernel maps.
    pub const DEFAULT: Self = Self(4096);
    /// The smallest: a sector.
    pub const MIN: Self = Self(512);
    /// The largest that cryptsetup takes.
    pub const MAX: Self = Self(512 << 10);

    /// The block size of so many bytes.
    pub fn new(bytes: u32) -> Result<Self, ParamError> {
        let possible = bytes.is_power_of_two() && (Self::MIN.0..=Self::MAX.0).contains(&bytes);
        if possible { Ok(Self(bytes)) } else { Err(ParamError::BlockSize { bytes }) }
    }

    /// The number of bytes.
    pub fn bytes(self) -> u32 {
        self.0
    }
}

/// The salt: 0 to 256 bytes, since the superblock has room for no more.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Salt(Vec<u8>);

impl Salt {
    /// The most bytes that a salt can have.
    pub const MAX_LEN: usize = 256;

    /// The salt of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, ParamError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(ParamError::SaltTooLong { len: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The salt of so many bytes, which always fit.
    pub(crate) fn from_array(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Salt {
    type Err = ParamError;

    /// Reads hexadecimal digits, or `-` for no salt, as table and veritysetup have it.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        match text {
            "-" => Ok(Self::default()),
            "" => Err(ParamError::SaltNotHex { text: String::new() }),
            _ => {
                Self::new(&hex::decode(text).ok_or_else(|| ParamError::SaltNotHex { text: text.to_owned() })?)
            }
        }
    }
}

impl fmt::Display for Salt {
    /// Hexadecimal digits, or `-` for no salt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("-") } else { hex::write(f, &self.0) }
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The digest of the top block, as long as the algorithm's digests are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RootHash(Box<[u8]>);

impl RootHash {
    /// The root hash that `text` spells in hexadecimal digits of either case, with nothing around them.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, ParamError> {
        let wanted = algorithm.digest_size() * 2;
        let wrong = || ParamError::RootHash { algorithm, wanted, len: text.chars().count() };
        let bytes = hex::decode(text).ok_or_else(wrong)?;
        if text.len() == wanted { Ok(Self(bytes.into())) } else { Err(wrong()) }
    }

    /// The root hash with these bytes, which must be as many as the algorithm's digests have.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, ParamError> {
        let root = Self(bytes.into());
        root.check(algorithm).map(|()| root)
    }

    pub(crate) fn from_digest(digest: &[u8]) -> Self {
        Self(digest.into())
    }

    /// Whether it is as long as the algorithm's digests are: two algorithms may be told apart only so.
    pub(crate) fn check(&self, algorithm: Algorithm) -> Result<(), ParamError> {
        let wanted = algorithm.digest_size() * 2;
        match self.0.len() * 2 {
            len if len == wanted => Ok(()),
            len => Err(ParamError::RootHash { algorithm, wanted, len }),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RootHash {
    /// Lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_has_up_to_256_bytes() {
        assert_eq!("-".parse::<Salt>().unwrap().as_bytes(), b"");
        assert_eq!("00FF".parse::<Salt>().unwrap().to_string(), "00ff");
        assert_eq!("ab".repeat(256).parse::<Salt>().unwrap().as_bytes().len(), 256);
        assert!(matches!("ab".repeat(257).parse::<Salt>(), Err(ParamError::SaltTooLong { len: 257 })));
        for wrong in ["", "a", "zz", "--", "0x00", " 00"] {
            assert!(matches!(wrong.parse::<Salt>(), Err(ParamError::SaltNotHex { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_root_hash_has_the_length_of_its_digest() {
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(RootHash::parse(Algorithm::Sha256, &digits).unwrap().to_string(), digits);
        for wrong in [&digits[2..], &format!("{digits}00"), &format!("{digits}\n"), &digits.replace('0', "x")]
        {
            assert!(RootHash::parse(Algorithm::Sha256, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_block_size_is_a_power_of_two_from_512_to_524288() {
        for shift in 0..32 {
            assert_eq!(BlockSize::new(1 << shift).is_ok(), (9..=19).contains(&shift), "{shift}");
        }
        for wrong in [0, 3000, 4095, 4097] {
            let error = BlockSize::new(wrong).unwrap_err().to_string();
            assert!(error.contains(&wrong.to_string()) && error.contains("524288"), "{error}");
        }
    }

    #[test]
    fn names_and_numbers_read_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse::<Algorithm>().unwrap(), algorithm);
            assert!(algorithm.name().to_uppercase().parse::<Algorithm>().is_err());
        }
        for number in 0..3 {
            assert_eq!(HashType::from_number(number).map(HashType::number), (number < 2).then_some(number));
        }
        let error = "md5".parse::<Algorithm>().unwrap_err().to_string();
        assert!(error.contains("md5") && error.contains("sha3-512"), "{error}");
    }
}
