//! Bytes that are written once and then read by position.

use std::fs::File;
use std::io::{self, Write};

use crate::ReadAt;
use crate::read_at::OpenFile;

/// Takes bytes: the first few mebibytes in memory, and all of them in an unnamed temporary file if there are more.
#[derive(Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
}

/// What a [`Spool`] took.
#[derive(Debug)]
pub(crate) enum Spooled {
    Memory(Vec<u8>),
    File(OpenFile),
}

impl Spool {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many bytes it took.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn finish(self) -> Spooled {
        match self.file {
            Some(file) => Spooled::File(OpenFile { file, len: self.len }),
            None => Spooled::Memory(self.memory),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() > IN_MEMORY {
            let mut file = tempfile::tempfile()?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ReadAt for Spooled {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read_at(buffer, offset),
            Self::File(file) => file.read_at(buffer, offset),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => ReadAt::len(bytes),
            Self::File(file) => file.len(),
        }
    }
}

/// Most kernel modules fit, and a thread each of them does not fill the memory.
const IN_MEMORY: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_to_vec;

    #[test]
    fn what_was_written_is_read_on_both_sides_of_the_border() {
        for len in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut spool = Spool::new();
            bytes.chunks(1 << 18).for_each(|chunk| spool.write_all(chunk).unwrap());
            assert_eq!(spool.len(), len as u64);
            let spooled = spool.finish();
            assert_eq!(matches!(spooled, Spooled::File(_)), len > IN_MEMORY, "{len}");
            assert!(read_to_vec(&spooled, u64::MAX).unwrap() == bytes, "{len}");
        }
    }
}
