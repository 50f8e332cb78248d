//! Keys that the kernel reads: the signatures of root hashes, for one.

use std::ffi::CString;
use std::io;

/// Adds a key of type `user` to the keyring of this thread, which ends with it. The kernel finds it by its description as
/// long as this thread makes the call that names it.
pub fn add_thread_key(description: &str, payload: &[u8]) -> io::Result<()> {
    if payload.is_empty() || payload.len() > MAX_PAYLOAD {
        let message = format!("a key has 1 to {MAX_PAYLOAD} bytes, not {}", payload.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let description = CString::new(description).map_err(io::Error::other)?;
    crate::call::add_user_key(&description, payload, THREAD_KEYRING).map(drop)
}

/// What keys of type `user` can have (user_defined.c).
pub const MAX_PAYLOAD: usize = 32767;
/// `KEY_SPEC_THREAD_KEYRING`.
const THREAD_KEYRING: i32 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_content_and_a_description_without_a_zero() {
        assert!(add_thread_key("hardpan:test", &[]).is_err());
        assert!(add_thread_key("hardpan:test", &vec![0; 32768]).is_err());
        assert!(add_thread_key("hardpan\0test", b"x").is_err());
    }
}
