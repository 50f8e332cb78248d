//! The undefined symbols that rules care about. Names are matched as they are read and the tables are not kept.

use object::elf::{DT_DEBUG, DT_GNU_HASH, DT_HASH, DT_SYMTAB, EM_ALPHA, EM_S390, ET_EXEC, SHN_UNDEF};

use crate::ElfError;
use crate::facts::marks::Marks;
use crate::facts::strings::Strings;
use crate::facts::{Dynamic, Header, Sections, Segments, relocations};
use crate::reader::{Class, Reader, Table};

/// What the symbol table says of the defences in the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// How many symbols were looked at.
    pub examined: u64,
    /// The stack protector's symbol that the code refers to.
    pub guard: Option<&'static str>,
    /// Whether the file is a C library that defines the stack protector's failure function.
    pub defines_guard: bool,
    /// The checked functions that the code refers to, by the name of the function that they replace.
    pub checked: Box<[&'static str]>,
    /// The unchecked functions that the code refers to although a checked one exists.
    pub plain: Box<[&'static str]>,
    /// Whether the code unwinds stacks, as Rust's and C++'s does.
    pub(crate) unwinds: bool,
    /// The names that instrumentation left.
    pub(crate) marks: Marks,
}

/// The functions that have a checked twin `__X_chk` in glibc 2.36 to 2.42, sorted.
pub const CHECKED_FUNCTIONS: [&str; 85] = [
    "asprintf",
    "confstr",
    "dprintf",
    "explicit_bzero",
    "fdelt",
    "fgets",
    "fgets_unlocked",
    "fgetws",
    "fgetws_unlocked",
    "fprintf",
    "fread",
    "fread_unlocked",
    "fwprintf",
    "getcwd",
    "getdomainname",
    "getgroups",
    "gethostname",
    "getlogin_r",
    "gets",
    "getwd",
    "inet_ntop",
    "inet_pton",
    "longjmp",
    "mbsnrtowcs",
    "mbsrtowcs",
    "mbstowcs",
    "memcpy",
    "memmove",
    "mempcpy",
    "memset",
    "obstack_printf",
    "obstack_vprintf",
    "poll",
    "ppoll",
    "pread",
    "pread64",
    "printf",
    "ptsname_r",
    "read",
    "readlink",
    "readlinkat",
    "realpath",
    "recv",
    "recvfrom",
    "snprintf",
    "sprintf",
    "stpcpy",
    "stpncpy",
    "strcat",
    "strcpy",
    "strlcat",
    "strlcpy",
    "strncat",
    "strncpy",
    "swprintf",
    "syslog",
    "ttyname_r",
    "vasprintf",
    "vdprintf",
    "vfprintf",
    "vfwprintf",
    "vprintf",
    "vsnprintf",
    "vsprintf",
    "vswprintf",
    "vsyslog",
    "vwprintf",
    "wcpcpy",
    "wcpncpy",
    "wcrtomb",
    "wcscat",
    "wcscpy",
    "wcslcat",
    "wcslcpy",
    "wcsncat",
    "wcsncpy",
    "wcsnrtombs",
    "wcsrtombs",
    "wcstombs",
    "wctomb",
    "wmemcpy",
    "wmemmove",
    "wmempcpy",
    "wmemset",
    "wprintf",
];

/// Reads the undefined dynamic symbols.
pub(crate) fn of_dynamic(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    (dynamic, strings): (&Dynamic, &Result<Strings<'_>, ElfError>),
    sections: Option<&Sections>,
) -> Result<Symbols, ElfError> {
    let Some(symbols) = dynamic.get(DT_SYMTAB) else { return Ok(Symbols::default()) };
    let size = symbol_size(reader);
    let unmapped = || ElfError::malformed("DT_SYMTAB", symbols.offset, "its address lies in no PT_LOAD");
    let (offset, available) = segments.file_range(symbols.value, reader.len()).ok_or_else(unmapped)?;
    let is_libc = is_libc(dynamic);
    let mut count = undefined_count(reader, header, segments, dynamic)?;
    if header.file_type == ET_EXEC.0 || dynamic.has(DT_DEBUG) {
        // A function whose address a program takes may be undefined and hashed all the same: the program's own PLT
        // entry then stands for it everywhere. Shared objects have no such entries.
        count = count.max(relocations::symbol_count(reader, segments, dynamic)?);
    }
    if is_libc {
        // The C library defines the guard: only the section headers tell how many symbols it exports.
        count = count.max(sections.and_then(|sections| sections.dynamic_symbols).unwrap_or(0));
    }
    if count <= 1 {
        return Ok(Symbols::default());
    }
    if count > available / size {
        let reason = format!("{count} symbols end past their segment");
        return Err(ElfError::malformed("dynamic symbol table", offset, reason));
    }
    let strings = strings.as_ref().map_err(Clone::clone)?;
    let found = scan(reader, Table { structure: "dynamic symbol table", offset, count, size }, strings)?;
    // Whatever else defines it brings a handler of its own, which shows no function that checks anything.
    Ok(Symbols { defines_guard: found.defines_guard && is_libc, ..found })
}

/// Reads the symbol table: of an object file the undefined symbols matter, of anything else only the marks.
pub(crate) fn of_sections(reader: &Reader<'_>, sections: &Sections) -> Result<Symbols, ElfError> {
    let Some((symbols, strings)) = sections.symbols else { return Ok(Symbols::default()) };
    let size = symbol_size(reader);
    let table = Table { structure: "symbol table", offset: symbols.offset, count: symbols.size / size, size };
    let found = scan(reader, table, &Strings::read(reader, "string table", strings.offset, strings.size)?)?;
    Ok(Symbols { defines_guard: false, ..found })
}

fn scan(reader: &Reader<'_>, table: Table, strings: &Strings<'_>) -> Result<Symbols, ElfError> {
    reader.end(table.structure, table.offset, table.count.saturating_mul(table.size))?;
    if table.count > MAX_SYMBOLS {
        return Err(ElfError::Limit { structure: table.structure, offset: table.offset, limit: MAX_SYMBOLS });
    }
    let mut found = Found::default();
    let mut fault = None;
    let section_at = if reader.class == Class::Elf32 { 14 } else { 6 };
    reader.records(table, |fields, at| {
        let name = u64::from(fields.u32(at));
        let undefined = fields.u16(at + section_at) == SHN_UNDEF.0;
        match strings.string(name) {
            _ if name == 0 => {}
            Ok(name) => {
                found.symbols.marks.take(name, undefined, fields.offset.saturating_add(at as u64));
                found.take(name, undefined);
            }
            Err(error) if undefined => fault = Some(error),
            // What is defined under a broken name concerns no rule.
            Err(_) => {}
        }
        fault.is_none()
    })?;
    match fault {
        Some(error) => Err(error),
        None => Ok(found.finish(table.count)),
    }
}

#[derive(Default)]
struct Found {
    symbols: Symbols,
    checked: Vec<&'static str>,
    plain: Vec<&'static str>,
}

impl Found {
    fn take(&mut self, name: &[u8], undefined: bool) {
        if !undefined {
            self.symbols.defines_guard |= name == b"__stack_chk_fail";
            return;
        }
        if let Some(guard) = GUARDS.iter().find(|guard| guard.as_bytes() == name) {
            self.symbols.guard = Some(guard);
        } else if let Some(function) = checked(name) {
            self.checked.push(function);
        } else if let Some(function) = plain(name) {
            self.plain.push(function);
        } else {
            self.symbols.unwinds |= name.starts_with(b"_Unwind_");
        }
    }

    fn finish(mut self, examined: u64) -> Symbols {
        for names in [&mut self.checked, &mut self.plain] {
            names.sort_unstable();
            names.dedup();
        }
        Symbols { examined, checked: self.checked.into(), plain: self.plain.into(), ..self.symbols }
    }
}

/// The function that a checked one replaces.
fn checked(name: &[u8]) -> Option<&'static str> {
    let inner = name.strip_prefix(b"__")?;
    if let Some(replaced) = inner.strip_suffix(b"_chk") {
        return known(replaced);
    }
    // These refuse to create a file without being told its mode.
    OPENERS.iter().find(|(checked, _)| checked.as_bytes() == name).map(|(_, plain)| *plain)
}

fn plain(name: &[u8]) -> Option<&'static str> {
    // glibc redirects all three to one checked function.
    let name = if matches!(name, b"_longjmp" | b"siglongjmp") { b"longjmp" } else { name };
    known(name)
}

fn known(name: &[u8]) -> Option<&'static str> {
    let index = CHECKED_FUNCTIONS.binary_search_by(|known| known.as_bytes().cmp(name)).ok()?;
    Some(CHECKED_FUNCTIONS[index])
}

/// How many symbols there are up to the last undefined one.
///
/// Nothing in the dynamic segment says it. A GNU hash table leaves undefined symbols out and tells where the others
/// begin; a System V one has the number of all. A program that exports nothing may have an empty GNU hash table that
/// begins at 1: there, and where there is no table, the highest symbol that any relocation names is what counts, since
/// code reaches a function of another file through one.
fn undefined_count(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    dynamic: &Dynamic,
) -> Result<u64, ElfError> {
    let field = |structure, tag: object::elf::DynamicTag, at: u64, width: u64| {
        let Some(entry) = dynamic.get(tag) else { return Ok(None) };
        let unmapped = || ElfError::malformed(structure, entry.offset, "its address lies in no PT_LOAD");
        let (offset, _) = segments.file_range(entry.value, reader.len()).ok_or_else(unmapped)?;
        reader.bytes(structure, offset, at + width).map(Some)
    };
    if let Some(table) = field("DT_GNU_HASH", DT_GNU_HASH, 4, 4)? {
        let first_hashed = u64::from(table.u32(4));
        if first_hashed > 1 {
            return Ok(first_hashed);
        }
    } else {
        // The one table of the gABI whose words are not 32 bits everywhere.
        let wide = reader.word() == 8 && (header.machine == EM_S390.0 || header.machine == EM_ALPHA.0);
        let table = if wide { field("DT_HASH", DT_HASH, 8, 8)? } else { field("DT_HASH", DT_HASH, 4, 4)? };
        if let Some(table) = table {
            return Ok(if wide { table.u64(8) } else { table.u32(4).into() });
        }
    }
    relocations::symbol_count(reader, segments, dynamic)
}

/// Whether it is a C library by its own name: glibc's or musl's.
fn is_libc(dynamic: &Dynamic) -> bool {
    let soname = dynamic.names.as_ref().ok().and_then(|names| names.soname.as_deref());
    soname.is_some_and(|name| name.starts_with(b"libc.so") || name.starts_with(b"libc.musl"))
}

/// `sizeof(Elf32_Sym)` or `sizeof(Elf64_Sym)`.
pub(crate) fn symbol_size(reader: &Reader<'_>) -> u64 {
    if reader.class == Class::Elf32 { 16 } else { 24 }
}

/// What protected code refers to: with GCC and clang on most machines, with hidden visibility on i386 and powerpc,
/// where the canary itself is a variable, and with Intel's compiler.
const GUARDS: [&str; 4] =
    ["__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard", "__intel_security_cookie"];

const OPENERS: [(&str, &str); 5] = [
    ("__mq_open_2", "mq_open"),
    ("__open64_2", "open64"),
    ("__open_2", "open"),
    ("__openat64_2", "openat64"),
    ("__openat_2", "openat"),
];

/// Ten times as many as the largest library in a Debian system refers to or exports.
const MAX_SYMBOLS: u64 = 1 << 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_matches_both_forms() {
        assert!(CHECKED_FUNCTIONS.is_sorted());
        assert_eq!(checked(b"__printf_chk"), Some("printf"));
        assert_eq!(checked(b"__open64_2"), Some("open64"));
        assert_eq!(checked(b"__stack_chk"), None);
        assert_eq!(plain(b"siglongjmp"), Some("longjmp"));
        assert_eq!(plain(b"puts"), None);
    }
}
