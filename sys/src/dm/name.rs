//! Names, UUIDs and numbers of device-mapper devices.

use std::fmt;
use std::str::FromStr;

use super::error::NameError;
use super::header::{NAME_FIELD, UUID_FIELD};

/// A device's name, which is also its node's in `/dev/mapper`: 1 to 127 letters, digits and `#+-.:=@_`.
///
/// The kernel would take more, but libdevmapper writes other characters as `\xNN`, so that other tools would see another
/// name than the one that was given; and a `/` would leave the directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The most bytes that a name can have.
    pub const MAX_LEN: usize = NAME_FIELD - 1;

    /// The name, if it can be one.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > Self::MAX_LEN {
            return Err(NameError::Length { what: "name", max: Self::MAX_LEN, len: name.len() });
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&byte)) {
            return Err(NameError::Character { name: name.to_owned() });
        }
        if matches!(name, "." | ".." | "control") {
            return Err(NameError::Reserved { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A device's UUID: by custom a prefix that says whose device it is, then anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uuid(String);

impl Uuid {
    /// The most bytes that a UUID can have.
    pub const MAX_LEN: usize = UUID_FIELD - 1;

    /// The UUID, if it can be one: 1 to 128 printable ASCII characters.
    pub fn new(uuid: &str) -> Result<Self, NameError> {
        if uuid.is_empty() || uuid.len() > Self::MAX_LEN {
            return Err(NameError::Length { what: "UUID", max: Self::MAX_LEN, len: uuid.len() });
        }
        if !uuid.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NameError::UuidCharacter { uuid: uuid.to_owned() });
        }
        Ok(Self(uuid.to_owned()))
    }

    /// The UUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The number of a block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Which driver: at most 4095.
    pub major: u32,
    /// Which of its devices: at most 1048575.
    pub minor: u32,
}

impl DeviceNumber {
    /// The number in the kernel's 64-bit encoding, of which device-mapper fills 32 bits.
    pub(super) fn decode(encoded: u64) -> Self {
        let bits = |shift: u32, mask: u64| u32::try_from((encoded >> shift) & mask).unwrap_or_default();
        Self { major: bits(8, 0xfff), minor: bits(0, 0xff) | bits(12, 0xf_ff00) }
    }

    /// The same the other way round.
    #[cfg(test)]
    pub(super) fn encode(self) -> u64 {
        let (major, minor) = (u64::from(self.major), u64::from(self.minor));
        minor & 0xff | major << 8 | (minor & !0xff) << 12
    }

    /// The number of what a node stands for, from its metadata.
    pub fn of_node(rdev: u64) -> Self {
        Self { major: rustix::fs::major(rdev), minor: rustix::fs::minor(rdev) }
    }
}

impl fmt::Display for DeviceNumber {
    /// `MAJOR:MINOR`, as tables and `/sys/dev/block` have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { major: major.parse()?, minor: minor.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_other_names_are_refused() {
        for good in ["root", "a", "#+-.:=@_09AZ", "...", &"x".repeat(127)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for (bad, wanted) in
            [("", "1 to 127"), (&"x".repeat(128), "not 128"), (".", "/dev/mapper"), ("..", "own")]
        {
            assert!(Name::new(bad).unwrap_err().to_string().contains(wanted), "{bad}");
        }
        for bad in ["a b", "a/b", "../x", "a\n", "ä", "a\0", "a\\x20"] {
            assert!(matches!(Name::new(bad), Err(NameError::Character { .. })), "{bad:?}");
        }
        assert!(matches!(Name::new("control"), Err(NameError::Reserved { .. })));
    }

    #[test]
    fn uuids_have_up_to_128_printable_characters() {
        assert!(Uuid::new(&"u".repeat(128)).is_ok());
        assert!(Uuid::new(&"u".repeat(129)).is_err() && Uuid::new("").is_err());
        assert!(Uuid::new("a b").is_err() && Uuid::new("a\0").is_err());
    }

    #[test]
    fn device_numbers_are_decoded_as_the_kernel_encodes_them() {
        // fd00 is 253:0; the upper bits of a minor number are above the major number.
        assert_eq!(DeviceNumber::decode(0xfd00), DeviceNumber { major: 253, minor: 0 });
        assert_eq!(DeviceNumber::decode(0x1234_fd07), DeviceNumber { major: 0x4fd, minor: 0x1_2307 });
        for (major, minor) in [(0, 0), (253, 255), (253, 256), (4095, 0xf_ffff)] {
            let number = DeviceNumber { major, minor };
            assert_eq!(DeviceNumber::decode(number.encode()), number);
        }
        assert_eq!("253:7".parse(), Ok(DeviceNumber { major: 253, minor: 7 }));
        assert!("253".parse::<DeviceNumber>().is_err() && "253:7:1".parse::<DeviceNumber>().is_err());
    }
}
