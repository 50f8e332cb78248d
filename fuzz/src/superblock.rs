//! Superblocks: what is read is what is written.

use std::num::NonZeroU64;

use hardpan_verity::{
    Algorithm, BlockSize, HashArea, HashType, Layout, Params, RawSuperblock, Salt, Superblock, Uuid,
};

/// A superblock that is accepted encodes to the same bytes, and one with problems is never accepted. Whatever layout it
/// asks for is refused or within what a file offset can say.
pub fn check(bytes: &[u8]) {
    let parsed = Superblock::parse(bytes);
    if let Ok(raw) = RawSuperblock::read(bytes) {
        assert_eq!(raw.problems().is_empty(), parsed.is_ok());
        assert!(raw.salt_bytes().len() <= Salt::MAX_LEN);
        let _ = raw.algorithm_name();
    }
    let Ok(superblock) = parsed else { return };
    assert_eq!(superblock.encode(), bytes[..512]);
    assert!(superblock.differences(&superblock.params).is_empty());
    let offset = u64::from(bytes.last().copied().unwrap_or_default()) << 55;
    for area in [HashArea::with_superblock(0), HashArea::with_superblock(offset)].into_iter().flatten() {
        if let Ok(layout) = Layout::new(&superblock.params, area) {
            assert!(i64::try_from(layout.end).is_ok() && i64::try_from(layout.data_end).is_ok());
            assert!(layout.start >= area.offset() + 512 && layout.levels.len() < 64);
        }
    }
}

/// A superblock of each algorithm.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |(index, algorithm): (usize, Algorithm)| {
        let mut params = Params::new(NonZeroU64::MIN, Salt::new(&vec![7; index * 30]).ok()?);
        params.algorithm = algorithm;
        params.hash_type = HashType::from_number(u32::from(index % 2 == 0))?;
        params.data_block_size = BlockSize::new(512 << index).ok()?;
        params.data_blocks = NonZeroU64::new(1 << (index * 6))?;
        Some(Superblock { params, uuid: Uuid::from_bytes([1; 16]) }.encode().to_vec())
    };
    Algorithm::ALL.into_iter().enumerate().filter_map(seed).collect()
}
