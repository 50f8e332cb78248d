//! Which image it is.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::{
    Algorithm, Descriptor, HashArea, Layout, ParamError, RootHash, Superblock, stored_root,
};

use super::super::device::Device;
use super::super::input::{MAX_TEXT, read_bytes};
use super::super::verify::read_superblock;

/// The image.
#[derive(Args)]
pub(super) struct ImageArgs {
    /// The protected file or block device, with --trust-superblock
    #[arg(requires = "hash", requires = "root_hash", requires = "trust_superblock")]
    data: Option<PathBuf>,
    /// Where the hash tree is; may be DATA
    hash: Option<PathBuf>,
    /// The root hash in hexadecimal digits
    #[arg(value_name = "ROOT_HASH")]
    root_hash: Option<String>,
    /// Take everything from a descriptor: what `format --json` prints; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    params: Option<PathBuf>,
    /// Know the root hash alone, which is enough for roothash, usrhash, dps and dps-signature
    #[arg(long, value_name = "HEX", conflicts_with_all = ["data", "params"])]
    only_root_hash: Option<String>,
    /// Take what decides the tree from the superblock, which nothing authenticates: for an image that was just made. That
    /// the tree's top has the root hash is checked; that the data belongs to it only `verify` and `compare` prove
    #[arg(long, requires = "data")]
    trust_superblock: bool,
    /// Where the superblock is in HASH, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 0, requires = "data")]
    hash_offset: u64,
}

/// What is known of the image.
pub(super) enum Known {
    /// All of it.
    Image(Box<Descriptor>),
    /// The root hash alone.
    Root(RootHash),
}

impl Known {
    pub(super) fn root(&self) -> &RootHash {
        match self {
            Self::Image(image) => &image.root,
            Self::Root(root) => root,
        }
    }

    /// All of it, for what needs more than the root hash.
    pub(super) fn whole(&self) -> anyhow::Result<&Descriptor> {
        match self {
            Self::Image(image) => Ok(image),
            Self::Root(_) => bail!(
                "this needs all that decides the tree, not the root hash alone: say --params FILE, or DATA HASH ROOT_HASH \
                 --trust-superblock"
            ),
        }
    }
}

impl ImageArgs {
    pub(super) fn read(&self) -> anyhow::Result<Known> {
        if let Some(path) = &self.params {
            let text = read_bytes(path, "descriptor", MAX_TEXT)?;
            let descriptor = Descriptor::parse(&text).with_context(|| format!("in {}", path.display()))?;
            return Ok(Known::Image(Box::new(descriptor)));
        }
        if let Some(text) = &self.only_root_hash {
            return Ok(Known::Root(root_alone(text)?));
        }
        let (Some(data), Some(hash), Some(root)) = (&self.data, &self.hash, &self.root_hash) else {
            bail!(
                "say which image: --params FILE, or DATA HASH ROOT_HASH --trust-superblock, or --only-root-hash HEX"
            );
        };
        let data = Device::open(data, "data")?;
        let hash = Device::open(hash, "hash")?;
        self.look(&data, &hash, root).map(|descriptor| Known::Image(Box::new(descriptor)))
    }

    fn look(&self, data: &Device, hash: &Device, root: &str) -> anyhow::Result<Descriptor> {
        let area = HashArea::with_superblock(self.hash_offset)?;
        let superblock = read_superblock(hash, self.hash_offset)?;
        let Superblock { params, uuid } =
            Superblock::parse(&superblock).with_context(|| hash.path.display().to_string())?;
        let root = RootHash::parse(params.algorithm, root)?;
        let layout = Layout::new(&params, area)?;
        for (device, end) in [(data, layout.data_end), (hash, layout.end)] {
            if device.len < end {
                bail!(
                    "{} has {} bytes, by the superblock {end} are needed",
                    device.path.display(),
                    device.len
                );
            }
        }
        let stored = stored_root(&data.file, &hash.file, &params, area)?;
        if stored != root {
            bail!("the tree in {} has the root hash {stored}, not {root}", hash.path.display());
        }
        Ok(Descriptor { params, root, area, uuid: Some(uuid) })
    }
}

/// A root hash of a length that some algorithm's digests have.
fn root_alone(text: &str) -> Result<RootHash, ParamError> {
    let fitting = Algorithm::ALL.into_iter().find(|algorithm| algorithm.digest_size() * 2 == text.len());
    RootHash::parse(fitting.unwrap_or(Algorithm::Sha256), text)
}
