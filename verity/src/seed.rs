//! Salt and UUID from a seed, so that a build can be repeated: the rule of systemd-repart (version 259).
//!
//! The seed, 16 bytes, is the key of two HMAC-SHA256. The salt is the whole code of the text `verity-salt`; the UUID is the
//! first half of the code of the text `verity-uuid`, with the bits of version and variant set as RFC 9562 has them.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::ParamError;
use crate::hex;
use crate::params::Salt;
use crate::uuid::Uuid;

/// 16 bytes from which salt and UUID are derived. systemd-repart takes the machine's ID when nothing is said.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed([u8; 16]);

impl Seed {
    /// The seed with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The salt, of 32 bytes.
    pub fn salt(&self) -> Salt {
        Salt::from_array(self.authenticate("verity-salt"))
    }

    /// The UUID of the superblock, of version 4.
    pub fn uuid(&self) -> Uuid {
        let code = self.authenticate("verity-uuid");
        let mut half = [0; 16];
        half.copy_from_slice(&code[..16]);
        Uuid::from_random_bytes(half)
    }

    fn authenticate(&self, text: &str) -> [u8; 32] {
        // HMAC fills a key that is shorter than the block of its hash, 64 bytes, with zeros.
        let mut key = [0; 64];
        key[..16].copy_from_slice(&self.0);
        Hmac::<Sha256>::new(&key.into()).chain_update(text).finalize().into_bytes().into()
    }
}

impl FromStr for Seed {
    type Err = ParamError;

    /// Reads 32 hexadecimal digits, or a UUID.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        if let Ok(uuid) = text.parse::<Uuid>() {
            return Ok(Self(*uuid.as_bytes()));
        }
        let wrong = || ParamError::Seed { text: text.to_owned() };
        hex::decode(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Debug for Seed {
    /// Nothing of it: systemd-repart's default is the machine's ID, which is confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with OpenSSL: `printf verity-salt | openssl dgst -sha256 -mac HMAC -macopt hexkey:…`. tests/seed.rs asks it
    /// again.
    #[test]
    fn a_known_seed_has_the_known_salt_and_uuid() {
        let seed: Seed = "0123456789abcdef0123456789abcdef".parse().unwrap();
        assert_eq!(
            seed.salt().to_string(),
            "c65b6ab68edf421fcc0cb48ba60f7f14f5186b4d003d21ab3b334b91de16759c"
        );
        assert_eq!(seed.uuid().to_string(), "898929e6-7747-423e-8593-3659ba461e7c");
        assert_eq!("01234567-89AB-cdef-0123-456789abcdef".parse::<Seed>().unwrap(), seed);
    }

    #[test]
    fn a_seed_is_16_bytes() {
        for wrong in ["", "00", &"0".repeat(31), &"0".repeat(33), &"0".repeat(34), &"g".repeat(32)] {
            assert!(wrong.parse::<Seed>().is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", Seed::from_bytes([0xab; 16])).contains("ab"));
    }
}
