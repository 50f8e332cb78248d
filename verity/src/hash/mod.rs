//! From blocks to digests.

mod portable;
mod sha256;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::params::{Algorithm, Params, RootHash};

/// The longest digest of any algorithm, in bytes.
pub(crate) const MAX_DIGEST: usize = 64;

/// Hashes blocks with the salt of one tree. A clone shares what was computed from the salt.
#[derive(Clone)]
pub(crate) struct Hasher {
    blocks: Arc<dyn BlockHasher>,
    digest_size: usize,
}

/// Hashes blocks of one length, many at a time, so that those which can are hashed side by side.
trait BlockHasher: Send + Sync {
    /// Writes the digest of every `block_size` bytes of `blocks` to the start of an entry of `entry_size` bytes, of which
    /// there are enough. What an entry has besides the digest is left alone.
    fn digest_blocks(&self, blocks: &[u8], block_size: usize, entries: &mut [u8], entry_size: usize);

    /// Whether `digest_shared` hashes blocks where they lie.
    fn takes_shared(&self) -> bool {
        false
    }

    /// The same for blocks that somebody else may change meanwhile.
    fn digest_shared(&self, blocks: &[AtomicU8], block_size: usize, entries: &mut [u8], entry_size: usize) {
        let copy: Vec<u8> = blocks.iter().map(|byte| byte.load(Ordering::Relaxed)).collect();
        self.digest_blocks(&copy, block_size, entries, entry_size);
    }
}

impl Hasher {
    pub(crate) fn new(params: &Params) -> Self {
        let blocks = match params.algorithm {
            Algorithm::Sha256 => sha256::hasher(params),
            _ => portable::hasher(params),
        };
        Self { blocks, digest_size: params.algorithm.digest_size() }
    }

    /// Writes the digest of every `block_size` bytes of `blocks` into an entry of `entry_size` bytes, of which there must
    /// be enough. What an entry has besides the digest is left alone.
    pub(crate) fn digest_blocks(
        &self,
        blocks: &[u8],
        block_size: usize,
        entries: &mut [u8],
        entry_size: usize,
    ) {
        self.blocks.digest_blocks(blocks, block_size, entries, entry_size);
    }

    /// Whether blocks need not be copied to be hashed by `digest_shared`.
    pub(crate) fn takes_shared(&self) -> bool {
        self.blocks.takes_shared()
    }

    /// What `digest_blocks` does, for blocks that somebody else may change meanwhile.
    pub(crate) fn digest_shared(
        &self,
        blocks: &[AtomicU8],
        block_size: usize,
        entries: &mut [u8],
        entry_size: usize,
    ) {
        self.blocks.digest_shared(blocks, block_size, entries, entry_size);
    }

    /// How many bytes a digest has.
    pub(crate) fn digest_size(&self) -> usize {
        self.digest_size
    }

    /// The digest of one block, as the root hash is one.
    pub(crate) fn root(&self, block: &[u8]) -> RootHash {
        let mut digest = [0; MAX_DIGEST];
        let digest = &mut digest[..self.digest_size];
        self.blocks.digest_blocks(block, block.len(), digest, self.digest_size);
        RootHash::from_digest(digest)
    }
}
