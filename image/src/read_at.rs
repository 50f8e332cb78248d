//! Reading by position, which many threads can do at once and which a shrinking file can not turn into a signal.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are read by position.
pub trait ReadAt: Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 only at or past the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The length when it was opened. A file may have shrunk since: then reads end early.
    fn len(&self) -> u64;

    /// Whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        let rest = &self[start..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }
}

/// An open file and the length that it had at opening.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) len: u64,
}

impl ReadAt for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A part of a longer source, as a source of its own.
#[derive(Clone, Copy, Debug)]
pub struct Section<S> {
    /// The whole.
    pub source: S,
    /// Where in it the part begins.
    pub start: u64,
    /// Bytes of the part.
    pub len: u64,
}

impl<S: std::ops::Deref<Target: ReadAt> + Send + Sync> ReadAt for Section<S> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.len.saturating_sub(offset).min(buffer.len() as u64);
        let rest = usize::try_from(rest).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.source.read_at(&mut buffer[..rest], self.start.saturating_add(offset))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A source from its start to its end.
pub(crate) struct Stream<'a> {
    source: &'a dyn ReadAt,
    at: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, at: 0 }
    }
}

impl io::Read for Stream<'_> {
    /// A source that is shorter than it was when it was opened fails: what can be read of it is not what it was.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.at)?;
        if count == 0 && !buffer.is_empty() && self.at < self.source.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// Fills `buffer` from `offset`; `UnexpectedEof` if the bytes end before.
pub fn read_exact_at(source: &dyn ReadAt, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match source.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Everything up to `limit` bytes; `FileTooLarge` if there is more. A file that is shorter than it was at opening gives
/// `UnexpectedEof`: half a file is not a fact.
pub fn read_to_vec(source: &dyn ReadAt, limit: u64) -> io::Result<Vec<u8>> {
    let len = source.len();
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?, 0);
    read_exact_at(source, &mut bytes, 0)?;
    Ok(bytes)
}
