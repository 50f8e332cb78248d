//! How long tree and parity will be, before any work: and how much data fits into a given room.

use crate::error::GeometryError;
use crate::params::Params;
use crate::tree::layout::{HashArea, Layout};

/// What goes where, when parameters are planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must decide")]
pub struct Arrangement {
    /// Whether tree and parity follow the data on its own device. Otherwise each has a device of its own.
    pub appended: bool,
    /// Whether there is a superblock.
    pub superblock: bool,
    /// The number of parity bytes for error correction, 2 to 24, if there is to be any.
    pub fec_roots: Option<u32>,
}

/// The lengths of everything that belongs to an image, all in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The parameters planned for.
    pub params: Params,
    /// Where the hash area starts on its device.
    pub area: HashArea,
    /// Where the tree lies on its device.
    pub layout: Layout,
    /// The length of the data.
    pub data_size: u64,
    /// From the start of the hash area, a superblock included, to the end of the tree.
    pub hash_size: u64,
    /// The parity, if there is any.
    pub fec: Option<FecPlan>,
    /// The length of all of it, with what lies unused between.
    pub total: u64,
}

/// The parity of a plan. It covers the data and the tree, without the superblock: what veritysetup covers too if the hash
/// device, or what is before the parity, ends with the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FecPlan {
    /// The number of parity bytes for each 255 - roots covered ones.
    pub roots: u32,
    /// How many blocks are covered: a kernel table's `fec_blocks`.
    pub covered_blocks: u64,
    /// Where it starts on its device.
    pub offset: u64,
    /// The length of the parity.
    pub size: u64,
}

impl Plan {
    /// The plan for these parameters. All numbers are checked: the end of everything can be addressed by a file offset.
    ///
    /// # Errors
    ///
    /// Parameters that fit no file offset, and parity that is not possible.
    pub fn new(params: &Params, arrangement: Arrangement) -> Result<Self, GeometryError> {
        let Arrangement { appended, superblock, fec_roots } = arrangement;
        let area = match (appended, superblock) {
            (true, _) => HashArea::after_data(params, superblock)?,
            (false, true) => HashArea::with_superblock(0)?,
            (false, false) => HashArea::without_superblock(0),
        };
        let layout = Layout::new(params, area)?;
        let (data_size, hash_size) = (layout.data_end, layout.end - area.offset());
        // Each is less than 2^63.
        let before_fec = if appended { layout.end } else { data_size + hash_size };
        let fec_offset = if appended { layout.end } else { 0 };
        let fec = fec_roots.map(|roots| FecPlan::new(params, &layout, roots, fec_offset)).transpose()?;
        let total =
            before_fec.checked_add(fec.map_or(0, |fec| fec.size)).filter(|total| *total <= MAX_OFFSET);
        let total = total.ok_or(GeometryError::TotalTooLarge { data_blocks: params.data_blocks.get() })?;
        Ok(Self { params: params.clone(), area, layout, data_size, hash_size, fec, total })
    }

    /// The plan for as many data blocks as fit into `total` bytes with everything that belongs to them. The number of
    /// blocks in `params` does not matter.
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooSmall`] if one data block does not fit, and what [`Plan::new`] refuses.
    pub fn largest(total: u64, params: &Params, arrangement: Arrangement) -> Result<Self, GeometryError> {
        let plan = |data_blocks: u64| {
            let data_blocks = std::num::NonZeroU64::MIN.saturating_add(data_blocks - 1);
            Self::new(&Params { data_blocks, ..params.clone() }, arrangement)
        };
        let mut best = plan(1)?;
        if best.total > total {
            return Err(GeometryError::TooSmall { total, needed: best.total });
        }
        // The total grows with the number of blocks, and a number of blocks that cannot be is too large.
        let (mut fits, mut too_many) = (1, total / u64::from(params.data_block_size.bytes()) + 1);
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            match plan(middle) {
                Ok(plan) if plan.total <= total => (fits, best) = (middle, plan),
                _ => too_many = middle,
            }
        }
        Ok(best)
    }
}

impl FecPlan {
    fn new(params: &Params, layout: &Layout, roots: u32, offset: u64) -> Result<Self, GeometryError> {
        let (data, hash) = (params.data_block_size.bytes(), params.hash_block_size.bytes());
        if data != hash {
            return Err(GeometryError::FecBlockSizes { data, hash });
        }
        if !(2..=24).contains(&roots) {
            return Err(GeometryError::FecRoots { roots });
        }
        // Both are less than 2^63.
        let covered_blocks = params.data_blocks.get() + layout.tree_blocks();
        let rounds = covered_blocks.div_ceil(u64::from(CODEWORD - roots));
        let size = rounds.checked_mul(u64::from(hash) * u64::from(roots));
        let size = size.ok_or(GeometryError::TotalTooLarge { data_blocks: params.data_blocks.get() })?;
        Ok(Self { roots, covered_blocks, offset, size })
    }
}

/// `bytes` rounded up to a whole number of MiB, which is what partitions are aligned to.
pub fn whole_mebibytes(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(1 << 20)
}

/// File offsets are signed.
const MAX_OFFSET: u64 = i64::MAX as u64;
/// The bytes of a codeword: those of the field without zero.
const CODEWORD: u32 = 255;
