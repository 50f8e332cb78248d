//! Data and tree as they will be: the blocks that are stored, with repaired ones in the place of damaged ones.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::layout::FecLayout;
use crate::source::BlockSource;
use crate::tree::blocks::to_usize;

/// Which device a block is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are no other devices with blocks to repair")]
pub enum Part {
    /// The device of the data.
    Data,
    /// The device of the tree.
    Tree,
}

/// Where the contents of repaired blocks are kept: device and offset on it, to the offset in the store.
pub(super) type Index = BTreeMap<(Part, u64), u64>;

/// Reads a device, and a repaired block where there is one.
pub(super) struct Overlay<'a> {
    pub(super) base: &'a dyn BlockSource,
    pub(super) part: Part,
    pub(super) index: &'a Index,
    pub(super) store: &'a dyn BlockSource,
    /// The length of a repaired block in bytes.
    pub(super) block_size: u64,
}

impl BlockSource for Overlay<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.base.read_exact_at(buffer, offset)?;
        let end = offset.saturating_add(buffer.len() as u64);
        let first = offset.saturating_sub(self.block_size - 1);
        for ((_, start), stored) in self.index.range((self.part, first)..(self.part, end)) {
            let (from, to) = (offset.max(*start), end.min(start + self.block_size));
            let target = &mut buffer[to_usize(from - offset)..to_usize(to - offset)];
            self.store.read_exact_at(target, stored + (from - start))?;
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        self.base.size()
    }

    /// A repaired block is no hole, whatever it lies over.
    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let Range { start, end } = self.base.next_data(offset)?;
        let first = offset.saturating_sub(self.block_size - 1);
        let repaired = self.index.range((self.part, first)..(self.part, start.max(first))).next();
        Ok(repaired.map_or(start..end, |((_, at), _)| offset.max(*at)..at.saturating_add(self.block_size)))
    }
}

impl FecLayout {
    /// Device and offset of a covered block.
    pub(super) fn place(&self, covered: u64) -> (Part, u64) {
        match covered.checked_sub(self.data_blocks) {
            None => (Part::Data, covered * self.block_size),
            Some(block) => (Part::Tree, self.hash_start + block * self.block_size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repaired_bytes_show_wherever_a_read_begins() {
        let (base, store): (Vec<u8>, Vec<u8>) = ((0..40).collect(), (100..120).collect());
        let index = Index::from([((Part::Data, 8), 4), ((Part::Data, 24), 12), ((Part::Tree, 0), 0)]);
        let overlay = Overlay { base: &base, part: Part::Data, index: &index, store: &store, block_size: 8 };
        let mut whole = base.clone();
        whole[8..16].copy_from_slice(&store[4..12]);
        whole[24..32].copy_from_slice(&store[12..20]);
        for start in 0..40 {
            for end in start..=40 {
                let mut read = vec![0; end - start];
                overlay.read_exact_at(&mut read, start as u64).unwrap();
                assert_eq!(read, whole[start..end], "{start}..{end}");
            }
        }
        assert!(overlay.read_exact_at(&mut [0; 2], 39).is_err());
    }

    /// A device that is one hole.
    struct Hole;

    impl BlockSource for Hole {
        fn read_exact_at(&self, buffer: &mut [u8], _: u64) -> io::Result<()> {
            buffer.fill(0);
            Ok(())
        }

        fn size(&self) -> io::Result<u64> {
            Ok(100)
        }

        fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
            Ok(offset.max(100)..u64::MAX)
        }
    }

    #[test]
    fn a_repaired_block_in_a_hole_is_seen() {
        let index = Index::from([((Part::Data, 8), 0), ((Part::Data, 24), 8)]);
        let store: Vec<u8> = vec![1; 16];
        let overlay = Overlay { base: &Hole, part: Part::Data, index: &index, store: &store, block_size: 8 };
        let next = |offset| overlay.next_data(offset).unwrap();
        assert_eq!((next(0), next(8), next(15)), (8..16, 8..16, 15..16));
        assert_eq!((next(16), next(24), next(31)), (24..32, 24..32, 31..32));
        assert_eq!((next(32), next(200)), (100..u64::MAX, 200..u64::MAX));
        let tree = Overlay { part: Part::Tree, ..overlay };
        assert_eq!(tree.next_data(0).unwrap(), 100..u64::MAX);
    }
}
