//! The proof that a verification took place.

use crate::params::{Params, RootHash};
use crate::tree::layout::HashArea;

/// Data and tree were read to the end and hash to this root, in this geometry, with nothing else beside them.
///
/// Only [`verify`](crate::verify) makes one, so that what needs verified data can ask for it in its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    root: RootHash,
    params: Params,
    area: HashArea,
}

impl Verified {
    pub(crate) fn new(root: RootHash, params: Params, area: HashArea) -> Self {
        Self { root, params, area }
    }

    /// The root hash that it was verified against.
    pub fn root(&self) -> &RootHash {
        &self.root
    }

    /// The parameters that it was verified with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Where the tree was.
    pub fn area(&self) -> HashArea {
        self.area
    }
}
