//! Device-mapper, by the calls of `linux/dm-ioctl.h` on `/dev/mapper/control`.
//!
//! [`DeviceMapper`] is what the rest of the project knows of it, so that tests can put another kernel in its place.
//! [`Control`] is the real one. libdevmapper is not used: a dozen calls do not earn a C library, and its bindings need a
//! C compiler on every machine that builds.

mod control;
mod error;
mod header;
mod name;
mod node;
mod reply;

use std::fmt;

pub use control::{Channel, Control, ControlNode};
pub use error::{DmError, NameError, ReplyError, Structure};
pub(crate) use header::{DATA_SIZE, HEADER_SIZE};
pub use name::{DeviceNumber, Name, Uuid};
pub use node::{BlockRead, DevMapper, NodeError, Nodes};

/// What device-mapper does.
///
/// A device comes to life in three steps: [`create`](Self::create) makes one without a table, [`load`](Self::load) gives
/// it an inactive table, [`resume`](Self::resume) makes that table the active one.
pub trait DeviceMapper {
    /// The kernel's version of the interface.
    fn version(&mut self) -> Result<[u32; 3], DmError>;

    /// The kinds of target that the kernel has at the moment; those in modules that are not loaded are not among them.
    fn target_versions(&mut self) -> Result<Vec<TargetVersion>, DmError>;

    /// All devices.
    fn devices(&mut self) -> Result<Vec<DeviceEntry>, DmError>;

    /// Makes a device without a table. `EBUSY` says that the name or the UUID is taken.
    fn create(&mut self, name: &Name, uuid: Option<&Uuid>) -> Result<Device, DmError>;

    /// Gives a device an inactive table, in place of the one that it may have.
    fn load(&mut self, name: &Name, targets: &[Target], access: Access) -> Result<Device, DmError>;

    /// Makes the inactive table the active one, if there is one, and lets reads and writes pass.
    fn resume(&mut self, name: &Name) -> Result<Device, DmError>;

    /// Holds reads and writes up until the device is resumed.
    fn suspend(&mut self, name: &Name) -> Result<Device, DmError>;

    /// Removes a device. `EBUSY` says that somebody has it open; with [`Removal::Deferred`] it is then removed when the
    /// last one closes it. The result says whether the device is gone already.
    fn remove(&mut self, name: &Name, removal: Removal) -> Result<Removed, DmError>;

    /// Takes a deferred removal back.
    fn cancel_deferred_removal(&mut self, name: &Name) -> Result<(), DmError>;

    /// What is known of a device. `ENXIO` says that there is none of that name.
    fn device(&mut self, name: &Name) -> Result<Device, DmError>;

    /// The active table of a device and what its targets say.
    fn targets(&mut self, name: &Name, what: Show) -> Result<(Device, Vec<TargetState>), DmError>;
}

/// A call, by the names of `linux/dm-ioctl.h` without their prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `DM_VERSION`
    Version,
    /// `DM_LIST_DEVICES`
    ListDevices,
    /// `DM_DEV_CREATE`
    DevCreate,
    /// `DM_DEV_REMOVE`
    DevRemove,
    /// `DM_DEV_SUSPEND`, which also resumes
    DevSuspend,
    /// `DM_DEV_STATUS`
    DevStatus,
    /// `DM_TABLE_LOAD`
    TableLoad,
    /// `DM_TABLE_STATUS`
    TableStatus,
    /// `DM_LIST_VERSIONS`
    ListVersions,
    /// `DM_TARGET_MSG`
    TargetMessage,
}

impl Command {
    fn number(self) -> u8 {
        match self {
            Self::Version => 0,
            Self::ListDevices => 2,
            Self::DevCreate => 3,
            Self::DevRemove => 4,
            Self::DevSuspend => 6,
            Self::DevStatus => 7,
            Self::TableLoad => 9,
            Self::TableStatus => 12,
            Self::ListVersions => 13,
            Self::TargetMessage => 14,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "DM_VERSION",
            Self::ListDevices => "DM_LIST_DEVICES",
            Self::DevCreate => "DM_DEV_CREATE",
            Self::DevRemove => "DM_DEV_REMOVE",
            Self::DevSuspend => "DM_DEV_SUSPEND",
            Self::DevStatus => "DM_DEV_STATUS",
            Self::TableLoad => "DM_TABLE_LOAD",
            Self::TableStatus => "DM_TABLE_STATUS",
            Self::ListVersions => "DM_LIST_VERSIONS",
            Self::TargetMessage => "DM_TARGET_MSG",
        })
    }
}

/// Whether a device may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read-only.
    ReadOnly,
    /// It can be written.
    ReadWrite,
}

/// What to do with a device that is to be removed while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Fail.
    Now,
    /// Remove it when it is closed.
    Deferred,
}

/// What came of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The device is gone.
    Gone,
    /// It goes when the last one closes it.
    WhenClosed,
}

/// What to ask of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// How the targets are.
    Status,
    /// The parameters with which they were loaded.
    Table,
}

/// A target to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The first sector of the device that it maps; a sector has 512 bytes.
    pub start: u64,
    /// The number of sectors.
    pub sectors: u64,
    /// Its kind: `verity`. At most 15 bytes.
    pub kind: &'static str,
    /// Its parameters.
    pub parameters: String,
}

/// A target of a device's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetState {
    /// The first sector of the device that it maps; a sector has 512 bytes.
    pub start: u64,
    /// The number of sectors.
    pub sectors: u64,
    /// Its kind: `verity`.
    pub kind: String,
    /// Its parameters or its status.
    pub parameters: String,
}

/// What the kernel says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the kernel's flags, each independent of the others"
)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its UUID; may be empty.
    pub uuid: String,
    /// Its number.
    pub number: DeviceNumber,
    /// How often it is open.
    pub open_count: u32,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Whether reads and writes are held up.
    pub suspended: bool,
    /// Whether it has an active table.
    pub has_active_table: bool,
    /// Whether it has an inactive table, which resuming would activate.
    pub has_inactive_table: bool,
    /// Whether it is removed when the last one closes it.
    pub removed_when_closed: bool,
    /// The number of targets of the table.
    pub targets: u32,
}

/// A device in the list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Its name.
    pub name: String,
    /// Its number.
    pub device: DeviceNumber,
}

/// A kind of target that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetVersion {
    /// Its name: `verity`.
    pub name: String,
    /// Its version.
    pub version: [u32; 3],
}
