//! Sections with debugging information, compressed or not, relocated or not.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{Cursor, Read};

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
    body: Body<'a>,
    relocations: Option<Relocations<'a>>,
    offset: u64,
}

enum Body<'a> {
    /// The bytes are in the file.
    Plain { size: u64 },
    /// They were compressed.
    Inflated(Vec<u8>),
    /// They are compressed, and are read from the first to the last.
    Rolling { size: u64, stream: RefCell<Rolling<'a>> },
}

/// How a section is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// From anywhere. A compressed section is unpacked at once.
    Random,
    /// Never from before the last place. Of a compressed section no more than a window is kept, since the information of
    /// one program can be larger than everything else that is held in memory.
    Forward,
}

impl<'a> DebugSection<'a> {
    /// Opens a section; only a compressed one is read at once, within a limit. `is_old` is for `.zdebug_…`, which GNU
    /// tools wrote before sections had a flag for it.
    pub(super) fn open(
        reader: &Reader<'a>,
        structure: &'static str,
        section: Section,
        is_old: bool,
        (access, relocations): (Access, Option<Relocations<'a>>),
    ) -> Result<Self, ElfError> {
        reader.end(structure, section.offset, section.size)?;
        let body = if section.flags & SHF_COMPRESSED.0 != 0 {
            inflate_elf(reader, structure, section, access)?
        } else if is_old {
            inflate_old(reader, structure, section, access)?
        } else {
            Body::Plain { size: section.size }
        };
        Ok(Self { reader: *reader, structure, body, relocations, offset: section.offset })
    }

    /// How many bytes there are, uncompressed.
    pub(super) fn len(&self) -> u64 {
        match &self.body {
            Body::Plain { size } | Body::Rolling { size, .. } => *size,
            Body::Inflated(bytes) => bytes.len() as u64,
        }
    }

    /// Where a byte is in the file; of a compressed section, where the section is.
    pub(super) fn place(&self, at: u64) -> u64 {
        match self.body {
            Body::Plain { .. } => self.offset.saturating_add(at),
            Body::Inflated(_) | Body::Rolling { .. } => self.offset,
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
            Body::Rolling { stream, .. } => {
                stream.borrow_mut().window(at, length).map_err(|reason| self.malformed(at, reason))?
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
fn inflate_elf<'a>(
    reader: &Reader<'a>,
    structure: &'static str,
    section: Section,
    access: Access,
) -> Result<Body<'a>, ElfError> {
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
        unpack(structure, section, ZlibDecoder::new(packed), size, access)
    } else if kind == ELFCOMPRESS_ZSTD.0 {
        let decoder = StreamingDecoder::new(packed)
            .map_err(|error| ElfError::malformed(structure, section.offset, error.to_string()))?;
        unpack(structure, section, decoder, size, access)
    } else {
        Err(ElfError::malformed(structure, section.offset, format!("ch_type {kind} is no known compression")))
    }
}

/// `ZLIB` and the size as a big-endian number.
fn inflate_old<'a>(
    reader: &Reader<'a>,
    structure: &'static str,
    section: Section,
    access: Access,
) -> Result<Body<'a>, ElfError> {
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
    unpack(structure, section, ZlibDecoder::new(packed), size, access)
}

/// The compressed bytes, unless they are to become more than we take.
fn packed<'a>(
    reader: &Reader<'a>,
    structure: &'static str,
    section: Section,
    header: u64,
    size: u64,
) -> Result<Cursor<Cow<'a, [u8]>>, ElfError> {
    if size > MAX_INFLATED || section.size > MAX_INFLATED {
        return Err(ElfError::Limit { structure, offset: section.offset, limit: MAX_INFLATED });
    }
    let fields = reader.bytes(structure, section.offset + header, section.size - header)?;
    Ok(Cursor::new(fields.bytes))
}

/// Takes as many bytes as were announced: what comes after them is never looked at.
fn unpack<'a>(
    structure: &'static str,
    section: Section,
    decoder: impl Read + 'a,
    size: u64,
    access: Access,
) -> Result<Body<'a>, ElfError> {
    if access == Access::Forward {
        let stream = Rolling { decoder: Box::new(decoder.take(size)), start: 0, bytes: Vec::new() };
        return Ok(Body::Rolling { size, stream: RefCell::new(stream) });
    }
    let fault = |reason: String| ElfError::malformed(structure, section.offset, reason);
    // What is reserved is used as bytes come out, and no more of it is than was announced.
    let mut bytes = Vec::new();
    bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
    decoder.take(size).read_to_end(&mut bytes).map_err(|error| fault(error.to_string()))?;
    if bytes.len() as u64 != size {
        return Err(fault(format!("{} bytes came out of the {size} announced", bytes.len())));
    }
    Ok(Body::Inflated(bytes))
}

/// A stream, of which the bytes from `start` are kept until they are behind the window.
struct Rolling<'a> {
    decoder: Box<dyn Read + 'a>,
    start: u64,
    bytes: Vec<u8>,
}

impl Rolling<'_> {
    /// The bytes at `at`, which must all be there.
    fn window(&mut self, at: u64, length: u64) -> Result<Vec<u8>, String> {
        let behind = at.checked_sub(self.start).ok_or("is behind what is kept")?;
        let kept = self.bytes.len() as u64;
        if behind < kept {
            self.bytes.drain(..usize::try_from(behind).unwrap_or(usize::MAX));
        } else {
            self.bytes.clear();
            let between = behind - kept;
            let skipped = std::io::copy(&mut (&mut self.decoder).take(between), &mut std::io::sink());
            if skipped.map_err(|error| error.to_string())? != between {
                return Err("fewer bytes came out than were announced".into());
            }
        }
        self.start = at;
        let more = length.saturating_sub(self.bytes.len() as u64);
        (&mut self.decoder).take(more).read_to_end(&mut self.bytes).map_err(|error| error.to_string())?;
        let window = usize::try_from(length).ok().and_then(|length| self.bytes.get(..length));
        Ok(window.ok_or("fewer bytes came out than were announced")?.to_vec())
    }
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
