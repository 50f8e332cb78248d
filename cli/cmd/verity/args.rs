//! Arguments that several commands have.

use std::io::{self, Write};
use std::num::{NonZeroU64, NonZeroUsize};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::{Algorithm, BlockSize, HashArea, HashType, ParamError, Params, Salt};

/// What decides a tree besides data and salt.
#[derive(Args)]
#[group(id = "kind", multiple = true)]
pub(super) struct KindArgs {
    /// The hash type: 1, or 0 as Chromium OS has it [default: 1]
    #[arg(long = "format", visible_alias = "hash-type", value_name = "0|1", value_parser = hash_type)]
    hash_type: Option<HashType>,
    /// The hash algorithm: sha1, sha224, sha256, sha384, sha512, sha3-256, sha3-512, blake2b-256 or blake2s-256
    /// [default: sha256]
    #[arg(long = "hash", value_name = "ALGORITHM")]
    algorithm: Option<Algorithm>,
    /// The size of a data block: a power of two from 512 to 524288 [default: 4096]
    #[arg(long, value_name = "BYTES", value_parser = block_size)]
    data_block_size: Option<BlockSize>,
    /// The size of a hash block: a power of two from 512 to 524288 [default: 4096]
    #[arg(long, value_name = "BYTES", value_parser = block_size)]
    hash_block_size: Option<BlockSize>,
}

impl KindArgs {
    pub(super) fn params(&self, data_blocks: NonZeroU64, salt: Salt) -> Params {
        let mut params = Params::new(data_blocks, salt);
        params.hash_type = self.hash_type.unwrap_or(params.hash_type);
        params.algorithm = self.algorithm.unwrap_or(params.algorithm);
        params.data_block_size = self.data_block_size();
        params.hash_block_size = self.hash_block_size.unwrap_or(params.hash_block_size);
        params
    }

    pub(super) fn data_block_size(&self) -> BlockSize {
        self.data_block_size.unwrap_or(BlockSize::DEFAULT)
    }

    /// Whether anything is said.
    pub(super) fn is_given(&self) -> bool {
        self.hash_type.is_some()
            || self.algorithm.is_some()
            || self.data_block_size.is_some()
            || self.hash_block_size.is_some()
    }
}

/// Where the hash area is.
#[derive(Args)]
pub(super) struct PlaceArgs {
    /// Where the hash area starts, in bytes: a multiple of 512, or of the hash block size without a superblock [default: 0]
    #[arg(long, value_name = "BYTES")]
    pub(super) hash_offset: Option<u64>,
    /// There is no superblock: the tree itself starts at the hash offset
    #[arg(long)]
    pub(super) no_superblock: bool,
}

impl PlaceArgs {
    pub(super) fn area(&self) -> anyhow::Result<HashArea> {
        let offset = self.hash_offset.unwrap_or(0);
        if self.no_superblock {
            return Ok(HashArea::without_superblock(offset));
        }
        Ok(HashArea::with_superblock(offset)?)
    }

    /// Whether anything is said.
    pub(super) fn is_given(&self) -> bool {
        self.hash_offset.is_some() || self.no_superblock
    }
}

/// What algorithms are taken.
#[derive(Args)]
pub(super) struct StrengthArgs {
    /// Take a weak hash algorithm (sha1): whoever makes an image can make a second one with the same root hash
    #[arg(long)]
    danger_allow_weak_hash: bool,
}

impl StrengthArgs {
    /// Refuses a weak algorithm unless it is asked for by name, and then says so: for whoever reads the log of a build.
    pub(super) fn check(&self, algorithm: Algorithm) -> anyhow::Result<()> {
        if !algorithm.is_weak() {
            return Ok(());
        }
        let name = algorithm.name();
        if !self.danger_allow_weak_hash {
            bail!(
                "hash algorithm {name} is weak: whoever makes an image can make a second one with the same root hash; use \
                 sha256, or say --danger-allow-weak-hash"
            );
        }
        writeln!(
            io::stderr(),
            "warning: weak hash algorithm {name} taken, because of --danger-allow-weak-hash: whoever makes an image can \
             make a second one with the same root hash"
        )?;
        Ok(())
    }
}

/// How many threads hash.
#[derive(Args)]
pub(super) struct ThreadArgs {
    /// The number of threads; the result does not depend on it [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
}

impl ThreadArgs {
    /// Sets the number for the whole process. To be called before anything is hashed.
    pub(super) fn apply(&self) -> anyhow::Result<()> {
        let Some(threads) = self.threads else { return Ok(()) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get());
        pool.build_global().context("cannot start the threads")
    }
}

fn hash_type(text: &str) -> Result<HashType, String> {
    let number = text.parse().ok().and_then(HashType::from_number);
    number.ok_or_else(|| "hash types are 0 and 1".to_owned())
}

fn block_size(text: &str) -> Result<BlockSize, String> {
    let bytes = text.parse().map_err(|_| "use a number of bytes, as in 4096".to_owned())?;
    BlockSize::new(bytes).map_err(|error: ParamError| error.to_string())
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MAX_THREADS);
    threads.ok_or_else(|| format!("use a number from 1 to {MAX_THREADS}"))
}

/// Each has buffers of its own; no machine has more processors by far.
const MAX_THREADS: usize = 1024;
