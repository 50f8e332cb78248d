//! Reading through a mapping, which makes the kernel verify what is read.

use std::io;

use hardpan_sys::dm::BlockRead;
use hardpan_verity::table::VerityTable;
use hardpan_verity::{BlockRanges, RangeCollector};

/// How much is read before a mapping counts as open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The first and the last data block: they share the top of the tree with all others, and each end of the data device
    /// is where it should be.
    Ends,
    /// Every data block.
    All,
}

/// Called with the number of bytes read since the call before; `false` cancels the work.
pub type Progress<'a> = &'a dyn Fn(u64) -> bool;

/// Blocks that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) blocks: BlockRanges,
    /// What the first failed with.
    pub(super) error: Option<io::Error>,
    /// Whether the caller stopped the work.
    pub(super) cancelled: bool,
}

/// Reads, and returns what could not be read.
pub(super) fn read(
    device: &mut dyn BlockRead,
    table: &VerityTable,
    extent: Extent,
    progress: Progress<'_>,
) -> Unread {
    let block_size = u64::from(table.data_block_size);
    let last = table.data_blocks.saturating_sub(1);
    let mut reader = Reader { device, block_size, failed: RangeCollector::default(), error: None };
    let cancelled = match extent {
        Extent::Ends => {
            reader.blocks(0, 1);
            if last > 0 {
                reader.blocks(last, 1);
            }
            false
        }
        Extent::All => !reader.all(table.data_blocks, progress),
    };
    Unread { blocks: reader.failed.finish(), error: reader.error, cancelled }
}

struct Reader<'a> {
    device: &'a mut dyn BlockRead,
    block_size: u64,
    failed: RangeCollector,
    error: Option<io::Error>,
}

impl Reader<'_> {
    /// Reads all blocks; `false` if it was stopped.
    fn all(&mut self, count: u64, progress: Progress<'_>) -> bool {
        let step = (CHUNK / self.block_size).max(1);
        let mut first = 0;
        while first < count {
            let blocks = step.min(count - first);
            self.blocks(first, blocks);
            if !progress(blocks * self.block_size) {
                return false;
            }
            first += blocks;
        }
        true
    }

    /// Reads blocks at once; where that fails, one by one, to know which.
    fn blocks(&mut self, first: u64, count: u64) {
        match self.read(first, count) {
            Ok(()) => {}
            Err(error) if count == 1 => {
                self.failed.add(first..first + 1);
                self.error.get_or_insert(error);
            }
            Err(_) => (first..first + count).for_each(|block| self.blocks(block, 1)),
        }
    }

    fn read(&mut self, first: u64, count: u64) -> io::Result<()> {
        // At most a chunk or a block, and the device is no longer than a file offset can say.
        let len = usize::try_from(count * self.block_size).map_err(io::Error::other)?;
        let offset = first.checked_mul(self.block_size).ok_or(io::ErrorKind::InvalidInput)?;
        self.device.read_exact_at(&mut vec![0; len], offset)
    }
}

/// How much is read at once: enough that calls do not count, and little memory.
const CHUNK: u64 = 1 << 20;
