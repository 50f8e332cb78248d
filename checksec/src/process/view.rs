//! What is asked of a machine about its processes, so that tests can answer instead.

use std::io;
use std::ops::Range;

use hardpan_image::ReadAt;

/// The processes of a machine.
pub trait Processes: Sync {
    /// The numbers of all processes that can be seen, in order.
    fn numbers(&self) -> io::Result<Vec<u32>>;

    /// One of them. All that is read through it is of the same process, even if its number is given to another one.
    fn open(&self, pid: u32) -> io::Result<Box<dyn ProcessView>>;

    /// The size of this machine's pages in bytes, for processes that do not tell.
    fn page_size(&self) -> u64;
}

/// One process. Errors of which [`is_gone`] is true mean that it has ended.
pub trait ProcessView {
    /// A file below its directory in `/proc`: `maps`, `task/7/status`.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The numbers of its threads, in order.
    fn threads(&self) -> io::Result<Vec<u32>>;

    /// Whether it sees the same mounts as we do, so that its paths mean the same files.
    fn shares_mounts(&self) -> io::Result<bool>;

    /// The path of the program that it runs, as the kernel tells it.
    fn program(&self) -> io::Result<Vec<u8>>;

    /// Which file is at a place.
    fn identify(&self, place: &Place) -> io::Result<Identity>;

    /// The file at a place, for reading. Devices and other things that are no regular files are not opened.
    fn file(&self, place: &Place) -> io::Result<(Identity, Box<dyn ReadAt>)>;
}

/// A way to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The program that the process runs (`exe`).
    Program,
    /// What is mapped at exactly these addresses (`map_files`), whatever has become of its name.
    Mapping(Range<u64>),
    /// A path below the root of the process (`root`).
    ItsRoot(Vec<u8>),
    /// A path below our own root.
    OurRoot(Vec<u8>),
}

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// Whether any directory has it.
    pub has_name: bool,
    /// Whether it is a regular file.
    pub is_regular: bool,
}

impl Identity {
    /// Whether both are one file.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Whether an error says that the process, or what it had, is no longer there.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(NO_SUCH_PROCESS)
}

/// `ESRCH`: what reads in the directory of a process give once it has ended.
const NO_SUCH_PROCESS: i32 = 3;
