//! The kernel's side of a verity device: the table of its target, and the command line that creates devices at boot.
//!
//! The syntax is that of the kernel's `verity_ctr` (drivers/md/dm-verity-target.c) and its documentation, verity.rst.
//! A table names any algorithm and block size, supported by this crate or not: it is read to be judged, not to be mapped.

mod cmdline;
mod create;
mod emit;
mod line;
mod options;
mod status;
pub mod systemd;

use std::fmt;

use thiserror::Error;

use crate::hex;
use crate::params::Algorithm;

pub use cmdline::{CmdlineVerity, CreatedTarget, HashParameter, find_in_cmdline};
pub use create::create_parameter;
pub use line::TableLine;
pub use options::{ErrorMode, Fec, Options};
pub use status::VerityStatus;

/// The parameters of a `verity` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerityTable {
    /// The hash type: 0 or 1.
    pub hash_type: u32,
    /// The data device: a path, `MAJOR:MINOR` or `PARTUUID=…`.
    pub data_device: String,
    /// The hash device, likewise.
    pub hash_device: String,
    /// The data block size in bytes.
    pub data_block_size: u32,
    /// The hash block size in bytes.
    pub hash_block_size: u32,
    /// The number of data blocks.
    pub data_blocks: u64,
    /// The number of the hash block with which the tree starts.
    pub hash_start_block: u64,
    /// The algorithm, by the name that the kernel's crypto API gets.
    pub algorithm: String,
    /// The root hash.
    pub root: Vec<u8>,
    /// The salt; empty for `-`.
    pub salt: Vec<u8>,
    /// The optional arguments.
    pub options: Options,
}

impl VerityTable {
    /// Reads the parameters of a target: what follows `START LENGTH verity` in a table.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let words = split(text)?;
        let required = words.first_chunk::<10>().ok_or(TableError::TooFewArguments { count: words.len() })?;
        let [hash_type, data, hash, data_size, hash_size, blocks, start, algorithm, root, salt] = required;
        Ok(Self {
            hash_type: number(Field::HashType, hash_type).and_then(|value| match value {
                0 | 1 => Ok(value),
                _ => Err(Field::HashType.wrong(hash_type)),
            })?,
            data_device: data.clone(),
            hash_device: hash.clone(),
            data_block_size: block_size(Field::DataBlockSize, data_size)?,
            hash_block_size: block_size(Field::HashBlockSize, hash_size)?,
            data_blocks: number(Field::DataBlocks, blocks)?,
            hash_start_block: number(Field::HashStart, start)?,
            algorithm: algorithm.clone(),
            root: root_hash(algorithm, root)?,
            salt: salt_bytes(salt)?,
            options: Options::parse(&words[10..])?,
        })
    }
}

/// Why a table or a parameter of the command line could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableError {
    /// A parameter of the command line is not what the kernel takes.
    #[error("{parameter}: {reason}")]
    Cmdline {
        /// The parameter's name.
        parameter: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that its field can not have.
    #[error("verity table, {field}: `{value}` is not a possible value")]
    Field {
        /// The field.
        field: Field,
        /// The text.
        value: String,
    },
    /// The optional arguments are not as many as is said before them.
    #[error("verity table: {announced} optional arguments are announced, {count} are there")]
    OptionCount {
        /// The number announced, in words.
        announced: u64,
        /// The number of words.
        count: usize,
    },
    /// An option comes twice, or with another that excludes it.
    #[error("verity table: option `{name}` comes again, or with one that it excludes")]
    OptionRepeated {
        /// The option.
        name: String,
    },
    /// An option that no kernel has, as far as we know: what it would do is unknown.
    #[error("verity table: unknown option `{name}`")]
    OptionUnknown {
        /// The option.
        name: String,
    },
    /// An option lacks its value.
    #[error("verity table: option `{name}` lacks its value")]
    OptionValue {
        /// The option.
        name: String,
    },
    /// A character that the kernel, which reads bytes, takes for something else: a zero ends its strings, a backslash at the
    /// end quotes nothing, and the byte 0xa0 is white space to it wherever it is, as in the UTF-8 of `à`.
    #[error("verity table: the kernel reads the character at byte {offset} in another way")]
    Misread {
        /// Where it is in the text.
        offset: usize,
    },
    /// A table has one line for each target; this should be one target's.
    #[error("verity table: there is more than one line")]
    SeveralLines,
    /// Ten arguments are required.
    #[error("verity table: {count} arguments, 10 are required")]
    TooFewArguments {
        /// How many there are.
        count: usize,
    },
    /// A table that no text stands for: a device without a name, or an option that there is not.
    #[error("verity table: `{line}` would be read as something else")]
    Unwritable {
        /// How it would be written.
        line: String,
    },
}

/// A field of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The hash type, which the kernel calls version.
    HashType,
    /// The data block size.
    DataBlockSize,
    /// The hash block size.
    HashBlockSize,
    /// The number of data blocks.
    DataBlocks,
    /// The block with which the tree starts.
    HashStart,
    /// The root hash.
    RootHash,
    /// The salt.
    Salt,
    /// The value of an option.
    OptionValue,
    /// The number of optional arguments.
    OptionCount,
    /// Start or length of the target.
    Range,
    /// The status of a target.
    Status,
}

impl Field {
    fn wrong(self, value: &str) -> TableError {
        TableError::Field { field: self, value: value.to_owned() }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HashType => "version",
            Self::DataBlockSize => "data block size",
            Self::HashBlockSize => "hash block size",
            Self::DataBlocks => "data blocks",
            Self::HashStart => "hash start block",
            Self::RootHash => "root hash",
            Self::Salt => "salt",
            Self::OptionValue => "option value",
            Self::OptionCount => "number of optional arguments",
            Self::Range => "start or length",
            Self::Status => "status",
        })
    }
}

/// The words of `text`, as device-mapper splits it: at white space, where a backslash takes the next character as it is.
fn split(text: &str) -> Result<Vec<String>, TableError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.char_indices();
    while let Some((offset, character)) = characters.next() {
        match character {
            _ if is_misread(character) => return Err(TableError::Misread { offset }),
            '\\' => {
                let quoted = characters.next().filter(|(_, quoted)| !is_misread(*quoted));
                let (_, quoted) = quoted.ok_or(TableError::Misread { offset })?;
                word.get_or_insert_default().push(quoted);
            }
            _ if is_space(character) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Ok(words)
}

/// White space to the kernel, as far as that is a character.
fn is_space(character: char) -> bool {
    // The vertical tab is none to Rust.
    character.is_ascii_whitespace() || character == '\u{b}'
}

/// Whether the kernel, which has strings of bytes in Latin-1, sees an end or white space in this character.
fn is_misread(character: char) -> bool {
    character == '\0' || has_space_byte(character)
}

/// Whether one of its bytes is the no-break space of Latin-1, which `isspace` of the kernel's lib/ctype.c counts as white
/// space.
fn has_space_byte(character: char) -> bool {
    character.encode_utf8(&mut [0; 4]).bytes().any(|byte| byte == 0xa0)
}

/// A decimal number. Signs, which the kernel's `sscanf` would take, are refused: none writes them.
fn number<T: std::str::FromStr>(field: Field, text: &str) -> Result<T, TableError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or_else(|| field.wrong(text))
}

fn block_size(field: Field, text: &str) -> Result<u32, TableError> {
    let size: u32 = number(field, text)?;
    if size.is_power_of_two() && size >= MIN_BLOCK_SIZE { Ok(size) } else { Err(field.wrong(text)) }
}

/// The root hash, with the length of the algorithm's digests where that is known.
fn root_hash(algorithm: &str, text: &str) -> Result<Vec<u8>, TableError> {
    let bytes =
        hex::decode(text).filter(|bytes| !bytes.is_empty()).ok_or_else(|| Field::RootHash.wrong(text))?;
    match Algorithm::from_name(algorithm) {
        Some(known) if known.digest_size() != bytes.len() => Err(Field::RootHash.wrong(text)),
        _ => Ok(bytes),
    }
}

fn salt_bytes(text: &str) -> Result<Vec<u8>, TableError> {
    match text {
        "-" => Ok(Vec::new()),
        _ => hex::decode(text).ok_or_else(|| Field::Salt.wrong(text)),
    }
}

/// The smallest logical block of any device, which a block may not be smaller than.
const MIN_BLOCK_SIZE: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn table(rest: &str) -> Result<VerityTable, TableError> {
        VerityTable::parse(&format!("1 /dev/sda1 /dev/sda2 4096 4096 256 1 sha256 {ROOT} aabb{rest}"))
    }

    #[test]
    fn the_required_arguments_are_read() {
        let table = table("").unwrap();
        assert_eq!((table.hash_type, table.data_blocks, table.hash_start_block), (1, 256, 1));
        assert_eq!((table.data_device.as_str(), table.hash_device.as_str()), ("/dev/sda1", "/dev/sda2"));
        assert_eq!((table.root[0], table.salt.as_slice()), (0x4a, [0xaa, 0xbb].as_slice()));
        assert_eq!(table.options, Options::default());
    }

    #[test]
    fn wrong_values_are_named() {
        let words: Vec<String> = split(&format!("1 a b 4096 4096 256 1 sha256 {ROOT} -")).unwrap();
        let cases = [
            (0, "2", Field::HashType),
            (0, "+1", Field::HashType),
            (3, "4095", Field::DataBlockSize),
            (4, "256", Field::HashBlockSize),
            (5, "18446744073709551616", Field::DataBlocks),
            (6, "-1", Field::HashStart),
            (8, "4a25", Field::RootHash),
            (8, "zz", Field::RootHash),
            (9, "abc", Field::Salt),
        ];
        for (index, value, field) in cases {
            let mut words = words.clone();
            value.clone_into(&mut words[index]);
            assert_eq!(VerityTable::parse(&words.join(" ")), Err(field.wrong(value)));
        }
        assert_eq!(VerityTable::parse("1 a b"), Err(TableError::TooFewArguments { count: 3 }));
    }

    #[test]
    fn words_are_split_as_device_mapper_does() {
        let words = ["a b", "c\\", "d", "\u{b}"].map(str::to_owned);
        assert_eq!(split("  a\\ b \t c\\\\\u{b}d \\\u{b}"), Ok(words.to_vec()));
    }

    /// Found by fuzzing, against the words that the kernel makes of the bytes.
    #[test]
    fn what_the_kernel_reads_otherwise_is_refused() {
        for (text, offset) in [("a \0b", 2), ("a\u{e0}", 1), ("a\u{a0}b", 1), ("\\\u{860}", 0), ("ab \\", 3)]
        {
            assert_eq!(split(text), Err(TableError::Misread { offset }), "{text:?}");
        }
        assert!(split("voil\u{e1}").is_ok());
    }
}
