//! Verity devices of the running kernel: opened and read, looked at, closed.
//!
//! The kernel maps any table: that the root hash is wrong shows with the first read. So [`open`] reads through the mapping
//! before it reports success, and what could not be read leaves no mapping. All of it works on [`DeviceMapper`] and
//! [`Nodes`], so that tests put a kernel of their own there.

mod check;
mod close;
mod error;
#[cfg(test)]
mod fake;
mod open;
mod status;
mod support;

use hardpan_sys::dm::{DmError, Name, Show, Uuid};
use hardpan_verity::table::VerityTable;

pub use check::{Extent, Progress};
pub use close::{Patience, cancel_deferred, close};
pub use error::{CloseError, OpenError, OpenFailure, StatusError};
pub use hardpan_sys::dm::{DeviceMapper, Nodes};
pub use open::{Mapped, Plan, open};
pub use status::{Status, status};

/// The UUID of a mapping, as cryptsetup makes it, so that its tools take the mapping for one of theirs: a prefix, the
/// superblock's UUID without its hyphens if there is one, and the name, cut where a UUID ends.
pub fn uuid(superblock: Option<hardpan_verity::Uuid>, name: &Name) -> Option<Uuid> {
    let middle = superblock.map(|uuid| format!("{}-", uuid.to_string().replace('-', ""))).unwrap_or_default();
    let mut text = format!("{UUID_PREFIX}{middle}{name}");
    text.truncate(Uuid::MAX_LEN);
    Uuid::new(&text).ok()
}

/// Whether a device is a verity device: by its UUID, or because verity is all that it consists of. The kernel's own
/// `dm-mod.create=` gives devices no UUID.
fn is_verity(kernel: &mut dyn DeviceMapper, name: &Name, uuid: &str) -> Result<bool, DmError> {
    if uuid.starts_with(UUID_PREFIX) {
        return Ok(true);
    }
    let (_, targets) = kernel.targets(name, Show::Status)?;
    Ok(!targets.is_empty() && targets.iter().all(|target| target.kind == KIND))
}

/// The table's line for a message: without it nobody knows what the kernel was asked for.
fn line(table: &VerityTable) -> String {
    format!("0 {} {KIND} {table}", table.sectors().unwrap_or_default())
}

/// The prefix of the UUIDs of libcryptsetup's verity devices.
const UUID_PREFIX: &str = "CRYPT-VERITY-";
/// The name of the target.
const KIND: &str = "verity";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_those_of_cryptsetup() {
        let name = Name::new("root").unwrap();
        let superblock = "01234567-89ab-4cde-8f01-23456789abcd".parse().unwrap();
        let text = |uuid: Option<Uuid>| uuid.unwrap().as_str().to_owned();
        assert_eq!(text(uuid(Some(superblock), &name)), "CRYPT-VERITY-0123456789ab4cde8f0123456789abcd-root");
        assert_eq!(text(uuid(None, &name)), "CRYPT-VERITY-root");
        let long = Name::new(&"n".repeat(127)).unwrap();
        assert_eq!(text(uuid(Some(superblock), &long)).len(), 128);
    }
}
