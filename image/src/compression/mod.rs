//! Files and archives out of their compression, with bounds on what comes out and on what that takes.
//!
//! What comes out is held in memory while it is small and in an unnamed temporary file from then on, since none of the
//! formats allows reading by position.

mod spool;
mod streams;

use std::io::{self, BufReader, Read};

use crate::Error;
use crate::ReadAt;
use crate::read_at::Stream;
pub(crate) use spool::{Spool, Spooled};
use streams::Source;

/// A compression that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// The .xz file format, version 1.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The compression of a file that begins with these bytes, of which there should be six.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A frame, or one that is to be skipped, which `pzstd` writes first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name of a compression that is not read here, by the first bytes.
    pub(crate) fn refused(head: &[u8]) -> Option<&'static str> {
        REFUSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
    }

    /// The name used in messages: `gzip`, `xz`, `Zstandard`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "Zstandard",
        }
    }
}

/// What came out, and what ended it, if that was not its end.
pub(crate) struct Unpacked {
    pub(crate) bytes: Spooled,
    pub(crate) damage: Option<Error>,
}

/// Unpacks a whole stream, or copies one that is not compressed. Damage keeps what came out before it; an error is ours,
/// in writing.
pub(crate) fn unpack(
    compression: Option<Compression>,
    stream: impl Read,
    limit: u64,
) -> io::Result<Unpacked> {
    let mut source = Source::new(stream);
    let mut spool = Spool::new();
    let mut reader = BufReader::with_capacity(1 << 16, &mut source);
    let ended = match compression {
        None => streams::plain(&mut reader, &mut spool, limit)?,
        Some(Compression::Gzip) => streams::gzip(&mut reader, &mut spool, limit)?,
        Some(Compression::Xz) => streams::xz(&mut reader, &mut spool, limit)?,
        Some(Compression::Zstd) => streams::zstd(&mut reader, &mut spool, limit)?,
    };
    let unpacked = spool.len();
    let damage = ended.map(|error| damage(compression, unpacked, limit, error, source.failure));
    Ok(Unpacked { bytes: spool.finish(), damage })
}

/// The content of a compressed file, whole and at most `limit` bytes.
///
/// Memory stays bounded whatever the file says: windows and dictionaries over 128 MiB are refused, and what comes out goes
/// to a temporary file beyond a few mebibytes.
pub fn decompress(
    source: &dyn ReadAt,
    compression: Compression,
    limit: u64,
) -> Result<Box<dyn ReadAt>, Error> {
    let unpacked =
        unpack(Some(compression), Stream::new(source), limit).map_err(Error::io("write a temporary file"))?;
    match unpacked.damage {
        None => Ok(Box::new(unpacked.bytes)),
        Some(damage) => Err(damage),
    }
}

/// Decoders hand on what their source said as errors of their own, so who is at fault is asked of the source.
fn damage(
    compression: Option<Compression>,
    unpacked: u64,
    limit: u64,
    error: streams::Ended,
    failure: Option<io::Error>,
) -> Error {
    if let Some(source) = failure {
        return Error::Io { operation: "read", source };
    }
    match error {
        streams::Ended::OverLimit => Error::Limit { what: "bytes that come out of a compressed file", limit },
        streams::Ended::OverWindow => {
            Error::Limit { what: "bytes of a window or dictionary", limit: streams::MAX_WINDOW }
        }
        streams::Ended::Damaged(reason) => Error::Malformed {
            structure: match compression {
                None => "stream",
                Some(Compression::Gzip) => "gzip stream, unpacked,",
                Some(Compression::Xz) => "xz stream, unpacked,",
                Some(Compression::Zstd) => "Zstandard stream, unpacked,",
            },
            offset: unpacked,
            reason,
        },
    }
}

/// Compressions that kernels and packages do use, and for which nothing is linked in.
const REFUSED: [(&[u8], &str); 5] = [
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x1f\x9d", "compress"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x89LZO\0", "lzop"),
];
