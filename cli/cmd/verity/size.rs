//! Sizes as people write them.

use std::str::FromStr;

/// A number of bytes, written as `4096`, `512KiB`, `64MiB`, `3GiB` or `1TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl FromStr for Size {
    type Err = String;

    /// Units of 1000 and bare letters are refused, since one half of all tools mean 1000 by them and the other 1024.
    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(at);
        let factor = match unit.trim_start() {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err("use a whole number of bytes, or of KiB, MiB, GiB or TiB, as in 3GiB".to_owned()),
        };
        let number: u64 = digits.parse().map_err(|_| "no number, or one that is too large".to_owned())?;
        let bytes = number.checked_mul(factor).filter(|bytes| i64::try_from(*bytes).is_ok());
        bytes.map(Self).ok_or_else(|| "more than 2^63 - 1 bytes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_and_nothing_else() {
        let cases = [("0", 0), ("4096", 4096), ("1KiB", 1 << 10), ("3GiB", 3 << 30), ("1 TiB", 1 << 40)];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for wrong in [
            "",
            "GiB",
            "1.5GiB",
            "3GB",
            "3G",
            "3gib",
            "-1",
            "+1",
            "1GiB2",
            "8388608TiB",
            "99999999999999999999",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
