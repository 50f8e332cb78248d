//! Looking at a mapping.

use hardpan_sys::dm::{Device, DeviceMapper, Name, Show, TargetState};
use hardpan_verity::table::{ErrorMode, VerityStatus, VerityTable};

use super::KIND;
use super::error::StatusError;

/// What the kernel says of a verity mapping.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The device.
    pub device: Device,
    /// Its length in sectors of 512 bytes.
    pub sectors: u64,
    /// Its table; the kernel names devices by number.
    pub table: VerityTable,
    /// What the target says.
    pub verity: VerityStatus,
}

impl Status {
    /// What keeps the mapping from verifying every read, or from being used: sentences for a person.
    pub fn warnings(&self) -> Vec<&'static str> {
        let options = &self.table.options;
        let all = [
            (
                options.corruption == Some(ErrorMode::Ignore),
                "ignore_corruption: corrupt blocks are only logged, and their content is returned",
            ),
            (
                options.check_at_most_once,
                "check_at_most_once: blocks that were read before are not verified again, whatever happens to them",
            ),
            (!self.device.read_only, "the device is not read-only"),
            (self.device.suspended, "the device is suspended: reads wait until it is resumed"),
            (self.device.has_inactive_table, "another table is loaded and waits to be made the active one"),
            (self.device.removed_when_closed, "the device is removed when it is closed"),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, warning)| warning).collect()
    }
}

/// What the kernel says of a mapping, which must be one verity target and nothing else.
pub fn status(kernel: &mut dyn DeviceMapper, name: &Name) -> Result<Status, StatusError> {
    let verity = verity_status(kernel, name)?;
    let (device, targets) = kernel.targets(name, Show::Table)?;
    let target = only_target(&targets)?;
    let table = VerityTable::parse(&target.parameters)
        .map_err(|error| StatusError::Unreadable { text: target.parameters.clone(), error })?;
    Ok(Status { device, sectors: target.sectors, table, verity })
}

/// What the verity target says of itself.
pub(super) fn verity_status(kernel: &mut dyn DeviceMapper, name: &Name) -> Result<VerityStatus, StatusError> {
    let (_, targets) = kernel.targets(name, Show::Status)?;
    let text = &only_target(&targets)?.parameters;
    VerityStatus::parse(text).map_err(|error| StatusError::Unreadable { text: text.clone(), error })
}

fn only_target(targets: &[TargetState]) -> Result<&TargetState, StatusError> {
    match targets {
        [] => Err(StatusError::NoTable),
        [target] if target.kind == KIND => Ok(target),
        _ => {
            let kinds: Vec<&str> = targets.iter().map(|target| target.kind.as_str()).collect();
            Err(StatusError::NotVerity { kinds: kinds.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, plan};
    use super::super::open;
    use super::*;

    fn name() -> Name {
        Name::new("root").unwrap()
    }

    fn opened(options: &str) -> Fake {
        let fake = Fake::default();
        open(&mut fake.kernel(), &fake, &plan(options), &|_| true).unwrap();
        fake
    }

    #[test]
    fn a_mapping_shows_its_table_and_its_state() {
        let fake = opened("1 restart_on_corruption");
        let status = status(&mut fake.kernel(), &name()).unwrap();
        assert_eq!((status.sectors, status.verity.corrupted), (2048, false));
        assert_eq!(status.table, plan("1 restart_on_corruption").table);
        assert_eq!(status.warnings(), Vec::<&str>::new());
    }

    #[test]
    fn what_weakens_a_mapping_is_warned_of() {
        let fake = opened("2 ignore_corruption check_at_most_once");
        let warnings = status(&mut fake.kernel(), &name()).unwrap().warnings();
        assert!(
            warnings[0].starts_with("ignore_corruption") && warnings[1].starts_with("check_at_most_once")
        );
        assert_eq!(warnings.len(), 2);
    }

    #[test]
    fn other_devices_have_no_verity_status() {
        let absent = status(&mut Fake::default().kernel(), &name()).unwrap_err();
        assert!(matches!(absent, StatusError::Absent));
        let fake = opened("");
        fake.become_kind("linear");
        let other = status(&mut fake.kernel(), &name()).unwrap_err();
        assert_eq!(other.to_string(), "it is no verity device: its targets are linear");
    }
}
