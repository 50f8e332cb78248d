//! Where blocks are read from and written to: by position, so that many threads can do it at once.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, PoisonError};

/// Bytes that are read by position. The crate has its own trait, so that it depends on no other of the workspace.
pub trait BlockSource: Send + Sync {
    /// Fills `buffer` from `offset`; `UnexpectedEof` if the bytes end before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// The length in bytes, now.
    fn size(&self) -> io::Result<u64>;

    /// The first stretch at or after `offset` that may have anything but zeros. What lies between `offset` and it reads as
    /// zeros, and is not read at all.
    ///
    /// Unless a source knows better, everything may.
    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        Ok(offset..u64::MAX)
    }

    /// Lends the `len` bytes from `offset` to `work`, which reads them where they lie instead of a copy. Others may change
    /// them meanwhile, hence their type; that a `read_exact_at` could meet as well.
    ///
    /// `false` if nothing was lent, or not what the source has there: then whatever `work` made of it must be thrown away,
    /// and `read_exact_at` tells what is there or why that cannot be told. Unless a source can do better, nothing is lent.
    fn lend(&self, offset: u64, len: usize, work: &mut dyn FnMut(&[AtomicU8])) -> bool {
        let _ = (offset, len, work);
        false
    }
}

/// A [`BlockSource`] that can be written as well. What was written is read back: levels of a tree are not kept in memory.
pub trait BlockSink: BlockSource {
    /// Writes all of `bytes` at `offset`, lengthening the sink where it can be.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

impl BlockSource for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    /// By seeking: the metadata of a block device says 0. Reads by position do not mind where the cursor is.
    fn size(&self) -> io::Result<u64> {
        let mut file = self;
        file.seek(SeekFrom::End(0))
    }

    /// By what the file system has allocated; what is beyond the end is left to reading, which fails there.
    ///
    /// Whatever cannot tell, such as a device, has no holes: that is not an error, since everything is read then.
    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        match rustix::fs::seek(self, rustix::fs::SeekFrom::Data(offset)) {
            // Devices such as /dev/zero answer every seek with 0.
            Ok(start) if start >= offset => {
                let end = rustix::fs::seek(self, rustix::fs::SeekFrom::Hole(start));
                Ok(start..end.ok().filter(|end| *end > start).unwrap_or(u64::MAX))
            }
            Err(rustix::io::Errno::NXIO) => Ok(offset.max(self.size()?)..u64::MAX),
            _ => Ok(offset..u64::MAX),
        }
    }
}

impl BlockSink for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }
}

impl BlockSource for &[u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl BlockSource for Vec<u8> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl BlockSource for Mutex<Vec<u8>> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.lock().unwrap_or_else(PoisonError::into_inner).size()
    }
}

impl BlockSink for Mutex<Vec<u8>> {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = self.lock().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }
}
