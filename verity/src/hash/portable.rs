//! Every algorithm, one block after the other, by the RustCrypto crates.

use std::sync::Arc;

use blake2::digest::consts::U32;
use sha2::Digest;

use super::BlockHasher;
use crate::params::{Algorithm, HashType, Params};

/// The hasher for the algorithm, type and salt of `params`.
pub(super) fn hasher(params: &Params) -> Arc<dyn BlockHasher> {
    match params.algorithm {
        Algorithm::Sha1 => salted::<sha1::Sha1>(params),
        Algorithm::Sha224 => salted::<sha2::Sha224>(params),
        Algorithm::Sha256 => salted::<sha2::Sha256>(params),
        Algorithm::Sha384 => salted::<sha2::Sha384>(params),
        Algorithm::Sha512 => salted::<sha2::Sha512>(params),
        Algorithm::Sha3_256 => salted::<sha3::Sha3_256>(params),
        Algorithm::Sha3_512 => salted::<sha3::Sha3_512>(params),
        Algorithm::Blake2b256 => salted::<blake2::Blake2b<U32>>(params),
        Algorithm::Blake2s256 => salted::<blake2::Blake2s<U32>>(params),
    }
}

/// One digest, with the salt on the side that the hash type asks for.
struct Salted<D> {
    /// The state before a block, which has the salt in it if that comes first.
    before: D,
    /// The salt, if it comes after the block.
    after: Vec<u8>,
}

fn salted<D: Digest + Clone + Send + Sync + 'static>(params: &Params) -> Arc<dyn BlockHasher> {
    let salt = params.salt.as_bytes();
    Arc::new(match params.hash_type {
        HashType::V0 => Salted { before: D::new(), after: salt.to_vec() },
        HashType::V1 => Salted { before: D::new_with_prefix(salt), after: Vec::new() },
    })
}

impl<D: Digest + Clone + Send + Sync> BlockHasher for Salted<D> {
    fn digest_blocks(&self, blocks: &[u8], block_size: usize, entries: &mut [u8], entry_size: usize) {
        for (block, entry) in blocks.chunks(block_size).zip(entries.chunks_mut(entry_size)) {
            let digest = self.before.clone().chain_update(block).chain_update(&self.after).finalize();
            entry[..digest.len()].copy_from_slice(&digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::params::Salt;

    /// The digest of `abc`, of the standards' examples.
    #[test]
    fn each_name_stands_for_its_algorithm() {
        let cases = [
            ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "sha384",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                "sha512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            ("sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (
                "sha3-512",
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
                 10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            ),
            ("blake2b-256", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
            ("blake2s-256", "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"),
        ];
        assert_eq!(cases.len(), Algorithm::ALL.len());
        // The salt is a part of what is hashed: before the block or after it.
        for (hash_type, salt, block) in [(HashType::V0, b"c", "ab"), (HashType::V1, b"a", "bc")] {
            for (name, digest) in cases {
                let mut params = Params::new(NonZeroU64::MIN, Salt::new(salt).unwrap());
                (params.hash_type, params.algorithm) = (hash_type, name.parse().unwrap());
                assert_eq!(
                    crate::hash::Hasher::new(&params).root(block.as_bytes()).to_string(),
                    digest,
                    "{name}"
                );
            }
        }
    }
}
