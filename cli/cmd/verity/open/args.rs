//! The arguments of `hardpan verity open`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hardpan_lockdown::mapping::Extent;
use hardpan_sys::dm::Name;
use hardpan_verity::table::{ErrorMode, Options};
use hardpan_verity::{Algorithm, BlockSize, HashType, Params, Salt};

use super::super::args::PlaceArgs;

/// Map a device that the kernel verifies at every read, and read through it
///
/// The kernel takes any root hash: that it is wrong shows with the first read. So the first and the last data block are read
/// through the mapping before it counts as open, or all of them with --verify full. What fails leaves no mapping.
///
/// A root hash does not say how many blocks it covers, and a superblock is covered by nothing. So the number of blocks and
/// the salt must come from where the root hash comes from, and a superblock has to agree. Regular files get loop devices,
/// which go with the mapping. The mapping is read-only; `veritysetup status` and `veritysetup close` know it as theirs.
///
/// Exit codes: 0 open, 1 corrupt (nothing is mapped), 2 the work could not be done (nothing is mapped).
#[derive(Args)]
pub(crate) struct OpenArgs {
    /// The protected file or block device
    pub(super) data: PathBuf,
    /// The name of the mapping below /dev/mapper
    pub(super) name: Name,
    /// Where the hash tree is; may be DATA with --hash-offset
    pub(super) hash: PathBuf,
    /// The root hash in hexadecimal digits
    #[arg(required_unless_present = "root_hash_file", conflicts_with = "root_hash_file")]
    pub(super) root_hash: Option<String>,
    /// Take the root hash from this file: the digits and at most one newline
    #[arg(long, value_name = "FILE")]
    pub(super) root_hash_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) tree: TreeArgs,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// How much to read before the mapping counts as open
    #[arg(long, value_name = "HOW MUCH", default_value = "ends")]
    pub(super) verify: Verify,
    #[command(flatten)]
    pub(super) reactions: ReactionArgs,
    #[command(flatten)]
    pub(super) fec: FecArgs,
    /// Have the kernel verify this signature of the root hash: detached PKCS#7 in DER
    #[arg(long, value_name = "FILE")]
    pub(super) root_hash_signature: Option<PathBuf>,
    /// Map DATA although another mapping uses it; what is mounted the kernel does not map
    #[arg(long)]
    pub(super) shared: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What the tree was made with.
#[derive(Args)]
pub(super) struct TreeArgs {
    /// The number of data blocks, from a source that is trusted
    #[arg(long, value_name = "N", requires = "salt")]
    data_blocks: Option<NonZeroU64>,
    /// The salt in hexadecimal digits, or - for none, from a source that is trusted
    #[arg(long, value_name = "HEX", allow_hyphen_values = true, requires = "data_blocks")]
    salt: Option<Salt>,
    /// The digest [default: sha256]
    #[arg(long = "hash", value_name = "NAME")]
    algorithm: Option<Algorithm>,
    /// The hash type: 1, or 0 for Chromium OS's [default: 1]
    #[arg(long, value_name = "TYPE", value_parser = hash_type)]
    format: Option<HashType>,
    /// The data block size in bytes; the kernel maps at most 4096 on most machines [default: 4096]
    #[arg(long, value_name = "BYTES", value_parser = block_size)]
    data_block_size: Option<BlockSize>,
    /// The hash block size in bytes [default: 4096]
    #[arg(long, value_name = "BYTES", value_parser = block_size)]
    hash_block_size: Option<BlockSize>,
    /// Take all of these from the superblock, which nothing authenticates
    #[arg(long, conflicts_with_all = [
        "data_blocks", "salt", "algorithm", "format", "data_block_size", "hash_block_size", "no_superblock",
    ])]
    trust_superblock: bool,
    /// Also take a digest for which collisions can be made
    #[arg(long)]
    pub(super) danger_allow_weak_hash: bool,
}

impl TreeArgs {
    /// The parameters that were given; `None` if the superblock's are to be taken.
    pub(super) fn params(&self) -> anyhow::Result<Option<Params>> {
        if self.trust_superblock {
            return Ok(None);
        }
        let (Some(data_blocks), Some(salt)) = (self.data_blocks, &self.salt) else {
            anyhow::bail!(
                "give --data-blocks and --salt from a source that is trusted, or --trust-superblock"
            );
        };
        let mut params = Params::new(data_blocks, salt.clone());
        params.algorithm = self.algorithm.unwrap_or(params.algorithm);
        params.hash_type = self.format.unwrap_or(params.hash_type);
        params.data_block_size = self.data_block_size.unwrap_or(params.data_block_size);
        params.hash_block_size = self.hash_block_size.unwrap_or(params.hash_block_size);
        Ok(Some(params))
    }
}

/// How much to read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Verify {
    /// The first and the last data block
    Ends,
    /// Every data block
    Full,
}

impl Verify {
    pub(super) fn extent(self) -> Extent {
        match self {
            Self::Ends => Extent::Ends,
            Self::Full => Extent::All,
        }
    }
}

/// What the kernel does while it verifies.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the kernel's and independent of the others"
)]
pub(super) struct ReactionArgs {
    /// Restart the machine when a corrupt block is read; not yet by the reads of this command
    #[arg(long, group = "on_corruption")]
    restart_on_corruption: bool,
    /// Panic when a corrupt block is read; not yet by the reads of this command
    #[arg(long, group = "on_corruption")]
    panic_on_corruption: bool,
    /// Only log corrupt blocks and return what is in them: nothing is protected then
    #[arg(long, group = "on_corruption")]
    danger_ignore_corruption: bool,
    /// Restart the machine when a block cannot be read (Linux 6.12)
    #[arg(long, group = "on_error")]
    restart_on_error: bool,
    /// Panic when a block cannot be read (Linux 6.12)
    #[arg(long, group = "on_error")]
    panic_on_error: bool,
    /// Return zeros for blocks that should be zero, without reading them
    #[arg(long)]
    ignore_zero_blocks: bool,
    /// Verify each block only when it is read for the first time: what changes later is not noticed
    #[arg(long)]
    danger_check_at_most_once: bool,
    /// Verify in tasklets instead of a work queue where the hash blocks are in memory
    #[arg(long)]
    use_tasklets: bool,
}

impl ReactionArgs {
    pub(super) fn options(&self) -> Options {
        let first = |modes: &[(bool, ErrorMode)]| modes.iter().find(|(set, _)| *set).map(|(_, mode)| *mode);
        let mut options = Options::default();
        options.corruption = first(&[
            (self.restart_on_corruption, ErrorMode::Restart),
            (self.panic_on_corruption, ErrorMode::Panic),
            (self.danger_ignore_corruption, ErrorMode::Ignore),
        ]);
        options.io_error =
            first(&[(self.restart_on_error, ErrorMode::Restart), (self.panic_on_error, ErrorMode::Panic)]);
        options.ignore_zero_blocks = self.ignore_zero_blocks;
        options.check_at_most_once = self.danger_check_at_most_once;
        options.try_verify_in_tasklet = self.use_tasklets;
        options
    }
}

/// Where the parity is.
#[derive(Args)]
pub(super) struct FecArgs {
    /// Have the kernel repair corrupt blocks by the parity in this file or block device
    #[arg(long = "fec-device", value_name = "DEVICE")]
    pub(super) device: Option<PathBuf>,
    /// The number of parity bytes in a codeword
    #[arg(
        long = "fec-roots", value_name = "N", requires = "device", default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(2..=24)
    )]
    pub(super) roots: u32,
    /// Where the parity starts, in bytes: a multiple of the block size
    #[arg(long = "fec-offset", value_name = "BYTES", requires = "device", default_value_t = 0)]
    pub(super) offset: u64,
}

fn hash_type(text: &str) -> Result<HashType, String> {
    let number = text.parse().ok().and_then(HashType::from_number);
    number.ok_or_else(|| "hash types are 0 and 1".to_owned())
}

fn block_size(text: &str) -> Result<BlockSize, String> {
    let bytes = text.parse().map_err(|_| "a number of bytes is wanted".to_owned())?;
    BlockSize::new(bytes).map_err(|error| error.to_string())
}
