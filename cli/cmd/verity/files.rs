//! What the commands over fs-verity share: parameters, and many files on every thread.

use clap::Args;
use hardpan_verity::fsverity::{Algorithm, BlockSize, Params, Salt, TASK_SIZE};
use rayon::prelude::*;

/// How digests are computed.
#[derive(Args)]
pub(super) struct ParamsArgs {
    /// The hash algorithm: sha256 or sha512 [default: sha256]
    #[arg(long, value_name = "NAME")]
    pub(super) hash_alg: Option<Algorithm>,
    /// The block size of the Merkle tree in bytes: a power of two from 1024 to 65536 [default: 4096]
    ///
    /// Kernels before 6.3 take only the size of a page, and no kernel a larger one.
    #[arg(long, value_name = "BYTES")]
    pub(super) block_size: Option<BlockSize>,
    /// The salt in hexadecimal digits, up to 32 bytes [default: none]
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    pub(super) salt: Option<Salt>,
}

impl ParamsArgs {
    pub(super) fn params(&self) -> Params {
        Params::new(
            self.hash_alg.unwrap_or_default(),
            self.block_size.unwrap_or_default(),
            self.salt.clone().unwrap_or_default(),
        )
    }
}

/// Does `work` for every item, and returns the results in the order of the items. Small files are hashed side by side;
/// large ones one after the other, since each of them keeps every thread busy.
pub(super) fn for_each_file<T: Sync, R: Send>(
    items: &[T],
    size: impl Fn(&T) -> u64 + Sync,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let small = |item| size(item) <= TASK_SIZE;
    let results: Vec<Option<R>> = items.par_iter().map(|item| small(item).then(|| work(item))).collect();
    results.into_iter().zip(items).map(|(result, item)| result.unwrap_or_else(|| work(item))).collect()
}
