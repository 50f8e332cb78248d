//! Its device-mapper.

use std::io;
use std::path::{Path, PathBuf};

use hardpan_sys::dm::{
    Access, BlockRead, Command, Device, DeviceEntry, DeviceMapper, DeviceNumber, DmError, Name, NodeError,
    Nodes, Removal, Removed, Show, Target, TargetState, TargetVersion, Uuid,
};

use super::{Defect, Fake, Mapping};

impl DeviceMapper for Fake {
    fn version(&mut self) -> Result<[u32; 3], DmError> {
        Ok([4, 47, 0])
    }

    fn target_versions(&mut self) -> Result<Vec<TargetVersion>, DmError> {
        self.dm_call(Command::ListVersions, "")?;
        let version = self.0.borrow().verity_version;
        Ok(version.into_iter().map(|version| TargetVersion { name: "verity".into(), version }).collect())
    }

    fn devices(&mut self) -> Result<Vec<DeviceEntry>, DmError> {
        Ok(Vec::new())
    }

    fn create(&mut self, name: &Name, _: Option<&Uuid>) -> Result<Device, DmError> {
        self.dm_call(Command::DevCreate, name.as_str())?;
        assert!(!self.0.borrow().policy_loaded, "another slot after a policy was accepted");
        let old = self.0.borrow_mut().mappings.insert(name.to_string(), Mapping::default());
        assert!(old.is_none(), "{name} was left");
        Ok(self.shown(name))
    }

    fn load(&mut self, name: &Name, targets: &[Target], access: Access) -> Result<Device, DmError> {
        self.dm_call(Command::TableLoad, name.as_str())?;
        assert_eq!((targets.len(), access), (1, Access::ReadOnly));
        let mut world = self.0.borrow_mut();
        world.mappings.get_mut(name.as_str()).unwrap().inactive = Some(targets[0].clone());
        drop(world);
        Ok(self.shown(name))
    }

    fn resume(&mut self, name: &Name) -> Result<Device, DmError> {
        self.dm_call(Command::DevSuspend, name.as_str())?;
        let mut world = self.0.borrow_mut();
        let mapping = world.mappings.get_mut(name.as_str()).unwrap();
        mapping.active = mapping.inactive.take().or_else(|| mapping.active.take());
        drop(world);
        Ok(self.shown(name))
    }

    fn suspend(&mut self, name: &Name) -> Result<Device, DmError> {
        Ok(self.shown(name))
    }

    fn remove(&mut self, name: &Name, _: Removal) -> Result<Removed, DmError> {
        self.dm_call(Command::DevRemove, name.as_str())?;
        let mut world = self.0.borrow_mut();
        assert!(!world.mounts.iter().any(|(target, _)| target == "/sysroot"), "{name} is mounted");
        world.mappings.remove(name.as_str());
        Ok(Removed::Gone)
    }

    fn cancel_deferred_removal(&mut self, _: &Name) -> Result<(), DmError> {
        Ok(())
    }

    fn device(&mut self, name: &Name) -> Result<Device, DmError> {
        self.dm_call(Command::DevStatus, name.as_str())?;
        Ok(self.shown(name))
    }

    fn targets(&mut self, name: &Name, what: Show) -> Result<(Device, Vec<TargetState>), DmError> {
        self.dm_call(Command::TableStatus, name.as_str())?;
        let world = self.0.borrow();
        let mapping = &world.mappings[name.as_str()];
        let state = |target: &Target| TargetState {
            start: target.start,
            sectors: target.sectors,
            kind: target.kind.to_owned(),
            parameters: match what {
                Show::Table if world.defects.contains(&Defect::OtherTable) => {
                    target.parameters.replace("abab", "cdcd")
                }
                Show::Table if world.defects.contains(&Defect::FewerBlocks) => {
                    target.parameters.replace(" 4096 4096 4 ", " 4096 4096 2 ")
                }
                Show::Table => target.parameters.clone(),
                Show::Status => if mapping.corrupted { "C" } else { "V" }.to_owned(),
            },
        };
        Ok((self.shown(name), mapping.active.iter().map(state).collect()))
    }
}

impl Fake {
    fn dm_call(&self, command: Command, name: &str) -> Result<(), DmError> {
        self.call("dm", &format!("{command} {name}")).map_err(|error| DmError::Call {
            command,
            name: name.into(),
            error,
        })
    }

    fn shown(&self, name: &Name) -> Device {
        let minor = u32::from(name.as_str() != "root-a");
        Device {
            name: name.to_string(),
            uuid: format!("CRYPT-VERITY-{name}"),
            number: DeviceNumber { major: 253, minor },
            open_count: 0,
            read_only: !self.0.borrow().defects.contains(&Defect::Writable),
            suspended: false,
            has_active_table: true,
            has_inactive_table: false,
            removed_when_closed: false,
            targets: 1,
        }
    }
}

impl Nodes for Fake {
    fn publish(&self, name: &Name, _: DeviceNumber) -> Result<PathBuf, NodeError> {
        let path = Path::new("/dev/mapper").join(name.as_str());
        self.call("publish", name.as_str()).map_err(|error| NodeError::new(&path, error))?;
        Ok(path)
    }

    fn open(&self, node: &Path, _: DeviceNumber) -> Result<Box<dyn BlockRead>, NodeError> {
        self.call("open", &node.display().to_string()).map_err(|error| NodeError::new(node, error))?;
        let name = node.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(Box::new(Opened { fake: self.clone(), name }))
    }

    fn withdraw(&self, name: &Name) -> Result<(), NodeError> {
        let path = Path::new("/dev/mapper").join(name.as_str());
        self.call("withdraw", name.as_str()).map_err(|error| NodeError::new(&path, error))
    }
}

struct Opened {
    fake: Fake,
    name: String,
}

impl BlockRead for Opened {
    fn read_exact_at(&mut self, _: &mut [u8], _: u64) -> io::Result<()> {
        self.fake.call("verity read", &self.name)?;
        let mut world = self.fake.0.borrow_mut();
        let minor = minor(&world.mappings[&self.name].active.as_ref().unwrap().parameters);
        let (corrupt, unreadable) = (world.corrupt.contains(&minor), world.unreadable.contains(&minor));
        let mapping = world.mappings.get_mut(&self.name).unwrap();
        mapping.corrupted |= corrupt;
        mapping.verified |= !corrupt && !unreadable;
        if corrupt || unreadable { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }
}

/// The minor number of a table's data device.
fn minor(parameters: &str) -> u32 {
    parameters.split(' ').nth(1).unwrap().strip_prefix("254:").unwrap().parse().unwrap()
}

const EIO: i32 = 5;
