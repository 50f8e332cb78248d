//! Go build information: what `go version -m` shows.
//!
//! A block of 32 bytes, at a multiple of 16, starts with a magic. Since Go 1.18 the version and the module information
//! follow it, each as a length and bytes; before, the block has pointers to two string headers in memory. The module
//! information stands between two marks of 16 bytes each and is lines of fields between tabs.

use hardpan_report::escape;
use object::elf::PT_LOAD;

use crate::ElfError;
use crate::facts::sections::Section;
use crate::facts::{Sections, Segments};
use crate::reader::Reader;

/// How a Go program was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoBuild {
    /// File offset of the block.
    pub offset: u64,
    /// The version of Go, escaped: `go1.19.8`.
    pub version: Box<str>,
    /// The path of the main package, escaped; empty if it is not recorded.
    pub path: Box<str>,
    /// The main module and its version, escaped.
    pub module: Option<(Box<str>, Box<str>)>,
    /// The settings of the build, escaped, in order: `CGO_ENABLED`, `-ldflags` and so on. Go records them since 1.18.
    pub settings: Box<[(Box<str>, Box<str>)]>,
}

impl GoBuild {
    /// The value of a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    /// Whether C code could be compiled in; `None` if it is not recorded.
    pub fn cgo(&self) -> Option<bool> {
        self.setting("CGO_ENABLED").map(|value| value == "1")
    }
}

/// Where the block is, if there is one.
pub(crate) fn locate(reader: &Reader<'_>, segments: &Segments, sections: Option<&Sections>) -> Option<u64> {
    match sections.filter(|sections| sections.count > 0) {
        Some(sections) => {
            let Section { offset, .. } = sections.go_buildinfo?;
            let magic = reader.bytes(STRUCTURE, offset, MAGIC.len() as u64).ok()?;
            (*magic.bytes == *MAGIC).then_some(offset)
        }
        // Without section headers it is looked for where Go's own tools do.
        None => segments
            .of(PT_LOAD)
            .filter(|(_, segment)| segment.is_writable())
            .find_map(|(_, segment)| find_in(reader, segment.offset, segment.file_size)),
    }
}

fn find_in(reader: &Reader<'_>, offset: u64, size: u64) -> Option<u64> {
    let data = reader.bytes("data segment", offset, size.min(SEARCH)).ok()?;
    let line = data.bytes.chunks(ALIGNMENT).position(|line| line.starts_with(MAGIC))?;
    Some(offset + (line * ALIGNMENT) as u64)
}

/// Reads the block at `offset`.
pub(crate) fn read(reader: &Reader<'_>, segments: &Segments, offset: u64) -> Result<GoBuild, ElfError> {
    let block = reader.bytes(STRUCTURE, offset, BLOCK)?;
    let (version, module) = if block.u8(15) & INLINE != 0 {
        let (version, next) = inline(reader, offset + BLOCK)?;
        (version, inline(reader, next)?.0)
    } else {
        let pointers =
            Pointers { reader, segments, size: block.u8(14).into(), is_big: block.u8(15) & 1 != 0, offset };
        let Some(size) = usize::try_from(pointers.size).ok().filter(|size| matches!(size, 4 | 8)) else {
            return Err(ElfError::malformed(
                STRUCTURE,
                offset,
                format!("pointers of {} bytes", pointers.size),
            ));
        };
        let pointer = |at: usize| pointers.number(&block.bytes[at..at + size]);
        (pointers.string(pointer(16))?, pointers.string(pointer(16 + size))?)
    };
    Ok(parse(offset, &version, strip_marks(&module)))
}

/// A length as a variable-length number, and as many bytes; with where the next one is.
fn inline(reader: &Reader<'_>, at: u64) -> Result<(Vec<u8>, u64), ElfError> {
    let left = reader.len().saturating_sub(at);
    let field = reader.bytes(STRUCTURE, at, left.min(10))?;
    let Some((length, width)) = uvarint(&field.bytes) else {
        return Err(ElfError::malformed(STRUCTURE, at, "a length without an end"));
    };
    let start = at + width;
    let text = text(reader, start, length)?;
    Ok((text, start + length))
}

fn text(reader: &Reader<'_>, at: u64, length: u64) -> Result<Vec<u8>, ElfError> {
    reader.end(STRUCTURE, at, length)?;
    if length > MAX_TEXT {
        return Err(ElfError::Limit { structure: STRUCTURE, offset: at, limit: MAX_TEXT });
    }
    Ok(reader.bytes(STRUCTURE, at, length)?.bytes.into_owned())
}

/// Seven bits a byte, the lowest first.
fn uvarint(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        number |= part
            .checked_shl(7 * u32::try_from(index).ok()?)
            .filter(|shifted| shifted >> (7 * index) == part)?;
        if byte & 0x80 == 0 {
            return Some((number, index as u64 + 1));
        }
    }
    None
}

/// Strings in memory, in the form before Go 1.18: the block says in which byte order and width.
struct Pointers<'p, 'a> {
    reader: &'p Reader<'a>,
    segments: &'p Segments,
    size: u64,
    is_big: bool,
    offset: u64,
}

impl Pointers<'_, '_> {
    fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        if self.is_big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    /// The string whose header, a pointer and a length, is at an address. Programs without modules have none.
    fn string(&self, header: u64) -> Result<Vec<u8>, ElfError> {
        if header == 0 {
            return Ok(Vec::new());
        }
        let place = self.place(header, 2 * self.size)?;
        let fields = self.reader.bytes(STRUCTURE, place, 2 * self.size)?;
        let (pointer, length) = fields.bytes.split_at(fields.bytes.len() / 2);
        let (pointer, length) = (self.number(pointer), self.number(length));
        if length == 0 {
            return Ok(Vec::new());
        }
        text(self.reader, self.place(pointer, length)?, length)
    }

    fn place(&self, address: u64, length: u64) -> Result<u64, ElfError> {
        let range = self.segments.file_range(address, self.reader.len());
        let range = range.filter(|(_, available)| length <= *available);
        let reason = || format!("{length} bytes at address {address:#x} lie in no PT_LOAD");
        Ok(range.ok_or_else(|| ElfError::malformed(STRUCTURE, self.offset, reason()))?.0)
    }
}

/// Without the marks there is no module information, as for Go's own tools.
fn strip_marks(text: &[u8]) -> &[u8] {
    match text.len().checked_sub(2 * MARK) {
        Some(1..) if text[text.len() - MARK - 1] == b'\n' => &text[MARK..text.len() - MARK],
        _ => b"",
    }
}

fn parse(offset: u64, version: &[u8], module: &[u8]) -> GoBuild {
    let mut build = GoBuild { offset, version: escape(version).into(), ..GoBuild::default() };
    let mut settings = Vec::new();
    for line in module.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b'\t');
        let mut next = || escape(fields.next().unwrap_or_default()).into_boxed_str();
        match &*next() {
            "path" => build.path = next(),
            "mod" => build.module = Some((next(), next())),
            "build" if settings.len() < MAX_SETTINGS => {
                settings.extend(setting(line.strip_prefix(b"build\t").unwrap_or_default()));
            }
            _ => {}
        }
    }
    build.settings = settings.into();
    build
}

/// `key=value`, each in the quotes of Go if it has special characters.
fn setting(text: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let end = text.iter().position(|byte| *byte == b'=')?;
    let unquoted = |part: &[u8]| {
        let inner = part.strip_prefix(b"\"").and_then(|part| part.strip_suffix(b"\""));
        let inner = inner.or_else(|| part.strip_prefix(b"`").and_then(|part| part.strip_suffix(b"`")));
        escape(inner.unwrap_or(part)).into_boxed_str()
    };
    Some((unquoted(&text[..end]), unquoted(&text[end + 1..])))
}

const STRUCTURE: &str = "Go build information";
const MAGIC: &[u8] = b"\xff Go buildinf:";
const BLOCK: u64 = 32;
const ALIGNMENT: usize = 16;
const INLINE: u8 = 2;
const MARK: usize = 16;
/// `debug/buildinfo` of Go reads as much.
const SEARCH: u64 = 64 * 1024;
/// A line for each of ten thousand modules.
const MAX_TEXT: u64 = 1 << 20;
/// Go knows about twenty.
const MAX_SETTINGS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(uvarint(&[5, 9]), Some((5, 1)));
        assert_eq!(uvarint(&[0xac, 2]), Some((300, 2)));
        assert_eq!(uvarint(&[0xff; 9].iter().chain(&[1]).copied().collect::<Vec<_>>()), Some((u64::MAX, 10)));
        for bytes in
            [&[0x80; 10][..], &[], &[0x80], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(uvarint(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn lines_of_modules() {
        let text = b"path\texample.org/x\nmod\texample.org/x\tv1.0.0\th1:abc=\ndep\ty\tv2\nbuild\t-ldflags=\"-X a=b\"\nbuild\tCGO_ENABLED=1\nbuild\tCGO_CFLAGS=\nbuild\tnothing\nbuild\n";
        let build = parse(0, b"go1.19", text);
        assert_eq!((&*build.version, &*build.path), ("go1.19", "example.org/x"));
        assert_eq!(build.module, Some(("example.org/x".into(), "v1.0.0".into())));
        assert_eq!(build.setting("-ldflags"), Some("-X a=b"));
        assert_eq!(
            (build.cgo(), build.setting("CGO_CFLAGS"), build.settings.len()),
            (Some(true), Some(""), 3)
        );
    }
}
