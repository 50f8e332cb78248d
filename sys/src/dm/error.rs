//! Why a call of device-mapper failed, by who is at fault.

use std::fmt;
use std::io;

use thiserror::Error;

use super::Command;

/// Why a call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DmError {
    /// The kernel refused the call.
    #[error("{command}{}: {error}", on(.name))]
    Call {
        /// The call.
        command: Command,
        /// The device that it was about; empty if about none.
        name: String,
        /// The kernel's reason.
        #[source]
        error: io::Error,
    },
    /// A request is larger than any that makes sense.
    #[error("{command}: the request has more than {limit} bytes")]
    RequestTooLarge {
        /// The call.
        command: Command,
        /// The limit in bytes.
        limit: u32,
    },
    /// The kernel's reply breaks the format.
    #[error("{command}: {error}")]
    Reply {
        /// The call.
        command: Command,
        /// What is wrong.
        #[source]
        error: ReplyError,
    },
    /// There is no device-mapper to be called.
    #[error("device-mapper cannot be used: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The interface is of another major version.
    #[error("the kernel's device-mapper has interface version {}, version 4 is needed", dotted(.version))]
    Version {
        /// The kernel's version.
        version: [u32; 3],
    },
}

impl DmError {
    /// The kernel's error number, if the kernel refused the call.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Call { error, .. } => error.raw_os_error(),
            _ => None,
        }
    }

    /// Whether there is no device of the name: `ENXIO`.
    pub fn is_absent(&self) -> bool {
        self.errno() == Some(rustix::io::Errno::NXIO.raw_os_error())
    }

    /// Whether a device is in use, or a name or UUID taken: `EBUSY`.
    pub fn is_busy(&self) -> bool {
        self.errno() == Some(rustix::io::Errno::BUSY.raw_os_error())
    }
}

/// A reply that breaks the format of `linux/dm-ioctl.h`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the reply is malformed, {structure} at byte {offset}: {problem}")]
#[non_exhaustive]
pub struct ReplyError {
    /// The structure.
    pub structure: Structure,
    /// Where it is, in bytes from the start of the reply.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A structure of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Structure {
    /// `struct dm_ioctl`.
    Header,
    /// `struct dm_name_list`.
    NameList,
    /// `struct dm_target_spec`.
    TargetSpec,
    /// `struct dm_target_versions`.
    TargetVersions,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::NameList => "device name",
            Self::TargetSpec => "target",
            Self::TargetVersions => "target version",
        })
    }
}

/// Why a name or UUID cannot be given to a device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// A character that device names cannot have.
    #[error(
        "the device name `{}` has a character other than letters, digits and # + - . : = @ _",
        .name.escape_debug()
    )]
    Character {
        /// The name.
        name: String,
    },
    /// It has too few or too many bytes.
    #[error("a device {what} has 1 to {max} bytes, not {len}")]
    Length {
        /// Name or UUID.
        what: &'static str,
        /// The most that it can have.
        max: usize,
        /// How many it has.
        len: usize,
    },
    /// A name that stands for something else in `/dev/mapper`.
    #[error("`{name}` cannot be the name of a device: it has a meaning of its own in /dev/mapper")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A UUID with a character that is not printable ASCII.
    #[error("the device UUID `{}` has a character that is not printable ASCII", .uuid.escape_debug())]
    UuidCharacter {
        /// The UUID.
        uuid: String,
    },
}

fn on(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" `{name}`") }
}

fn dotted(version: &[u32; 3]) -> String {
    version.map(|part| part.to_string()).join(".")
}
