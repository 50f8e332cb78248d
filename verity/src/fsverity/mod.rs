//! fs-verity: the digest by which the kernel knows a file, and manifests of whole directories.
//!
//! [`digest`] computes what the kernel's `FS_IOC_MEASURE_VERITY` returns once fs-verity is enabled on a file with the same
//! parameters. The formats are those of the kernel's `Documentation/filesystems/fsverity.rst`: a Merkle tree whose blocks
//! hold digests without gaps, and a descriptor of 256 bytes with its root, whose hash is the digest of the file.
//!
//! It is another tree than dm-verity's. Blocks are hashed after a salt that is padded with zeros to the block of the
//! compression function; the last block of a file is padded with zeros, and the descriptor has the length; and a file
//! without bytes has a root of zeros instead of the hash of something.

mod compute;
mod descriptor;
mod manifest;
mod open_blocks;
mod params;
mod shape;

pub use compute::{MERKLE_TREE, TASK_SIZE, digest};
pub use descriptor::{DESCRIPTOR_SIZE, Descriptor, FileDigest};
pub use manifest::{Difference, Entry, Kind, Manifest, ManifestError, compare};
pub use params::{Algorithm, BlockSize, ParamError, Params, Salt};
pub use shape::Shape;
