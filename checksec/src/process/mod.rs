//! Running processes: what is mapped into them, from which files, and rules over both.
//!
//! [`scan`] reads processes through [`Processes`], which is `/proc` of the running machine or a test's own. The files from
//! which code is mapped are judged once each, as the processes have them loaded: by [`judge_file`](crate::judge_file) on
//! what `/proc/PID/map_files` leads to, which is the very file even if it was deleted or replaced. What a process is found
//! to be is a [`Process`], and [`rules`] are pure functions of it.

mod host;
mod loaded;
pub mod maps;
mod read;
mod relro;
pub mod rules;
mod scan;
pub mod status;
mod verdict;
mod view;

pub use host::HostProcesses;
pub use maps::{Backing, Mapping, Maps};
pub use relro::Relro;
pub use rules::ProcessRule;
pub use scan::{ProcessScan, Which, scan};
pub use status::Status;
pub use verdict::{table, verdicts};
pub use view::{Identity, Place, ProcessView, Processes, is_gone};

use hardpan_report::Cause;

/// What is known of one process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The path of the program that it runs, as the kernel tells it; `None` if it may not be asked, or if there is none.
    pub program: Option<Box<[u8]>>,
    /// What `status` says of its first thread.
    pub status: Status,
    /// What is mapped.
    pub memory: Memory,
    /// The size of its pages in bytes.
    pub page_size: u64,
    /// Whether it sees the same mounts as we do; `None` if that may not be asked.
    pub shares_mounts: Option<bool>,
    /// Its threads; empty if they could not be read.
    pub threads: Vec<Thread>,
    /// The files that code is mapped from, each once, by the lowest address.
    pub files: Vec<Loaded>,
}

/// What is mapped into a process.
#[derive(Clone, Debug)]
pub enum Memory {
    /// It is a thread of the kernel's.
    Kernel,
    /// It has ended, and its memory is gone.
    Ended,
    /// What `maps` says.
    Mapped(Maps),
    /// It could not be read.
    Unread(Cause, String),
}

/// One thread of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub tid: u32,
    /// Where its stack is, if it waits and the kernel tells.
    pub stack: Option<u64>,
    /// As in [`Status`].
    pub seccomp: Option<u32>,
    /// As in [`Status`].
    pub no_new_privs: Option<bool>,
}

/// A file that code is mapped from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The last column of `maps`: the path as the process's kernel tells it, with its mark if it is deleted.
    pub name: Box<[u8]>,
    /// The lowest address of an executable mapping; 0 of a program that has none.
    pub start: u64,
    /// Which file it is and how to come by it, or why that cannot be told.
    pub found: Result<(Identity, Place), (Cause, String)>,
    /// Whether it is what the disk has.
    pub on_disk: OnDisk,
    /// Whether its segment is read-only; `None` if it has none, is no ELF file, or could not be read.
    pub relro: Option<Relro>,
}

/// Whether a file that is mapped is what is found under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// It is.
    Same,
    /// No directory has it any more.
    Deleted,
    /// Another file has its name.
    Replaced,
    /// It never had a name.
    Memory,
    /// It cannot be told, and why.
    Unknown(Cause, String),
}
