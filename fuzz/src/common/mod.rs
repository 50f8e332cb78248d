//! What several targets share.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

pub(crate) mod elf;
pub(crate) mod image;
pub(crate) mod kernel;
pub(crate) mod keys;
pub(crate) mod mutate;
pub(crate) mod pack;
pub(crate) mod policy;
pub(crate) mod take;
pub(crate) mod tree;

/// The SHA-256 of some bytes in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}
