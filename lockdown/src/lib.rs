//! Kernel hardening: rules as data, and the facts they are judged on.
//!
//! A rule is an entry of `rules/*.toml`: what is wanted, why, and what to do. [`KernelFacts`] are the running kernel's
//! state or, for an image, what its files would configure; [`KernelRule::check`] holds one against the other. [`mapping`] opens
//! verity devices and proves that they can be read.

mod arch;
pub mod cmdline;
mod effective;
mod facts;
mod judge;
pub mod kconfig;
pub mod lsm;
pub mod mapping;
mod rule;
pub mod sysctl;

pub use arch::Arch;
pub use effective::Boot;
pub use facts::{CommandLine, KernelFacts, Shown, Troubles};
pub use hardpan_sys::dm::TargetState;
pub use hardpan_sys::{Host, Mount, Reading};
pub use rule::{
    IfAbsent, KernelRange, KernelRule, KernelVersion, Profile, Sample, Samples, Test, rules, rules_of,
};
