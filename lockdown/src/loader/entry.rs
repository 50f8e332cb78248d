//! Entries of the Boot Loader Specification (type 1): `KEY VALUE` lines.

use super::{LoaderError, LoaderFault};

/// What an entry says of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// All `options`, which are one command line, and the line of the first.
    pub options: Option<(u32, String)>,
    /// The kernel, below the partition's root.
    pub linux: Option<String>,
    /// A program that is started instead, such as a unified kernel image.
    pub efi: Option<String>,
    /// The initramfs, in their order.
    pub initrd: Vec<String>,
    /// The version that entries are sorted by.
    pub version: Option<String>,
}

/// Reads an entry. Keys that say nothing of the kernel are passed over, as loaders do; of a key that is there twice the last
/// counts, but of `options` and `initrd`, which add up.
pub fn entry(text: &str) -> Result<Entry, LoaderError> {
    let mut entry = Entry::default();
    for (line, content) in (1..).zip(text.lines()) {
        let statement = content.trim();
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        let column = content.len() - content.trim_start().len() + 1;
        let Some((key, value)) = statement.split_once(|character: char| character.is_ascii_whitespace())
        else {
            // An empty value is as good as none.
            if !statement.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
                return Err(LoaderError { line, column, fault: LoaderFault::NoValue });
            }
            continue;
        };
        let value = value.trim();
        match key {
            "options" => match &mut entry.options {
                Some((_, options)) => *options = format!("{options} {value}"),
                none => *none = Some((line, value.to_owned())),
            },
            "linux" => entry.linux = Some(value.to_owned()),
            "efi" => entry.efi = Some(value.to_owned()),
            "initrd" => entry.initrd.push(value.to_owned()),
            "version" => entry.version = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_add_up_and_other_keys_are_passed_over() {
        let text = "# comment\ntitle A b\n options ro\noptions  quiet \noptionsx no\nlinux /v\nlinux /w\ninitrd /a\ninitrd /b\nempty\n";
        let entry = entry(text).unwrap();
        assert_eq!(entry.options, Some((3, "ro quiet".to_owned())));
        assert_eq!(
            (entry.linux.as_deref(), &entry.initrd[..]),
            (Some("/w"), &["/a".to_owned(), "/b".to_owned()][..])
        );
    }

    #[test]
    fn a_line_that_is_none_is_told_with_its_place() {
        assert_eq!(
            entry("title A\n  menuentry{\n").unwrap_err().to_string(),
            "line 2, column 3: a line of a loader entry is a key, blanks and a value"
        );
    }
}
