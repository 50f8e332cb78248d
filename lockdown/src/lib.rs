//! Kernel hardening: rules as data and the facts they are judged on; booting into a verified root.
//!
//! A rule is an entry of `rules/*.toml`: what is wanted, why, and what to do. [`KernelFacts`] are the running kernel's
//! state or, for an image, what its files would configure; [`KernelRule::check`] holds one against the other. [`mapping`] opens
//! verity devices and proves that they can be read. [`boot`] is what `hardpan-boot` does, as a plan and its execution.
//!
//! Without the feature `check` only what boots is there.

#[cfg(feature = "check")]
pub mod apply;
#[cfg(feature = "check")]
mod arch;
pub mod boot;
#[cfg(feature = "check")]
pub mod bootconfig;
pub mod cmdline;
#[cfg(feature = "check")]
mod effective;
#[cfg(feature = "check")]
mod facts;
#[cfg(feature = "check")]
pub mod generate;
pub mod gpt;
#[cfg(feature = "check")]
mod judge;
#[cfg(feature = "check")]
pub mod kconfig;
#[cfg(feature = "check")]
pub mod loader;
#[cfg(feature = "check")]
pub mod lsm;
pub mod mapping;
#[cfg(feature = "check")]
pub mod modules;
#[cfg(feature = "check")]
pub mod newc;
#[cfg(feature = "check")]
pub mod profile;
#[cfg(feature = "check")]
pub mod receipt;
#[cfg(feature = "check")]
mod rule;
#[cfg(feature = "check")]
pub mod settings;
#[cfg(feature = "check")]
pub mod sysctl;

#[cfg(feature = "check")]
pub use arch::Arch;
#[cfg(feature = "check")]
pub use effective::Boot;
#[cfg(feature = "check")]
pub use facts::{CommandLine, KernelFacts, Shown, Troubles};
pub use hardpan_sys::dm::TargetState;
pub use hardpan_sys::{Host, Mount, Reading};
#[cfg(feature = "check")]
pub use rule::{
    IfAbsent, KernelRange, KernelRule, KernelVersion, Profile, Sample, Samples, Test, rules, rules_of,
};
