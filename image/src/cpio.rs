//! cpio archives in the new format of SVR4: what an initramfs is, and what RPM packages hold.
//!
//! Written from the kernel's description of the initramfs format. Several archives may follow each other, with zeros between
//! them and compressed from some point on; what a later one has replaces what an earlier one had, as the kernel unpacks them.

use std::collections::HashMap;

use crate::archive::{Builder, Content, Extent, Member, clean};
use crate::compression::{Compression, unpack};
use crate::read_at::Stream;
use crate::tree::MAX_LINK_TARGET;
use crate::{Error, FileKind, ReadAt, Section, read_exact_at};

/// Whether a file that begins with these bytes is such an archive.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(NEWC) || head.starts_with(NEWC_CRC)
}

/// Adds every member to a tree. What is odd is recorded there, and ends it where the next header cannot be found.
pub(crate) fn read(archive: Box<dyn ReadAt>, builder: &mut Builder, is_cut: bool, limit: u64) {
    let mut next = Some((archive, is_cut));
    let mut was_compressed = false;
    while let Some((archive, is_cut)) = next {
        match parts(&*archive, builder) {
            Ok(None) => next = None,
            // The kernel stops here too, and an archive can be made that unpacks to itself for ever.
            Ok(Some(rest)) if was_compressed => {
                let what =
                    "something follows that is compressed within what was compressed, or is no archive";
                builder.odd(b"", malformed(rest, what).to_string(), true);
                next = None;
            }
            Ok(Some(rest)) => {
                next = unpacked(&*archive, rest, builder, limit);
                was_compressed = true;
            }
            Err(error) => {
                if !is_cut {
                    builder.odd(b"", error.to_string(), true);
                }
                next = None;
            }
        }
        builder.add_source(archive);
    }
}

/// Reads archive after archive. What remains where they end is compressed, or is nothing.
fn parts(archive: &dyn ReadAt, builder: &mut Builder) -> Result<Option<u64>, Error> {
    let mut at = 0;
    loop {
        at = Part { archive, at, builder, links: HashMap::new() }.read()?;
        at = skip_zeros(archive, at)?;
        if at >= archive.len() {
            return Ok(None);
        }
        let mut head = [0; 6];
        let known = archive.len() - at;
        let head = &mut head[..usize::try_from(known).unwrap_or(6).min(6)];
        read_exact_at(archive, head, at).map_err(Error::io("read"))?;
        if !is_archive(head) {
            return Ok(Some(at));
        }
    }
}

/// What is compressed after an archive, unpacked.
fn unpacked(
    archive: &dyn ReadAt,
    at: u64,
    builder: &mut Builder,
    limit: u64,
) -> Option<(Box<dyn ReadAt>, bool)> {
    let rest = Section { source: archive, start: at, len: archive.len() - at };
    let mut head = [0; 6];
    let _ = read_exact_at(&rest, &mut head, 0);
    let Some(compression) = Compression::of(&head) else {
        let what = Compression::refused(&head).map_or_else(
            || "there are bytes after the archive".to_owned(),
            |name| format!("an archive follows that is compressed with {name}, which is not supported"),
        );
        builder.odd(b"", malformed(at, what).to_string(), true);
        return None;
    };
    match unpack(Some(compression), Stream::new(&rest), limit) {
        Ok(unpacked) => {
            let is_cut = unpacked.damage.is_some();
            if let Some(damage) = unpacked.damage {
                builder.odd(b"", damage.to_string(), true);
            }
            Some((Box::new(unpacked.bytes), is_cut))
        }
        Err(error) => {
            builder.odd(b"", format!("write a temporary file: {error}"), true);
            None
        }
    }
}

/// One archive up to its trailer.
struct Part<'a> {
    archive: &'a dyn ReadAt,
    at: u64,
    builder: &'a mut Builder,
    /// Nodes of files with several names, by device and inode number.
    links: HashMap<[u32; 3], (usize, FileKind)>,
}

impl Part<'_> {
    /// Where the archive ends.
    fn read(mut self) -> Result<u64, Error> {
        loop {
            let header = Header::read(self.archive, self.at)?;
            let end = header.end(self.archive.len())?;
            if header.name == TRAILER {
                return Ok(end);
            }
            if let Err(reason) = self.adopt(&header) {
                let what =
                    format!("cpio header at offset {}, `{}`: {reason}", self.at, header.name.escape_ascii());
                self.builder.odd(&clean(&header.name).unwrap_or_default(), what, true);
            }
            self.at = end.next_multiple_of(4);
        }
    }

    fn adopt(&mut self, header: &Header) -> Result<(), String> {
        let path = clean(&header.name)?;
        let kind = header.kind()?;
        if kind == FileKind::File {
            header.check_sum(self.archive)?;
        }
        let content = self.content(kind, header)?;
        let inode = [header.field(INO), header.field(DEV_MAJOR), header.field(DEV_MINOR)];
        let has_names = header.field(NLINK) > 1 && kind != FileKind::Directory;
        if has_names && let Some(&(first, first_kind)) = self.links.get(&inode) {
            if kind != first_kind {
                return Err("another name of the same inode is of another type".into());
            }
            self.builder.link_node(&path, first)?;
            // The bytes of a file come with one of its names, in most writers with the last.
            return if content.size() == 0 { Ok(()) } else { self.builder.fill(first, content) };
        }
        let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
        let member = Member {
            kind,
            mode: header.field(MODE),
            uid: header.field(UID),
            gid: header.field(GID),
            mtime: header.field(MTIME).into(),
            rdev: is_device.then(|| (header.field(RDEV_MAJOR), header.field(RDEV_MINOR))),
            content,
            xattrs: Vec::new(),
        };
        let node = self.builder.put(&path, member)?;
        if has_names {
            self.links.insert(inode, (node, kind));
        }
        Ok(())
    }

    fn content(&self, kind: FileKind, header: &Header) -> Result<Content, String> {
        let (start, len) = (header.data, header.size());
        match kind {
            FileKind::File => Ok(Content::Bytes(Extent { source: self.builder.next_source(), start, len })),
            FileKind::Symlink => {
                let len = usize::try_from(len).ok().filter(|len| *len <= MAX_LINK_TARGET);
                let mut target = vec![0; len.ok_or("a link target over 4096 bytes")?];
                read_exact_at(self.archive, &mut target, start).map_err(|error| error.to_string())?;
                // Some writers count the NUL that ends the target.
                let target = target.strip_suffix(b"\0").unwrap_or(&target);
                Ok(Content::Target(target.into()))
            }
            _ if len != 0 => Err(format!("{len} bytes for something that holds none")),
            _ => Ok(Content::Empty),
        }
    }
}

/// One header with its name.
struct Header {
    fields: [u32; FIELDS],
    has_sum: bool,
    name: Vec<u8>,
    /// Where the bytes are.
    data: u64,
}

impl Header {
    fn read(archive: &dyn ReadAt, at: u64) -> Result<Self, Error> {
        let mut bytes = [0; HEADER];
        read_exact_at(archive, &mut bytes, at)
            .map_err(|_| malformed(at, "the archive ends without its trailer"))?;
        if bytes.starts_with(STRIPPED) {
            return Err(malformed(
                at,
                "a header without metadata, which RPM keeps elsewhere for large files",
            ));
        }
        if !is_archive(&bytes) {
            return Err(malformed(at, "no header of the new format is where the next one should be"));
        }
        let mut fields = [0; FIELDS];
        for (field, digits) in fields.iter_mut().zip(bytes[6..].chunks_exact(8)) {
            *field = hexadecimal(digits).ok_or_else(|| malformed(at, "a field is no number"))?;
        }
        let len = usize::try_from(fields[NAME_SIZE]).ok().filter(|len| (1..=MAX_NAME).contains(len));
        let mut name = vec![0; len.ok_or_else(|| malformed(at, "a name is empty or over 4096 bytes"))?];
        let start = at + HEADER as u64;
        read_exact_at(archive, &mut name, start)
            .map_err(|_| malformed(at, "the archive ends within a name"))?;
        if name.pop() != Some(0) {
            return Err(malformed(at, "a name does not end with NUL"));
        }
        let data = (start + u64::from(fields[NAME_SIZE])).next_multiple_of(4);
        Ok(Self { fields, has_sum: bytes.starts_with(NEWC_CRC), name, data })
    }

    fn field(&self, index: usize) -> u32 {
        self.fields[index]
    }

    fn size(&self) -> u64 {
        self.fields[FILE_SIZE].into()
    }

    /// Where the bytes end, if they do.
    fn end(&self, len: u64) -> Result<u64, Error> {
        let end = self.data.checked_add(self.size());
        // The padding after the last name may be missing.
        end.filter(|end| *end <= len || self.size() == 0)
            .ok_or_else(|| malformed(self.data, format!("the archive ends within {} bytes", self.size())))
    }

    fn kind(&self) -> Result<FileKind, String> {
        Ok(match self.fields[MODE] >> 12 {
            0o01 => FileKind::Fifo,
            0o02 => FileKind::CharDevice,
            0o04 => FileKind::Directory,
            0o06 => FileKind::BlockDevice,
            0o10 => FileKind::File,
            0o12 => FileKind::Symlink,
            0o14 => FileKind::Socket,
            _ => return Err(format!("mode {:o} is of no type", self.fields[MODE])),
        })
    }

    /// The other new format has the sum of all bytes of a regular file, and no sum for links.
    fn check_sum(&self, archive: &dyn ReadAt) -> Result<(), String> {
        if !self.has_sum || self.size() == 0 {
            return Ok(());
        }
        let mut sum = 0u32;
        let mut buffer = vec![0; 1 << 16];
        let (mut at, end) = (self.data, self.data + self.size());
        while at < end {
            let len = usize::try_from(end - at).unwrap_or(buffer.len()).min(buffer.len());
            read_exact_at(archive, &mut buffer[..len], at).map_err(|error| error.to_string())?;
            sum = buffer[..len].iter().fold(sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            at += len as u64;
        }
        if sum == self.fields[CHECK] {
            return Ok(());
        }
        Err(format!("its checksum is {:#x}, and its bytes sum up to {sum:#x}", self.fields[CHECK]))
    }
}

/// The first byte that is not zero.
fn skip_zeros(archive: &dyn ReadAt, mut at: u64) -> Result<u64, Error> {
    let mut buffer = vec![0; 1 << 16];
    while at < archive.len() {
        let count = archive.read_at(&mut buffer, at).map_err(Error::io("read"))?;
        if count == 0 {
            break;
        }
        if let Some(other) = buffer[..count].iter().position(|byte| *byte != 0) {
            return Ok(at + other as u64);
        }
        at += count as u64;
    }
    Ok(at)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let valid = digits.iter().all(u8::is_ascii_hexdigit);
    valid.then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

fn malformed(offset: u64, reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "cpio header", offset, reason: reason.into() }
}

const NEWC: &[u8] = b"070701";
const NEWC_CRC: &[u8] = b"070702";
const STRIPPED: &[u8] = b"07070X";
const TRAILER: &[u8] = b"TRAILER!!!";
const HEADER: usize = 110;
const FIELDS: usize = 13;
/// `PATH_MAX` of Linux, with the NUL.
const MAX_NAME: usize = 4096;

const INO: usize = 0;
const MODE: usize = 1;
const UID: usize = 2;
const GID: usize = 3;
const NLINK: usize = 4;
const MTIME: usize = 5;
const FILE_SIZE: usize = 6;
const DEV_MAJOR: usize = 7;
const DEV_MINOR: usize = 8;
const RDEV_MAJOR: usize = 9;
const RDEV_MINOR: usize = 10;
const NAME_SIZE: usize = 11;
const CHECK: usize = 12;
