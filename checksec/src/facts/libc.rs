//! Which C library a file is linked against, by its own references.

use object::elf::{DT_VERNEED, DT_VERNEEDNUM};

use crate::ElfError;
use crate::facts::strings::Strings;
use crate::facts::{Dynamic, Interpreter, Segments};
use crate::reader::Reader;

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// glibc, with what tells it.
    Glibc(&'static str),
    /// musl, with what tells it.
    Musl(&'static str),
    /// Another, or none: the file needs no library, or only such as do not tell.
    Other,
}

/// Tells the library.
pub(crate) fn detect(
    reader: &Reader<'_>,
    segments: &Segments,
    dynamic: Option<&Dynamic>,
    strings: Option<&Result<Strings<'_>, ElfError>>,
    interpreter: Option<&Interpreter>,
) -> Libc {
    let names = dynamic.and_then(|dynamic| dynamic.names.as_ref().ok());
    let needed = |wanted: &dyn Fn(&[u8]) -> bool| {
        names.is_some_and(|names| names.needed.iter().any(|(_, name)| wanted(name)))
    };
    let is_musl = |path: &[u8]| {
        path.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(b"ld-musl"))
    };
    if needed(&|name| name.starts_with(b"libc.musl") || name == b"libc.so") {
        return Libc::Musl("its name in DT_NEEDED");
    }
    if interpreter.is_some_and(|interpreter| is_musl(&interpreter.path)) {
        return Libc::Musl("its loader in PT_INTERP");
    }
    if needed(&|name| name.starts_with(b"libc.so.6") || name.starts_with(b"ld-linux")) {
        return Libc::Glibc("its name in DT_NEEDED");
    }
    match (dynamic, strings) {
        (Some(dynamic), Some(Ok(strings))) if needs_glibc_version(reader, segments, dynamic, strings) => {
            Libc::Glibc("a version GLIBC_ in DT_VERNEED")
        }
        _ => Libc::Other,
    }
}

/// Whether any needed version is one of glibc's, whose libraries share its versions. A damaged table tells nothing.
fn needs_glibc_version(
    reader: &Reader<'_>,
    segments: &Segments,
    dynamic: &Dynamic,
    strings: &Strings<'_>,
) -> bool {
    let (Some(table), Some(count)) = (dynamic.get(DT_VERNEED), dynamic.get(DT_VERNEEDNUM)) else {
        return false;
    };
    let Some((mut at, _)) = segments.file_range(table.value, reader.len()) else { return false };
    let mut left = MAX_VERSIONS;
    for _ in 0..count.value.min(MAX_VERSIONS) {
        let Ok(need) = reader.bytes("DT_VERNEED", at, RECORD) else { return false };
        let mut name_at = at.saturating_add(need.u32(8).into());
        for _ in 0..need.u16(2) {
            let Ok(version) = reader.bytes("DT_VERNEED", name_at, RECORD) else { return false };
            if strings.string(version.u32(8).into()).is_ok_and(|name| name.starts_with(b"GLIBC_")) {
                return true;
            }
            let next = u64::from(version.u32(12));
            left -= 1;
            if next == 0 || left == 0 {
                break;
            }
            name_at = name_at.saturating_add(next);
        }
        let next = u64::from(need.u32(12));
        if next == 0 || left == 0 {
            return false;
        }
        at = at.saturating_add(next);
    }
    false
}

/// `sizeof(Elf64_Verneed)`, and of all other records of these tables.
const RECORD: u64 = 16;
/// Far more than any file has; a chain may be a loop.
const MAX_VERSIONS: u64 = 4096;
