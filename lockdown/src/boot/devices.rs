//! Finding devices: by whole disks' tables, read by our own parser, and by what the kernel says of the partitions.
//!
//! Nobody makes links below `/dev/disk` in an initramfs without udev, and what the links stand for would have to be believed.

use std::time::Duration;

use hardpan_sys::dm::DeviceNumber;
use hardpan_sys::machine::{Level, Machine};
use hardpan_verity::Uuid;
use hardpan_verity::dps::{self, Architecture, Role};

use super::config::{DeviceRef, Slot};
use super::reason::{Failure, Reason};
use super::receipt::PREFIX;
use crate::gpt::{Gpt, GptError, Partition, ReadDisk};

/// A device that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its number.
    pub(super) number: DeviceNumber,
    /// Its length in bytes.
    pub(super) size: u64,
    /// The partition that it is, if it was found as one.
    pub(super) partition: Option<Place>,
}

/// Where a partition's entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) disk: Disk,
    pub(super) partition: Partition,
}

/// A disk as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) name: String,
    pub(super) node: String,
    pub(super) size: u64,
    pub(super) sector_size: u32,
}

/// What a slot's device is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Data,
    Hash,
}

/// Waits until all of these devices are there, and returns what was found of each, in the order in which they were asked for.
pub(super) fn wait(
    machine: &mut dyn Machine,
    wanted: &[(&Slot, Purpose)],
    timeout: Duration,
) -> Vec<Result<Found, Failure>> {
    let start = machine.now();
    let mut marks = MARKS.iter().peekable();
    let mut scan = Scan::default();
    loop {
        let waited = machine.now().saturating_sub(start);
        scan.refresh(machine, waited);
        let found: Vec<_> = wanted.iter().map(|(slot, purpose)| scan.find(machine, slot, *purpose)).collect();
        let missing = |found: &&Result<Found, Failure>| {
            found.as_ref().is_err_and(|failure| failure.reason == Reason::DeviceMissing)
        };
        if found.iter().filter(missing).count() == 0 || waited >= timeout {
            return found;
        }
        if let Some(mark) = marks.next_if(|mark| waited >= **mark) {
            for failure in found.iter().filter(missing).filter_map(|found| found.as_ref().err()) {
                let text = format!("{PREFIX} waiting for {} s: {}", mark.as_secs(), failure.text);
                machine.log(Level::Warning, &text);
            }
        }
        machine.sleep(POLL);
    }
}

/// What there is at the moment.
#[derive(Default)]
struct Scan {
    shown: Vec<(Disk, Vec<String>)>,
    looked: Option<Duration>,
    places: Vec<Place>,
    /// What is not a whole table, by disk.
    notes: Vec<(String, String)>,
}

impl Scan {
    /// Reads all tables again if the kernel shows other devices than before, and once in a second: a disk can need time before
    /// it can be read.
    fn refresh(&mut self, machine: &mut dyn Machine, waited: Duration) {
        let shown = shown(machine);
        let is_recent = self.looked.is_some_and(|looked| waited < looked.saturating_add(RESCAN));
        if is_recent && shown == self.shown {
            return;
        }
        *self = Self { shown, looked: Some(waited), ..Self::default() };
        for (disk, _) in &self.shown {
            match Gpt::read(&mut DiskReader { machine, disk }, disk.size, disk.sector_size) {
                Ok(gpt) => {
                    if gpt.is_damaged() {
                        self.notes.push((disk.name.clone(), DAMAGED.to_owned()));
                    }
                    let place = |partition| Place { disk: disk.clone(), partition };
                    self.places.extend(gpt.partitions.into_iter().map(place));
                }
                Err(GptError::Absent) => self.notes.push((disk.name.clone(), "no GPT".to_owned())),
                Err(error) => self.notes.push((disk.name.clone(), error.to_string())),
            }
        }
    }

    fn find(&self, machine: &mut dyn Machine, slot: &Slot, purpose: Purpose) -> Result<Found, Failure> {
        let wanted = if purpose == Purpose::Data { &slot.data } else { &slot.hash };
        if let DeviceRef::Path(path) = wanted {
            return by_path(machine, path).map_err(|reason| self.missing(&format!("{path}: {reason}")));
        }
        let matching: Vec<&Place> =
            self.places.iter().filter(|place| is_meant(&place.partition, slot, purpose)).collect();
        match matching[..] {
            [] => Err(self.missing(&format!("there is no {wanted}"))),
            [place] => of_kernel(machine, place).map_err(|reason| {
                let Place { disk, partition } = place;
                self.missing(&format!(
                    "{wanted} is partition {} of {}; {reason}",
                    partition.number, disk.name
                ))
            }),
            _ => {
                let all: Vec<String> = matching.iter().map(ToString::to_string).collect();
                let text = format!("{wanted} is more than one device: {}", all.join(", "));
                Err(Failure::machine(Reason::DeviceAmbiguous, text))
            }
        }
    }

    /// A device is not there; what is there instead is said with it.
    fn missing(&self, what: &str) -> Failure {
        let tables = self.places.iter().map(ToString::to_string);
        let notes = self.notes.iter().map(|(disk, note)| format!("{disk} ({note})"));
        let present: Vec<String> = notes.chain(tables).take(MAX_TOLD).collect();
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        Failure::slot(Reason::DeviceMissing, format!("{what}; block devices: {present}"))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Partition { number, label, uuid, .. } = &self.partition;
        write!(f, "{} partition {number} ({:?}, {uuid})", self.disk.name, label)
    }
}

/// Whether a slot means this partition.
fn is_meant(partition: &Partition, slot: &Slot, purpose: Purpose) -> bool {
    let wanted = if purpose == Purpose::Data { &slot.data } else { &slot.hash };
    match wanted {
        DeviceRef::PartUuid(uuid) => partition.uuid == *uuid,
        DeviceRef::PartLabel(label) => partition.label == *label,
        DeviceRef::Dps => discoverable(&slot.table.root, purpose) == Some((partition.kind, partition.uuid)),
        DeviceRef::Path(_) => false,
    }
}

/// Type and UUID that follow from a root hash.
fn discoverable(root: &[u8], purpose: Purpose) -> Option<(Uuid, Uuid)> {
    let (data, hash) = dps::partition_uuids(root)?;
    let (role, uuid) = if purpose == Purpose::Data { (Role::Data, data) } else { (Role::Verity, hash) };
    Some((Architecture::native()?.partition_type(dps::Mount::Root, role), uuid))
}

fn by_path(machine: &mut dyn Machine, path: &str) -> Result<Found, String> {
    let number = machine.device_number(path).map_err(|error| error.to_string())?;
    let sectors = number_in(machine, &format!("/sys/dev/block/{number}/size"));
    let sectors = sectors.ok_or("the kernel does not tell its length")?;
    Ok(Found { number, size: sectors.saturating_mul(512), partition: None })
}

/// The kernel's device of a partition, which must be where the table has it: somebody could have changed the table since.
fn of_kernel(machine: &mut dyn Machine, place: &Place) -> Result<Found, String> {
    let Place { disk, partition } = place;
    let directory = format!("/sys/block/{}", disk.name);
    for name in machine.list(&directory).map_err(|error| error.to_string())? {
        let own = format!("{directory}/{name}");
        if !name.starts_with(&disk.name)
            || number_in(machine, &format!("{own}/partition")) != Some(partition.number.into())
        {
            continue;
        }
        let unit = u64::from(disk.sector_size) / 512;
        let length = partition.last.checked_sub(partition.first).and_then(|last| last.checked_add(1));
        let sectors = |count: u64| count.checked_mul(unit);
        let (Some(wanted_start), Some(wanted_length)) = (sectors(partition.first), length.and_then(sectors))
        else {
            return Err("no disk reaches as far as its entry says".to_owned());
        };
        let start = number_in(machine, &format!("{own}/start"));
        let size = number_in(machine, &format!("{own}/size"));
        let number = text_in(machine, &format!("{own}/dev")).and_then(|text| text.parse().ok());
        return match number {
            Some(number) if (start, size) == (Some(wanted_start), Some(wanted_length)) => {
                let size = wanted_length.saturating_mul(512);
                Ok(Found { number, size, partition: Some(place.clone()) })
            }
            _ => Err("the kernel has it at another place".to_owned()),
        };
    }
    Err("the kernel has not made its device".to_owned())
}

/// The disks that the kernel shows, with the names below them. Devices that are made of others, or of memory, are left out:
/// none of them could be there.
fn shown(machine: &mut dyn Machine) -> Vec<(Disk, Vec<String>)> {
    let names = machine.list("/sys/block").unwrap_or_default();
    let real =
        |name: &String| !["dm-", "loop", "ram", "zram", "sr", "fd"].iter().any(|kind| name.starts_with(kind));
    let mut disks = Vec::new();
    for name in names.into_iter().filter(real).take(MAX_DISKS) {
        let directory = format!("/sys/block/{name}");
        let sectors = number_in(machine, &format!("{directory}/size")).unwrap_or_default();
        let sector_size = number_in(machine, &format!("{directory}/queue/logical_block_size"));
        let sector_size = sector_size.and_then(|size| u32::try_from(size).ok()).unwrap_or(512);
        let below = machine.list(&directory).unwrap_or_default();
        // The kernel writes a slash of a name as an exclamation mark.
        let node = format!("/dev/{}", name.replace('!', "/"));
        if sectors > 0 {
            disks.push((Disk { name, node, size: sectors.saturating_mul(512), sector_size }, below));
        }
    }
    disks
}

fn number_in(machine: &mut dyn Machine, path: &str) -> Option<u64> {
    text_in(machine, path)?.parse().ok()
}

fn text_in(machine: &mut dyn Machine, path: &str) -> Option<String> {
    let bytes = machine.read(path, 4096).ok()?;
    Some(String::from_utf8(bytes).ok()?.trim_ascii().to_owned())
}

/// A disk, read through the machine.
pub(super) struct DiskReader<'m> {
    pub(super) machine: &'m mut dyn Machine,
    pub(super) disk: &'m Disk,
}

impl ReadDisk for DiskReader<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.machine.read_at(&self.disk.node, offset, buffer)
    }
}

/// Why a partition may be in a table and not among the kernel's.
const DAMAGED: &str =
    "a copy of its GPT is damaged; the kernel heeds the backup alone only with `gpt` on its command line";
/// How often to look.
const POLL: Duration = Duration::from_millis(10);
/// How often tables are read again although nothing changed.
const RESCAN: Duration = Duration::from_secs(1);
/// When it is said that something is waited for.
const MARKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// The most disks that are looked at, which bounds what is remembered of their partitions: a server has some dozen.
const MAX_DISKS: usize = 256;
/// The most devices that are named in a message.
const MAX_TOLD: usize = 32;
