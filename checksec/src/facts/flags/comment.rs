//! `.comment`: the names of the tools that made the file, which linkers merge.

use hardpan_report::escape;

use crate::facts::sections::Section;
use crate::reader::Reader;

/// The tools that left their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// Each name once, in the order of the file, escaped.
    pub names: Box<[Box<str>]>,
    /// `rustc`.
    pub rustc: bool,
    /// GCC. Its name alone does not tell that it compiled the program: the files that start every program have it too.
    pub gcc: bool,
    /// clang.
    pub clang: bool,
    /// Where the section is.
    pub offset: u64,
}

impl Tools {
    /// Reads the section; what cannot be read has no names.
    pub(crate) fn read(reader: &Reader<'_>, section: Section) -> Self {
        let length = section.size.min(MAX_COMMENT);
        let Ok(fields) = reader.bytes(".comment", section.offset, length) else { return Self::default() };
        let mut tools = Self { offset: section.offset, ..Self::default() };
        let mut names: Vec<Box<str>> = Vec::new();
        for name in fields.bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let has = |mark: &[u8]| name.windows(mark.len()).any(|window| window == mark);
            tools.rustc |= has(b"rustc version");
            tools.gcc |= has(b"GCC: ");
            tools.clang |= has(b"clang version");
            let name = escape(&name[..name.len().min(MAX_NAME)]).into_boxed_str();
            if names.len() < MAX_NAMES && !names.contains(&name) {
                names.push(name);
            }
        }
        tools.names = names.into();
        tools
    }
}

/// A name of a compiler is a line; linkers merge equal ones.
const MAX_COMMENT: u64 = 64 * 1024;
const MAX_NAME: usize = 120;
/// A program has two or three; a distribution's library with parts of many ages may have more.
const MAX_NAMES: usize = 8;
