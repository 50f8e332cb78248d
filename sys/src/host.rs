//! The files through which the kernel shows its state.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::{Mount, parse_mountinfo};

/// The running host, or a copy of its `/proc` and `/sys` below another directory (for tests).
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

/// What came of reading one of the kernel's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It is there, and this is what it says.
    Present(T),
    /// The kernel does not offer it.
    Absent,
    /// It may be there but could not be read; the reason.
    Unreadable(String),
}

impl<T> Reading<T> {
    /// The value, if it was read.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The same reading of something made from the value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Present(value) => Reading::Present(make(value)),
            Self::Absent => Reading::Absent,
            Self::Unreadable(reason) => Reading::Unreadable(reason),
        }
    }
}

impl Host {
    /// The host this process runs on.
    pub fn running() -> Self {
        Self::below(Path::new("/"))
    }

    /// A host whose `/proc` and `/sys` are below `root`.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A file below `/proc` or `/sys`, as bytes, at most 4 MiB of them.
    pub fn read_bytes(&self, path: &str) -> Reading<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = MAX_FILE + 1;
        let result = File::open(self.locate(path)).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        match result {
            Ok(_) if bytes.len() as u64 == limit => {
                Reading::Unreadable(format!("{path} has more than {MAX_FILE} bytes"))
            }
            Ok(_) => Reading::Present(bytes),
            Err(error) => unread(path, &error),
        }
    }

    /// The same as text; bytes that are not UTF-8 are replaced. One trailing newline is cut.
    pub fn read(&self, path: &str) -> Reading<String> {
        self.read_bytes(path).map(|bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
        })
    }

    /// A sysctl by its dotted name. A dot inside a component is written as `/`, as sysctl(8) has it.
    pub fn sysctl(&self, name: &str) -> Reading<String> {
        let path: String = name
            .chars()
            .map(|character| match character {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect();
        self.read(&format!("/proc/sys/{path}"))
    }

    /// The names in a directory below `/proc` or `/sys`, in order.
    pub fn list(&self, path: &str) -> Reading<Vec<String>> {
        let names = std::fs::read_dir(self.locate(path)).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
                .collect::<io::Result<Vec<_>>>()
        });
        match names {
            Ok(mut names) => {
                names.sort();
                Reading::Present(names)
            }
            Err(error) => unread(path, &error),
        }
    }

    /// What is mounted, in this process's mount namespace, in the order of mounting.
    pub fn mounts(&self) -> Reading<Vec<Mount>> {
        self.read_bytes("/proc/self/mountinfo").map(|bytes| parse_mountinfo(&bytes))
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

fn unread<T>(path: &str, error: &io::Error) -> Reading<T> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reading::Absent,
        _ => Reading::Unreadable(format!("{path}: {error}")),
    }
}

/// The largest file that is read whole; a policy or a kernel image is not read through here.
const MAX_FILE: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_refused_differ() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("proc/sys/kernel")).unwrap();
        std::fs::write(dir.path().join("proc/sys/kernel/kptr_restrict"), "2\n").unwrap();
        let host = Host::below(dir.path());
        assert_eq!(host.sysctl("kernel.kptr_restrict"), Reading::Present("2".into()));
        assert_eq!(host.sysctl("kernel.none"), Reading::Absent);
        // A directory opens, but reading it is an error; that stands for every refusal, also when run by root.
        assert!(matches!(host.read("/proc/sys/kernel"), Reading::Unreadable(_)));
    }

    #[test]
    fn the_running_host_has_a_root_mount() {
        let mounts = Host::running().mounts();
        assert!(mounts.present().unwrap().iter().any(|mount| mount.target == b"/"));
    }
}
