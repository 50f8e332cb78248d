//! The devices of a mapping: block devices as they are, regular files by loop devices.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, bail};
use hardpan_sys::LoopDevice;
use hardpan_sys::dm::DeviceNumber;
use rustix::fs::OFlags;

use super::super::device::Device;
use super::args::OpenArgs;

/// The devices of a mapping. They are held until the mapping holds them.
pub(super) struct Devices {
    pub(super) data: MappedDevice,
    pub(super) hash: MappedDevice,
    pub(super) fec: Option<MappedDevice>,
}

/// A device of a mapping.
pub(super) struct MappedDevice {
    pub(super) device: Device,
    role: &'static str,
    number: DeviceNumber,
    // Of a regular file; one may stand for several devices.
    attached: Option<Rc<LoopDevice>>,
}

impl Devices {
    pub(super) fn open(args: &OpenArgs) -> anyhow::Result<Self> {
        let data = MappedDevice::open(&args.data, "data", &[])?;
        if data.device.is_block_device() && !args.shared {
            check_unused(&args.data)?;
        }
        let hash = MappedDevice::open(&args.hash, "hash", &[&data])?;
        let fec = args.fec.device.as_ref();
        let fec = fec.map(|path| MappedDevice::open(path, "fec", &[&data, &hash])).transpose()?;
        Ok(Self { data, hash, fec })
    }

    pub(super) fn hash_is_data(&self) -> bool {
        self.hash.is_same(&self.data)
    }
}

impl MappedDevice {
    /// Opens a device, by the same loop device as the one before it that is the same file.
    fn open(path: &Path, role: &'static str, before: &[&Self]) -> anyhow::Result<Self> {
        let device = Device::open(path, role)?;
        if let Some(number) = device.number() {
            return Ok(Self { device, role, number, attached: None });
        }
        let same = before.iter().find(|other| other.device.is_same(device.identity()));
        let attached = if let Some(attached) = same.and_then(|other| other.attached.clone()) {
            attached
        } else {
            let cannot = || format!("cannot attach {role} {} to a loop device", path.display());
            Rc::new(LoopDevice::attach(&device.file).with_context(cannot)?)
        };
        Ok(Self { device, role, number: attached.number(), attached: Some(attached) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.device.path
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.device.is_same(other.device.identity())
    }

    /// What it is called in a table: its number, which cannot lead to another device meanwhile.
    pub(super) fn table_name(&self) -> String {
        self.number.to_string()
    }

    /// Refuses a device that is too short. The kernel would say `E2BIG`, which reads as another thing.
    pub(super) fn check_len(&self, needed: u64) -> anyhow::Result<()> {
        // A loop device has whole sectors only.
        let len = self.device.len - self.device.len % 512;
        if len < needed {
            bail!("{} {} has {len} bytes, but {needed} are needed", self.role, self.path().display());
        }
        Ok(())
    }
}

/// Whether nothing else uses a block device: then it can be opened exclusively.
fn check_unused(path: &Path) -> anyhow::Result<()> {
    let exclusive = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(exclusive).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
            bail!(
                "{} is in use, by a mount or another mapping: --shared maps it all the same",
                path.display()
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot open {} exclusively", path.display())),
    }
}
