//! What the test binaries share. Each uses all of it.

mod random;

use std::num::NonZeroU64;

use hardpan_verity::{Expected, HashArea, Params, RootHash, Salt};

pub(crate) use random::Random;

pub(crate) const BLOCK: usize = 4096;

pub(crate) fn params(data_blocks: usize, salt: &[u8]) -> Params {
    Params::new(NonZeroU64::new(data_blocks as u64).unwrap(), Salt::new(salt).unwrap())
}

pub(crate) fn area(offset: u64) -> HashArea {
    HashArea::with_superblock(offset).unwrap()
}

pub(crate) fn expected(params: &Params, root: &RootHash, area: HashArea) -> Expected {
    Expected::new(params.clone(), root.clone(), area)
}

pub(crate) fn go_on(_: u64) -> bool {
    true
}
