//! GUID partition tables, by the UEFI specification: partitions are read, and one attribute field is written.
//!
//! A table is there twice, each copy a header and an array of entries, both under checksums: the primary at the start of the
//! disk, the backup at its end. [`Gpt::read`] takes the primary if it is sound, else the backup. [`Gpt::set_attributes`] gives
//! the writes, in an order in which one copy is sound after each of them, wherever the power fails.

use std::fmt;
use std::io;

use hardpan_verity::Uuid;
use thiserror::Error;

mod header;
#[cfg(test)]
pub(crate) mod tests;

use header::{Header, HeaderFault, crc32};

/// A table, with what writing it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpt {
    /// The partitions, in the order of the table; unused entries are not among them.
    pub partitions: Vec<Partition>,
    sector_size: u32,
    /// The copy that was taken, and the other one.
    used: TableCopy,
    other: Option<TableCopy>,
    /// Where the other one belongs.
    other_sector: u64,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: u32,
    /// What it is for.
    pub kind: Uuid,
    /// Its own UUID.
    pub uuid: Uuid,
    /// Its first sector.
    pub first: u64,
    /// Its last sector.
    pub last: u64,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its name. What is no UTF-16 in it is replaced.
    pub label: String,
}

/// The attribute field of an entry, of which bits 48 to 63 belong to the type of the partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub u64);

impl Attributes {
    /// Bits 48 to 51: slots with a higher priority are tried first, and those with 0 never.
    pub fn priority(self) -> u8 {
        u8::try_from(self.0 >> 48 & 0xf).unwrap_or_default()
    }

    /// Bits 52 to 55: how often the slot may still be tried.
    pub fn tries(self) -> u8 {
        u8::try_from(self.0 >> 52 & 0xf).unwrap_or_default()
    }

    /// Bit 56: the slot booted, so that tries no longer count.
    pub fn successful(self) -> bool {
        self.0 >> 56 & 1 == 1
    }

    /// The same with other tries, 0 to 15.
    #[must_use]
    pub fn with_tries(self, tries: u8) -> Self {
        Self(self.0 & !(0xf << 52) | u64::from(tries & 0xf) << 52)
    }
}

/// Bytes to be written at an offset of the disk, all sectors whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// Why no table could be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GptError {
    /// There is no table: neither place has the signature.
    #[error("there is no GPT")]
    Absent,
    /// Both copies are damaged.
    #[error("both copies of the GPT are damaged; primary: {primary}; backup: {backup}")]
    Damaged {
        /// What is wrong with the primary one.
        primary: CopyFault,
        /// What is wrong with the backup.
        backup: CopyFault,
    },
    /// The disk is smaller than a table, or has sectors of a size that none has.
    #[error("no GPT fits on a disk of {size} bytes with sectors of {sector_size}")]
    Geometry {
        /// The length in bytes.
        size: u64,
        /// The length of a sector.
        sector_size: u32,
    },
    /// There is no partition of that number.
    #[error("there is no partition {0}")]
    NoPartition(u32),
    /// The damaged copy cannot be written anew, so that the other one must not be touched.
    #[error("the other copy of the GPT is damaged, and where it belongs is no room for it")]
    NoRoom,
}

/// What is wrong with a copy of a table.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyFault {
    /// The header.
    #[error("{0}")]
    Header(#[from] HeaderFault),
    /// The checksum of the entries is another.
    #[error("the entries have another checksum than the header says")]
    Entries,
    /// It cannot be read.
    #[error("sector {sector}: {error}")]
    Io {
        /// Where.
        sector: u64,
        /// Why.
        error: io::Error,
    },
}

/// A disk that is read.
pub trait ReadDisk {
    /// Fills `buffer` from `offset`.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A sound copy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TableCopy {
    header: Header,
    entries: Vec<u8>,
}

impl Gpt {
    /// Reads the table of a disk of `size` bytes with sectors of `sector_size`.
    pub fn read(disk: &mut dyn ReadDisk, size: u64, sector_size: u32) -> Result<Self, GptError> {
        let geometry = GptError::Geometry { size, sector_size };
        if !sector_size.is_power_of_two() || !(512..=MAX_SECTOR).contains(&sector_size) {
            return Err(geometry);
        }
        let last = (size / u64::from(sector_size)).checked_sub(1).filter(|last| *last > MIN_SECTORS);
        let last = last.ok_or(geometry)?;
        let mut reader = Reader { disk, sector_size, last };
        match reader.copy(PRIMARY) {
            Ok(used) => {
                let other_sector = used.header.alternate_sector;
                let other = reader
                    .copy(other_sector)
                    .ok()
                    .filter(|other| other.header.belongs_to(&used.header, sector_size));
                Ok(Self::new(used, other, other_sector, sector_size))
            }
            Err(primary) => match reader.copy(last) {
                Ok(used) => Ok(Self::new(used, None, PRIMARY, sector_size)),
                Err(backup) if is_absent(&primary) && is_absent(&backup) => Err(GptError::Absent),
                Err(backup) => Err(GptError::Damaged { primary, backup }),
            },
        }
    }

    fn new(used: TableCopy, other: Option<TableCopy>, other_sector: u64, sector_size: u32) -> Self {
        let partitions = partitions(&used);
        Self { partitions, sector_size, used, other, other_sector }
    }

    /// Whether only one copy is sound. Writing then makes the other one anew.
    pub fn is_damaged(&self) -> bool {
        self.other.is_none()
    }

    /// The writes that give a partition these attributes. Each must be on the disk before the next one begins. Of the copies
    /// the one that counts less is written first: a damaged one, or the backup.
    pub fn set_attributes(&self, number: u32, attributes: Attributes) -> Result<Vec<Write>, GptError> {
        let index = number.checked_sub(1).filter(|_| self.partitions.iter().any(|one| one.number == number));
        let index = index.ok_or(GptError::NoPartition(number))?;
        let at = index as usize * self.used.header.entry_size as usize + ATTRIBUTES;
        let mut entries = self.used.entries.clone();
        let field = entries.get_mut(at..at + 8).ok_or(GptError::NoPartition(number))?;
        field.copy_from_slice(&attributes.0.to_le_bytes());
        let other = match &self.other {
            // An array of another shape would be read as other partitions: it is written as one like that of the used copy.
            Some(other) if other.header.same_shape(&self.used.header) => other.clone(),
            _ => {
                let header =
                    self.used.header.other(self.other_sector, self.sector_size).ok_or(GptError::NoRoom)?;
                TableCopy { header, entries: Vec::new() }
            }
        };
        let mut writes = self.copy_writes(&other, &entries);
        // The used one may have said that the other is elsewhere.
        let mut used = self.used.clone();
        used.header.alternate_sector = self.other_sector;
        writes.extend(self.copy_writes(&used, &entries));
        Ok(writes)
    }

    /// The entries that differ, then the header.
    fn copy_writes(&self, copy: &TableCopy, entries: &[u8]) -> Vec<Write> {
        let sector = self.sector_size as usize;
        let start = copy.header.entries_sector * u64::from(self.sector_size);
        let differs = |index: usize| {
            let range = index * sector..entries.len().min((index + 1) * sector);
            copy.entries.get(range.clone()) != entries.get(range)
        };
        let mut writes: Vec<Write> = (0..entries.len().div_ceil(sector))
            .filter(|index| differs(*index))
            .map(|index| {
                let mut bytes = entries[index * sector..entries.len().min((index + 1) * sector)].to_vec();
                bytes.resize(sector, 0);
                Write { offset: start + (index * sector) as u64, bytes }
            })
            .collect();
        let mut bytes = copy.header.encode(crc32(entries));
        bytes.resize(sector, 0);
        writes.push(Write { offset: copy.header.sector * u64::from(self.sector_size), bytes });
        writes
    }
}

struct Reader<'d> {
    disk: &'d mut dyn ReadDisk,
    sector_size: u32,
    last: u64,
}

impl Reader<'_> {
    fn copy(&mut self, sector: u64) -> Result<TableCopy, CopyFault> {
        if sector > self.last {
            return Err(HeaderFault::OutOfDisk.into());
        }
        let header = self.bytes(sector, self.sector_size as usize)?;
        let header = Header::decode(&header, sector, self.last, self.sector_size)?;
        let entries = self.bytes(header.entries_sector, header.entries_len())?;
        if crc32(&entries) != header.entries_crc {
            return Err(CopyFault::Entries);
        }
        Ok(TableCopy { header, entries })
    }

    /// `len` bytes from a sector on; a header was checked to have no more than `MAX_ENTRIES` of them, within the disk.
    fn bytes(&mut self, sector: u64, len: usize) -> Result<Vec<u8>, CopyFault> {
        let mut bytes = vec![0; len.next_multiple_of(self.sector_size as usize)];
        let offset = sector.saturating_mul(u64::from(self.sector_size));
        self.disk.read_at(offset, &mut bytes).map_err(|error| CopyFault::Io { sector, error })?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

fn is_absent(fault: &CopyFault) -> bool {
    matches!(fault, CopyFault::Header(HeaderFault::Signature))
}

fn partitions(copy: &TableCopy) -> Vec<Partition> {
    let entries = copy.entries.chunks_exact(copy.header.entry_size as usize);
    (1..).zip(entries).filter_map(|(number, entry)| partition(number, entry)).collect()
}

/// The partition of an entry; `None` if it is unused, or ends before it starts.
fn partition(number: u32, entry: &[u8]) -> Option<Partition> {
    let kind = guid(entry.get(..16)?)?;
    let number_at = |at: usize| Some(u64::from_le_bytes(*entry.get(at..)?.first_chunk()?));
    let (first, last) = (number_at(32)?, number_at(40)?);
    if *kind.as_bytes() == [0; 16] || first > last {
        return None;
    }
    let units = entry.get(56..128)?.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let label = char::decode_utf16(units.take_while(|unit| *unit != 0));
    Some(Partition {
        number,
        kind,
        uuid: guid(entry.get(16..32)?)?,
        first,
        last,
        attributes: Attributes(number_at(ATTRIBUTES)?),
        label: label.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    })
}

/// A GUID, whose first three fields are stored in little endian.
fn guid(bytes: &[u8]) -> Option<Uuid> {
    let mut bytes: [u8; 16] = *bytes.first_chunk()?;
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Some(Uuid::from_bytes(bytes))
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let successful = if self.successful() { ", successful" } else { "" };
        write!(f, "priority {}, {} tries{successful}", self.priority(), self.tries())
    }
}

/// The sector of the primary header.
const PRIMARY: u64 = 1;
/// Where an entry has its attributes.
const ATTRIBUTES: usize = 48;
/// The largest sector of any disk.
const MAX_SECTOR: u32 = 64 << 10;
/// A protective MBR, two headers, and an array of at least one sector each.
const MIN_SECTORS: u64 = 5;
