//! Loop devices: regular files as block devices, by the calls of `linux/loop.h`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::dm::DeviceNumber;

/// A loop device over a file, which goes when the last one closes it: this value, or a mapping over it.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    number: DeviceNumber,
    // Held so that the device stays until a mapping holds it.
    _file: File,
}

impl LoopDevice {
    /// Attaches a file read-only.
    pub fn attach(file: &File) -> io::Result<Self> {
        let control = OpenOptions::new().read(true).write(true).open(CONTROL).map_err(|error| {
            io::Error::new(error.kind(), format!("{CONTROL}: {error} (the module loop may not be loaded)"))
        })?;
        for _ in 0..ATTEMPTS {
            let number = crate::call::loop_get_free(control.as_fd())?;
            match Self::configure(number, file) {
                // Somebody else was given the same one and came first.
                Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {}
                configured => return configured,
            }
        }
        Err(io::Error::other("every loop device that was free was taken by somebody else"))
    }

    /// Its node.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Its number.
    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    fn configure(number: u32, file: &File) -> io::Result<Self> {
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let device = OpenOptions::new().read(true).open(&path).map_err(named)?;
        crate::call::loop_configure(device.as_fd(), &mut config(file)?)?;
        let number = DeviceNumber::of_node(device.metadata()?.rdev());
        Ok(Self { path, number, _file: device })
    }
}

/// `struct loop_config`: the file, the block size (0 is 512 bytes), `struct loop_info64`, eight reserved words.
fn config(file: &File) -> io::Result<[u8; LOOP_CONFIG_SIZE]> {
    let fd = u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?;
    let mut bytes = [0; LOOP_CONFIG_SIZE];
    bytes[..4].copy_from_slice(&fd.to_ne_bytes());
    bytes[FLAGS..FLAGS + 4].copy_from_slice(&(READ_ONLY | AUTOCLEAR).to_ne_bytes());
    Ok(bytes)
}

/// `sizeof(struct loop_config)`.
pub(crate) const LOOP_CONFIG_SIZE: usize = 304;
/// `lo_flags`: after the 8 bytes before `struct loop_info64`, five 64-bit and three 32-bit fields.
const FLAGS: usize = 8 + 5 * 8 + 3 * 4;
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;
const CONTROL: &str = "/dev/loop-control";
/// How often a free device may be lost to somebody else.
const ATTEMPTS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_has_the_kernels_layout() {
        let file = tempfile::tempfile().unwrap();
        let bytes = config(&file).unwrap();
        assert_eq!(bytes[..4], u32::try_from(file.as_raw_fd()).unwrap().to_ne_bytes());
        assert_eq!(bytes.iter().skip(4).enumerate().filter(|(_, byte)| **byte != 0).count(), 1);
        assert_eq!(bytes[60..64], 5u32.to_ne_bytes());
    }
}
