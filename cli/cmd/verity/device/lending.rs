//! Files and block devices that are read where they lie in the page cache.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicU8;

use hardpan_sys::MappedFile;
use hardpan_verity::BlockSource;

/// A file of which large parts are mapped rather than copied.
pub(in super::super) struct Lending<'a> {
    file: &'a File,
    mapped: MappedFile<'a>,
}

impl<'a> Lending<'a> {
    /// For a regular file or a block device.
    pub(in super::super) fn new(file: &'a File) -> Self {
        Self { file, mapped: MappedFile::new(file) }
    }
}

impl BlockSource for Lending<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        self.file.next_data(offset)
    }

    fn lend(&self, offset: u64, len: usize, work: &mut dyn FnMut(&[AtomicU8])) -> bool {
        len >= LEAST && self.mapped.lend(offset, len, work)
    }
}

/// To map a part costs as much as to read about so many bytes.
const LEAST: usize = 128 << 10;
