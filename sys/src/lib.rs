//! What the running kernel says of itself, and what it is told: files of `proc`, `sysfs`, `securityfs`, `selinuxfs`, and
//! the calls of device-mapper, loop devices and keyrings.
//!
//! Only this crate knows where the kernel shows what. Everything that it reads of files is a [`Reading`], which keeps apart
//! what is not there from what could not be read: a missing knob and a refused one are different facts. All unsafe code
//! is in two modules: one makes the calls that nobody else has, the other maps files.

mod block;
mod call;
pub mod dm;
mod host;
pub mod keyring;
mod kmsg;
mod loopdev;
pub mod machine;
mod map;
mod mounts;

pub use block::BlockDevice;
pub use host::{Host, Reading};
pub use kmsg::KernelLog;
pub use loopdev::LoopDevice;
pub use map::MappedFile;
pub use mounts::{Mount, parse_mountinfo};
