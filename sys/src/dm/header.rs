//! `struct dm_ioctl` of `linux/dm-ioctl.h`: the 312 bytes with which every call of device-mapper begins.

use std::ops::Range;

use super::error::{ReplyError, Structure};
use super::{DeviceNumber, Uuid};

/// What a call says of the device that it is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request<'a> {
    /// The device's name; empty for calls about no device.
    pub(super) name: &'a str,
    /// The UUID that a new device gets. Other calls name the device by its name alone.
    pub(super) uuid: Option<&'a Uuid>,
    /// Bits of [`flag`].
    pub(super) flags: u32,
    /// How many targets follow.
    pub(super) targets: u32,
}

/// The header of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The kernel's version of the interface.
    pub(super) version: [u32; 3],
    /// Where the data is, in bytes from the start of the header; within the reply.
    pub(super) data: Range<usize>,
    /// How many targets follow.
    pub(super) targets: u32,
    /// How often the device is open.
    pub(super) open_count: u32,
    /// Bits of [`flag`].
    pub(super) flags: u32,
    /// The device.
    pub(super) device: DeviceNumber,
    /// Its name.
    pub(super) name: Vec<u8>,
    /// Its UUID; may be empty.
    pub(super) uuid: Vec<u8>,
}

impl Request<'_> {
    /// A message of `len` bytes in all, at least a header: the header, then zeros.
    pub(super) fn encode(&self, len: u32) -> Vec<u8> {
        let len = len.max(HEADER_SIZE);
        let mut bytes = vec![0; len as usize];
        let mut put =
            |offset: usize, field: &[u8]| bytes[offset..offset + field.len()].copy_from_slice(field);
        for (index, part) in VERSION.iter().enumerate() {
            put(4 * index, &part.to_ne_bytes());
        }
        put(DATA_SIZE, &len.to_ne_bytes());
        put(DATA_START, &HEADER_SIZE.to_ne_bytes());
        put(TARGET_COUNT, &self.targets.to_ne_bytes());
        put(FLAGS, &self.flags.to_ne_bytes());
        // Both are shorter than their fields, so that a zero is left behind them.
        put(NAME, self.name.as_bytes());
        put(UUID, self.uuid.map_or(&[], |uuid| uuid.as_str().as_bytes()));
        bytes
    }
}

impl Header {
    /// Reads the header of `reply`, which is the whole buffer that the call had.
    pub(super) fn decode(reply: &[u8]) -> Result<Self, ReplyError> {
        if reply.len() < HEADER_SIZE as usize {
            return Err(malformed(reply.len(), "it is shorter than its header"));
        }
        Ok(Self {
            version: [word(reply, 0), word(reply, 4), word(reply, 8)],
            data: data(reply)?,
            targets: word(reply, TARGET_COUNT),
            // The kernel's counter is signed, and never negative.
            open_count: word(reply, OPEN_COUNT),
            flags: word(reply, FLAGS),
            device: DeviceNumber::decode(u64::from_ne_bytes(array(reply, DEVICE))),
            name: string(reply, NAME, NAME_FIELD)?,
            uuid: string(reply, UUID, UUID_FIELD)?,
        })
    }

    /// Whether all bits of `flag` are set.
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }
}

/// Where the data is. A reply without any ends before the place where the request said that data starts.
fn data(reply: &[u8]) -> Result<Range<usize>, ReplyError> {
    let end = word(reply, DATA_SIZE) as usize;
    let start = word(reply, DATA_START) as usize;
    if end > reply.len() {
        return Err(malformed(DATA_SIZE, "its size is more than the buffer has"));
    }
    if start < HEADER_SIZE as usize {
        return Err(malformed(DATA_START, "its data starts within it"));
    }
    Ok(start.min(end)..end)
}

fn malformed(offset: usize, problem: &'static str) -> ReplyError {
    ReplyError { structure: Structure::Header, offset, problem }
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(array(bytes, offset))
}

/// Bytes of the header, whose length is checked before.
fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes.get(offset + index).copied().unwrap_or_default())
}

fn string(bytes: &[u8], offset: usize, len: usize) -> Result<Vec<u8>, ReplyError> {
    let field = bytes.get(offset..offset + len).unwrap_or_default();
    let end = field.iter().position(|byte| *byte == 0);
    let end = end.ok_or_else(|| malformed(offset, "a string does not end in its field"))?;
    Ok(field[..end].to_vec())
}

/// Bits of `flags`, by the names of `linux/dm-ioctl.h`.
pub(super) mod flag {
    pub(in crate::dm) const READONLY: u32 = 1;
    pub(in crate::dm) const SUSPEND: u32 = 1 << 1;
    pub(in crate::dm) const STATUS_TABLE: u32 = 1 << 4;
    pub(in crate::dm) const ACTIVE_PRESENT: u32 = 1 << 5;
    pub(in crate::dm) const INACTIVE_PRESENT: u32 = 1 << 6;
    pub(in crate::dm) const BUFFER_FULL: u32 = 1 << 8;
    pub(in crate::dm) const DEFERRED_REMOVE: u32 = 1 << 17;
}

/// The version that is asked for: the kernel takes the same major version and any minor version that it has. Nothing here
/// needs more than 4.0; flags that an old kernel does not know it ignores, so that replies are looked at.
const VERSION: [u32; 3] = [4, 0, 0];
/// `sizeof(struct dm_ioctl)`.
pub(crate) const HEADER_SIZE: u32 = 312;
/// Where `data_size` is, which says how much memory the kernel may write.
pub(crate) const DATA_SIZE: usize = 12;
const DATA_START: usize = 16;
const TARGET_COUNT: usize = 20;
const OPEN_COUNT: usize = 24;
const FLAGS: usize = 28;
const DEVICE: usize = 40;
const NAME: usize = 48;
const UUID: usize = 176;
/// `DM_NAME_LEN` and `DM_UUID_LEN`, with the zero at the end.
pub(super) const NAME_FIELD: usize = 128;
pub(super) const UUID_FIELD: usize = 129;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_layout_of_the_kernels_header() {
        let uuid = Uuid::new("CRYPT-VERITY-x").unwrap();
        let request = Request { name: "root", uuid: Some(&uuid), flags: flag::READONLY, targets: 1 };
        let bytes = request.encode(400);
        assert_eq!(bytes.len(), 400);
        assert_eq!(bytes[..4], 4u32.to_ne_bytes());
        assert_eq!(bytes[12..16], 400u32.to_ne_bytes());
        assert_eq!(bytes[16..20], 312u32.to_ne_bytes());
        assert_eq!((bytes[20], bytes[28]), (1, 1));
        assert_eq!(&bytes[48..53], b"root\0");
        assert_eq!(&bytes[176..191], b"CRYPT-VERITY-x\0");
        assert_eq!(Request::default().encode(0).len(), 312);
    }

    #[test]
    fn a_reply_is_read_back() {
        let mut bytes = Request { name: "a", uuid: None, flags: flag::SUSPEND, targets: 2 }.encode(320);
        bytes[40..48].copy_from_slice(&DeviceNumber { major: 253, minor: 0x12345 }.encode().to_ne_bytes());
        bytes[24] = 3;
        let header = Header::decode(&bytes).unwrap();
        assert_eq!((header.data.clone(), header.targets), (312..320, 2));
        assert_eq!((header.open_count, header.device), (3, DeviceNumber { major: 253, minor: 0x12345 }));
        assert_eq!((header.name.as_slice(), header.uuid.as_slice()), (&b"a"[..], &b""[..]));
        assert!(header.has(flag::SUSPEND) && !header.has(flag::READONLY));
    }

    #[test]
    fn a_reply_that_lies_about_its_size_is_refused() {
        let good = Request::default().encode(320);
        let with = |offset: usize, value: u32| {
            let mut bytes = good.clone();
            bytes[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
            Header::decode(&bytes).map(|header| header.data).map_err(|error| error.offset)
        };
        assert_eq!(with(DATA_SIZE, 321), Err(DATA_SIZE));
        assert_eq!(with(DATA_SIZE, u32::MAX), Err(DATA_SIZE));
        assert_eq!(with(DATA_START, 311), Err(DATA_START));
        // So the kernel answers calls that return no data: the size is that of the header without its padding.
        assert_eq!(with(DATA_SIZE, 305), Ok(305..305));
        assert_eq!(with(DATA_START, u32::MAX), Ok(320..320));
        assert!(Header::decode(&good[..311]).is_err());
    }

    #[test]
    fn a_string_must_end_in_its_field() {
        for (start, len) in [(NAME, NAME_FIELD), (UUID, UUID_FIELD)] {
            let mut bytes = Request::default().encode(320);
            bytes[start..start + len].fill(b'x');
            assert_eq!(Header::decode(&bytes).unwrap_err().offset, start);
        }
    }
}
