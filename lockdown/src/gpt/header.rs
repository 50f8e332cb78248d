//! The header of a copy of the table.

use hardpan_verity::Uuid;
use thiserror::Error;

/// A header that was found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where it is.
    pub(super) sector: u64,
    /// Where the other one is.
    pub(super) alternate_sector: u64,
    /// Where its entries start.
    pub(super) entries_sector: u64,
    /// The length of an entry.
    pub(super) entry_size: u32,
    /// The checksum of the entries.
    pub(super) entries_crc: u32,
    entry_count: u32,
    first_usable: u64,
    last_usable: u64,
    disk: Uuid,
    /// As it is stored, without what follows it in its sector.
    bytes: Vec<u8>,
}

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// It has another checksum than it says.
    #[error("the header has another checksum than it says")]
    Checksum,
    /// A count or a size that cannot be.
    #[error("the header at byte {offset}: {what} is {value}, which cannot be")]
    Field {
        /// Where the field is.
        offset: usize,
        /// Which one it is.
        what: &'static str,
        /// What it says.
        value: u64,
    },
    /// It lies about where it is, or says of something that it is not on the disk.
    #[error("the header says that it, or something else, is where it is not")]
    Place,
    /// The other header would be behind the end of the disk.
    #[error("it would be behind the end of the disk")]
    OutOfDisk,
    /// It does not begin with the signature.
    #[error("there is no header")]
    Signature,
}

impl Header {
    /// The header in a sector of a disk that ends with sector `last`.
    pub(super) fn decode(
        bytes: &[u8],
        sector: u64,
        last: u64,
        sector_size: u32,
    ) -> Result<Self, HeaderFault> {
        if !bytes.starts_with(b"EFI PART") {
            return Err(HeaderFault::Signature);
        }
        let (revision, size) = (u32_at(bytes, 8), u32_at(bytes, 12));
        field(revision == 0x0001_0000, 8, "the revision", revision)?;
        field((MIN_HEADER..=sector_size).contains(&size), 12, "the length of the header", size)?;
        let bytes = &bytes[..(size as usize).min(bytes.len())];
        if crc32(&without_crc(bytes)) != u32_at(bytes, CRC) {
            return Err(HeaderFault::Checksum);
        }
        let (entry_count, entry_size) = (u32_at(bytes, 80), u32_at(bytes, 84));
        let possible = entry_size.is_power_of_two() && (128..=4096).contains(&entry_size);
        field(possible, 84, "the length of an entry", entry_size)?;
        field(
            (1..=MAX_ENTRIES / entry_size).contains(&entry_count),
            80,
            "the number of entries",
            entry_count,
        )?;
        let mut disk = [0; 16];
        disk.copy_from_slice(&bytes[56..72]);
        let header = Self {
            sector: u64_at(bytes, 24),
            alternate_sector: u64_at(bytes, 32),
            first_usable: u64_at(bytes, 40),
            last_usable: u64_at(bytes, 48),
            disk: Uuid::from_bytes(disk),
            entries_sector: u64_at(bytes, 72),
            entry_count,
            entry_size,
            entries_crc: u32_at(bytes, 88),
            bytes: bytes.to_vec(),
        };
        if header.sector == sector && header.is_on_disk(last, sector_size) {
            Ok(header)
        } else {
            Err(HeaderFault::Place)
        }
    }

    /// How many bytes the entries have: at most `MAX_ENTRIES`.
    pub(super) fn entries_len(&self) -> usize {
        self.entry_count as usize * self.entry_size as usize
    }

    /// Whether both are headers of one table, each says where the other is, and writing one copy leaves the other whole.
    pub(super) fn belongs_to(&self, other: &Self, sector_size: u32) -> bool {
        self.disk == other.disk
            && self.alternate_sector == other.sector
            && self.is_apart_from(other, sector_size)
    }

    fn is_apart_from(&self, other: &Self, sector_size: u32) -> bool {
        let array = |header: &Self| {
            header.entries_sector..header.entries_sector.saturating_add(header.array_sectors(sector_size))
        };
        let (own, others) = (array(self), array(other));
        let apart = own.end <= others.start || others.end <= own.start;
        apart && self.sector != other.sector && !own.contains(&other.sector) && !others.contains(&self.sector)
    }

    /// Whether both arrays have the same shape.
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        (self.entry_count, self.entry_size, self.first_usable, self.last_usable)
            == (other.entry_count, other.entry_size, other.first_usable, other.last_usable)
    }

    /// The header of the other copy, which belongs to this sector, if there is room for its array.
    pub(super) fn other(&self, sector: u64, sector_size: u32) -> Option<Self> {
        let len = self.array_sectors(sector_size);
        let entries_sector = if sector < self.sector {
            // Behind the protective MBR and the header.
            Some(2).filter(|first| first + len <= self.first_usable)
        } else {
            sector.checked_sub(len).filter(|first| *first > self.last_usable)
        };
        let other =
            Self { sector, alternate_sector: self.sector, entries_sector: entries_sector?, ..self.clone() };
        other.is_apart_from(self, sector_size).then_some(other)
    }

    /// The header with this checksum of entries, as it is stored.
    pub(super) fn encode(&self, entries_crc: u32) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(24, &self.sector.to_le_bytes());
        put(32, &self.alternate_sector.to_le_bytes());
        put(72, &self.entries_sector.to_le_bytes());
        put(88, &entries_crc.to_le_bytes());
        put(CRC, &[0; 4]);
        let crc = crc32(&bytes);
        bytes[CRC..CRC + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Whether the array and the other header are on the disk, and nothing is on top of another.
    fn is_on_disk(&self, last: u64, sector_size: u32) -> bool {
        let Some(end) = self.entries_sector.checked_add(self.array_sectors(sector_size)) else {
            return false;
        };
        let (first, other) = (self.entries_sector, self.alternate_sector);
        let apart = |sector: u64| sector < first || sector >= end;
        let usable = self.first_usable <= self.last_usable && self.last_usable <= last;
        // The array is outside of what partitions may use.
        let outside = end <= self.first_usable || first > self.last_usable;
        let headers_outside =
            [self.sector, other].iter().all(|at| *at < self.first_usable || *at > self.last_usable);
        first >= 2
            && end <= last + 1
            && (1..=last).contains(&other)
            && other != self.sector
            && apart(self.sector)
            && apart(other)
            && usable
            && outside
            && headers_outside
    }

    fn array_sectors(&self, sector_size: u32) -> u64 {
        self.entries_len().div_ceil(sector_size as usize) as u64
    }
}

fn without_crc(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[CRC..CRC + 4].fill(0);
    bytes
}

fn field(is_possible: bool, offset: usize, what: &'static str, value: u32) -> Result<(), HeaderFault> {
    if is_possible { Ok(()) } else { Err(HeaderFault::Field { offset, what, value: value.into() }) }
}

/// A number of a header, of which all bytes are there: it has at least 92 of them.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The checksum of IEEE 802.3, with all bits reflected: what zlib calls crc32.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ crc >> 8)
}

/// What each byte adds.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is less than 256")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// Where the checksum of the header is.
const CRC: usize = 16;
/// The length of the header of revision 1.0.
const MIN_HEADER: u32 = 92;
/// The most bytes of entries: 1024 of the usual 128 bytes. The specification asks for 16 KiB at least, and nobody makes more
/// than some hundred partitions.
const MAX_ENTRIES: u32 = 128 << 10;
