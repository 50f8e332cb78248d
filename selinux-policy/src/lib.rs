//! SELinux policies: a compiler for CIL, and a reader and writer of the binary form that the kernel loads.
//!
//! Source text becomes a syntax tree, names are resolved in it into a flat policy without scopes ([`ir`]), and that is laid
//! out as the tables of the binary format.

pub mod diagnostic;
pub mod ir;
pub mod names;
pub mod resolve;
mod syntax;
