//! What is signed.

use super::error::ContentError;
use crate::params::RootHash;

/// The longest [`formatted_digest`]: that of a digest of 64 bytes, the most that fs-verity has.
pub const FORMATTED_DIGEST_MAX: usize = 12 + 64;

/// What a dm-verity signature signs: the root hash as lower-case hexadecimal digits in ASCII, without a newline. The kernel
/// compares with the root hash argument of the table as a string, so that the case matters there as well.
pub fn root_hash_content(root: &RootHash) -> Vec<u8> {
    root.to_string().into_bytes()
}

/// What an fs-verity built-in signature signs: the kernel's `struct fsverity_formatted_digest`. That is the magic
/// `FSVerity`, the number of the algorithm (1 is SHA-256, 2 SHA-512) and the length of the digest in bytes, both 16 bits
/// little-endian, and the digest of the file.
pub fn formatted_digest(algorithm: u16, digest: &[u8]) -> Result<Vec<u8>, ContentError> {
    let wanted: u16 = match algorithm {
        1 => 32,
        2 => 64,
        _ => return Err(ContentError::Algorithm { algorithm }),
    };
    if digest.len() != usize::from(wanted) {
        return Err(ContentError::Length { algorithm, wanted, len: digest.len() });
    }
    let parts: [&[u8]; 4] = [b"FSVerity", &algorithm.to_le_bytes(), &wanted.to_le_bytes(), digest];
    Ok(parts.concat())
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

    #[test]
    fn a_formatted_digest_is_laid_out_as_the_kernel_has_it() {
        let content = formatted_digest(1, &[7; 32]).unwrap();
        assert_eq!(content[..12], *b"FSVerity\x01\0\x20\0");
        assert_eq!(content[12..], [7; 32]);
        assert_eq!(formatted_digest(2, &[7; 64]).unwrap().len(), FORMATTED_DIGEST_MAX);
        assert!(matches!(formatted_digest(3, &[7; 32]), Err(ContentError::Algorithm { algorithm: 3 })));
        let short = ContentError::Length { algorithm: 2, wanted: 64, len: 32 };
        assert_eq!(formatted_digest(2, &[7; 32]), Err(short));
    }
}
