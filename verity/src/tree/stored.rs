//! Which tree is there, by its top alone.

use crate::error::Error;
use crate::hash::Hasher;
use crate::params::{Params, RootHash};
use crate::source::BlockSource;
use crate::tree::blocks::{DATA, HASH, to_usize};
use crate::tree::layout::{HashArea, Layout};

/// The root hash that the top of a tree has, or the only data block if there is no tree. Nothing below it is read: this
/// says which tree is there, not that the data belongs to it.
pub fn stored_root(
    data: &dyn BlockSource,
    hash: &dyn BlockSource,
    params: &Params,
    area: HashArea,
) -> Result<RootHash, Error> {
    let layout = Layout::new(params, area)?;
    let (source, what, offset, size) = match layout.levels.last() {
        Some(top) => (hash, HASH, top.start, params.hash_block_size),
        None => (data, DATA, 0, params.data_block_size),
    };
    let mut block = vec![0; to_usize(size.bytes().into())];
    source.read_exact_at(&mut block, offset).map_err(Error::read(what, offset))?;
    Ok(Hasher::new(params).root(&block))
}
