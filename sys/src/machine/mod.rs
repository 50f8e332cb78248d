//! The machine as the first program of an initramfs sees it: files, mounts, modules, clock, consoles, power.
//!
//! Each trait is a few calls that do one thing and can each fail, so that tests put a machine of their own in their place in
//! which any of them does. [`Running`] is the real one. Decisions are for the caller: nothing here tries twice or knows why.

mod below;
mod copy;
mod initramfs;
mod running;

use std::io;
use std::time::Duration;

use crate::dm::{DeviceMapper, DeviceNumber, DmError, Nodes};

pub use copy::{Copied, CopyLimits};
pub use running::Running;

/// All of a machine.
pub trait Machine: Files + Image + Mounts + Kernel + Clock + Console + Power {}

impl<T: Files + Image + Mounts + Kernel + Clock + Console + Power> Machine for T {}

/// Files of the initramfs, of the kernel's own file systems, and nodes of devices.
pub trait Files {
    /// The content of a file, which has at most `limit` bytes.
    fn read(&mut self, path: &str, limit: usize) -> io::Result<Vec<u8>>;

    /// Writes `bytes` into a file that is there, in one call of the kernel: it takes a policy or a level only whole.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Puts a file with this content in place of the one that may be there.
    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// The names in a directory, in order.
    fn list(&mut self, path: &str) -> io::Result<Vec<String>>;

    /// Makes a directory, and those above it; it is no error that it is there.
    fn create_directory(&mut self, path: &str) -> io::Result<()>;

    /// Opens a file for reading and closes it: whether that is permitted is all that the caller wants to know.
    fn try_open(&mut self, path: &str) -> io::Result<()>;

    /// The number of the block device that this is a node of.
    fn device_number(&mut self, path: &str) -> io::Result<DeviceNumber>;

    /// Fills `buffer` from `offset` of a device.
    fn read_at(&mut self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes` at `offset` of a device, and returns when they are on it.
    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// What is below the directory that a file system is mounted on. Paths are looked up as if that directory were `/`, so that
/// no link leads out of it (`RESOLVE_IN_ROOT`, Linux 5.6).
pub trait Image {
    /// What is at `path`, through links.
    fn node_below(&mut self, root: &str, path: &str) -> io::Result<Node>;

    /// The content of a regular file, which has at most `limit` bytes.
    fn read_below(&mut self, root: &str, path: &str, limit: usize) -> io::Result<Vec<u8>>;

    /// Copies what is in a directory below `root` into the directory `target` below it.
    fn copy_below(
        &mut self,
        root: &str,
        source: &str,
        target: &str,
        limits: CopyLimits,
    ) -> io::Result<Copied>;
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A regular file, and whether anybody may execute it.
    File {
        /// Whether one of the three bits for it is set.
        executable: bool,
    },
    /// A directory.
    Directory,
    /// A directory that the path leads to through a link. What is mounted on such a path by its name alone is mounted
    /// where the link leads from the root of this process.
    LinkToDirectory,
    /// Anything else.
    Other,
}

/// A file system to be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMount<'a> {
    /// What: a device, or a word for those that have none.
    pub source: &'a str,
    /// Where.
    pub target: &'a str,
    /// The type of the file system.
    pub fs_type: &'a str,
    /// Flags of the mount.
    pub flags: &'a [MountFlag],
    /// What the file system itself is told, separated by commas.
    pub data: &'a str,
}

/// A flag of a mount, as mount(2) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountFlag {
    /// `ro`
    ReadOnly,
    /// `nosuid`
    NoSuid,
    /// `nodev`
    NoDev,
    /// `noexec`
    NoExec,
    /// `noatime`
    NoAtime,
}

/// Mounts.
pub trait Mounts {
    /// Mounts a file system.
    fn mount(&mut self, mount: &NewMount<'_>) -> io::Result<()>;

    /// Unmounts what is mounted at `target`.
    fn unmount(&mut self, target: &str) -> io::Result<()>;

    /// Moves a mount, with what is mounted below it.
    fn move_mount(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Makes what is mounted at `root` the root of this process, and deletes the initramfs that was it.
    fn switch_root(&mut self, root: &str) -> io::Result<()>;
}

/// Other calls of the kernel.
pub trait Kernel {
    /// Loads the module in a file.
    fn load_module(&mut self, path: &str, parameters: &str) -> io::Result<()>;

    /// Gives the kernel bytes as a module.
    fn load_module_bytes(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Asks for the privilege to use I/O ports, and gives it back. `Unsupported` where the architecture has none.
    fn raise_io_privilege(&mut self) -> io::Result<()>;

    /// Adds a key to this thread's keyring.
    fn add_key(&mut self, description: &str, payload: &[u8]) -> io::Result<()>;

    /// Device-mapper.
    fn device_mapper(&mut self) -> Result<Box<dyn DeviceMapper>, DmError>;

    /// The nodes of its devices.
    fn nodes(&mut self) -> Box<dyn Nodes>;

    /// What the kernel logged since the last time, without what this program did. The first time there is nothing.
    fn messages(&mut self) -> Vec<String>;

    /// The kernel's release, as `uname -r` says it.
    fn release(&mut self) -> String;
}

/// Time.
pub trait Clock {
    /// The time since some moment before the start.
    fn now(&mut self) -> Duration;

    /// Waits.
    fn sleep(&mut self, time: Duration);
}

/// How much a message matters: kernel log levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 3
    Error,
    /// 4
    Warning,
    /// 6
    Info,
}

/// Where a person may read something. Nothing can be done about what cannot be written, so that nothing is returned.
pub trait Console {
    /// Writes a line into the kernel's log.
    fn log(&mut self, level: Level, text: &str);

    /// Writes a line onto every console.
    fn announce(&mut self, text: &str);
}

/// How a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It restarts.
    Reboot,
    /// It stops, and stays on.
    Halt,
    /// It is switched off.
    PowerOff,
}

impl Ending {
    /// Its name: `reboot`, `halt`, `poweroff`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::Halt => "halt",
            Self::PowerOff => "poweroff",
        }
    }
}

/// The ends of this program.
pub trait Power {
    /// Becomes another program, with nothing in its environment but `HOME` and `TERM`. Returns only if that failed, but on
    /// machines of tests.
    fn exec(&mut self, arguments: &[String]) -> io::Result<()>;

    /// Ends the machine. It does not wait for disks, which may be what failed: all that is written is written with
    /// [`Files::write_at`]. Returns only if that failed, but on machines of tests.
    fn end(&mut self, ending: Ending) -> io::Result<()>;
}
