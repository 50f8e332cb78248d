//! dm-verity: superblocks, hash trees and kernel tables, with the geometry bound by the caller.
//!
//! [`build`] computes the tree that `veritysetup format` writes, byte for byte; [`verify`] proves that data and tree
//! belong to a root hash and returns a [`Verified`], which nothing else can make. A root hash alone does not say what
//! it covers: the levels of the tree are not told apart, and the superblock is not covered at all. Hence everything
//! that decides the geometry ([`Params`], [`HashArea`]) comes from the caller, and a superblock is a hint that must agree.
//!
//! The formats are those of the kernel's `Documentation/admin-guide/device-mapper/verity.rst` and of cryptsetup's
//! on-disk description: hash types 0 and 1, nine digests, blocks of 512 bytes to 512 KiB.
//!
//! Without the feature `parallel` all work is done by the calling thread.

mod base64;
pub mod compare;
mod damage;
#[cfg(feature = "json")]
mod descriptor;
pub mod dps;
mod error;
pub mod fec;
pub mod fsverity;
mod hash;
mod hex;
mod owner;
mod params;
mod plan;
mod seed;
#[cfg(feature = "signatures")]
pub mod signature;
mod source;
mod superblock;
pub mod table;
mod tree;
mod uuid;
mod witness;

pub use damage::{BlockRanges, Damage, LevelDamage, RangeCollector, Slack, SlackArea};
#[cfg(feature = "json")]
pub use descriptor::{Descriptor, DescriptorError};
pub use error::{Error, GeometryError, ParamError, VerifyError};
pub use owner::{BlockOwner, OwnedRange};
pub use params::{Algorithm, BlockSize, HashType, Params, RootHash, Salt};
pub use plan::{Arrangement, FecPlan, Plan, whole_mebibytes};
pub use seed::Seed;
pub use source::{BlockSink, BlockSource};
pub use superblock::{
    Difference, RawSuperblock, SUPERBLOCK_SIZE, Superblock, SuperblockError, SuperblockField,
    SuperblockProblem,
};
pub use tree::build::build;
pub use tree::layout::{HashArea, Layout, Level};
pub use tree::stored::stored_root;
pub use tree::verify::{Expected, verify};
pub use uuid::Uuid;
pub use witness::Verified;

/// Called with the number of data bytes hashed since the call before, from several threads; `false` cancels the work.
pub type Progress<'a> = &'a (dyn Fn(u64) -> bool + Sync);
