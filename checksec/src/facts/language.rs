//! The language that a file was written in, as far as it shows, and how that was told.

use hardpan_report::Language;

use crate::facts::flags::GoBuild;
use crate::facts::{Dynamic, Flags, Names, Sections, Symbols};
use crate::reader::Reader;

/// The language and the marks of compilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a mark by itself, and any of them may be there together"
)]
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
    /// Whether C, C++ or the like was compiled into a program of Go or Rust: by its defences, its units in the debugging
    /// information, calls that only C makes, or, of Go, because the program was linked by C's linker with cgo on.
    pub mixes_c: bool,
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
    sections: Option<&Sections>,
    dynamic: Option<&Dynamic>,
    symbols: Option<&Symbols>,
    flags: &Flags,
) -> Origin {
    let comment = &flags.tools;
    let names = dynamic.and_then(|dynamic| dynamic.names.as_ref().ok());
    let needs = |library: &[u8]| names.is_some_and(|names| names.needs(library));
    let needs_cpp = needs(b"libstdc++.so") || needs(b"libc++.so");
    let unwinds = symbols.is_some_and(|symbols| symbols.unwinds) && !needs_cpp;
    let has_c_defences =
        symbols.is_some_and(|symbols| symbols.guard.is_some() || !symbols.checked.is_empty());
    let (language, evidence) = if flags.go.is_some() {
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
    let mixes_c = match language {
        Language::Rust => {
            has_c_defences
                || flags.has_compiled_units()
                || symbols.is_some_and(|symbols| symbols.plain.iter().any(|name| ONLY_C.contains(name)))
        }
        Language::Go => has_cgo(flags, names) || has_c_defences,
        _ => false,
    };
    Origin { language, evidence, has_clang: comment.clang, has_gcc: comment.gcc, needs_cpp, mixes_c }
}

/// `CGO_ENABLED=1` is the default, and alone says only that C could be compiled in. Where it was, the program is linked by
/// C's linker, with files of GCC's in it, or needs C's library.
fn has_cgo(flags: &Flags, names: Option<&Names>) -> bool {
    let is_linked_by_c = flags.tools.gcc || flags.tools.clang;
    let needs_library = names.is_some_and(|names| !names.needed.is_empty());
    match flags.go().and_then(GoBuild::cgo) {
        // Go refuses C's linker where cgo is off, so that its traces deny what is recorded.
        Some(enabled) => is_linked_by_c || (enabled && needs_library),
        // Before Go 1.18 it was not recorded.
        None => is_linked_by_c || needs_library,
    }
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

/// Functions of strings that end with NUL, and of formats, which neither Rust's standard library nor its compiler calls:
/// where they are called, C is in the program, or is all of it but a library.
const ONLY_C: [&str; 16] = [
    "asprintf",
    "fgets",
    "fprintf",
    "gets",
    "printf",
    "sprintf",
    "stpcpy",
    "strcat",
    "strcpy",
    "strncat",
    "strncpy",
    "vasprintf",
    "vfprintf",
    "vprintf",
    "vsnprintf",
    "vsprintf",
];
/// Where panics in the standard library say to come from, in any build of it.
const RUST_PATHS: [&[u8]; 2] = [b"library/core/src/", b"library/std/src/"];
const MAX_RODATA: u64 = 16 << 20;
const WINDOW: u64 = 64 * 1024;
const OVERLAP: u64 = 32;
