//! Files of PEM blocks (RFC 7468).

use pem_rfc7468::Decoder;
use zeroize::Zeroizing;

use super::error::PemError;

/// What a block is and what it holds.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The largest file of keys or certificates that is read: a bundle of every public certificate authority has a quarter.
pub(super) const MAX_FILE: usize = 1 << 20;

/// All blocks of a file, in their order. Text around them is a comment, as `openssl x509 -text` writes it.
///
/// A private key that is encrypted in the way of old is refused here, since that way is a header within the block.
pub(super) fn blocks(file: &[u8]) -> Result<Vec<Block>, PemError> {
    if file.len() > MAX_FILE {
        return Err(PemError::TooLong { len: file.len() });
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = find(file, b"-----BEGIN ", at) {
        let unclosed = PemError::Unclosed { offset: start };
        let label = find(file, b"-----END ", start).ok_or(unclosed.clone())? + b"-----END ".len();
        let end = find(file, b"-----", label).ok_or(unclosed)? + b"-----".len();
        found.push(block(&file[start..end], start)?);
        at = end;
    }
    Ok(found)
}

fn block(text: &[u8], offset: usize) -> Result<Block, PemError> {
    if find(text, b"Proc-Type:", 0).is_some() && find(text, b"ENCRYPTED", 0).is_some() {
        return Err(PemError::Encrypted);
    }
    let malformed = |error: pem_rfc7468::Error| PemError::Malformed { offset, reason: error.to_string() };
    let mut decoder = Decoder::new_detect_wrap(text).map_err(malformed)?;
    let label = decoder.type_label().to_owned();
    let mut der = Zeroizing::new(Vec::with_capacity(decoder.remaining_len()));
    decoder.decode_to_end(&mut der).map_err(malformed)?;
    Ok(Block { label, der })
}

/// Where `needle` is first found, not before `from`.
fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = haystack.get(from..)?;
    rest.windows(needle.len()).position(|window| window == needle).map(|position| from + position)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN ONE-----\nAQID\n-----END ONE-----\n";

    #[test]
    fn blocks_are_found_between_comments() {
        let file = format!("about\n{ONE}more\n{}", ONE.replace("ONE", "TWO").replace('\n', "\r\n"));
        let blocks = blocks(file.as_bytes()).unwrap();
        let seen: Vec<_> = blocks.iter().map(|block| (block.label.as_str(), block.der.as_slice())).collect();
        assert_eq!(seen, [("ONE", &[1, 2, 3][..]), ("TWO", &[1, 2, 3][..])]);
        assert!(super::blocks(b"nothing").unwrap().is_empty());
    }

    #[test]
    fn a_broken_block_is_named_by_its_offset() {
        for (broken, at) in [
            (ONE.replace("-----END ONE-----", ""), 0),
            (ONE.replace("AQID", "AQ*D"), 0),
            (ONE.replace("END ONE", "END TWO"), 0),
            (format!("{ONE}-----BEGIN ONE-----\nAQ"), ONE.len()),
        ] {
            match blocks(broken.as_bytes()).map(|blocks| blocks.len()) {
                Err(PemError::Unclosed { offset } | PemError::Malformed { offset, .. }) => {
                    assert_eq!(offset, at, "{broken}");
                }
                other => panic!("{broken}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_cut_and_every_flip_of_a_file_is_read_without_a_panic() {
        for cut in 0..ONE.len() {
            let _ = blocks(&ONE.as_bytes()[..cut]);
            for bit in 0..8 {
                let mut bytes = ONE.as_bytes().to_vec();
                bytes[cut] ^= 1 << bit;
                let _ = blocks(&bytes);
            }
        }
        assert!(matches!(blocks(&vec![0; MAX_FILE + 1]), Err(PemError::TooLong { .. })));
    }
}
