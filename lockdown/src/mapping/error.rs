//! Why a mapping was not opened, closed or shown.

use std::io;

use hardpan_sys::dm::{DmError, NodeError};
use hardpan_verity::BlockRanges;
use hardpan_verity::table::TableError;
use thiserror::Error;

/// Why no mapping was opened, and whether one was left all the same.
#[derive(Debug, Error)]
#[error("{reason}{}", and_left(.left.as_deref()))]
#[non_exhaustive]
pub struct OpenFailure {
    /// Why.
    #[source]
    pub reason: OpenError,
    /// Why the mapping that was begun could not be removed, if so.
    pub left: Option<Box<DmError>>,
}

impl OpenFailure {
    pub(super) fn nothing_left(reason: OpenError) -> Self {
        Self { reason, left: None }
    }

    /// Whether the data is not what the root hash stands for, as opposed to work that could not be done.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.reason, OpenError::Corrupt { .. })
    }
}

/// Why no mapping was opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The caller stopped it.
    #[error("cancelled")]
    Cancelled,
    /// The kernel found blocks that do not belong to the root hash.
    #[error("corrupt: {}", corrupt(.blocks, *.all))]
    Corrupt {
        /// The blocks that could not be read. Without any, the kernel found corruption where nothing was asked for.
        blocks: BlockRanges,
        /// Whether all blocks were read.
        all: bool,
    },
    /// Device-mapper refused a call.
    #[error(transparent)]
    Kernel(#[from] DmError),
    /// Device-mapper refused the table.
    #[error("the kernel refuses the table `{table}`: {error}")]
    Load {
        /// The line.
        table: String,
        /// The refusal.
        #[source]
        error: DmError,
    },
    /// No device is as long as the table says.
    #[error("the table describes no device: it has no sectors, or more than a device can have")]
    Length,
    /// The node of the device could not be had.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A read failed, although the kernel found nothing corrupt: the device below fails.
    #[error(
        "cannot read block {block} through the mapping, although the kernel found nothing corrupt: {error}"
    )]
    Read {
        /// The first block.
        block: u64,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The status of the new mapping cannot be read.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// There is a device of the name or the UUID.
    #[error("there is a device-mapper device with the name or UUID already; close it, or take another name")]
    Taken,
    /// The kernel's verity target is too old for an option.
    #[error("{option} needs version {}.{}.0 of the kernel's verity target, which is {}.{}.{}",
        .needs[0], .needs[1], .has[0], .has[1], .has[2])]
    Unsupported {
        /// The option.
        option: &'static str,
        /// The version from which on it is there.
        needs: [u32; 2],
        /// The version that the kernel has.
        has: [u32; 3],
    },
}

/// Why a mapping was not closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CloseError {
    /// There is no device of the name.
    #[error("there is no device of that name")]
    Absent,
    /// It is in use.
    #[error(
        "it is in use, opened {count} times: unmount it first, or let it be removed when it is closed (--deferred)"
    )]
    Busy {
        /// How often it is open.
        count: u32,
    },
    /// Device-mapper refused a call.
    #[error(transparent)]
    Kernel(DmError),
    /// The mapping is gone, but not its node.
    #[error("the mapping is gone, but its node is not: {0}")]
    Node(#[from] NodeError),
    /// It is a device of another kind.
    #[error("it is no verity device, and is not touched")]
    NotVerity,
}

impl From<DmError> for CloseError {
    fn from(error: DmError) -> Self {
        if error.is_absent() { Self::Absent } else { Self::Kernel(error) }
    }
}

/// Why a mapping cannot be shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StatusError {
    /// There is no device of the name.
    #[error("there is no device of that name")]
    Absent,
    /// Device-mapper refused a call.
    #[error(transparent)]
    Kernel(DmError),
    /// The device has no active table.
    #[error("it has no active table")]
    NoTable,
    /// It is a device of another kind.
    #[error("it is no verity device: its targets are {kinds}")]
    NotVerity {
        /// What it consists of.
        kinds: String,
    },
    /// The table or the status is not what a verity target has.
    #[error("`{text}` cannot be read: {error}")]
    Unreadable {
        /// What the kernel says.
        text: String,
        /// What is wrong with it.
        #[source]
        error: TableError,
    },
}

impl From<DmError> for StatusError {
    fn from(error: DmError) -> Self {
        if error.is_absent() { Self::Absent } else { Self::Kernel(error) }
    }
}

fn and_left(left: Option<&DmError>) -> String {
    left.map(|error| format!("; and the mapping could not be removed: {error}")).unwrap_or_default()
}

fn corrupt(blocks: &BlockRanges, all: bool) -> String {
    if blocks.is_empty() {
        return "the kernel found blocks that do not belong to the root hash".to_owned();
    }
    let scope = if all { "all were read" } else { "the first and the last were read" };
    format!("data blocks {blocks} do not belong to the root hash ({scope})")
}
