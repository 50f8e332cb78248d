//! A kernel for tests: one device, whose blocks are good, corrupt or unreadable.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hardpan_sys::dm::{
    Access, BlockRead, Command, Device, DeviceEntry, DeviceMapper, DeviceNumber, DmError, Name, NodeError,
    Nodes, Removal, Removed, Show, Target, TargetState, TargetVersion, Uuid,
};
use hardpan_verity::table::VerityTable;

use super::{Extent, Plan};

/// The kernel's state, shared by the device-mapper, the nodes and the readers made of it.
#[derive(Clone)]
pub(super) struct Fake(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    device: Option<Mapping>,
    node: bool,
    held: u32,
    corrupt: BTreeSet<u64>,
    unreadable: BTreeSet<u64>,
    found_corrupt: bool,
    always_corrupt: bool,
    refused: Option<&'static str>,
    version: Option<[u32; 3]>,
    log: Vec<String>,
    reads: Vec<(u64, usize)>,
}

struct Mapping {
    uuid: String,
    active: Option<Target>,
    inactive: Option<Target>,
    deferred: bool,
}

impl Default for Fake {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(State { version: Some([1, 9, 0]), ..State::default() })))
    }
}

/// A plan over 256 blocks with these options, by their number and words.
pub(super) fn plan(options: &str) -> Plan {
    let root = "ab".repeat(32);
    let name = Name::new("root").unwrap();
    Plan {
        uuid: super::uuid(None, &name),
        name,
        table: VerityTable::parse(&format!("1 7:0 7:1 4096 4096 256 1 sha256 {root} - {options}")).unwrap(),
        extent: Extent::Ends,
    }
}

impl Fake {
    pub(super) fn kernel(&self) -> Self {
        self.clone()
    }

    pub(super) fn corrupt(self, block: u64) -> Self {
        self.0.borrow_mut().corrupt.insert(block);
        self
    }

    pub(super) fn unreadable(self, block: u64) -> Self {
        self.0.borrow_mut().unreadable.insert(block);
        self
    }

    pub(super) fn corrupted_without_error(self) -> Self {
        self.0.borrow_mut().always_corrupt = true;
        self
    }

    /// Calls of this name fail.
    pub(super) fn refuse(self, call: &'static str) -> Self {
        self.0.borrow_mut().refused = Some(call);
        self
    }

    pub(super) fn version(self, version: [u32; 3]) -> Self {
        self.0.borrow_mut().version = Some(version);
        self
    }

    pub(super) fn without_target(self) -> Self {
        self.0.borrow_mut().version = None;
        self
    }

    /// Somebody has the device open so many times.
    pub(super) fn hold(&self, count: u32) {
        self.0.borrow_mut().held = count;
    }

    /// The device turns into one of another kind, with a UUID that is not verity's.
    pub(super) fn become_kind(&self, kind: &'static str) {
        let mut state = self.0.borrow_mut();
        let mapping = state.device.as_mut().unwrap();
        mapping.uuid = format!("OTHER-{kind}");
        mapping.active.as_mut().unwrap().kind = kind;
    }

    pub(super) fn mappings(&self) -> usize {
        usize::from(self.0.borrow().device.is_some())
    }

    pub(super) fn nodes(&self) -> usize {
        usize::from(self.0.borrow().node)
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.0.borrow().log.clone()
    }

    pub(super) fn reads(&self) -> Vec<(u64, usize)> {
        self.0.borrow().reads.clone()
    }

    fn fail(&self, command: Command, call: &str, errno: i32) -> Result<(), DmError> {
        match self.0.borrow().refused {
            Some(refused) if refused == call => Err(error(command, errno)),
            _ => Ok(()),
        }
    }

    fn shown(&self, command: Command) -> Result<Device, DmError> {
        let state = self.0.borrow();
        let mapping = state.device.as_ref().ok_or_else(|| error(command, ENXIO))?;
        Ok(Device {
            name: "root".to_owned(),
            uuid: mapping.uuid.clone(),
            number: NUMBER,
            open_count: state.held,
            read_only: true,
            suspended: false,
            has_active_table: mapping.active.is_some(),
            has_inactive_table: mapping.inactive.is_some(),
            removed_when_closed: mapping.deferred,
            targets: 1,
        })
    }
}

impl DeviceMapper for Fake {
    fn version(&mut self) -> Result<[u32; 3], DmError> {
        Ok([4, 47, 0])
    }

    fn target_versions(&mut self) -> Result<Vec<TargetVersion>, DmError> {
        let version = self.0.borrow().version;
        Ok(version.into_iter().map(|version| TargetVersion { name: "verity".into(), version }).collect())
    }

    fn devices(&mut self) -> Result<Vec<DeviceEntry>, DmError> {
        let entry = DeviceEntry { name: "root".into(), device: NUMBER };
        Ok(self.0.borrow().device.iter().map(|_| entry.clone()).collect())
    }

    fn create(&mut self, _: &Name, uuid: Option<&Uuid>) -> Result<Device, DmError> {
        self.fail(Command::DevCreate, "create", EINVAL)?;
        if self.mappings() > 0 {
            return Err(error(Command::DevCreate, EBUSY));
        }
        let uuid = uuid.map(|uuid| uuid.as_str().to_owned()).unwrap_or_default();
        let mut state = self.0.borrow_mut();
        state.device = Some(Mapping { uuid, active: None, inactive: None, deferred: false });
        state.log.push("create".into());
        drop(state);
        self.shown(Command::DevCreate)
    }

    fn load(&mut self, _: &Name, targets: &[Target], access: Access) -> Result<Device, DmError> {
        assert_eq!((targets.len(), access), (1, Access::ReadOnly));
        self.fail(Command::TableLoad, "load", EINVAL)?;
        let mut state = self.0.borrow_mut();
        let options: Vec<&str> = targets[0].parameters.split(' ').skip(10).collect();
        let options = if options.is_empty() { "-".to_owned() } else { options.join(" ") };
        state.log.push(format!("load {options}"));
        state.device.as_mut().unwrap().inactive = Some(targets[0].clone());
        drop(state);
        self.shown(Command::TableLoad)
    }

    fn resume(&mut self, _: &Name) -> Result<Device, DmError> {
        self.fail(Command::DevSuspend, "resume", EINVAL)?;
        let mut state = self.0.borrow_mut();
        state.log.push("resume".into());
        let mapping = state.device.as_mut().unwrap();
        let swaps = mapping.inactive.is_some();
        mapping.active = mapping.inactive.take().or_else(|| mapping.active.take());
        // Corruption is remembered by the target, and a new table has a new one.
        state.found_corrupt &= !swaps;
        drop(state);
        self.shown(Command::DevSuspend)
    }

    fn suspend(&mut self, _: &Name) -> Result<Device, DmError> {
        self.shown(Command::DevSuspend)
    }

    fn remove(&mut self, _: &Name, removal: Removal) -> Result<Removed, DmError> {
        let command = Command::DevRemove;
        self.fail(command, "remove", EINVAL)?;
        let mut state = self.0.borrow_mut();
        state.log.push("remove".into());
        let held = state.held > 0;
        let mapping = state.device.as_mut().ok_or_else(|| error(command, ENXIO))?;
        match removal {
            Removal::Now if held => return Err(error(command, EBUSY)),
            Removal::Deferred if held => {
                mapping.deferred = true;
                return Ok(Removed::WhenClosed);
            }
            Removal::Now | Removal::Deferred => {}
        }
        state.device = None;
        Ok(Removed::Gone)
    }

    fn cancel_deferred_removal(&mut self, _: &Name) -> Result<(), DmError> {
        self.shown(Command::TargetMessage).map(drop)
    }

    fn device(&mut self, _: &Name) -> Result<Device, DmError> {
        self.shown(Command::DevStatus)
    }

    fn targets(&mut self, _: &Name, what: Show) -> Result<(Device, Vec<TargetState>), DmError> {
        self.fail(Command::TableStatus, "targets", EINVAL)?;
        let device = self.shown(Command::TableStatus)?;
        let state = self.0.borrow();
        let corrupted = state.found_corrupt || state.always_corrupt;
        let active = state.device.as_ref().and_then(|mapping| mapping.active.as_ref());
        let targets = active.map(|target| TargetState {
            start: target.start,
            sectors: target.sectors,
            kind: target.kind.to_owned(),
            parameters: match what {
                Show::Table => target.parameters.clone(),
                Show::Status => if corrupted { "C" } else { "V" }.to_owned(),
            },
        });
        Ok((device, targets.into_iter().collect()))
    }
}

impl Nodes for Fake {
    fn publish(&self, name: &Name, device: DeviceNumber) -> Result<PathBuf, NodeError> {
        assert_eq!(device, NUMBER);
        let path = Path::new("/dev/mapper").join(name.as_str());
        self.fail(Command::DevStatus, "publish", EINVAL).map_err(|_| node_error(&path))?;
        self.0.borrow_mut().node = true;
        Ok(path)
    }

    fn open(&self, node: &Path, _: DeviceNumber) -> Result<Box<dyn BlockRead>, NodeError> {
        self.fail(Command::DevStatus, "open", EINVAL).map_err(|_| node_error(node))?;
        Ok(Box::new(self.clone()))
    }

    fn withdraw(&self, _: &Name) -> Result<(), NodeError> {
        self.0.borrow_mut().node = false;
        Ok(())
    }
}

impl BlockRead for Fake {
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.reads.push((offset, buffer.len()));
        let blocks = offset / 4096..(offset + buffer.len() as u64) / 4096;
        let corrupt = state.corrupt.range(blocks.clone()).next().is_some();
        state.found_corrupt |= corrupt;
        let active = state.device.as_ref().and_then(|mapping| mapping.active.as_ref()).unwrap();
        let ignored = active.parameters.contains("ignore_corruption");
        if corrupt && !ignored || state.unreadable.range(blocks).next().is_some() {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }
}

fn error(command: Command, errno: i32) -> DmError {
    DmError::Call { command, name: "root".into(), error: io::Error::from_raw_os_error(errno) }
}

fn node_error(path: &Path) -> NodeError {
    NodeError::new(path, io::Error::from_raw_os_error(EINVAL))
}

const NUMBER: DeviceNumber = DeviceNumber { major: 253, minor: 0 };
const EIO: i32 = 5;
const ENXIO: i32 = 6;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
