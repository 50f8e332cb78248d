//! Lower-case hexadecimal, as veritysetup and the kernel's table print it.

use std::fmt;

/// The bytes that `text` spells, two digits of either case each; `None` if it does not.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

/// Bytes that are shown as lower-case digits.
pub(crate) struct Digits<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

/// Writes `bytes` as lower-case digits.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn digits_come_in_pairs_and_nothing_else_is_taken() {
        assert_eq!(decode("00fFA9"), Some(vec![0, 0xff, 0xa9]));
        assert_eq!(decode(""), Some(vec![]));
        for wrong in ["0", "0g", " 0", "+1", "é"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
