//! `/etc/veritytab`.

use std::fmt;

use super::word::{check_device, root_hash};
use super::{SystemdError, SystemdOptions};
use crate::hex;

/// The devices of a veritytab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct Veritytab {
    /// The devices, in order. No two have the same name.
    pub entries: Vec<VeritytabEntry>,
}

/// A device that a line of veritytab describes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct VeritytabEntry {
    /// The name of the mapped device.
    pub name: String,
    /// The data device: an absolute path, or `UUID=`, `PARTUUID=`, `LABEL=`, `PARTLABEL=` or `ID=`.
    pub data_device: String,
    /// The hash device, likewise.
    pub hash_device: String,
    /// The root hash, at least 16 bytes.
    pub root: Vec<u8>,
    /// The options; none are no field at all.
    pub options: SystemdOptions,
}

impl Veritytab {
    /// Reads all lines. Blanks and tabs separate fields, and nothing quotes it; a line whose first character is `#`, after
    /// blanks, is a comment. The generator ignores words after the fifth; here they are an error, since whoever wrote
    /// them expected something.
    pub fn parse(text: &str) -> Result<Self, SystemdError> {
        let mut entries: Vec<VeritytabEntry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            // systemd takes these for ends of lines, so that what comes after them would not be part of a comment.
            if line.contains(['\r', '\0']) {
                let error = SystemdError::value("line", line, "has a carriage return or zero byte within");
                return Err(error.in_line(line_number));
            }
            let line = line.trim_matches(BLANKS);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = VeritytabEntry::parse(line).map_err(|error| error.in_line(line_number))?;
            if entries.iter().any(|other| other.name == entry.name) {
                return Err(SystemdError::repeated(&entry.name).in_line(line_number));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }
}

impl VeritytabEntry {
    /// Reads a line that is neither empty nor a comment.
    pub fn parse(line: &str) -> Result<Self, SystemdError> {
        let fields: Vec<&str> = line.split(BLANKS).filter(|field| !field.is_empty()).collect();
        let (name, data, hash, root, options) = match *fields.as_slice() {
            [name, data, hash, root] => (name, data, hash, root, ""),
            [name, data, hash, root, options] => (name, data, hash, root, options),
            _ => return Err(SystemdError::FieldCount { count: fields.len() }),
        };
        Ok(Self {
            name: device_name(name)?.to_owned(),
            data_device: check_device("data device", data)?.to_owned(),
            hash_device: check_device("hash device", hash)?.to_owned(),
            root: root_hash("root hash", root)?,
            options: SystemdOptions::parse(options)?,
        })
    }

    /// Whether it can be written so that systemd reads it back.
    pub fn check(&self) -> Result<(), SystemdError> {
        self.options.check()?;
        check_device("data device", &self.data_device)?;
        check_device("hash device", &self.hash_device)?;
        root_hash("root hash", &hex::Digits(&self.root).to_string())?;
        device_name(&self.name).map(|_| ())
    }
}

impl fmt::Display for VeritytabEntry {
    /// The line, without a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, data_device, hash_device, root, options } = self;
        write!(f, "{name} {data_device} {hash_device} {}", hex::Digits(root))?;
        if options.is_empty() { Ok(()) } else { write!(f, " {options}") }
    }
}

impl fmt::Display for Veritytab {
    /// One line for each device.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// The name of a mapped device, which is also part of a unit's name.
fn device_name(name: &str) -> Result<&str, SystemdError> {
    super::word::check_word("name", name)?;
    let wrong = |reason| Err(SystemdError::value("name", name, reason));
    match name {
        "." | ".." => wrong("is no name of a device"),
        _ if name.contains('/') => wrong("has a slash"),
        _ if name.starts_with('#') => wrong("would make the line a comment"),
        _ if name.len() > MAX_NAME_LEN => wrong("is longer than the 127 bytes of a device-mapper name"),
        _ => Ok(name),
    }
}

/// What separates fields. Other white space is part of a field to some versions of systemd, and so in none here.
const BLANKS: [char; 2] = [' ', '\t'];
/// `DM_NAME_LEN` of the kernel's dm-ioctl.h, without the NUL at the end.
const MAX_NAME_LEN: usize = 127;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    #[test]
    fn lines_and_comments_are_told_apart() {
        let text = format!(
            "# usr /a /b {ROOT}\n\n \t# c\n  usr\tPARTUUID=aa  /dev/b {ROOT} auto\r\ndata /c /d {ROOT}"
        );
        let table = Veritytab::parse(&text).unwrap();
        let names: Vec<&str> = table.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["usr", "data"]);
        assert_eq!(table.entries[0].options.noauto, Some(false));
        assert_eq!(table.to_string(), format!("usr PARTUUID=aa /dev/b {ROOT} auto\ndata /c /d {ROOT}\n"));
        assert_eq!(Veritytab::parse(&table.to_string()), Ok(table));
        assert_eq!(Veritytab::parse(""), Ok(Veritytab::default()));
    }

    /// Found by fuzzing, against the lines and fields that systemd makes of the bytes.
    #[test]
    fn lines_end_and_fields_part_where_systemd_has_it() {
        let line = format!("a /dev/a /dev/b {}", "ab".repeat(16));
        assert_eq!(Veritytab::parse(&format!("# x\r\n{line}\r\n")).unwrap().entries.len(), 1);
        for text in [
            format!("# x\r{line}"),
            format!("# x\0{line}"),
            format!("{line}\r"),
            format!("\u{a0}# {line}"),
            line.replace(" /dev/b", "\u{3000}/dev/b"),
            line.replace(" /dev/b", "\u{b}/dev/b"),
        ] {
            let read = Veritytab::parse(&text);
            assert!(matches!(read, Err(SystemdError::Line { line: 1, .. })), "{text:?}: {read:?}");
        }
    }

    #[test]
    fn wrong_lines_are_named() {
        let wrong = [
            "x".to_owned(),
            "x /a /b".to_owned(),
            format!("x /a /b {ROOT} auto more"),
            format!("x \"/a b\" /b {ROOT}"),
            format!("x a /b {ROOT}"),
            format!("x /a PARTUUID= {ROOT}"),
            format!("x/y /a /b {ROOT}"),
            format!(".. /a /b {ROOT}"),
            format!("{} /a /b {ROOT}", "x".repeat(128)),
            "x /a /b /run/roothash".to_owned(),
            format!("x /a /b {}", &ROOT[1..]),
            format!("x /a /b {}", &ROOT[..30]),
            format!("x /a /b {ROOT} auto,what"),
            format!("x /a\\x20b /b {ROOT}"),
            format!("x /a /b {ROOT} \0"),
            // systemd ends lines there, and takes no other white space than that of ASCII.
            format!("# c\rx /a /b {ROOT}"),
            format!("# c\0x /a /b {ROOT}"),
            format!("\u{a0}# /a /b {ROOT}"),
            format!("x\u{a0}/a /b {ROOT}"),
            format!("x /a /b\x0b{ROOT}"),
        ];
        for line in wrong {
            let error = Veritytab::parse(&format!("# c\n{line}\n")).unwrap_err();
            assert!(matches!(error, SystemdError::Line { line: 2, .. }), "{line}: {error}");
        }
        let twice = format!("x /a /b {ROOT}\nx /a /c {ROOT}");
        assert!(matches!(Veritytab::parse(&twice), Err(SystemdError::Line { line: 2, .. })));
    }

    #[test]
    fn an_entry_that_would_not_come_back_is_not_written() {
        let entry = Veritytab::parse(&format!("x /a /b {ROOT}")).unwrap().entries.remove(0);
        assert_eq!(entry.check(), Ok(()));
        let with = |change: fn(&mut VeritytabEntry)| {
            let mut entry = entry.clone();
            change(&mut entry);
            entry.check()
        };
        assert!(with(|entry| entry.name = "a b".into()).is_err());
        assert!(with(|entry| entry.name = "#a".into()).is_err());
        assert!(with(|entry| entry.data_device = "7:0".into()).is_err());
        assert!(with(|entry| entry.hash_device = "/dev/a\nb /c /d".into()).is_err());
        assert!(with(|entry| entry.root.truncate(15)).is_err());
        assert!(with(|entry| entry.options.fec_device = Some("/a,b".into())).is_err());
    }
}
