//! A bounds-checked reader that knows the file's class and byte order.

use std::borrow::Cow;

use hardpan_image::{ReadAt, read_exact_at};

use crate::ElfError;

/// Width of addresses and offsets: `EI_CLASS`, as the loader takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `ELFCLASS32`.
    Elf32,
    /// `ELFCLASS64`.
    Elf64,
}

/// Byte order: `EI_DATA`, as the loader takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ByteOrder {
    /// `ELFDATA2LSB`.
    Little,
    /// `ELFDATA2MSB`.
    Big,
}

/// Reads parts of one file. The first bytes are already in memory, since the scan had to read them to see the magic.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    source: &'a dyn ReadAt,
    head: &'a [u8],
    pub(crate) class: Class,
    pub(crate) order: ByteOrder,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a dyn ReadAt, head: &'a [u8], class: Class, order: ByteOrder) -> Self {
        Self { source, head, class, order }
    }

    /// The file's length when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    /// `length` bytes at `offset`. The caller bounds `length`: it is what is allocated.
    pub(crate) fn bytes(
        &self,
        structure: &'static str,
        offset: u64,
        length: u64,
    ) -> Result<Fields<'a>, ElfError> {
        let end = self.end(structure, offset, length)?;
        let size = usize::try_from(length).map_err(|_| self.past_end(structure, offset, length))?;
        let bytes = if end <= self.head.len() as u64 {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            Cow::Borrowed(self.head.get(start..start + size).unwrap_or_default())
        } else {
            let mut buffer = vec![0; size];
            read_exact_at(self.source, &mut buffer, offset)
                .map_err(|error| ElfError::io(structure, offset, &error))?;
            Cow::Owned(buffer)
        };
        Ok(Fields { bytes, offset, class: self.class, order: self.order })
    }

    /// Where `length` bytes at `offset` end: an error if that is past the end of the file. To be asked before a limit of
    /// ours is applied, so that a size that cannot be true is called damage.
    pub(crate) fn end(&self, structure: &'static str, offset: u64, length: u64) -> Result<u64, ElfError> {
        let end = offset.checked_add(length).filter(|end| *end <= self.len());
        end.ok_or_else(|| self.past_end(structure, offset, length))
    }

    fn past_end(&self, structure: &'static str, offset: u64, length: u64) -> ElfError {
        let reason = format!("{length} bytes from here end past the file's {} bytes", self.len());
        ElfError::malformed(structure, offset, reason)
    }

    /// `count` records of `size` bytes from `offset`, a chunk at a time, so that a huge table costs time in proportion
    /// to its bytes but no memory. `each` stops early by returning false.
    pub(crate) fn records(
        &self,
        table: Table,
        mut each: impl FnMut(&Fields<'_>, usize) -> bool,
    ) -> Result<(), ElfError> {
        let Table { structure, offset, count, size } = table;
        let per_chunk = (CHUNK / size.max(1)).max(1);
        let mut done = 0;
        while done < count {
            let now = per_chunk.min(count - done);
            // The caller has bounded the table by the file, so neither product can wrap.
            let at = offset.saturating_add(done.saturating_mul(size));
            let chunk = self.bytes(structure, at, now.saturating_mul(size))?;
            for record in 0..now {
                let start = usize::try_from(record * size).unwrap_or(usize::MAX);
                if !each(&chunk, start) {
                    return Ok(());
                }
            }
            done += now;
        }
        Ok(())
    }

    /// The size of an address in this class.
    pub(crate) fn word(&self) -> u64 {
        match self.class {
            Class::Elf32 => 4,
            Class::Elf64 => 8,
        }
    }
}

/// A table of equal records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) structure: &'static str,
    pub(crate) offset: u64,
    pub(crate) count: u64,
    pub(crate) size: u64,
}

/// Bytes of a file, read as fields. Places are relative to the first; a field past the end reads as 0, which cannot
/// happen to a caller who asked for as many bytes as its structure has.
pub(crate) struct Fields<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) offset: u64,
    class: Class,
    order: ByteOrder,
}

impl Fields<'_> {
    pub(crate) fn u8(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        let bytes = self.array(at);
        match self.order {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        let bytes = self.array(at);
        match self.order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        let bytes = self.array(at);
        match self.order {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }

    /// An address or offset, whose place and width depend on the class.
    pub(crate) fn native(&self, at32: usize, at64: usize) -> u64 {
        match self.class {
            Class::Elf32 => u64::from(self.u32(at32)),
            Class::Elf64 => self.u64(at64),
        }
    }

    /// Whether the class is [`Class::Elf64`].
    pub(crate) fn is_wide(&self) -> bool {
        self.class == Class::Elf64
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let field = at.checked_add(N).and_then(|end| self.bytes.get(at..end));
        field.and_then(|field| field.try_into().ok()).unwrap_or([0; N])
    }
}

/// Large enough that a system call is cheap beside it, small enough to be nothing for every thread.
const CHUNK: u64 = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_past_the_end_and_around_it_are_refused() {
        let file = vec![0_u8; 100];
        let reader = Reader::new(&file, &file[..10], Class::Elf64, ByteOrder::Little);
        assert!(reader.bytes("x", 0, 100).is_ok());
        assert!(reader.bytes("x", 1, 100).is_err());
        assert!(reader.bytes("x", u64::MAX, 2).is_err());
        assert!(reader.bytes("x", 2, u64::MAX).is_err());
        assert!(reader.bytes("x", 101, 0).is_err());
    }

    #[test]
    fn both_byte_orders() {
        let file: Vec<u8> = (1..=16).collect();
        for (order, wanted) in [(ByteOrder::Little, 0x0605_0403), (ByteOrder::Big, 0x0304_0506)] {
            let reader = Reader::new(&file, &[], Class::Elf32, order);
            assert_eq!(reader.bytes("x", 1, 8).unwrap().u32(1), wanted);
        }
    }

    #[test]
    fn records_cross_chunks_and_stop() {
        let file = vec![1_u8; 200_000];
        let reader = Reader::new(&file, &[], Class::Elf64, ByteOrder::Little);
        let table = Table { structure: "x", offset: 0, count: 20_000, size: 10 };
        let mut seen = 0;
        reader
            .records(table, |chunk, at| {
                seen += u64::from(chunk.u8(at));
                true
            })
            .unwrap();
        assert_eq!(seen, 20_000);
        reader.records(Table { count: 20_001, ..table }, |_, _| true).unwrap_err();
        reader.records(Table { count: 20_001, ..table }, |_, _| false).unwrap();
    }
}
