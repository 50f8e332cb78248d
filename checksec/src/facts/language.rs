//! The language that a file was written in, as far as it shows, and how that was told.

use hardpan_report::Language;
use object::elf::PT_LOAD;

use crate::facts::sections::Section;
use crate::facts::{Dynamic, Sections, Segments, Symbols};
use crate::reader::Reader;

/// The language and the marks of compilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The language.
    pub language: Language,
    /// How it was told; empty if it was not.
    pub evidence: &'static str,
    /// Whether clang compiled some of it, by `.comment`.
    pub has_clang: bool,
    /// Whether GCC compiled some of it, by `.comment`; of a program, start code may be all of that.
    pub has_gcc: bool,
    /// Whether it needs a C++ standard library.
    pub needs_cpp: bool,
}

impl Origin {
    /// Whether any of it may be made by a compiler that has CFI and SafeStack for C: clang, or nobody knows which.
    pub fn may_be_instrumented(&self) -> bool {
        let is_safe = matches!(self.language, Language::Go | Language::Rust);
        self.has_clang || !(is_safe || self.has_gcc)
    }
}

/// Tells the language. Marks that cannot be read are no marks: a damaged table is reported by the rules that need it.
pub(crate) fn detect(
    reader: &Reader<'_>,
    segments: &Segments,
    sections: Option<&Sections>,
    dynamic: Option<&Dynamic>,
    symbols: Option<&Symbols>,
) -> Origin {
    let comment =
        sections.and_then(|sections| sections.comment).map(|section| Comment::read(reader, section));
    let comment = comment.unwrap_or_default();
    let names = dynamic.and_then(|dynamic| dynamic.names.as_ref().ok());
    let needs = |library: &[u8]| names.is_some_and(|names| names.needs(library));
    let needs_cpp = needs(b"libstdc++.so") || needs(b"libc++.so");
    let unwinds = symbols.is_some_and(|symbols| symbols.unwinds) && !needs_cpp;
    let has_c_defences =
        symbols.is_some_and(|symbols| symbols.guard.is_some() || !symbols.checked.is_empty());
    let (language, evidence) = if is_go(reader, segments, sections) {
        (Language::Go, "Go build information")
    } else if comment.rustc {
        (Language::Rust, "rustc's name in .comment")
    } else if unwinds && has_rust_paths(reader, sections) {
        // Compilers before 1.76 left no name; C programs that unwind are few, so few files are read for this.
        if has_c_defences {
            // A browser of C++ with a library of Rust in it looks like this, and must not count as memory-safe.
            (Language::Unknown, "Rust's standard library beside C's defences")
        } else {
            (Language::Rust, "paths of Rust's standard library in .rodata")
        }
    } else if needs_cpp {
        (Language::CFamily, "needs a C++ standard library")
    } else if comment.gcc {
        (Language::CFamily, "GCC's name in .comment")
    } else if comment.clang {
        (Language::CFamily, "clang's name in .comment")
    } else if has_c_defences {
        // Distributions strip .comment. Of the languages told apart here only C and C++ have these defences.
        (Language::CFamily, "refers to the stack protector or to checked C functions")
    } else {
        (Language::Unknown, "")
    };
    Origin { language, evidence, has_clang: comment.clang, has_gcc: comment.gcc, needs_cpp }
}

#[derive(Default)]
struct Comment {
    rustc: bool,
    gcc: bool,
    clang: bool,
}

impl Comment {
    fn read(reader: &Reader<'_>, section: Section) -> Self {
        let length = section.size.min(MAX_COMMENT);
        let Ok(fields) = reader.bytes(".comment", section.offset, length) else { return Self::default() };
        let has = |mark: &[u8]| contains(&fields.bytes, mark);
        Self { rustc: has(b"rustc version"), gcc: has(b"GCC: "), clang: has(b"clang version") }
    }
}

fn is_go(reader: &Reader<'_>, segments: &Segments, sections: Option<&Sections>) -> bool {
    let starts_with_magic = |section: Section| {
        let magic = reader.bytes(".go.buildinfo", section.offset, GO_MAGIC.len() as u64);
        magic.is_ok_and(|magic| *magic.bytes == *GO_MAGIC)
    };
    match sections.filter(|sections| sections.count > 0) {
        Some(sections) => sections.go_buildinfo.is_some_and(starts_with_magic),
        // Without section headers it is looked for where Go's own tools do.
        None => segments
            .of(PT_LOAD)
            .filter(|(_, segment)| segment.is_writable())
            .any(|(_, segment)| data_starts_with_go(reader, segment.offset, segment.file_size)),
    }
}

fn data_starts_with_go(reader: &Reader<'_>, offset: u64, size: u64) -> bool {
    let data = reader.bytes("data segment", offset, size.min(GO_SEARCH));
    data.is_ok_and(|data| data.bytes.chunks(16).any(|line| line.starts_with(GO_MAGIC)))
}

fn has_rust_paths(reader: &Reader<'_>, sections: Option<&Sections>) -> bool {
    let Some(section) = sections.and_then(|sections| sections.rodata) else { return false };
    let mut found = false;
    // Windows overlap, so that no path is missed at a border.
    let windows = section.size.min(MAX_RODATA).saturating_sub(OVERLAP) / (WINDOW - OVERLAP) + 1;
    for window in 0..windows {
        let start = window * (WINDOW - OVERLAP);
        let length = WINDOW.min(section.size.saturating_sub(start));
        let Some(offset) = section.offset.checked_add(start) else { return false };
        let Ok(fields) = reader.bytes(".rodata", offset, length) else { return false };
        found |= RUST_PATHS.iter().any(|path| contains(&fields.bytes, path));
        if found {
            break;
        }
    }
    found
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

const GO_MAGIC: &[u8] = b"\xff Go buildinf:";
/// `debug/buildinfo` of Go reads as much.
const GO_SEARCH: u64 = 64 * 1024;
/// Where panics in the standard library say to come from, in any build of it.
const RUST_PATHS: [&[u8]; 2] = [b"library/core/src/", b"library/std/src/"];
/// A name of a compiler is a line; linkers merge equal ones.
const MAX_COMMENT: u64 = 64 * 1024;
const MAX_RODATA: u64 = 16 << 20;
const WINDOW: u64 = 64 * 1024;
const OVERLAP: u64 = 32;
