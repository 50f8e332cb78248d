//! Forward error correction: Reed-Solomon parity over data and tree, as the kernel's dm-verity reads it.
//!
//! Parity is not authenticated. Nothing that it yields counts before its digest is what the tree, from the root hash down,
//! says.

mod code;
mod encode;
mod error;
mod gf;
mod layout;
mod rows;

pub use encode::{check_parity, encode};
pub use error::FecError;
pub use layout::{FecArea, FecLayout, Roots};
