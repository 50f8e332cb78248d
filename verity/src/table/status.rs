//! What a mapped `verity` target says of itself: `verity_status` of dm-verity-target.c.

use super::{Field, TableError};

/// The status of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerityStatus {
    /// Whether a block was found corrupt since the table was loaded, `C` instead of `V`. Blocks that were not read yet, and
    /// those that error correction repaired, do not count.
    pub corrupted: bool,
    /// How many blocks error correction repaired. Only newer kernels say so, and only of targets that have a parity device.
    pub corrected_blocks: Option<u64>,
}

impl VerityStatus {
    /// Reads the status of a target: `V` or `C`, then a number or `-`, then what later kernels may add.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut words = text.split_ascii_whitespace();
        let corrupted = match words.next() {
            Some("V") => false,
            Some("C") => true,
            other => return Err(Field::Status.wrong(other.unwrap_or_default())),
        };
        let corrected_blocks = match words.next() {
            None | Some("-") => None,
            Some(number) => Some(super::number(Field::Status, number)?),
        };
        Ok(Self { corrupted, corrected_blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_status_are_read() {
        let read = |text: &str| {
            let status = VerityStatus::parse(text)?;
            Ok((status.corrupted, status.corrected_blocks))
        };
        assert_eq!(read("V"), Ok((false, None)));
        assert_eq!(read("C -"), Ok((true, None)));
        assert_eq!(read("V 12"), Ok((false, Some(12))));
        for wrong in ["", "X", "VC", "v", "V x", "V -1"] {
            assert!(
                matches!(read(wrong), Err::<(bool, Option<u64>), _>(TableError::Field { .. })),
                "{wrong}"
            );
        }
    }
}
