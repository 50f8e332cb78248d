//! SELinux policies: a compiler for CIL, and a reader and writer of the binary form that the kernel loads.
//!
//! [`compile`](compile()) does the whole way. Source text becomes a syntax tree, names are resolved in it into a flat policy
//! without scopes ([`ir`]), that is checked against what it promises ([`check`]) and laid out as the tables of the binary
//! format ([`emit`], [`policydb`]).

pub mod check;
mod compile;
pub mod diagnostic;
pub mod emit;
pub mod info;
pub mod ir;
pub mod names;
mod options;
pub mod policydb;
pub mod resolve;
pub mod sema;
mod syntax;

pub use compile::{Compiled, Failure, compile};
pub use diagnostic::{Diagnostic, Source};
pub use options::{DEFAULT_EXPAND_SIZE, DEFAULT_VERSION, Options};
pub use policydb::Compat;
