//! A line of a device-mapper table, as `dmsetup table` prints it.

use std::fmt;

use super::{Field, TableError, VerityTable, is_space, number};

/// A verity target in a line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is all that a line has")]
pub struct TableLine {
    /// The first sector that the target maps, and how many; `None` if the text had the parameters alone.
    pub range: Option<(u64, u64)>,
    /// The target's parameters.
    pub table: VerityTable,
}

impl TableLine {
    /// Reads `START LENGTH verity PARAMETERS`, or the parameters alone. `NAME:` may come before, as `dmsetup table` has it
    /// for all devices, and one newline after.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.contains('\n') {
            return Err(TableError::SeveralLines);
        }
        let text = match text.split_once(": ") {
            // In parameters a colon is part of a device's number, with no blank after it.
            Some((name, rest)) if !name.contains(' ') => rest,
            _ => text,
        };
        let mut words = text.split(is_space).filter(|word| !word.is_empty());
        let (start, len, kind) = (words.next(), words.next(), words.next());
        // In parameters alone the third word is the hash device, and a block size comes next where here is the hash type.
        let is_size = words.next().and_then(|word| word.parse().ok()).is_some_and(|size: u32| size > 1);
        let (Some(start), Some(len), Some("verity"), false) = (start, len, kind, is_size) else {
            return Ok(Self { range: None, table: VerityTable::parse(text)? });
        };
        let range = Some((number(Field::Range, start)?, number(Field::Range, len)?));
        let at = text.find("verity").map_or(text.len(), |at| at + "verity".len());
        Ok(Self { range, table: VerityTable::parse(&text[at..])? })
    }

    /// Whether it can be written so that the kernel, and who reads it line by line, read it back.
    pub fn check(&self) -> Result<(), TableError> {
        let line = self.to_string();
        if Self::parse(&line)? == *self { Ok(()) } else { Err(TableError::Unwritable { line }) }
    }
}

impl fmt::Display for TableLine {
    /// The line, without a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((start, len)) = self.range {
            write!(f, "{start} {len} verity ")?;
        }
        write!(f, "{}", self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    /// Found by fuzzing: a hash device of the name `verity` came back as the kind of the target.
    #[test]
    fn a_device_may_be_called_as_the_target_is() {
        for data in ["a", "7"] {
            let text = format!("1 {data} \\verity 4096 4096 256 1 sha256 {ROOT} -");
            let line = TableLine::parse(&text).unwrap();
            assert_eq!((line.range, line.table.hash_device.as_str()), (None, "verity"));
            assert_eq!(TableLine::parse(&line.to_string()), Ok(line));
        }
    }

    #[test]
    fn what_would_not_come_back_is_not_written() {
        let line = TableLine::parse(&format!("0 8 verity 1 a b 4096 4096 256 1 sha256 {ROOT} -")).unwrap();
        assert_eq!(line.check(), Ok(()));
        for device in ["", "a\nb", "a\0", "/dev/disk/by-partlabel/voil\u{e0}"] {
            let mut line = line.clone();
            device.clone_into(&mut line.table.data_device);
            assert!(line.check().is_err(), "{device:?}");
        }
        let mut odd = line;
        odd.table.options.io_error = Some(super::super::ErrorMode::Ignore);
        assert!(matches!(odd.check(), Err(TableError::Unwritable { .. })));
    }

    #[test]
    fn lines_and_parameters_are_read() {
        let parameters = format!("1 7:0 7:1 4096 4096 256 1 sha256 {ROOT} aabb");
        let alone = TableLine::parse(&parameters).unwrap();
        assert_eq!((alone.range, alone.to_string()), (None, parameters.clone()));
        for text in [format!("0 2048 verity {parameters}\n"), format!("root: 0  2048 verity {parameters}")] {
            let line = TableLine::parse(&text).unwrap();
            assert_eq!((line.range, &line.table), (Some((0, 2048)), &alone.table));
            assert_eq!(line.to_string(), format!("0 2048 verity {parameters}"));
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let parameters = format!("1 a b 4096 4096 256 1 sha256 {ROOT} -");
        for text in [
            String::new(),
            "0 8 linear /dev/a 0".to_owned(),
            "0 8 verity".to_owned(),
            format!("0 x verity {parameters}"),
            format!("-1 8 verity {parameters}"),
        ] {
            assert!(TableLine::parse(&text).is_err(), "{text}");
        }
        let two = format!("0 8 verity {parameters}\n8 8 verity {parameters}\n");
        assert_eq!(TableLine::parse(&two), Err(TableError::SeveralLines));
    }
}
