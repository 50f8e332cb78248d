//! What the image has.

use std::num::NonZeroU64;

use anyhow::{Context as _, bail};
use hardpan_verity::compare::{Description, Image};
use hardpan_verity::{
    Algorithm, BlockSize, HashArea, HashType, Layout, Params, RootHash, Salt, Superblock, SuperblockProblem,
    Uuid, stored_root,
};

use super::super::device::Device;
use super::super::verify::read_superblock;
use super::CompareArgs;

/// What was seen.
pub(super) enum Looked {
    Image(Box<Seen>),
    /// There is no such image: why not.
    Problem(String),
}

/// An image.
pub(super) struct Seen {
    pub(super) params: Params,
    pub(super) area: HashArea,
    pub(super) uuid: Option<Uuid>,
    pub(super) root: RootHash,
}

impl Seen {
    pub(super) fn borrow(&self) -> Image<'_> {
        Image { params: &self.params, area: self.area, uuid: self.uuid, root: &self.root }
    }
}

/// Where the hash area is. On a device of its own that is its start, whatever the description says, so that a wrong place
/// is a difference; behind data only the description can tell.
pub(super) fn area(
    args: &CompareArgs,
    described: &Description,
    one_device: bool,
) -> anyhow::Result<HashArea> {
    let offset = match args.hash_offset {
        Some(offset) => offset,
        None if one_device => described_offset(described, args.no_superblock)
            .context("the description does not say where in DATA the hash area is: say --hash-offset")?,
        None => 0,
    };
    Ok(if args.no_superblock {
        HashArea::without_superblock(offset)
    } else {
        HashArea::with_superblock(offset)?
    })
}

/// The byte at which the description has the hash area. A table has the tree alone; a superblock is in the block before.
fn described_offset(described: &Description, no_superblock: bool) -> Option<u64> {
    let (Some(start), Some(size)) = (described.hash_start_block, described.hash_block_size) else {
        return described.hash_offset.filter(|offset| *offset != 0);
    };
    let block = if no_superblock { start } else { start.checked_sub(1)? };
    block.checked_mul(size.into())
}

/// Looks at sizes, superblock and the tree's top.
pub(super) fn look(
    described: &Description,
    area: HashArea,
    data: &Device,
    hash: &Device,
) -> anyhow::Result<Looked> {
    let (params, uuid) = if area.has_superblock() {
        match Superblock::parse(&read_superblock(hash, area.offset())?) {
            Ok(superblock) => (superblock.params, Some(superblock.uuid)),
            Err(error) if error.is_unsupported() => return Err(error.into()),
            Err(error) => {
                let none = matches!(error.problem, SuperblockProblem::NoSignature);
                let hint = if none { "; if there is to be none, say --no-superblock" } else { "" };
                return Ok(Looked::Problem(format!("{}: {error}{hint}", hash.path.display())));
            }
        }
    } else {
        (all_described(described)?, None)
    };
    let layout = Layout::new(&params, area)?;
    for (device, end) in [(data, layout.data_end), (hash, layout.end)] {
        if device.len < end {
            let (path, len) = (device.path.display(), device.len);
            return Ok(Looked::Problem(format!("{path} has {len} bytes, but the geometry needs {end}")));
        }
    }
    let root = stored_root(&data.file, &hash.file, &params, area)?;
    Ok(Looked::Image(Box::new(Seen { params, area, uuid, root })))
}

/// Parameters from a description that has all of them, since there is no superblock to ask.
fn all_described(described: &Description) -> anyhow::Result<Params> {
    let Description { hash_type, algorithm, data_block_size, hash_block_size, data_blocks, salt, .. } =
        described;
    let (
        Some(hash_type),
        Some(algorithm),
        Some(data_block_size),
        Some(hash_block_size),
        Some(data_blocks),
        Some(salt),
    ) = (hash_type, algorithm, data_block_size, hash_block_size, data_blocks, salt)
    else {
        bail!(
            "without a superblock the description must have everything that decides the tree, and this has not"
        );
    };
    let data_blocks = NonZeroU64::new(*data_blocks).context("the description has 0 data blocks")?;
    let mut params = Params::new(data_blocks, Salt::new(salt)?);
    params.hash_type = HashType::from_number(*hash_type).context("the hash type is neither 0 nor 1")?;
    params.algorithm = algorithm.parse::<Algorithm>()?;
    params.data_block_size = BlockSize::new(*data_block_size)?;
    params.hash_block_size = BlockSize::new(*hash_block_size)?;
    Ok(params)
}
