//! GUID partition tables.

use std::io;

use hardpan_lockdown::gpt::{Attributes, Gpt, ReadDisk, Write};

/// Disks have sectors of 512 bytes here.
const SECTOR: usize = 512;
/// 16 entries of 128 bytes.
const ARRAY: usize = 4;
/// With a protective MBR, two headers, two arrays and some room.
const SECTORS: usize = 24;

struct Disk(Vec<u8>);

impl ReadDisk for Disk {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = from.checked_add(buffer.len()).and_then(|end| self.0.get(from..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Disk {
    fn read(&mut self) -> Option<Gpt> {
        let len = self.0.len() as u64;
        Gpt::read(self, len, 512).ok()
    }

    fn write(&mut self, write: &Write) {
        let at = usize::try_from(write.offset).expect("a place on the disk");
        self.0[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
    }
}

/// Of a table that is accepted every partition can be given other attributes, or it is said why not; after each write a table
/// is there in which they are old or new; and after the last both copies are sound and nothing else has changed. An odd first byte
/// has the checksums of both headers put right first, which no fuzzer finds.
pub fn check(bytes: &[u8]) {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    let mut disk = Disk(bytes.to_vec());
    if mode & 1 == 1 {
        let last = (bytes.len() / SECTOR).saturating_sub(1);
        for sector in [1, last] {
            put_right(&mut disk.0, sector);
        }
    }
    let Some(gpt) = disk.read() else { return };
    for partition in &gpt.partitions {
        let wanted = Attributes(!partition.attributes.0);
        let Ok(writes) = gpt.set_attributes(partition.number, wanted) else { continue };
        let mut copy = Disk(disk.0.clone());
        for write in &writes {
            assert_eq!((write.offset % 512, write.bytes.len()), (0, SECTOR));
            copy.write(write);
            let found = copy.read().expect("a table is there");
            let found =
                found.partitions.iter().find(|one| one.number == partition.number).expect("the partition");
            assert!(found.attributes == wanted || found.attributes == partition.attributes);
        }
        let last = copy.read().expect("a table is there");
        assert!(!last.is_damaged());
        let mut expected = gpt.partitions.clone();
        let changed = expected.iter_mut().find(|one| one.number == partition.number);
        changed.expect("the partition").attributes = wanted;
        assert_eq!(last.partitions, expected);
    }
}

/// Gives a header the checksum of its entries and its own.
fn put_right(disk: &mut [u8], sector: usize) {
    let number = |disk: &[u8], at: usize| {
        disk.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let at = sector * SECTOR;
    let Some(array) = number(disk, at + 72).and_then(|first| first.checked_mul(SECTOR)) else { return };
    let len =
        number(disk, at + 80).zip(number(disk, at + 84)).and_then(|(count, size)| count.checked_mul(size));
    if let Some(entries) = len.and_then(|len| disk.get(array..array.checked_add(len)?)) {
        let crc = crc32(entries).to_le_bytes();
        if let Some(field) = disk.get_mut(at + 88..at + 92) {
            field.copy_from_slice(&crc);
        }
    }
    let Some(header) = number(disk, at + 12).and_then(|len| disk.get_mut(at..at.checked_add(len)?)) else {
        return;
    };
    if header.len() >= 92 {
        header[16..20].fill(0);
        let crc = crc32(header).to_le_bytes();
        header[16..20].copy_from_slice(&crc);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A table with two partitions, whole and with either copy damaged.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut disk = vec![0; SECTORS * SECTOR];
    for (sector, other, array) in [(1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 1 - ARRAY)] {
        for (index, first) in [(0, 8u64), (1, 12)] {
            let entry = &mut disk[array * SECTOR + index * 128..][..128];
            entry[..32].fill(u8::try_from(index).unwrap_or_default() + 1);
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&(first + 3).to_le_bytes());
            entry[56] = b'a';
        }
        let header = &mut disk[sector * SECTOR..][..92];
        header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
        for (at, value) in [(24, sector), (32, other), (40, 6), (48, SECTORS - ARRAY - 2), (72, array)] {
            header[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        header[80] = 16;
        header[84] = 128;
        put_right(&mut disk, sector);
    }
    let damaged = |sector: usize| {
        let mut disk = disk.clone();
        disk[sector * SECTOR + 60] ^= 1;
        disk
    };
    let disks = [disk.clone(), damaged(1), damaged(SECTORS - 1), damaged(2)];
    disks.iter().flat_map(|disk| [0, 1].map(|mode| [&[mode], &disk[..]].concat())).collect()
}
