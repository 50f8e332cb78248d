//! What `/sys` says of block devices.

use crate::dm::DeviceNumber;
use crate::{Host, Reading};

/// A block device, as a person knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// The name of its node below `/dev`: `sda1`, `loop0`.
    pub name: String,
    /// The file behind it, if it is a loop device.
    pub backing_file: Option<String>,
    /// Its name in device-mapper, if it is a device of that.
    pub mapping: Option<String>,
}

impl Host {
    /// The block device of this number.
    pub fn block_device(&self, number: DeviceNumber) -> Reading<BlockDevice> {
        let directory = format!("/sys/dev/block/{number}");
        let optional = |file: &str| self.read(&format!("{directory}/{file}")).present().cloned();
        self.read(&format!("{directory}/uevent")).map(|uevent| BlockDevice {
            name: devname(&uevent).unwrap_or_else(|| number.to_string()),
            backing_file: optional("loop/backing_file"),
            mapping: optional("dm/name"),
        })
    }
}

fn devname(uevent: &str) -> Option<String> {
    uevent.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names_and_loop_devices_files() {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().join("sys/dev/block/7:0");
        std::fs::create_dir_all(device.join("loop")).unwrap();
        std::fs::write(device.join("uevent"), "MAJOR=7\nMINOR=0\nDEVNAME=loop0\nDEVTYPE=disk\n").unwrap();
        std::fs::write(device.join("loop/backing_file"), "/images/root img\n").unwrap();
        let host = Host::below(dir.path());
        let found = host.block_device(DeviceNumber { major: 7, minor: 0 });
        let found = found.present().unwrap();
        assert_eq!(found.name, "loop0");
        assert_eq!((found.backing_file.as_deref(), &found.mapping), (Some("/images/root img"), &None));
        assert_eq!(host.block_device(DeviceNumber { major: 7, minor: 1 }), Reading::Absent);
    }
}
