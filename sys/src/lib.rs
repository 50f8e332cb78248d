//! What the running kernel says of itself: files of `proc`, `sysfs`, `securityfs`, `selinuxfs`.
//!
//! Only this crate knows where the kernel shows what. Everything it returns is a [`Reading`], which keeps apart what is
//! not there from what could not be read: a missing knob and a refused one are different facts.

mod host;
mod mounts;

pub use host::{Host, Reading};
pub use mounts::{Mount, parse_mountinfo};
