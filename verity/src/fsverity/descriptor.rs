//! The descriptor of a file, and the digest that is its hash.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::params::{Algorithm, ParamError, Params};
use crate::hash::Hasher;
use crate::hex;

/// The length in bytes of an encoded [`Descriptor`].
pub const DESCRIPTOR_SIZE: usize = 256;

/// What the kernel hashes to get the digest of a file: `struct fsverity_descriptor` without the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    params: Params,
    size: u64,
    /// As long as the algorithm's digests are.
    root: Vec<u8>,
}

impl Descriptor {
    pub(super) fn new(params: Params, size: u64, root: Vec<u8>) -> Self {
        Self { params, size, root }
    }

    /// The parameters of the tree.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash of the tree's top block, of the only block of a small file, or zeros for an empty one.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The same in hexadecimal digits.
    pub fn root_hex(&self) -> String {
        hex::Digits(&self.root).to_string()
    }

    /// The bytes that the kernel would store. All numbers are little-endian.
    pub fn encode(&self) -> [u8; DESCRIPTOR_SIZE] {
        let salt = self.params.salt.as_bytes();
        let mut bytes = [0; DESCRIPTOR_SIZE];
        // At most 32.
        let salt_size = salt.len().to_le_bytes()[0];
        let start = [VERSION, self.params.algorithm.number(), self.params.block_size.log2(), salt_size];
        bytes[..4].copy_from_slice(&start);
        bytes[8..16].copy_from_slice(&self.size.to_le_bytes());
        bytes[16..][..self.root.len()].copy_from_slice(&self.root);
        bytes[80..][..salt.len()].copy_from_slice(salt);
        bytes
    }

    /// The digest of the file.
    pub fn digest(&self) -> FileDigest {
        // The salt is in the descriptor and not before it.
        let mut params = crate::Params::new(NonZeroU64::MIN, crate::Salt::default());
        params.algorithm = self.params.algorithm.plain();
        let digest = Hasher::new(&params).root(&self.encode());
        FileDigest { algorithm: self.params.algorithm, bytes: digest.as_bytes().to_vec() }
    }
}

/// The digest by which the kernel knows a file. Parameters other than the algorithm are bound by it and cannot be read from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest {
    algorithm: Algorithm,
    /// As long as the algorithm's digests are.
    bytes: Vec<u8>,
}

impl FileDigest {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digits, without the algorithm.
    pub fn to_hex(&self) -> String {
        hex::Digits(&self.bytes).to_string()
    }

    /// What the kernel's built-in signatures are over, `struct fsverity_formatted_digest`: the magic `FSVerity`, the number of
    /// the algorithm (1 is SHA-256, 2 SHA-512) and the length of the digest in bytes, both 16 bits little-endian, and the
    /// digest.
    pub fn formatted(&self) -> Vec<u8> {
        let mut bytes = b"FSVerity".to_vec();
        bytes.extend([self.algorithm.number(), 0]);
        // At most 64.
        bytes.extend([self.bytes.len().to_le_bytes()[0], 0]);
        bytes.extend(&self.bytes);
        bytes
    }

    /// The same in hexadecimal digits.
    pub fn formatted_hex(&self) -> String {
        hex::Digits(&self.formatted()).to_string()
    }
}

impl fmt::Display for FileDigest {
    /// `sha256:`, then lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm)?;
        hex::write(f, &self.bytes)
    }
}

impl FromStr for FileDigest {
    type Err = ParamError;

    /// Reads what `Display` writes, with digits of either case.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        let wrong = || ParamError::Digest { text: text.to_owned() };
        let (name, digits) = text.split_once(':').ok_or_else(wrong)?;
        let algorithm: Algorithm = name.parse()?;
        let bytes = hex::decode(digits).filter(|bytes| bytes.len() == algorithm.digest_size());
        Ok(Self { algorithm, bytes: bytes.ok_or_else(wrong)? })
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsverity::params::{BlockSize, Salt};

    #[test]
    fn every_field_has_its_place() {
        let params =
            Params::new(Algorithm::Sha512, BlockSize::new(1024).unwrap(), Salt::new(&[7; 32]).unwrap());
        let bytes = Descriptor::new(params, 0x0102_0304_0506_0708, vec![9; 64]).encode();
        assert_eq!(bytes[..8], [1, 2, 10, 32, 0, 0, 0, 0]);
        assert_eq!(bytes[8..16], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert!(bytes[16..80] == [9; 64] && bytes[80..112] == [7; 32] && bytes[112..] == [0; 144]);
    }

    #[test]
    fn a_digest_reads_back_and_has_its_length() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let digest: FileDigest = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.to_hex(), "0a".repeat(32));
        assert_eq!(digest.formatted()[..13], *b"FSVerity\x01\0\x20\0\x0a");
        assert_eq!(digest.formatted()[12..], [0x0a; 32]);
        let long: FileDigest = format!("sha512:{}", "07".repeat(64)).parse().unwrap();
        assert_eq!(long.formatted()[..12], *b"FSVerity\x02\0\x40\0");
        assert_eq!(long.formatted()[12..], [7; 64]);
        assert_eq!(text.replace("0a", "0A").parse(), Ok(digest));
        for wrong in [&text[1..], &text[..70], &format!("{text}00"), "sha512:00", "sha256", "md5:00", ""] {
            assert!(wrong.parse::<FileDigest>().is_err(), "{wrong}");
        }
    }
}
