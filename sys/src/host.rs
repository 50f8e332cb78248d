//! The files through which the kernel shows its state.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::dm::{Control, DeviceMapper, DmError, Name, Show, TargetState};
use crate::{Mount, parse_mountinfo};

/// The running host, or a copy of its `/proc` and `/sys` below another directory (for tests).
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    tables: Tables,
}

/// Where the tables of device-mapper devices come from.
#[derive(Clone, Debug)]
enum Tables {
    /// The running kernel.
    Kernel,
    /// What a test gives, by the devices' names.
    Given(BTreeMap<String, Vec<TargetState>>),
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
        Self { root: PathBuf::from("/"), tables: Tables::Kernel }
    }

    /// A host whose `/proc` and `/sys` are below `root`, and which has no device-mapper devices.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), tables: Tables::Given(BTreeMap::new()) }
    }

    /// The same with a device-mapper device of this name and table, instead of those of the kernel.
    #[must_use]
    pub fn with_table(mut self, name: &str, targets: Vec<TargetState>) -> Self {
        if let Tables::Kernel = self.tables {
            self.tables = Tables::Given(BTreeMap::new());
        }
        if let Tables::Given(tables) = &mut self.tables {
            tables.insert(name.to_owned(), targets);
        }
        self
    }

    /// The active table of a device-mapper device. The kernel shows it to root only.
    pub fn table(&self, name: &str) -> Reading<Vec<TargetState>> {
        match &self.tables {
            Tables::Kernel => running_table(name),
            Tables::Given(tables) => tables.get(name).cloned().map_or(Reading::Absent, Reading::Present),
        }
    }

    /// A file below `/proc`, `/sys` or `/run`, as bytes, at most 4 MiB of them.
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

fn running_table(name: &str) -> Reading<Vec<TargetState>> {
    let name = match Name::new(name) {
        Ok(name) => name,
        Err(error) => return Reading::Unreadable(error.to_string()),
    };
    match Control::open().and_then(|mut kernel| kernel.targets(&name, Show::Table)) {
        Ok((_, targets)) => Reading::Present(targets),
        Err(error @ DmError::Call { .. }) if error.is_absent() => Reading::Absent,
        Err(error) => Reading::Unreadable(error.to_string()),
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
