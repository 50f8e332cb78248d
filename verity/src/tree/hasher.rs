//! From blocks to digests.

use sha2::{Digest, Sha256};

use crate::params::{Algorithm, HashType, Params, RootHash};

/// The longest digest of any algorithm, in bytes.
pub(super) const MAX_DIGEST: usize = 32;

/// Hashes blocks with the salt of one tree.
///
/// Blocks are given many at a time, so that a kernel which hashes several at once can take the place of the loop.
#[derive(Clone)]
pub(super) struct Hasher {
    /// The state after the salt, which type 1 puts before the block.
    salted: Sha256,
    digest_size: usize,
}

impl Hasher {
    pub(super) fn new(params: &Params) -> Self {
        let salted = match (params.hash_type, params.algorithm) {
            (HashType::V1, Algorithm::Sha256) => Sha256::new_with_prefix(params.salt.as_bytes()),
        };
        Self { salted, digest_size: params.algorithm.digest_size() }
    }

    /// Writes the digest of every `block_size` bytes of `blocks` into an entry of `entry_size` bytes, of which there must
    /// be enough. What an entry has besides the digest is left alone.
    pub(super) fn digest_blocks(
        &self,
        blocks: &[u8],
        block_size: usize,
        entries: &mut [u8],
        entry_size: usize,
    ) {
        for (block, entry) in blocks.chunks(block_size).zip(entries.chunks_mut(entry_size)) {
            entry[..self.digest_size].copy_from_slice(&self.hash(block));
        }
    }

    /// The digest of one block, as the root hash is one.
    pub(super) fn root(&self, block: &[u8]) -> RootHash {
        RootHash::from_digest(&self.hash(block))
    }

    fn hash(&self, block: &[u8]) -> [u8; MAX_DIGEST] {
        self.salted.clone().chain_update(block).finalize().into()
    }
}
