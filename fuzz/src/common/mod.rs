//! What several targets share.

pub(crate) mod elf;
pub(crate) mod image;
pub(crate) mod kernel;
pub(crate) mod keys;
pub(crate) mod pack;
pub(crate) mod take;
pub(crate) mod tree;
