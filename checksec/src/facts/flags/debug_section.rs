//! Sections with debugging information, compressed or not, relocated or not.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;
use object::elf::{ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, SHF_COMPRESSED};
use ruzstd::decoding::StreamingDecoder;

use crate::ElfError;
use crate::facts::flags::relocated::Relocations;
use crate::facts::sections::Section;
use crate::reader::{ByteOrder, Class, Reader};

/// A section of which any part can be read.
pub(super) struct DebugSection<'a> {
    reader: Reader<'a>,
    structure: &'static str,
    body: Body,
    relocations: Option<Relocations<'a>>,
    offset: u64,
}

enum Body {
    /// The bytes are in the file.
    Plain { size: u64 },
    /// They were compressed.
    Inflated(Vec<u8>),
}

impl<'a> DebugSection<'a> {
    /// Opens a section; only a compressed one is read at once, within a limit. `is_old` is for `.zdebug_…`, which GNU
    /// tools wrote before sections had a flag for it.
    pub(super) fn open(
        reader: &Reader<'a>,
        structure: &'static str,
        section: Section,
        is_old: bool,
        relocations: Option<Relocations<'a>>,
    ) -> Result<Self, ElfError> {
        reader.end(structure, section.offset, section.size)?;
        let body = if section.flags & SHF_COMPRESSED.0 != 0 {
            inflate_elf(reader, structure, section)?
        } else if is_old {
            inflate_old(reader, structure, section)?
        } else {
            Body::Plain { size: section.size }
        };
        Ok(Self { reader: *reader, structure, body, relocations, offset: section.offset })
    }

    /// How many bytes there are, uncompressed.
    pub(super) fn len(&self) -> u64 {
        match &self.body {
            Body::Plain { size } => *size,
            Body::Inflated(bytes) => bytes.len() as u64,
        }
    }

    /// Where a byte is in the file; of a compressed section, where the section is.
    pub(super) fn place(&self, at: u64) -> u64 {
        match self.body {
            Body::Plain { .. } => self.offset.saturating_add(at),
            Body::Inflated(_) => self.offset,
        }
    }

    /// Up to `length` bytes at `at`, fewer at the section's end, with relocations applied. The caller bounds `length`.
    pub(super) fn window(&self, at: u64, length: u64) -> Result<Vec<u8>, ElfError> {
        let outside = || self.malformed(at, "is past the end of its section");
        let length = length.min(self.len().checked_sub(at).ok_or_else(outside)?);
        let mut bytes = match &self.body {
            Body::Plain { .. } => {
                self.reader.bytes(self.structure, self.place(at), length)?.bytes.into_owned()
            }
            Body::Inflated(all) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let rest = all.get(start..).unwrap_or_default();
                rest.iter().take(usize::try_from(length).unwrap_or(usize::MAX)).copied().collect()
            }
        };
        if let Some(relocations) = &self.relocations {
            relocations.apply(&mut bytes, at)?;
        }
        Ok(bytes)
    }

    /// The string at `at`, without its NUL; what is longer than any name or command line is cut.
    pub(super) fn string(&self, at: u64) -> Result<Vec<u8>, ElfError> {
        for length in [SHORT, LONG] {
            let mut bytes = self.window(at, length)?;
            if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
                bytes.truncate(end);
                return Ok(bytes);
            }
            if length == LONG {
                return Ok(bytes);
            }
        }
        Err(self.malformed(at, "has no end"))
    }

    /// A fault of this section.
    pub(super) fn malformed(&self, at: u64, reason: impl Into<Cow<'static, str>>) -> ElfError {
        ElfError::malformed(self.structure, self.place(at), reason)
    }
}

/// A compression header of the gABI, and what follows it.
fn inflate_elf(reader: &Reader<'_>, structure: &'static str, section: Section) -> Result<Body, ElfError> {
    let header: u64 = if reader.class == Class::Elf32 { 12 } else { 24 };
    let fields = reader.bytes(structure, section.offset, header.min(section.size))?;
    if section.size < header {
        return Err(ElfError::malformed(
            structure,
            section.offset,
            "is too short for its compression header",
        ));
    }
    let (kind, size) = (fields.u32(0), fields.native(4, 8));
    let packed = packed(reader, structure, section, header, size)?;
    if kind == ELFCOMPRESS_ZLIB.0 {
        unpack(structure, section, ZlibDecoder::new(&*packed), size)
    } else if kind == ELFCOMPRESS_ZSTD.0 {
        let decoder = StreamingDecoder::new(&*packed)
            .map_err(|error| ElfError::malformed(structure, section.offset, error.to_string()))?;
        unpack(structure, section, decoder, size)
    } else {
        Err(ElfError::malformed(structure, section.offset, format!("ch_type {kind} is no known compression")))
    }
}

/// `ZLIB` and the size as a big-endian number.
fn inflate_old(reader: &Reader<'_>, structure: &'static str, section: Section) -> Result<Body, ElfError> {
    let fields = reader.bytes(structure, section.offset, OLD_HEADER.min(section.size))?;
    let Some(size) = fields.bytes.strip_prefix(b"ZLIB").and_then(|size| <[u8; 8]>::try_from(size).ok())
    else {
        return Err(ElfError::malformed(
            structure,
            section.offset,
            "is too short or does not start with ZLIB",
        ));
    };
    let size = u64::from_be_bytes(size);
    let packed = packed(reader, structure, section, OLD_HEADER, size)?;
    unpack(structure, section, ZlibDecoder::new(&*packed), size)
}

/// The compressed bytes, unless they are to become more than we take.
fn packed<'r>(
    reader: &'r Reader<'_>,
    structure: &'static str,
    section: Section,
    header: u64,
    size: u64,
) -> Result<Cow<'r, [u8]>, ElfError> {
    if size > MAX_INFLATED || section.size > MAX_INFLATED {
        return Err(ElfError::Limit { structure, offset: section.offset, limit: MAX_INFLATED });
    }
    Ok(reader.bytes(structure, section.offset + header, section.size - header)?.bytes)
}

/// Takes as many bytes as were announced: what comes after them is never looked at.
fn unpack(
    structure: &'static str,
    section: Section,
    decoder: impl Read,
    size: u64,
) -> Result<Body, ElfError> {
    let fault = |reason: String| ElfError::malformed(structure, section.offset, reason);
    // Memory grows with what comes out and not with what was announced.
    let mut bytes = Vec::new();
    decoder.take(size).read_to_end(&mut bytes).map_err(|error| fault(error.to_string()))?;
    if bytes.len() as u64 != size {
        return Err(fault(format!("{} bytes came out of the {size} announced", bytes.len())));
    }
    Ok(Body::Inflated(bytes))
}

impl Reader<'_> {
    /// An unsigned number of `bytes`' length in the file's byte order; of any length up to 8.
    pub(super) fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        match self.order {
            ByteOrder::Little => bytes.iter().rev().fold(0, fold),
            ByteOrder::Big => bytes.iter().fold(0, fold),
        }
    }
}

const OLD_HEADER: u64 = 12;
/// Most names and most command lines.
const SHORT: u64 = 1024;
/// More than a command line of GCC with hundreds of warnings in it.
const LONG: u64 = 64 * 1024;
/// Several times the debugging information of a large program's library. Each thread may hold three such sections.
const MAX_INFLATED: u64 = 64 << 20;
