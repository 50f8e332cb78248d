//! Rules over a whole root file system.
//!
//! [`Context`] gathers the facts once; each rule of [`RULES`] is a pure function of it. A rule that says something is
//! absent proves it through [`Context::absence`], so that a directory that could not be read never becomes a pass.

mod cmdline;
mod context;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod machine;
mod mounting;
mod rules;
mod text;
mod units;

pub use context::{Attributes, CommandLine, Context, Parameters, Program, Script};
pub use rules::{AuditRule, RULES};
pub use text::{Text, TextFile};
