//! Which bytes a path stands for. A loop device stands for those of a file, a partition for those of a disk: written under
//! one name they change under the other.
//!
//! Told by `/sys/dev/block`; where that is not mounted every block device stands for itself.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{major, makedev, minor};

/// A stretch of a file or of a device that is no part of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Extent {
    base: Base,
    start: u64,
    /// Where it ends; the highest number if it may grow or is not known.
    end: u64,
}

/// What makes two paths the same, whatever links lead there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// The device number of a block device, which several nodes may have.
    Block(u64),
    /// Device and inode of a file.
    File(u64, u64),
}

/// How two extents lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Relation {
    /// They have no byte in common.
    Apart,
    /// They start with the same byte: offsets mean the same.
    Same,
    /// They have bytes in common at different offsets.
    Overlapping,
}

impl Extent {
    /// The extent of what has this metadata: a file or a block device.
    pub(super) fn of(metadata: &Metadata) -> Self {
        if metadata.file_type().is_block_device() {
            return resolve(Path::new("/sys/dev/block"), metadata.rdev(), 0);
        }
        Self { base: Base::File(metadata.dev(), metadata.ino()), start: 0, end: u64::MAX }
    }

    pub(in super::super) fn relation(self, other: Self) -> Relation {
        if self.base != other.base || self.end <= other.start || other.end <= self.start {
            return Relation::Apart;
        }
        if self.start == other.start { Relation::Same } else { Relation::Overlapping }
    }

    /// The same bytes as a stretch of what has this extent, from `offset` on.
    fn within(self, offset: u64, len: u64) -> Self {
        let start = self.start.saturating_add(offset);
        Self { base: self.base, start, end: start.saturating_add(len).min(self.end) }
    }
}

/// The extent of a device by its number. What sysfs does not tell, or tells about a file that is not there any more,
/// leaves the device to stand for itself.
fn resolve(sysfs: &Path, device: u64, depth: usize) -> Extent {
    let entry = sysfs.join(format!("{}:{}", major(device), minor(device)));
    let sectors = |name: &str| number(&entry.join(name)).and_then(|sectors| sectors.checked_mul(512));
    let len = sectors("size").unwrap_or(u64::MAX);
    let itself = Extent { base: Base::Block(device), start: 0, end: len };
    if depth == MAX_DEPTH {
        return itself;
    }
    if entry.join("partition").exists() {
        let disk = entry.canonicalize().ok().and_then(|entry| Some(entry.parent()?.join("dev")));
        let disk = disk.and_then(|file| device_number(&file));
        let whole = disk.map(|disk| resolve(sysfs, disk, depth + 1));
        return whole.zip(sectors("start")).map_or(itself, |(whole, start)| whole.within(start, len));
    }
    let backing = backing_file(&entry).and_then(|path| path.metadata().ok());
    let whole = backing.map(|metadata| {
        let is_device = metadata.file_type().is_block_device();
        if is_device { resolve(sysfs, metadata.rdev(), depth + 1) } else { Extent::of(&metadata) }
    });
    let offset = number(&entry.join("loop/offset"));
    whole.zip(offset).map_or(itself, |(whole, offset)| whole.within(offset, len))
}

fn backing_file(entry: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(entry.join("loop/backing_file")).ok()?;
    Some(PathBuf::from(text.strip_suffix('\n').unwrap_or(&text)))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim_end().parse().ok()
}

fn device_number(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let (major, minor) = text.trim_end().split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// Loop devices over loop devices end somewhere; sysfs of a live kernel has no cycles, a changing one might seem to.
const MAX_DEPTH: usize = 8;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Files as sysfs has them: loop device 7:0 over a file from its second KiB on, and its partition 259:1.
    fn sysfs(backing: &Path) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("devices/loop0");
        fs::create_dir_all(disk.join("loop")).unwrap();
        fs::create_dir_all(disk.join("loop0p1")).unwrap();
        let put = |name: &str, text: &str| fs::write(disk.join(name), format!("{text}\n")).unwrap();
        put("dev", "7:0");
        put("size", "100");
        put("loop/offset", "1024");
        put("loop/backing_file", backing.to_str().unwrap());
        put("loop0p1/partition", "1");
        put("loop0p1/start", "10");
        put("loop0p1/size", "20");
        symlink("devices/loop0", dir.path().join("7:0")).unwrap();
        symlink("devices/loop0/loop0p1", dir.path().join("259:1")).unwrap();
        dir
    }

    #[test]
    fn loop_devices_and_partitions_stand_for_bytes_of_the_file_below() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sysfs = sysfs(file.path());
        let whole = Extent::of(&file.path().metadata().unwrap());
        let disk = resolve(sysfs.path(), makedev(7, 0), 0);
        let partition = resolve(sysfs.path(), makedev(259, 1), 0);
        assert_eq!((disk.base, disk.start, disk.end), (whole.base, 1024, 1024 + 51_200));
        let start = 1024 + 5120;
        assert_eq!((partition.base, partition.start, partition.end), (whole.base, start, start + 10_240));
        assert_eq!(whole.relation(disk), Relation::Overlapping);
        assert_eq!(disk.relation(partition), Relation::Overlapping);
        assert_eq!(whole.relation(whole), Relation::Same);
        let behind = Extent { start: partition.end, end: u64::MAX, ..partition };
        assert_eq!(behind.relation(partition), Relation::Apart);
    }

    #[test]
    fn what_sysfs_does_not_tell_stands_for_itself() {
        let sysfs = sysfs(Path::new("/nowhere (deleted)"));
        for device in [makedev(7, 0), makedev(8, 1)] {
            assert_eq!(resolve(sysfs.path(), device, 0).base, Base::Block(device));
        }
    }
}
