//! The devices of a mapping: block devices as they are, regular files by loop devices.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, bail};
use hardpan_sys::LoopDevice;
use hardpan_sys::dm::DeviceNumber;
use rustix::fs::OFlags;

use super::super::device::{Device, Relation};
use super::args::OpenArgs;

/// The devices of a mapping, open.
pub(super) struct Devices {
    pub(super) data: MappedDevice,
    pub(super) hash: MappedDevice,
    pub(super) fec: Option<MappedDevice>,
}

/// A device of a mapping, open.
pub(super) struct MappedDevice {
    pub(super) device: Device,
    role: &'static str,
}

/// The devices as the kernel knows them. Loop devices last until this is dropped, or as long as a mapping holds them.
pub(super) struct Attached {
    pub(super) data: String,
    pub(super) hash: String,
    pub(super) fec: Option<String>,
    _loops: [Option<Rc<LoopDevice>>; 3],
}

impl Devices {
    pub(super) fn open(args: &OpenArgs) -> anyhow::Result<Self> {
        let data = MappedDevice::open(&args.data, "data")?;
        if data.device.is_block_device() && !args.shared {
            check_unused(&args.data)?;
        }
        let hash = MappedDevice::open(&args.hash, "hash")?;
        let fec = args.fec.device.as_ref().map(|path| MappedDevice::open(path, "fec")).transpose()?;
        for other in std::iter::once(&hash).chain(&fec) {
            data.device.is_same(other.device.extent(), other.path(), other.role)?;
        }
        if let Some(fec) = &fec {
            hash.device.is_same(fec.device.extent(), fec.path(), fec.role)?;
        }
        Ok(Self { data, hash, fec })
    }

    pub(super) fn hash_is_data(&self) -> bool {
        self.hash.is_same(&self.data)
    }

    /// Gives regular files loop devices, one for each file.
    pub(super) fn attach(&self) -> anyhow::Result<Attached> {
        let (data, data_loop) = self.data.attach(&[])?;
        let (hash, hash_loop) = self.hash.attach(&[(&self.data, &data_loop)])?;
        let before = [(&self.data, &data_loop), (&self.hash, &hash_loop)];
        let fec = self.fec.as_ref().map(|fec| fec.attach(&before)).transpose()?;
        let (fec, fec_loop) = fec.map_or((None, None), |(number, attached)| (Some(number), attached));
        let fec = fec.map(|number| number.to_string());
        // Numbers, not paths: those cannot lead to another device meanwhile.
        let (data, hash) = (data.to_string(), hash.to_string());
        Ok(Attached { data, hash, fec, _loops: [data_loop, hash_loop, fec_loop] })
    }
}

impl MappedDevice {
    fn open(path: &Path, role: &'static str) -> anyhow::Result<Self> {
        Ok(Self { device: Device::open(path, role)?, role })
    }

    pub(super) fn path(&self) -> &Path {
        &self.device.path
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.device.extent().relation(other.device.extent()) == Relation::Same
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

    /// The number of the device, or of a loop device over the file: that of the one before which is the same file.
    fn attach(
        &self,
        before: &[(&Self, &Option<Rc<LoopDevice>>)],
    ) -> anyhow::Result<(DeviceNumber, Option<Rc<LoopDevice>>)> {
        if let Some(number) = self.device.number() {
            return Ok((number, None));
        }
        let same = before.iter().find(|(other, _)| self.is_same(other));
        let attached = if let Some(attached) = same.and_then(|(_, attached)| attached.as_ref()) {
            Rc::clone(attached)
        } else {
            let cannot = || format!("cannot attach {} {} to a loop device", self.role, self.path().display());
            Rc::new(LoopDevice::attach(&self.device.file).with_context(cannot)?)
        };
        Ok((attached.number(), Some(attached)))
    }
}

/// Whether nothing else uses a block device: then it can be opened exclusively.
fn check_unused(path: &Path) -> anyhow::Result<()> {
    let exclusive = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(exclusive).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
            bail!(
                "{} is in use: --shared maps it all the same if another mapping uses it, and a mount must go first",
                path.display()
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot open {} exclusively", path.display())),
    }
}
