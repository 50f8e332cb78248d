//! Nodes of devices below `/dev/mapper`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};
use thiserror::Error;

use super::{DeviceNumber, Name};

/// Where devices get their nodes, and how they are read.
pub trait Nodes {
    /// Waits for the node of a device, or makes it where nobody else would, and returns its path.
    fn publish(&self, name: &Name, device: DeviceNumber) -> Result<PathBuf, NodeError>;

    /// Opens a device for reading past the page cache, which might still have what an earlier read found.
    fn open(&self, node: &Path, device: DeviceNumber) -> Result<Box<dyn BlockRead>, NodeError>;

    /// Removes the node of a device that is gone, unless udev does.
    fn withdraw(&self, name: &Name) -> Result<(), NodeError>;
}

/// A device that is read by whole blocks.
pub trait BlockRead {
    /// Fills `buffer` from `offset`. Both have whole blocks.
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// Something is wrong with a node.
#[derive(Debug, Error)]
#[error("{}: {reason}", .path.display())]
#[non_exhaustive]
pub struct NodeError {
    /// The node.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub reason: io::Error,
}

impl NodeError {
    /// This is wrong with this node.
    pub fn new(path: &Path, reason: io::Error) -> Self {
        Self { path: path.to_owned(), reason }
    }
}

/// `/dev/mapper`.
#[derive(Clone, Debug)]
pub struct DevMapper {
    directory: PathBuf,
    udev: PathBuf,
}

impl Default for DevMapper {
    fn default() -> Self {
        Self { directory: "/dev/mapper".into(), udev: "/run/udev/control".into() }
    }
}

impl DevMapper {
    fn node(&self, name: &Name) -> PathBuf {
        self.directory.join(name.as_str())
    }

    fn has_udev(&self) -> bool {
        self.udev.exists()
    }

    /// Makes the node, in place of what is left there of another device.
    fn make(&self, node: &Path, device: DeviceNumber) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o755).create(&self.directory)?;
        remove_device_node(node)?;
        let number = makedev(device.major, device.minor);
        mknodat(CWD, node, FileType::BlockDevice, Mode::from_raw_mode(0o600), number)?;
        // The umask may have taken from it what libdevmapper gives.
        std::fs::set_permissions(node, Permissions::from_mode(0o600))
    }
}

impl Nodes for DevMapper {
    fn publish(&self, name: &Name, device: DeviceNumber) -> Result<PathBuf, NodeError> {
        let node = self.node(name);
        let deadline = Instant::now() + if self.has_udev() { UDEV_TIMEOUT } else { Duration::ZERO };
        while !is_node_of(&node, device) {
            if Instant::now() >= deadline {
                let made = self.make(&node, device);
                made.map_err(|reason| NodeError::new(&node, reason))?;
                break;
            }
            std::thread::sleep(UDEV_POLL);
        }
        Ok(node)
    }

    fn open(&self, node: &Path, device: DeviceNumber) -> Result<Box<dyn BlockRead>, NodeError> {
        let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
        let opened = OpenOptions::new().read(true).custom_flags(direct).open(node).and_then(|file| {
            let metadata = file.metadata()?;
            let number = DeviceNumber::of_node(metadata.rdev());
            if metadata.file_type().is_block_device() && number == device {
                Ok(file)
            } else {
                Err(io::Error::other(format!("it is not the block device {device}")))
            }
        });
        match opened {
            Ok(file) => Ok(Box::new(Direct { file, buffer: Vec::new() })),
            Err(reason) => Err(NodeError::new(node, reason)),
        }
    }

    fn withdraw(&self, name: &Name) -> Result<(), NodeError> {
        // udev's nodes are links, which it removes itself; one that is made here is none.
        let node = self.node(name);
        let is_udevs = node.is_symlink() && self.has_udev();
        let removed = if is_udevs { Ok(()) } else { remove_device_node(&node) };
        removed.map_err(|reason| NodeError::new(&node, reason))
    }
}

/// Whether the node leads to the device.
fn is_node_of(node: &Path, device: DeviceNumber) -> bool {
    node.metadata().is_ok_and(|metadata| {
        metadata.file_type().is_block_device() && DeviceNumber::of_node(metadata.rdev()) == device
    })
}

/// Removes a block device's node or a link; anything else was not put there for a device, and stays.
fn remove_device_node(node: &Path) -> io::Result<()> {
    match node.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.file_type().is_block_device() || metadata.is_symlink() => {
            std::fs::remove_file(node)
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is neither a block device nor a link")),
    }
}

/// A device that is read past the page cache, which takes memory at whole pages.
struct Direct {
    file: File,
    buffer: Vec<u8>,
}

impl BlockRead for Direct {
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.buffer.resize(buffer.len().saturating_add(ALIGNMENT), 0);
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let aligned = self.buffer.get_mut(start..start.saturating_add(buffer.len()));
        let aligned = aligned.ok_or(io::ErrorKind::OutOfMemory)?;
        self.file.read_exact_at(aligned, offset)?;
        buffer.copy_from_slice(aligned);
        Ok(())
    }
}

/// How long udev has, and how often it is looked at. It takes milliseconds; a busy machine takes its time.
const UDEV_TIMEOUT: Duration = Duration::from_secs(10);
const UDEV_POLL: Duration = Duration::from_millis(10);
/// The largest page of any architecture: no device of dm-verity has larger logical blocks than a page.
const ALIGNMENT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn mapper(directory: &Path) -> DevMapper {
        DevMapper { directory: directory.join("mapper"), udev: directory.join("udev") }
    }

    fn name() -> Name {
        Name::new("root").unwrap()
    }

    #[test]
    fn a_link_to_the_device_is_taken_and_one_to_nothing_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mapper = mapper(dir.path());
        let node = dir.path().join("mapper/root");
        std::fs::create_dir(dir.path().join("mapper")).unwrap();
        std::os::unix::fs::symlink("../dm-7", &node).unwrap();
        assert!(!is_node_of(&node, DeviceNumber { major: 253, minor: 7 }));
        mapper.withdraw(&name()).unwrap();
        assert!(!node.is_symlink());
        // Nothing to withdraw is no error.
        mapper.withdraw(&name()).unwrap();
        // udev's link is udev's.
        std::os::unix::fs::symlink("../dm-7", &node).unwrap();
        std::fs::write(dir.path().join("udev"), "").unwrap();
        mapper.withdraw(&name()).unwrap();
        assert!(node.is_symlink());
    }

    #[test]
    fn a_file_in_the_place_of_a_node_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mapper = mapper(dir.path());
        std::fs::create_dir(dir.path().join("mapper")).unwrap();
        let node = dir.path().join("mapper/root");
        std::fs::write(&node, "mine").unwrap();
        assert!(mapper.withdraw(&name()).is_err());
        assert!(mapper.publish(&name(), DeviceNumber { major: 253, minor: 7 }).is_err());
        assert_eq!(std::fs::read(&node).unwrap(), b"mine");
        let error = mapper.open(&node, DeviceNumber { major: 253, minor: 7 }).err().unwrap();
        assert_eq!(error.path, node);
    }
}
