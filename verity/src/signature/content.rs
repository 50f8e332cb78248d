//! What is signed.

use crate::params::RootHash;

/// What a dm-verity signature signs: the root hash as lower-case hexadecimal digits in ASCII, without a newline. The kernel
/// compares with the root hash argument of the table as a string, so that the case matters there as well.
pub fn root_hash_content(root: &RootHash) -> Vec<u8> {
    root.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Algorithm;

    #[test]
    fn a_root_hash_is_signed_in_lower_case_and_without_a_newline() {
        let digits = "0123456789ABCDEF".repeat(4);
        let root = RootHash::parse(Algorithm::Sha256, &digits).unwrap();
        assert_eq!(root_hash_content(&root), digits.to_lowercase().as_bytes());
    }
}
