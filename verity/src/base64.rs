//! Base64 of RFC 4648, section 4, with padding: the one form of each value and no other.
//!
//! Signature partitions and veritytab hold signatures in it. It is so little that a crate for it would weigh more.

/// The text of these bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().enumerate().fold(0, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            let value = (group >> (18 - 6 * digit)) as usize & 0x3f;
            text.push(if digit > chunk.len() { '=' } else { char::from(ALPHABET[value]) });
        }
    }
    text
}

/// The bytes that `text` spells; `None` if it is anything else than [`encode`] writes: white space, missing padding, or
/// bits in the last digit that belong to no byte.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    let groups = digits.len() / 4;
    for (index, chunk) in digits.chunks_exact(4).enumerate() {
        let padding = chunk.iter().rev().take_while(|digit| **digit == b'=').count();
        if padding > 2 || padding > 0 && index + 1 < groups {
            return None;
        }
        let group =
            chunk[..4 - padding].iter().try_fold(0u32, |group, digit| Some(group << 6 | value(*digit)?))?;
        let octets = (group << (6 * padding)).to_be_bytes();
        let (whole, rest) = octets[1..].split_at(3 - padding);
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let base = |first: u8, value: u32| u32::from(digit - first) + value;
    match digit {
        b'A'..=b'Z' => Some(base(b'A', 0)),
        b'a'..=b'z' => Some(base(b'a', 26)),
        b'0'..=b'9' => Some(base(b'0', 52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 4648, section 10.
    #[test]
    fn the_vectors_of_the_rfc_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for len in 0..all.len() {
            assert_eq!(decode(&encode(&all[len..])).as_deref(), Some(&all[len..]));
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm 9", "Zm9v\n", "Zm-_",
            "é9v",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
