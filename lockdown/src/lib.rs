//! Kernel hardening: rules as data, and the facts they are judged on.
//!
//! A rule is an entry of `rules/*.toml`: what is wanted, why, and what to do. [`KernelFacts`] are the running kernel's
//! state or, for an image, what its files would configure; [`KernelRule::check`] holds one against the other. [`mapping`] opens
//! verity devices and proves that they can be read.

pub mod cmdline;
mod facts;
mod judge;
pub mod kconfig;
pub mod lsm;
pub mod mapping;
pub mod modules;
pub mod newc;
mod rule;
pub mod sysctl;

pub use facts::{CommandLine, KernelFacts, Troubles};
pub use hardpan_sys::dm::TargetState;
pub use hardpan_sys::{Host, Mount, Reading};
pub use rule::{IfAbsent, KernelRule, Test, rules};
