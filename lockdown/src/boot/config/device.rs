//! How a configuration names devices, and what it says of their lengths.

use std::fmt;
use std::num::NonZeroU64;

use hardpan_verity::table::VerityTable;
use hardpan_verity::{Algorithm, BlockSize, HashArea, HashType, Layout, Params, Salt, Uuid};

/// A block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceRef {
    /// The partition with this UUID in a GPT.
    PartUuid(Uuid),
    /// The partition with this name in a GPT.
    PartLabel(String),
    /// The partition with the type of a root or of its tree, and the UUID that follows from the root hash: the
    /// Discoverable Partitions Specification.
    Dps,
    /// A node below `/dev`.
    Path(String),
}

impl DeviceRef {
    /// The device that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(uuid) = text.strip_prefix("PARTUUID=") {
            return uuid.parse().ok().map(Self::PartUuid);
        }
        if let Some(label) = text.strip_prefix("PARTLABEL=") {
            let fits = (1..=36).contains(&label.encode_utf16().count());
            return fits.then(|| Self::PartLabel(label.to_owned()));
        }
        match text {
            "DPS" => Some(Self::Dps),
            _ if text.starts_with("/dev/") && is_plain_path(text) => Some(Self::Path(text.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for DeviceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartUuid(uuid) => write!(f, "PARTUUID={uuid}"),
            Self::PartLabel(label) => write!(f, "PARTLABEL={label}"),
            Self::Dps => f.write_str("DPS"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// Whether a path is absolute and leads only downwards: no empty components, no `.` and no `..`.
pub(super) fn is_plain_path(path: &str) -> bool {
    let Some(below) = path.strip_prefix('/') else { return false };
    path.len() < MAX_PATH && below.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Where data and tree of a table end. The kernel would say `EINVAL` or `E2BIG` to what is refused here.
///
/// # Errors
///
/// What no device can have, in words.
pub fn layout(table: &VerityTable) -> Result<Layout, String> {
    let blocks = NonZeroU64::new(table.data_blocks).ok_or("verity table: no data blocks")?;
    let salt = Salt::new(&table.salt).map_err(|error| format!("verity table: {error}"))?;
    let mut params = Params::new(blocks, salt);
    params.hash_type = HashType::from_number(table.hash_type).ok_or("verity table: unknown version")?;
    params.algorithm =
        table.algorithm.parse::<Algorithm>().map_err(|error| format!("verity table: {error}"))?;
    let block_size = |size| BlockSize::new(size).map_err(|error| format!("verity table: {error}"));
    params.data_block_size = block_size(table.data_block_size)?;
    params.hash_block_size = block_size(table.hash_block_size)?;
    let start = table.hash_start_block.checked_mul(u64::from(table.hash_block_size));
    let start = start.ok_or("verity table: the tree starts where no device reaches")?;
    Layout::new(&params, HashArea::without_superblock(start))
        .map_err(|error| format!("verity table: {error}"))
}

/// `PATH_MAX`.
const MAX_PATH: usize = 4096;
