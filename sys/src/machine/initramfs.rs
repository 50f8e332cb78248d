//! Leaving the initramfs.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, fstatfs, openat, statat, unlinkat};
use rustix::mount::mount_move;
use rustix::process::{chdir, chroot};

use super::below::open_directory;

/// Makes what is mounted at `root` the root of this process. pivot_root(2) cannot leave the first root of all.
pub(super) fn switch_root(root: &str) -> io::Result<()> {
    let old = open_directory("/")?;
    chdir(root)?;
    mount_move(".", "/")?;
    chroot(".")?;
    chdir("/")?;
    // Nobody can reach it any more; it would only take memory. So what cannot be deleted is left.
    if is_in_memory(&old) {
        let device = fstat(&old)?.st_dev;
        let _ = delete_below(&old, device, MAX_DEPTH);
    }
    Ok(())
}

/// Whether a file system is one in memory: nothing that lasts is ever deleted.
fn is_in_memory(directory: &File) -> bool {
    fstatfs(directory).is_ok_and(|stat| {
        // The field has another type on other architectures.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "32 bits are all that the number has"
        )]
        let kind = stat.f_type as u32;
        kind == RAMFS_MAGIC || kind == TMPFS_MAGIC
    })
}

/// Deletes what is below a directory on the same file system.
fn delete_below(directory: &File, device: u64, depth: u32) -> io::Result<()> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if stat.st_dev != device {
            continue;
        }
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let _ = openat(directory, name, flags, Mode::empty())
                .map_err(io::Error::from)
                .and_then(|inner| delete_below(&inner.into(), device, depth));
            let _ = unlinkat(directory, name, AtFlags::REMOVEDIR);
        } else {
            let _ = unlinkat(directory, name, AtFlags::empty());
        }
    }
    Ok(())
}

/// From `linux/magic.h`.
const RAMFS_MAGIC: u32 = 0x8584_58f6;
const TMPFS_MAGIC: u32 = 0x0102_1994;
/// An initramfs has a handful of directories below each other.
const MAX_DEPTH: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_below_goes_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (old, other) = (dir.path().join("old"), dir.path().join("other"));
        std::fs::create_dir_all(old.join("a/b/c")).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("kept"), "x").unwrap();
        std::fs::write(old.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink(&other, old.join("a/link")).unwrap();
        let open = open_directory(old.to_str().unwrap()).unwrap();
        // Of another file system nothing is deleted.
        delete_below(&open, u64::MAX, MAX_DEPTH).unwrap();
        assert!(old.join("a/b/file").exists());
        delete_below(&open, fstat(&open).unwrap().st_dev, MAX_DEPTH).unwrap();
        assert_eq!(std::fs::read_dir(&old).unwrap().count(), 0);
        assert!(other.join("kept").exists());
    }

    #[test]
    fn a_file_system_that_lasts_is_told_apart() {
        assert!(!is_in_memory(&open_directory("/proc").unwrap()));
    }
}
