//! An image in memory with its tree, which tests damage.

use std::sync::Mutex;

use crate::common::{expected, go_on};
use hardpan_verity::{
    BlockSink, Damage, HashArea, Params, RootHash, Superblock, Uuid, VerifyError, build, verify,
};

/// Data, its hash area and what they were made with.
pub(crate) struct Image {
    pub(crate) data: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) params: Params,
    pub(crate) root: RootHash,
    pub(crate) area: HashArea,
}

impl Image {
    pub(crate) fn of(data: Vec<u8>, params: Params, area: HashArea) -> Self {
        let sink = Mutex::new(Vec::new());
        let root = build(&data, &params, &sink, area, &go_on).unwrap();
        if area.has_superblock() {
            let superblock = Superblock { params: params.clone(), uuid: Uuid::from_bytes([1; 16]) };
            sink.write_all_at(&superblock.encode(), area.offset()).unwrap();
        }
        Self { data, hash: sink.into_inner().unwrap(), params, root, area }
    }

    pub(crate) fn verify(&self) -> Result<(), VerifyError> {
        let verified =
            verify(&self.data, &self.hash, &expected(&self.params, &self.root, self.area), &go_on)?;
        assert_eq!((verified.root(), verified.params()), (&self.root, &self.params));
        Ok(())
    }

    pub(crate) fn damage(&self) -> Damage {
        match self.verify() {
            Err(VerifyError::Corrupt(damage)) => *damage,
            other => panic!("{other:?}"),
        }
    }
}
