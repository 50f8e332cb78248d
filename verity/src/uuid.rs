//! The superblock's UUID, in RFC 9562's byte order and spelling.

use std::fmt;
use std::str::FromStr;

use crate::error::ParamError;
use crate::hex;

/// 16 bytes that name a hash area. dm-verity neither covers nor needs it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The UUID with these bytes, in the order in which they are stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A version 4 UUID from 122 of these random bits.
    pub fn from_random_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The bytes, in the order in which they are stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Uuid {
    type Err = ParamError;

    /// Reads the hyphenated form, in either case.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        let wrong = || ParamError::Uuid { text: text.to_owned() };
        let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
        if hyphens != HYPHENS {
            return Err(wrong());
        }
        let bytes = hex::decode(&text.replace('-', "")).ok_or_else(wrong)?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hyphenated_form_reads_back() {
        let text = "01234567-89ab-4cde-8f01-23456789abcd";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.to_string(), text);
        assert_eq!(uuid.as_bytes()[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(text.to_uppercase().parse::<Uuid>().unwrap(), uuid);
    }

    #[test]
    fn other_spellings_are_refused() {
        for wrong in [
            "",
            "0123456789ab4cde8f0123456789abcd",
            "01234567-89ab-4cde-8f01-23456789abc",
            "01234567-89ab-4cde-8f01-23456789abcg",
            "012345678-9ab-4cde-8f01-23456789abcd",
            "{01234567-89ab-4cde-8f01-23456789abcd}",
        ] {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn random_bytes_get_version_4_and_the_variant() {
        let text = Uuid::from_random_bytes([0xff; 16]).to_string();
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
