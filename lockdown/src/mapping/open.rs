//! Opening.

use std::path::PathBuf;

use hardpan_sys::dm::{
    Access, Device, DeviceMapper, DeviceNumber, DmError, Name, Nodes, Removal, Target, Uuid,
};
use hardpan_verity::table::{ErrorMode, VerityStatus, VerityTable};

use super::check::{self, Extent, Progress};
use super::error::{OpenError, OpenFailure};
use super::status::verity_status;
use super::{KIND, Patience, close, line, support};

/// What to map.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The device's name.
    pub name: Name,
    /// Its UUID; see [`super::uuid`].
    pub uuid: Option<Uuid>,
    /// Its table, with devices that the kernel knows.
    pub table: VerityTable,
    /// How much is read before the mapping counts as open.
    pub extent: Extent,
}

/// A mapping that was opened and read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mapped {
    /// Its node.
    pub node: PathBuf,
    /// Its number.
    pub number: DeviceNumber,
    /// What the target said after the reads. It can be corrupt only if that is to be ignored.
    pub status: VerityStatus,
}

/// Maps a device and reads through it. Whatever fails, no mapping is left, or the failure says why one is.
///
/// Reactions on corruption (restart, panic) are loaded only after the reads: what is wrong at this point is for the caller
/// to know and decide, who may have another image, and not a reason to restart into the same failure.
pub fn open(
    kernel: &mut dyn DeviceMapper,
    nodes: &dyn Nodes,
    plan: &Plan,
    progress: Progress<'_>,
) -> Result<Mapped, OpenFailure> {
    let sectors = plan.table.sectors().filter(|sectors| *sectors > 0).ok_or(OpenError::Length);
    let sectors = sectors.map_err(OpenFailure::nothing_left)?;
    create(kernel, plan).map_err(OpenFailure::nothing_left)?;
    let mut opening = Opening { kernel, nodes, plan, sectors };
    opening.activate(progress).map_err(|reason| {
        let left = opening.undo().err().map(Box::new);
        OpenFailure { reason, left }
    })
}

fn create(kernel: &mut dyn DeviceMapper, plan: &Plan) -> Result<(), OpenError> {
    support::check(kernel, &plan.table.options)?;
    match kernel.create(&plan.name, plan.uuid.as_ref()) {
        Ok(_) => Ok(()),
        Err(error) if error.is_busy() => Err(OpenError::Taken),
        Err(error) => Err(error.into()),
    }
}

/// A device that was created and is not open yet.
struct Opening<'a> {
    kernel: &'a mut dyn DeviceMapper,
    nodes: &'a dyn Nodes,
    plan: &'a Plan,
    sectors: u64,
}

impl Opening<'_> {
    fn activate(&mut self, progress: Progress<'_>) -> Result<Mapped, OpenError> {
        let wanted = &self.plan.table;
        let quiet = without_reactions(wanted);
        let number = self.load(&quiet)?.number;
        let node = self.nodes.publish(&self.plan.name, number)?;
        let mut status = self.check(&node, number, progress)?;
        if quiet != *wanted {
            self.load(wanted)?;
            // Its target knows nothing of the reads before it, neither of corruption nor of repairs.
            status.corrupted |= verity_status(self.kernel, &self.plan.name)?.corrupted;
        }
        Ok(Mapped { node, number, status })
    }

    /// Loads a table and makes it the active one. Resuming swaps the tables with nothing in flight between them.
    fn load(&mut self, table: &VerityTable) -> Result<Device, OpenError> {
        let target = Target { start: 0, sectors: self.sectors, kind: KIND, parameters: table.to_string() };
        let loaded = self.kernel.load(&self.plan.name, &[target], Access::ReadOnly);
        loaded.map_err(|error| OpenError::Load { table: line(table), error })?;
        Ok(self.kernel.resume(&self.plan.name)?)
    }

    /// Reads, and returns what the target said then.
    fn check(
        &mut self,
        node: &std::path::Path,
        number: DeviceNumber,
        progress: Progress<'_>,
    ) -> Result<VerityStatus, OpenError> {
        let mut device = self.nodes.open(node, number)?;
        let unread = check::read(device.as_mut(), &self.plan.table, self.plan.extent, progress);
        drop(device);
        if unread.cancelled {
            return Err(OpenError::Cancelled);
        }
        let ignored = self.plan.table.options.corruption == Some(ErrorMode::Ignore);
        let status = verity_status(self.kernel, &self.plan.name)?;
        let corrupted = status.corrupted;
        let first = unread.blocks.ranges().first().map(|range| range.start);
        match (first, unread.error) {
            (None, _) if !corrupted || ignored => Ok(status),
            (Some(block), Some(error)) if !corrupted => Err(OpenError::Read { block, error }),
            _ => Err(OpenError::Corrupt { blocks: unread.blocks, all: self.plan.extent == Extent::All }),
        }
    }

    /// Removes what was created. Somebody else, such as udev, may have it open for a moment; then it goes after that.
    fn undo(&mut self) -> Result<(), DmError> {
        let name = &self.plan.name;
        let removed = close::remove(self.kernel, name, Removal::Now, Patience::DEFAULT);
        let removed = match removed {
            Err(error) if error.is_busy() => self.kernel.remove(name, Removal::Deferred),
            removed => removed,
        };
        // The failure that led here matters more than a node that stays.
        let _ = self.nodes.withdraw(name);
        removed.map(drop)
    }
}

/// The same table, with reads that fail where it would restart or panic.
fn without_reactions(table: &VerityTable) -> VerityTable {
    let mut quiet = table.clone();
    quiet.options.corruption = table.options.corruption.filter(|mode| *mode == ErrorMode::Ignore);
    quiet.options.io_error = None;
    quiet
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, plan};
    use super::*;

    fn open_all(fake: &Fake, plan: &Plan) -> Result<Mapped, OpenFailure> {
        open(&mut fake.kernel(), fake, plan, &|_| true)
    }

    #[test]
    fn a_good_device_is_mapped_and_its_ends_are_read() {
        let fake = Fake::default();
        let mapped = open_all(&fake, &plan("1 restart_on_corruption")).unwrap();
        assert_eq!((mapped.node.to_str(), mapped.status.corrupted), (Some("/dev/mapper/root"), false));
        assert_eq!(fake.reads(), [(0, 4096), (255 * 4096, 4096)]);
        // What restarts is loaded last, after the reads.
        assert!(
            fake.log()[..].starts_with(&["create".into(), "load -".into(), "resume".into()]),
            "{:?}",
            fake.log()
        );
        assert_eq!(fake.log()[3..], ["load 1 restart_on_corruption", "resume"]);
    }

    #[test]
    fn a_device_of_one_block_has_one_end() {
        let fake = Fake::default();
        let mut plan = plan("");
        plan.table.data_blocks = 1;
        open_all(&fake, &plan).unwrap();
        assert_eq!(fake.reads(), [(0, 4096)]);
        assert_eq!(fake.log(), ["create", "load -", "resume"]);
    }

    #[test]
    fn corrupt_ends_are_named_and_leave_no_mapping() {
        for bad in [0, 255] {
            let fake = Fake::default().corrupt(bad);
            let failure = open_all(&fake, &plan("1 panic_on_corruption")).unwrap_err();
            assert!(failure.is_corrupt() && failure.left.is_none());
            assert!(failure.to_string().contains(&format!("data blocks {bad} do not")), "{failure}");
            assert_eq!(fake.mappings(), 0);
        }
        // Between the ends only a full check finds it.
        let fake = Fake::default().corrupt(100).corrupt(101).corrupt(7);
        let mut plan = plan("");
        open_all(&fake, &plan).unwrap();
        let fake = Fake::default().corrupt(100).corrupt(101).corrupt(7);
        plan.extent = Extent::All;
        let failure = open_all(&fake, &plan).unwrap_err();
        assert!(failure.to_string().contains("7, 100-101"), "{failure}");
        assert_eq!(fake.mappings(), 0);
    }

    #[test]
    fn a_read_error_is_not_corruption() {
        let fake = Fake::default().unreadable(255);
        let failure = open_all(&fake, &plan("")).unwrap_err();
        assert!(matches!(failure.reason, OpenError::Read { block: 255, .. }), "{failure}");
        assert!(!failure.is_corrupt());
        assert_eq!(fake.mappings(), 0);
    }

    #[test]
    fn ignored_corruption_is_open_and_corrupted() {
        let fake = Fake::default().corrupt(0);
        let mapped = open_all(&fake, &plan("1 ignore_corruption")).unwrap();
        assert!(mapped.status.corrupted);
        // Also when another option has the table loaded a second time after the reads.
        let fake = Fake::default().version([1, 10, 0]).corrupt(0);
        let mapped = open_all(&fake, &plan("2 ignore_corruption restart_on_error")).unwrap();
        assert!(mapped.status.corrupted);
        // Without the option the same status alone is a failure.
        let fake = Fake::default().corrupted_without_error();
        assert!(open_all(&fake, &plan("")).unwrap_err().is_corrupt());
    }

    #[test]
    fn whatever_is_refused_leaves_no_mapping() {
        for refused in ["load", "resume", "publish", "open", "targets"] {
            let fake = Fake::default().refuse(refused);
            let failure = open_all(&fake, &plan("")).unwrap_err();
            assert!(!failure.is_corrupt(), "{refused}");
            assert_eq!(fake.mappings(), 0, "{refused}");
        }
        let fake = Fake::default().refuse("create");
        assert!(matches!(open_all(&fake, &plan("")).unwrap_err().reason, OpenError::Kernel(_)));
    }

    #[test]
    fn a_taken_name_is_left_alone() {
        let fake = Fake::default();
        open_all(&fake, &plan("")).unwrap();
        let failure = open_all(&fake, &plan("")).unwrap_err();
        assert!(matches!(failure.reason, OpenError::Taken));
        assert_eq!(fake.mappings(), 1);
    }

    #[test]
    fn a_mapping_that_stays_is_said() {
        let fake = Fake::default().corrupt(0).refuse("remove");
        let failure = open_all(&fake, &plan("")).unwrap_err();
        assert!(failure.left.is_some() && failure.to_string().contains("could not be removed"), "{failure}");
    }

    #[test]
    fn cancelling_removes_the_mapping() {
        let fake = Fake::default();
        let plan = Plan { extent: Extent::All, ..plan("") };
        let failure = open(&mut fake.kernel(), &fake, &plan, &|_| false).unwrap_err();
        assert!(matches!(failure.reason, OpenError::Cancelled));
        assert_eq!(fake.mappings(), 0);
    }

    #[test]
    fn options_that_the_kernel_lacks_are_named_before_anything_is_made() {
        let fake = Fake::default().version([1, 6, 0]);
        let failure = open_all(&fake, &plan("1 panic_on_corruption")).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "panic_on_corruption needs version 1.7.0 of the kernel's verity target, which is 1.6.0"
        );
        assert!(fake.log().is_empty());
        // A target in a module that is not loaded has no version yet.
        open_all(&Fake::default().without_target(), &plan("1 panic_on_corruption")).unwrap();
    }

    #[test]
    fn a_table_of_no_length_is_refused() {
        for blocks in [0, u64::MAX] {
            let mut plan = plan("");
            plan.table.data_blocks = blocks;
            assert!(matches!(open_all(&Fake::default(), &plan).unwrap_err().reason, OpenError::Length));
        }
    }
}
