//! Closing.

use std::time::Duration;

use hardpan_sys::dm::{DeviceMapper, DmError, Name, Nodes, Removal, Removed};

use super::error::CloseError;
use super::is_verity;

/// How long to wait for somebody who has a device open for a moment, as udev does after each change.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often to try.
    pub attempts: u32,
    /// The pause between two attempts.
    pub pause: Duration,
}

impl Patience {
    /// Two seconds: udev's probes take tenths of one.
    pub const DEFAULT: Self = Self { attempts: 20, pause: Duration::from_millis(100) };
}

/// Removes a verity mapping, or has it removed when the last one closes it.
pub fn close(
    kernel: &mut dyn DeviceMapper,
    nodes: &dyn Nodes,
    name: &Name,
    removal: Removal,
    patience: Patience,
) -> Result<Removed, CloseError> {
    check_kind(kernel, name)?;
    let removed = match remove(kernel, name, removal, patience) {
        Err(error) if error.is_busy() => {
            return Err(CloseError::Busy { count: kernel.device(name)?.open_count });
        }
        removed => removed?,
    };
    // Also of a mapping that is still there: once it is gone, its number may be another device's.
    nodes.withdraw(name)?;
    Ok(removed)
}

/// Takes back that a mapping is removed when it is closed.
pub fn cancel_deferred(kernel: &mut dyn DeviceMapper, name: &Name) -> Result<(), CloseError> {
    check_kind(kernel, name)?;
    Ok(kernel.cancel_deferred_removal(name)?)
}

fn check_kind(kernel: &mut dyn DeviceMapper, name: &Name) -> Result<(), CloseError> {
    let device = kernel.device(name)?;
    if is_verity(kernel, name, &device.uuid)? { Ok(()) } else { Err(CloseError::NotVerity) }
}

pub(super) fn remove(
    kernel: &mut dyn DeviceMapper,
    name: &Name,
    removal: Removal,
    patience: Patience,
) -> Result<Removed, DmError> {
    for _ in 1..patience.attempts {
        match kernel.remove(name, removal) {
            Err(error) if error.is_busy() => std::thread::sleep(patience.pause),
            removed => return removed,
        }
    }
    kernel.remove(name, removal)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, plan};
    use super::super::open;
    use super::*;

    const AT_ONCE: Patience = Patience { attempts: 3, pause: Duration::ZERO };

    fn name() -> Name {
        Name::new("root").unwrap()
    }

    fn opened() -> Fake {
        let fake = Fake::default();
        open(&mut fake.kernel(), &fake, &plan(""), &|_| true).unwrap();
        fake
    }

    fn close_at_once(fake: &Fake, removal: Removal) -> Result<Removed, CloseError> {
        close(&mut fake.kernel(), fake, &name(), removal, AT_ONCE)
    }

    #[test]
    fn a_mapping_is_removed_with_its_node() {
        let fake = opened();
        assert_eq!(close_at_once(&fake, Removal::Now).unwrap(), Removed::Gone);
        assert_eq!((fake.mappings(), fake.nodes()), (0, 0));
        assert!(matches!(close_at_once(&fake, Removal::Now), Err(CloseError::Absent)));
    }

    #[test]
    fn a_mapping_in_use_stays_unless_deferred() {
        let fake = opened();
        fake.hold(2);
        assert!(matches!(close_at_once(&fake, Removal::Now), Err(CloseError::Busy { count: 2 })));
        assert_eq!(fake.log().iter().filter(|call| *call == "remove").count(), 3);
        assert_eq!(close_at_once(&fake, Removal::Deferred).unwrap(), Removed::WhenClosed);
        assert_eq!((fake.mappings(), fake.nodes()), (1, 0));
    }

    #[test]
    fn devices_of_other_kinds_are_not_touched() {
        let fake = opened();
        fake.become_kind("crypt");
        assert!(matches!(close_at_once(&fake, Removal::Now), Err(CloseError::NotVerity)));
        assert!(matches!(cancel_deferred(&mut fake.kernel(), &name()), Err(CloseError::NotVerity)));
        assert_eq!(fake.mappings(), 1);
    }
}
