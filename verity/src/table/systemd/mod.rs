//! What systemd reads to set up verity devices: its parameters of the kernel command line, and `/etc/veritytab`.
//!
//! The formats are those of systemd-veritysetup-generator(8) and veritytab(5).

mod cmdline;
mod error;
mod options;
mod veritytab;
mod word;

pub use cmdline::{SystemdCmdline, SystemdDevice};
pub use error::SystemdError;
pub use options::{RootHashSignature, SystemdOptions};
pub use veritytab::{Veritytab, VeritytabEntry};
