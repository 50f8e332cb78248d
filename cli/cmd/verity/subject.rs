//! What `verify` and `repair` look at: open devices, and what they are expected to be.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::fec::{FecArea, FecLayout};
use hardpan_verity::{
    Algorithm, BlockSource, Error, Expected, HashArea, Layout, Params, Prefix, RootHash, SUPERBLOCK_SIZE,
    Superblock, VerifyError,
};

use super::TrustArgs;
use super::device::Device;
use super::fec::FecShapeArgs;
use super::format::check_overlap;

/// Data, tree and perhaps parity.
pub(super) struct Subject {
    pub(super) data: Device,
    pub(super) hash: Device,
    pub(super) fec: Option<Fec>,
    pub(super) expected: Expected,
    pub(super) layout: Layout,
}

/// Parity and where it is.
pub(super) struct Fec {
    pub(super) device: Device,
    pub(super) area: FecArea,
}

/// Why there is nothing to look at: the root hash, and what the superblock lacks to be one.
pub(super) struct NoSubject {
    pub(super) root: RootHash,
    pub(super) error: VerifyError,
}

impl Subject {
    /// Opens the devices. What is wrong with a superblock that is to be trusted is the inner error.
    pub(super) fn open(
        data: &Path,
        hash: &Path,
        fec: Option<(&Path, &FecShapeArgs)>,
        trust: &TrustArgs,
    ) -> anyhow::Result<Result<Self, NoSubject>> {
        let area = trust.place.area()?;
        let root = root_hash(trust)?;
        let data = Device::open(data, "data")?;
        let hash = Device::open(hash, "hash")?;
        let params = match params(trust, &hash, area)? {
            Ok(params) => params,
            Err(error) => return Ok(Err(NoSubject { root, error })),
        };
        let one_device = data.is_same(hash.identity());
        let layout = Layout::new(&params, area)?;
        check_overlap(&data.path, layout.data_end, area, one_device)?;
        let fec = fec.map(|(path, shape)| Fec::open(path, shape, &data, &hash)).transpose()?;
        let expected = Expected { params, root, area, one_device };
        Ok(Ok(Self { data, hash, fec, expected, layout }))
    }

    /// The data device, up to the parity where that has its end.
    pub(super) fn data(&self) -> Prefix<'_> {
        self.data_in(&self.data.file)
    }

    /// The hash device, up to the parity where that has its end.
    pub(super) fn hash(&self) -> Prefix<'_> {
        self.hash_in(&self.hash.file)
    }

    /// The same of a copy of the data device.
    pub(super) fn data_in<'a>(&self, copy: &'a File) -> Prefix<'a> {
        Prefix::new(copy, self.end(|area| area.on_data_device))
    }

    /// The same of a copy of the hash device.
    pub(super) fn hash_in<'a>(&self, copy: &'a File) -> Prefix<'a> {
        Prefix::new(copy, self.end(|area| area.on_hash_device))
    }

    /// The parity, for commands that cannot be without.
    pub(super) fn fec(&self) -> anyhow::Result<&Fec> {
        self.fec.as_ref().context("there is no parity")
    }

    /// The layout of the parity. If the tree is too short for one, verification says so.
    pub(super) fn fec_layout(&self) -> anyhow::Result<Option<FecLayout>> {
        let Some(fec) = &self.fec else { return Ok(None) };
        let layout = FecLayout::new(&self.expected.params, self.expected.area, fec.area, self.hash.len);
        match layout {
            Err(Error::TooShort { .. }) => Ok(None),
            layout => Ok(Some(layout?)),
        }
    }

    /// On one device with the data, the tree may have anything behind it.
    fn end(&self, shares: impl Fn(&FecArea) -> bool) -> u64 {
        let fec = self.fec.as_ref().filter(|fec| !self.expected.one_device && shares(&fec.area));
        fec.map_or(u64::MAX, |fec| fec.area.offset)
    }
}

impl Fec {
    fn open(path: &Path, shape: &FecShapeArgs, data: &Device, hash: &Device) -> anyhow::Result<Self> {
        let device = Device::open(path, "FEC")?;
        let area = shape.area(data.is_same(device.identity()), hash.is_same(device.identity()));
        Ok(Self { device, area })
    }
}

/// The parameters that the caller gave, or those of the superblock if the caller trusts it.
fn params(args: &TrustArgs, hash: &Device, area: HashArea) -> anyhow::Result<Result<Params, VerifyError>> {
    if let (Some(data_blocks), Some(salt)) = (args.data_blocks, &args.salt) {
        return Ok(Ok(Params::new(data_blocks, salt.clone())));
    }
    if !args.trust_superblock {
        bail!("give --data-blocks and --salt from a source that is trusted, or --trust-superblock");
    }
    let superblock = read_superblock(hash, area.offset())?;
    Ok(match Superblock::parse(&superblock) {
        Ok(superblock) => Ok(superblock.params),
        Err(error) if error.is_unsupported() => return Err(error.into()),
        Err(error) => Err(error.into()),
    })
}

/// The bytes at the place of the superblock, fewer if the device ends there.
pub(super) fn read_superblock(hash: &Device, offset: u64) -> anyhow::Result<Vec<u8>> {
    let len = hash.len.saturating_sub(offset).min(SUPERBLOCK_SIZE as u64);
    let mut bytes = vec![0; usize::try_from(len)?];
    let cannot = || format!("cannot read {} at offset {offset}", hash.path.display());
    hash.file.read_exact_at(&mut bytes, offset).with_context(cannot)?;
    Ok(bytes)
}

fn root_hash(args: &TrustArgs) -> anyhow::Result<RootHash> {
    let Some(path) = &args.root_hash_file else {
        let text = args.root_hash.as_deref().unwrap_or_default();
        return Ok(RootHash::parse(Algorithm::Sha256, text)?);
    };
    let text = read_root_hash_file(path)
        .with_context(|| format!("cannot read root hash file {}", path.display()))?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    RootHash::parse(Algorithm::Sha256, digits).with_context(|| format!("root hash file {}", path.display()))
}

fn read_root_hash_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_ROOT_HASH_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Four times the longest digest in hexadecimal digits: more is no root hash, and need not be read.
const MAX_ROOT_HASH_FILE: u64 = 512;
