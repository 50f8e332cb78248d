//! SELinux policies: a compiler for CIL, and a reader and writer of the binary form that the kernel loads.
//!
//! Source text becomes a syntax tree, names are resolved in it into a flat policy without scopes ([`ir`]), and that is laid
//! out as the tables of the binary format ([`emit`]).

pub mod check;
pub mod diagnostic;
pub mod emit;
pub mod ir;
pub mod names;
mod options;
pub mod policydb;
pub mod resolve;
pub mod sema;
mod syntax;

pub use options::{DEFAULT_EXPAND_SIZE, DEFAULT_VERSION, Options};
pub use policydb::Compat;
