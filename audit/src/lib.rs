//! Rules over a whole root file system.
//!
//! [`Context`] gathers the facts once; each rule of [`RULES`] is a pure function of it. A rule that says something is
//! absent proves it through [`Context::absence`], so that a directory that could not be read never becomes a pass.

mod accounts;
mod cmdline;
pub mod content;
mod context;
mod efi;
#[cfg(test)]
mod fixture;
mod gather;
mod judge;
pub mod kernel_image;
#[cfg(test)]
mod machine;
mod mounting;
mod place;
mod rules;
mod suspects;
mod systemd;
mod text;
mod tools;

pub use context::{Attributes, Context, Parameters, Program, Script};
pub use gather::{Facts, Progress, boot_config, gather, kernel_facts, live_kernel_facts};
pub use judge::{judge, rules};
pub use rules::{AuditRule, RULES};
pub use text::{Text, TextFile};
pub use tools::{Ban, TOOLS, Tool};
