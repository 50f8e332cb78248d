//! What the devices of a slot are called by whoever opens them: the kernel by itself, or `dmsetup` where udev made links.

use std::fmt::Write as _;

use hardpan_verity::dps::partition_uuids;

use super::GenerateError;
use crate::boot::config::{DeviceRef, Slot};

/// As the kernel finds a device before anything is mounted.
pub(super) fn kernel_name(slot: &Slot, device: &DeviceRef, is_data: bool) -> Result<String, GenerateError> {
    match device {
        DeviceRef::Dps => dps(slot, is_data).map(|uuid| format!("PARTUUID={uuid}")),
        other => Ok(other.to_string()),
    }
}

/// The link that udev makes.
pub(super) fn node(slot: &Slot, device: &DeviceRef, is_data: bool) -> Result<String, GenerateError> {
    Ok(match device {
        DeviceRef::Dps => format!("/dev/disk/by-partuuid/{}", dps(slot, is_data)?),
        DeviceRef::PartUuid(uuid) => format!("/dev/disk/by-partuuid/{uuid}"),
        DeviceRef::PartLabel(label) => format!("/dev/disk/by-partlabel/{}", encoded(label)),
        DeviceRef::Path(path) => path.clone(),
    })
}

/// The UUID of the partition that the specification derives from the root hash.
fn dps(slot: &Slot, is_data: bool) -> Result<String, GenerateError> {
    let reason =
        || "the root hash is too short for the UUIDs of the Discoverable Partitions Specification".to_owned();
    let uuids = partition_uuids(&slot.table.root);
    let (data, hash) =
        uuids.ok_or_else(|| GenerateError::Device { slot: slot.name.clone(), reason: reason() })?;
    Ok(if is_data { data } else { hash }.to_string())
}

/// A label as udev puts it into the name of a link: what is no letter, digit or one of a few marks becomes `\xNN`, byte by byte,
/// unless it is a character beyond ASCII.
fn encoded(label: &str) -> String {
    let mut name = String::new();
    for character in label.chars() {
        if character.is_ascii_alphanumeric() || "#+-.:=@_".contains(character) || !character.is_ascii() {
            name.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "\\x{:02x}", u32::from(character));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn labels_are_encoded_as_udev_does() {
        assert_eq!(encoded("root-a"), "root-a");
        assert_eq!(encoded("a b/c\\"), "a\\x20b\\x2fc\\x5c");
        assert_eq!(encoded("wört"), "wört");
    }
}
