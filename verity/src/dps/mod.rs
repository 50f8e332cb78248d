//! The Discoverable Partitions Specification, as far as it concerns dm-verity.
//!
//! Its partition types say what a partition is for. The UUIDs of a pair of partitions follow from the root hash, so that the
//! root hash alone finds both. A third partition may hold the root hash with its signature.

#[cfg(feature = "json")]
mod signature;
mod types;

use thiserror::Error;

use crate::uuid::Uuid;

#[cfg(feature = "json")]
pub use signature::{SignaturePartition, fingerprint};
pub use types::{Architecture, Mount, Role};

/// The partition UUIDs of data and hash area with this root hash: its first and its last 16 bytes, which leave bytes out
/// or share some if it has not 32. `None` if there are no 16.
pub fn partition_uuids(root: &[u8]) -> Option<(Uuid, Uuid)> {
    Some((Uuid::from_bytes(*root.first_chunk()?), Uuid::from_bytes(*root.last_chunk()?)))
}

/// Why something of the specification could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DpsError {
    /// No architecture of that name has partition types.
    #[error("no architecture `{text}` has partition types (there are: {})", architectures())]
    Architecture {
        /// The text given.
        text: String,
    },
    /// The certificate is not one in PEM.
    #[error("certificate: {reason}")]
    Certificate {
        /// What is wrong.
        reason: &'static str,
    },
    /// A field of a signature partition is wrong.
    #[error("signature partition, {field} {reason}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A signature partition holds no JSON object with the fields that it must have.
    #[error("signature partition: {reason}")]
    Json {
        /// What the JSON parser says, with line and column.
        reason: String,
    },
    /// After the JSON text there is something else than NULs.
    #[error("signature partition: byte {offset}, after the JSON text, is not NUL")]
    Padding {
        /// The first such byte.
        offset: usize,
    },
    /// A signature partition has a size that it cannot have.
    #[error("signature partition: {size} bytes {reason}")]
    Size {
        /// The size in bytes.
        size: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

fn architectures() -> String {
    Architecture::all().map(Architecture::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_by_both_ends_of_the_root_hash() {
        let root: Vec<u8> = (0..32).collect();
        let (data, hash) = partition_uuids(&root).unwrap();
        assert_eq!(data.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(hash.to_string(), "10111213-1415-1617-1819-1a1b1c1d1e1f");
        let (data, hash) = partition_uuids(&root[..20]).unwrap();
        assert_eq!((data.as_bytes()[15], hash.as_bytes()[0]), (15, 4));
        assert_eq!(partition_uuids(&root[..15]), None);
    }
}
