//! Descriptors of images: what is read is what is written.

use std::num::NonZeroU64;

use hardpan_verity::{Algorithm, Descriptor, HashArea, Layout, Params, RootHash, Salt, Uuid};

/// A descriptor that is accepted is written so that it reads back the same, and its layout is within what a file offset
/// can say.
pub fn check(bytes: &[u8]) {
    let Ok(descriptor) = Descriptor::parse(bytes) else { return };
    let layout = Layout::new(&descriptor.params, descriptor.area).expect("it was checked");
    assert!(i64::try_from(layout.end).is_ok());
    assert_eq!(descriptor.uuid.is_some(), descriptor.area.has_superblock());
    let json = descriptor.to_json().expect("it was read");
    assert_eq!(Descriptor::parse(json.as_bytes()).expect("it was written"), descriptor);
}

/// A descriptor of each algorithm, with and without superblock.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |(index, algorithm): (usize, Algorithm)| {
        let mut params = Params::new(NonZeroU64::new(1 << index)?, Salt::new(&vec![7; index]).ok()?);
        params.algorithm = algorithm;
        let root = RootHash::from_bytes(algorithm, &vec![0xab; algorithm.digest_size()]).ok()?;
        let superblock = index % 2 == 0;
        let area = HashArea::after_data(&params, superblock).ok()?;
        let uuid = superblock.then_some(Uuid::from_bytes([1; 16]));
        Some(Descriptor { params, root, area, uuid }.to_json().ok()?.into_bytes())
    };
    Algorithm::ALL.into_iter().enumerate().filter_map(seed).collect()
}
