//! Booting into a verified root: what `hardpan-boot` does as the first program of the initramfs.
//!
//! A [`Config`] and the kernel's command line become a [`Plan`], a value that `hardpan lockdown plan` prints; [`run`] carries
//! it out on a [`Machine`], which is the real one or one of the tests, and writes a [`Receipt`]. Every failure has a
//! [`Reason`].

pub mod config;
mod devices;
#[cfg(test)]
mod fake;
mod knobs;
mod modules;
mod plan;
mod policy;
mod reason;
mod receipt;
mod root;
mod run;
mod slots;
#[cfg(test)]
mod tests;
mod verity;

pub use config::Config;
pub use hardpan_sys::machine::Machine;
#[cfg(feature = "check")]
pub(crate) use knobs::{one_way, sysctl_path};
pub use plan::{Contents, EARLY_MOUNTS, EarlyMount, Plan, PlanError, SlotPlan, Step, VerityStep};
pub use reason::Reason;
pub use receipt::{Outcome, Receipt, Record, Refused};
pub use run::{Ended, run};
