//! The processes of the running machine.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

use hardpan_image::{Pinned, ReadAt};
use rustix::fs::{CWD, Dir, Mode, OFlags};

use crate::process::status::page_size;
use crate::process::{Identity, Place, ProcessView, Processes};

/// `/proc` of the running machine. It reads and does nothing else: no process is stopped, traced or run, and of the files
/// that are mapped only regular ones are opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostProcesses;

impl Processes for HostProcesses {
    fn numbers(&self) -> io::Result<Vec<u32>> {
        numbers(&rustix::fs::openat(CWD, "/proc", DIRECTORY, Mode::empty())?)
    }

    fn open(&self, pid: u32) -> io::Result<Box<dyn ProcessView>> {
        let directory = rustix::fs::openat(CWD, format!("/proc/{pid}"), HELD, Mode::empty())?;
        Ok(Box::new(HostView { directory }))
    }

    fn page_size(&self) -> u64 {
        std::fs::read("/proc/self/auxv").ok().and_then(|auxv| page_size(&auxv)).unwrap_or(4096)
    }
}

/// The directory of one process. As long as it is held, its number means this process or none.
struct HostView {
    directory: OwnedFd,
}

impl ProcessView for HostView {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.directory, name, flags, Mode::empty())?);
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("over the limit of {MAX_FILE} bytes"),
            ));
        }
        Ok(bytes)
    }

    fn threads(&self) -> io::Result<Vec<u32>> {
        numbers(&rustix::fs::openat(&self.directory, "task", DIRECTORY, Mode::empty())?)
    }

    fn shares_mounts(&self) -> io::Result<bool> {
        let its = Pinned::following(&self.directory, b"ns/mnt")?;
        let ours = Pinned::following(CWD, b"/proc/self/ns/mnt")?;
        Ok((its.device, its.inode) == (ours.device, ours.inode))
    }

    fn program(&self) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.directory, "exe", Vec::new())?.into_bytes())
    }

    fn identify(&self, place: &Place) -> io::Result<Identity> {
        self.pin(place).map(|pinned| identity(&pinned))
    }

    fn file(&self, place: &Place) -> io::Result<(Identity, Box<dyn ReadAt>)> {
        let pinned = self.pin(place)?;
        Ok((identity(&pinned), pinned.open()?))
    }
}

impl HostView {
    /// Holds a file without opening it.
    fn pin(&self, place: &Place) -> io::Result<Pinned> {
        match place {
            Place::Program => Pinned::following(&self.directory, b"exe"),
            Place::Mapping(range) => {
                // Without leading zeros, unlike in `maps`.
                let name = format!("map_files/{:x}-{:x}", range.start, range.end);
                Pinned::following(&self.directory, name.as_bytes())
            }
            Place::ItsRoot(path) => Pinned::beneath(
                &rustix::fs::openat(&self.directory, "root", HELD, Mode::empty())?,
                relative(path),
            ),
            Place::OurRoot(path) => {
                Pinned::beneath(&rustix::fs::openat(CWD, "/", HELD, Mode::empty())?, relative(path))
            }
        }
    }
}

fn identity(pinned: &Pinned) -> Identity {
    let Pinned { device, inode, links, is_regular, .. } = *pinned;
    Identity { device, inode, has_name: links > 0, is_regular }
}

fn relative(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"/").unwrap_or(path)
}

fn numbers(directory: &OwnedFd) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let number = entry.file_name().to_str().ok().and_then(|name| name.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const HELD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Some 600,000 mappings of usual length; Linux allows 65,530 unless it is told otherwise (`vm.max_map_count`).
const MAX_FILE: u64 = 64 << 20;
