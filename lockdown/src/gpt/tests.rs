//! Tables that the tests write themselves, every field of them damaged, and writes that stop at any place.

use super::*;

const SECTOR: usize = 512;
const SECTORS: usize = 200;
/// 16 entries of 128 bytes: fewer than is usual, since every run of a boot reads them a few times.
const ARRAY: usize = 4;

/// A disk in memory.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Disk(pub(crate) Vec<u8>);

impl ReadDisk for Disk {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap();
        let bytes = self.0.get(from..from + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl Disk {
    /// A disk with two partitions, as `sfdisk` would write it.
    pub(crate) fn new() -> Self {
        Self::with(&[("data-a", 0x11, 40, 79, 3 << 48 | 2 << 52), ("hash-a", 0x22, 80, 89, 0)])
    }

    /// A disk with partitions of these names, UUIDs of one byte, sectors and attributes.
    pub(crate) fn with(partitions: &[(&str, u8, u64, u64, u64)]) -> Self {
        let mut entries = vec![0; ARRAY * SECTOR];
        for (index, (label, uuid, first, last, attributes)) in partitions.iter().enumerate() {
            let entry = &mut entries[index * 128..(index + 1) * 128];
            entry[..16].fill(0x99);
            entry[16..32].fill(*uuid);
            for (at, value) in [(32, first), (40, last), (48, attributes)] {
                entry[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            let units: Vec<u8> = label.encode_utf16().flat_map(u16::to_le_bytes).collect();
            entry[56..56 + units.len()].copy_from_slice(&units);
        }
        let mut disk = vec![0; SECTORS * SECTOR];
        for (sector, other, array) in [(1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 1 - ARRAY)] {
            disk[array * SECTOR..(array + ARRAY) * SECTOR].copy_from_slice(&entries);
            let header = header(sector as u64, other as u64, array as u64, &entries);
            disk[sector * SECTOR..sector * SECTOR + 92].copy_from_slice(&header);
        }
        Self(disk)
    }

    fn read(&self) -> Result<Gpt, GptError> {
        Gpt::read(&mut self.clone(), self.0.len() as u64, 512)
    }

    pub(crate) fn write(&mut self, write: &Write) {
        let at = usize::try_from(write.offset).unwrap();
        self.0[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
    }

    fn damage(mut self, sector: usize) -> Self {
        self.0[sector * SECTOR + 60] ^= 1;
        self
    }
}

fn header(sector: u64, other: u64, array: u64, entries: &[u8]) -> Vec<u8> {
    let mut bytes = b"EFI PART".to_vec();
    bytes.extend([0, 0, 1, 0, 92, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [sector, other, 34, (SECTORS - ARRAY - 2) as u64] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0x77; 16]);
    bytes.extend(array.to_le_bytes());
    bytes.extend([16, 0, 0, 0, 128, 0, 0, 0]);
    bytes.extend(crc32(entries).to_le_bytes());
    let crc = crc32(&bytes);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn the_checksum_is_that_of_ieee_802_3() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(crc32(b""), 0);
}

#[test]
fn partitions_are_read() {
    let gpt = Disk::new().read().unwrap();
    assert!(!gpt.is_damaged());
    let [data, hash] = &gpt.partitions[..] else { panic!("{gpt:?}") };
    assert_eq!((data.number, data.first, data.last, data.label.as_str()), (1, 40, 79, "data-a"));
    assert_eq!((hash.number, hash.uuid), (2, Uuid::from_bytes([0x22; 16])));
    let attributes = data.attributes;
    assert_eq!((attributes.priority(), attributes.tries(), attributes.successful()), (3, 2, false));
    assert_eq!(attributes.with_tries(1).0, 3 << 48 | 1 << 52);
    assert_eq!(Attributes(u64::MAX).with_tries(0).0, !(0xf << 52));
}

#[test]
fn uuids_are_in_mixed_order() {
    let bytes: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    assert_eq!(guid(&bytes).unwrap().to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
}

#[test]
fn either_copy_is_enough_and_none_is_an_error() {
    let whole = Disk::new().read().unwrap().partitions;
    for sector in [1, 2] {
        let gpt = Disk::new().damage(sector).read().unwrap();
        assert!(gpt.is_damaged() && gpt.partitions == whole, "{sector}");
    }
    for sector in [SECTORS - 1, SECTORS - 2] {
        let mut disk = Disk::new();
        disk.0[sector * SECTOR + 70] ^= 1;
        let gpt = disk.read().unwrap();
        assert!(gpt.is_damaged() && gpt.partitions == whole, "{sector}");
    }
    let both = Disk::new().damage(1).damage(SECTORS - 1).read();
    assert!(matches!(both, Err(GptError::Damaged { .. })), "{both:?}");
    assert!(matches!(Disk(vec![0; SECTORS * SECTOR]).read(), Err(GptError::Absent)));
    assert!(matches!(Disk(vec![0; 3 * SECTOR]).read(), Err(GptError::Geometry { .. })));
}

/// Every byte of the header counts, and no change makes anything but an error or the same partitions.
#[test]
fn no_change_of_a_header_is_believed() {
    let whole = Disk::new().read().unwrap().partitions;
    for byte in 0..92 {
        for bit in 0..8 {
            let mut disk = Disk::new();
            disk.0[SECTOR + byte] ^= 1 << bit;
            let gpt = disk.read().unwrap();
            assert!(gpt.is_damaged() && gpt.partitions == whole, "byte {byte}");
        }
    }
}

/// Fields that lie under a right checksum.
#[test]
fn headers_that_lie_are_refused() {
    for (at, value) in [
        (8, 2u64),
        (12, 91),
        (12, 513),
        (24, 3),
        (32, 0),
        (32, 1),
        (32, SECTORS as u64),
        (32, 40),
        (40, 5),
        (48, SECTORS as u64),
        (72, 0),
        (72, 1),
        (72, 60),
        (72, u64::MAX),
        (80, 0),
        (80, 1025),
        (84, 127),
        (84, 192),
        (84, 8192),
    ] {
        let mut disk = Disk::new().damage(SECTORS - 1);
        let header = &mut disk.0[SECTOR..SECTOR + 92];
        // Sizes and counts have four bytes, places eight.
        let len = if (24..80).contains(&at) { 8 } else { 4 };
        header[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
        header[16..20].fill(0);
        let crc = crc32(header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        assert!(matches!(disk.read(), Err(GptError::Damaged { .. })), "{at}: {value}");
    }
}

#[test]
fn attributes_are_written_to_both_copies_and_nothing_else_changes() {
    let mut disk = Disk::new();
    let before = disk.clone();
    let gpt = disk.read().unwrap();
    let wanted = gpt.partitions[0].attributes.with_tries(1);
    let writes = gpt.set_attributes(1, wanted).unwrap();
    // Entries and header of the backup, then of the primary.
    let sectors: Vec<u64> = writes.iter().map(|write| write.offset / 512).collect();
    assert_eq!(sectors, [195, 199, 2, 1]);
    for write in &writes {
        disk.write(write);
    }
    let gpt = disk.read().unwrap();
    assert!(!gpt.is_damaged());
    assert_eq!(gpt.partitions[0].attributes, wanted);
    assert!(writes.iter().all(|write| write.bytes.len() == SECTOR));
    let changed = disk.0.iter().zip(&before.0).filter(|(new, old)| new != old).count();
    assert!(changed <= 2 * (1 + 4 + 4), "{changed} bytes changed");
    assert!(matches!(gpt.set_attributes(3, wanted), Err(GptError::NoPartition(3))));
    assert!(matches!(gpt.set_attributes(0, wanted), Err(GptError::NoPartition(0))));
}

/// Disks as they may be found: whole, with one copy damaged in any way, or with copies that differ.
fn states() -> Vec<Disk> {
    let mut states = vec![Disk::new()];
    for sector in [1, 2, SECTORS - 1, SECTORS - 1 - ARRAY, SECTORS - 2] {
        states.push(Disk::new().damage(sector));
        let mut wiped = Disk::new();
        wiped.0[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
        states.push(wiped);
    }
    let mut other = Disk::new();
    let writes = other.read().unwrap().set_attributes(1, Attributes(0)).unwrap();
    writes[..2].iter().for_each(|write| other.write(write));
    states.push(other);
    states
}

/// The power fails between any two writes, and within any: a copy is sound, with the tries of before or of after, and the
/// next run ends where this one would have.
#[test]
fn wherever_writing_stops_a_table_is_there() {
    for (state, disk) in states().into_iter().enumerate() {
        let gpt = disk.read().unwrap_or_else(|error| panic!("{state}: {error}"));
        let before = gpt.partitions[0].attributes;
        let after = before.with_tries(before.tries() - 1);
        let writes = gpt.set_attributes(1, after).unwrap();
        for stop in 0..=writes.len() {
            for torn in [0, 1, 60, 300, 511] {
                let mut cut = disk.clone();
                writes[..stop].iter().for_each(|write| cut.write(write));
                if let Some(write) = writes.get(stop) {
                    let bytes = write.bytes[..torn].to_vec();
                    cut.write(&Write { offset: write.offset, bytes });
                }
                let found = cut.read().unwrap_or_else(|error| panic!("{state}, {stop}, {torn}: {error}"));
                let tries = found.partitions[0].attributes;
                assert!(tries == before || tries == after, "{state}, {stop}: {tries}");
                assert_eq!(found.partitions.len(), 2);
                found.set_attributes(1, after).unwrap().iter().for_each(|write| cut.write(write));
                let last = cut.read().unwrap();
                assert!(!last.is_damaged() && last.partitions[0].attributes == after, "{state}, {stop}");
            }
        }
    }
}

#[test]
fn what_was_written_is_what_sfdisk_reads() {
    let Some(sfdisk) =
        ["/usr/sbin/sfdisk", "/sbin/sfdisk"].iter().find(|path| std::path::Path::new(path).is_file())
    else {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "sfdisk is not installed (package fdisk)"
        );
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    std::fs::write(&path, vec![0; 4 << 20]).unwrap();
    let script = "label: gpt\nstart=2048, size=1024, name=\"data ä\", uuid=01234567-89AB-4CDE-8F01-23456789ABCD, \
                  attrs=\"GUID:48,52,53\"\nstart=4096, size=1024, name=b\n";
    run(std::process::Command::new(sfdisk).arg("-q").arg(&path), script);
    let mut disk = Disk(std::fs::read(&path).unwrap());
    let gpt = disk.read().unwrap();
    assert!(!gpt.is_damaged());
    let data = &gpt.partitions[0];
    assert_eq!((data.label.as_str(), data.first, data.last), ("data ä", 2048, 3071));
    assert_eq!(data.uuid.to_string(), "01234567-89ab-4cde-8f01-23456789abcd");
    assert_eq!(data.attributes.to_string(), "priority 1, 3 tries");
    gpt.set_attributes(1, data.attributes.with_tries(2)).unwrap().iter().for_each(|write| disk.write(write));
    // The tool names every checksum that is wrong.
    std::fs::write(&path, &disk.0).unwrap();
    let verified = run(std::process::Command::new(sfdisk).arg("--verify").arg(&path), "");
    assert!(verified.contains("No errors detected"), "{verified}");
    let shown = run(std::process::Command::new(sfdisk).arg("--part-attrs").arg(&path).arg("1"), "");
    assert_eq!(shown.trim(), "GUID:48,53");
}

fn run(command: &mut std::process::Command, input: &str) -> String {
    use std::io::Write as _;
    let piped = std::process::Stdio::piped;
    let mut child =
        command.stdin(piped()).stdout(piped()).stderr(piped()).env("LC_ALL", "C").spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
