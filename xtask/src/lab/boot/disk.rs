//! Disks with a partition table and the partitions of both slots.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::artefacts::{read, recreate};
use super::root::Root;
use crate::shell::Outcome;

/// A partition of the lab's disk.
pub(super) struct Partition {
    /// Its `PARTUUID`.
    pub(super) uuid: String,
    /// Its `PARTLABEL`.
    pub(super) label: &'static str,
    /// Its type.
    pub(super) kind: &'static str,
    /// Bits of its attributes.
    pub(super) attributes: Vec<u32>,
    /// Its size in bytes, of whole mebibytes.
    pub(super) size: u64,
    /// What is written to it.
    pub(super) content: PathBuf,
}

/// A disk to be made.
pub(super) struct Layout(pub(super) Vec<Partition>);

impl Layout {
    /// The disk of both slots: data and tree of each.
    pub(super) fn of(a: &Root, b: &Root) -> Self {
        let part = |uuid: &str, label, kind, content: &Path, size| Partition {
            uuid: uuid.to_owned(),
            label,
            kind,
            attributes: Vec::new(),
            size,
            content: content.to_owned(),
        };
        Self(vec![
            part(A_DATA, "root-a", ROOT, &a.data, super::root::SIZE),
            part(A_HASH, "hash-a", ROOT_VERITY, &a.hash, HASH_SIZE),
            part(B_DATA, "root-b", ROOT, &b.data, super::root::SIZE),
            part(B_HASH, "hash-b", ROOT_VERITY, &b.hash, HASH_SIZE),
        ])
    }

    /// Where a partition starts, in bytes.
    pub(super) fn start(&self, at: usize) -> u64 {
        MEBIBYTE + self.0[..at].iter().map(|partition| partition.size).sum::<u64>()
    }

    /// Writes the disk. The table is sfdisk's, so that our reader of tables is held against another's writer.
    pub(super) fn write(&self, image: &Path) -> Outcome {
        let failed = |error: std::io::Error| format!("{}: {error}", image.display());
        if let Some(parent) = image.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(image).map_err(failed)?;
        file.set_len(self.start(self.0.len()) + MEBIBYTE).map_err(failed)?;
        let mut sfdisk = Command::new("/usr/sbin/sfdisk");
        sfdisk.arg("--quiet").arg(image).stdin(Stdio::piped());
        let mut child = sfdisk.spawn().map_err(|error| format!("sfdisk could not be started: {error}"))?;
        let script = self.script();
        child.stdin.take().ok_or("sfdisk has no input")?.write_all(script.as_bytes()).map_err(failed)?;
        if !child.wait().map_err(failed)?.success() {
            return Err(format!("sfdisk failed on {script}"));
        }
        for (at, partition) in self.0.iter().enumerate() {
            write_sparse(&file, self.start(at), &read(&partition.content)?).map_err(failed)?;
        }
        Ok(())
    }

    fn script(&self) -> String {
        let mut script =
            String::from("label: gpt\nlabel-id: 5f0c6a4e-0000-4000-8000-000000000001\nunit: sectors\n");
        for (at, partition) in self.0.iter().enumerate() {
            let (start, size) = (self.start(at) / SECTOR, partition.size / SECTOR);
            let Partition { uuid, label, kind, .. } = partition;
            // Writing to a String cannot fail.
            let _ = write!(script, "start={start}, size={size}, type={kind}, uuid={uuid}, name=\"{label}\"");
            if !partition.attributes.is_empty() {
                let bits: Vec<String> = partition.attributes.iter().map(u32::to_string).collect();
                let _ = write!(script, ", attrs=\"GUID:{}\"", bits.join(","));
            }
            script.push('\n');
        }
        script
    }
}

/// Changes one bit of a disk.
pub(super) fn flip(image: &Path, offset: u64) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", image.display());
    let file = OpenOptions::new().read(true).write(true).open(image).map_err(failed)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).map_err(failed)?;
    byte[0] ^= 0x10;
    file.write_all_at(&byte, offset).map_err(failed)
}

/// The attributes of a partition as its disk has them, told by sfdisk.
pub(super) fn attributes(image: &Path, partition: usize) -> Result<String, String> {
    let number = (partition + 1).to_string();
    super::super::artefacts::output(
        Command::new("/usr/sbin/sfdisk").arg("--part-attrs").arg(image).arg(number),
    )
    .map(|text| text.trim().to_owned())
}

/// Checks a disk's table, both copies of it, by sfdisk.
pub(super) fn verify(image: &Path) -> Outcome {
    super::super::artefacts::output(Command::new("/usr/sbin/sfdisk").arg("--verify").arg(image)).map(drop)
}

/// A directory for the disks of one case.
pub(super) fn fresh(place: &Path) -> Outcome {
    recreate(place)
}

/// Leaves out what is zero, which is most of it.
fn write_sparse(file: &fs::File, start: u64, content: &[u8]) -> std::io::Result<()> {
    for (at, chunk) in content.chunks(1 << 16).enumerate() {
        if chunk.iter().any(|byte| *byte != 0) {
            file.write_all_at(chunk, start + ((at as u64) << 16))?;
        }
    }
    Ok(())
}

/// Sectors of partition tables.
const SECTOR: u64 = 512;
const MEBIBYTE: u64 = 1 << 20;
/// More than the tree has.
const HASH_SIZE: u64 = MEBIBYTE;
pub(super) const A_DATA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const A_HASH: &str = "aaaaaaaa-0000-4000-8000-000000000002";
pub(super) const B_DATA: &str = "bbbbbbbb-0000-4000-8000-000000000001";
pub(super) const B_HASH: &str = "bbbbbbbb-0000-4000-8000-000000000002";
/// Root of x86-64, and its verity data, of the Discoverable Partitions Specification.
const ROOT: &str = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
const ROOT_VERITY: &str = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5";
