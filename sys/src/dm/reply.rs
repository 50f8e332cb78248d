//! The lists that follow the header of a reply, as `linux/dm-ioctl.h` has them.
//!
//! They are chains: each entry says where the next one is. Nothing here believes that: every offset must lead forward and
//! stay within the data, so that a wrong reply ends in an error and never in an endless loop or a read beyond it.

use super::error::{ReplyError, Structure};
use super::header::Header;
use super::{DeviceEntry, DeviceNumber, TargetState, TargetVersion};

/// The targets in the reply to a status call. Their `next` counts from where the data starts.
pub(super) fn targets(reply: &[u8], header: &Header) -> Result<Vec<TargetState>, ReplyError> {
    let data = Data::of(reply, header, Structure::TargetSpec);
    // Each takes its 40 bytes, which bounds what is allocated for a count that lies.
    let mut found = Vec::new();
    let mut at = 0;
    for _ in 0..header.targets {
        let next = data.word(at, 20)?;
        let parameters = data.string(at, TARGET_SPEC_SIZE, data.len())?;
        found.push(TargetState {
            start: data.long(at, 0)?,
            sectors: data.long(at, 8)?,
            kind: text(data.string(at, 24, at + TARGET_SPEC_SIZE)?),
            parameters: text(parameters),
        });
        let end = at + TARGET_SPEC_SIZE + parameters.len() + 1;
        at = match usize::try_from(next) {
            Ok(next) if next >= end => next,
            _ => return Err(data.error(at, "the next one starts before it ends")),
        };
    }
    Ok(found)
}

/// The devices in the reply to a list call. Their `next` counts from the entry; 0 ends the list.
pub(super) fn devices(reply: &[u8], header: &Header) -> Result<Vec<DeviceEntry>, ReplyError> {
    let data = Data::of(reply, header, Structure::NameList);
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let device = data.long(at, 0)?;
        let next = data.word(at, 8)?;
        // Without any device, the kernel leaves one entry of zeros.
        if device == 0 && found.is_empty() && next == 0 {
            return Ok(found);
        }
        let name = data.string(at, NAME_LIST_SIZE, data.len())?;
        found.push(DeviceEntry { name: text(name), device: DeviceNumber::decode(device) });
        match data.step(at, next, NAME_LIST_SIZE + name.len() + 1)? {
            Some(next) => at = next,
            None => return Ok(found),
        }
    }
}

/// The kinds of target in the reply to a version call. Their `next` counts from the entry; 0 ends the list.
pub(super) fn versions(reply: &[u8], header: &Header) -> Result<Vec<TargetVersion>, ReplyError> {
    let data = Data::of(reply, header, Structure::TargetVersions);
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let next = data.word(at, 0)?;
        let name = data.string(at, TARGET_VERSIONS_SIZE, data.len())?;
        let version = [data.word(at, 4)?, data.word(at, 8)?, data.word(at, 12)?];
        if !name.is_empty() {
            found.push(TargetVersion { name: text(name), version });
        }
        match data.step(at, next, TARGET_VERSIONS_SIZE + name.len() + 1)? {
            Some(next) => at = next,
            None => return Ok(found),
        }
    }
}

/// The data of a reply, read with bounds. Offsets in errors count from the start of the reply.
struct Data<'a> {
    bytes: &'a [u8],
    start: usize,
    structure: Structure,
}

impl<'a> Data<'a> {
    fn of(reply: &'a [u8], header: &Header, structure: Structure) -> Self {
        let bytes = reply.get(header.data.clone()).unwrap_or_default();
        Self { bytes, start: header.data.start, structure }
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn error(&self, at: usize, problem: &'static str) -> ReplyError {
        ReplyError { structure: self.structure, offset: self.start.saturating_add(at), problem }
    }

    fn array<const N: usize>(&self, at: usize, field: usize) -> Result<[u8; N], ReplyError> {
        let found = at.checked_add(field).and_then(|start| self.bytes.get(start..)?.first_chunk());
        found.copied().ok_or_else(|| self.error(at, "it does not end within the reply"))
    }

    fn word(&self, at: usize, field: usize) -> Result<u32, ReplyError> {
        self.array(at, field).map(u32::from_ne_bytes)
    }

    fn long(&self, at: usize, field: usize) -> Result<u64, ReplyError> {
        self.array(at, field).map(u64::from_ne_bytes)
    }

    /// The bytes up to a zero, which must come before `end`.
    fn string(&self, at: usize, field: usize, end: usize) -> Result<&'a [u8], ReplyError> {
        let bytes = at.checked_add(field).and_then(|start| self.bytes.get(start..end));
        let bytes = bytes.ok_or_else(|| self.error(at, "it does not end within the reply"))?;
        let len = bytes.iter().position(|byte| *byte == 0);
        len.map(|len| &bytes[..len]).ok_or_else(|| self.error(at, "a string of it does not end"))
    }

    /// Where the entry after the one at `at` is, which has `len` bytes; `None` for the last.
    fn step(&self, at: usize, next: u32, len: usize) -> Result<Option<usize>, ReplyError> {
        match usize::try_from(next) {
            Ok(0) => Ok(None),
            Ok(next) if next >= len => Ok(at.checked_add(next)),
            _ => Err(self.error(at, "the next one starts before it ends")),
        }
    }
}

/// The kernel's strings are ASCII but for names, which may hold anything.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `sizeof(struct dm_target_spec)`.
pub(super) const TARGET_SPEC_SIZE: usize = 40;
/// `offsetof(struct dm_name_list, name)`.
const NAME_LIST_SIZE: usize = 12;
/// `offsetof(struct dm_target_versions, name)`.
const TARGET_VERSIONS_SIZE: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::header::Request;
    use super::*;

    fn reply(targets: u32, data: &[u8]) -> (Vec<u8>, Header) {
        let len = 312 + u32::try_from(data.len()).unwrap();
        let mut bytes = Request { targets, ..Request::default() }.encode(len);
        bytes[312..].copy_from_slice(data);
        let header = Header::decode(&bytes).unwrap();
        (bytes, header)
    }

    fn target(next: u32, kind: &[u8; 16], parameters: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(0u64.to_ne_bytes());
        bytes.extend(2048u64.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(next.to_ne_bytes());
        bytes.extend(kind);
        bytes.extend(parameters);
        bytes
    }

    fn name(device: u64, next: u32, name: &[u8]) -> Vec<u8> {
        [&device.to_ne_bytes()[..], &next.to_ne_bytes(), name].concat()
    }

    const VERITY: &[u8; 16] = b"verity\0\0\0\0\0\0\0\0\0\0";

    #[test]
    fn targets_follow_their_offsets() {
        let data = [target(48, VERITY, b"V\0\0\0\0\0\0\0"), target(96, VERITY, b"C 7\0")].concat();
        let (bytes, header) = reply(2, &data);
        let found = targets(&bytes, &header).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kind.as_str(), found[0].parameters.as_str()), ("verity", "V"));
        assert_eq!((found[1].sectors, found[1].parameters.as_str()), (2048, "C 7"));
        // One target less than said in the header is read as said.
        let (bytes, header) = reply(1, &data);
        assert_eq!(targets(&bytes, &header).unwrap().len(), 1);
    }

    #[test]
    fn targets_that_lie_are_errors() {
        let cases: [(u32, Vec<u8>); 8] = [
            (1, vec![]),
            (1, vec![0; 39]),
            (1, target(48, b"verityverityveri", b"V\0")),
            (1, target(48, VERITY, b"V")),
            (1, target(0, VERITY, b"V\0")),
            (1, target(41, VERITY, b"V\0")),
            (2, target(u32::MAX, VERITY, b"V\0")),
            (u32::MAX, target(48, VERITY, b"V\0\0\0\0\0\0\0")),
        ];
        for (count, data) in cases {
            let (bytes, header) = reply(count, &data);
            let error = targets(&bytes, &header).unwrap_err();
            assert_eq!(error.structure, Structure::TargetSpec, "{count} {data:?}");
        }
    }

    #[test]
    fn devices_are_listed_and_none_is_an_empty_list() {
        let data = [name(0xfd00, 24, b"root\0\0\0\0\0\0\0\0"), name(0xfd01, 0, b"b\0")].concat();
        let (bytes, header) = reply(0, &data);
        let found = devices(&bytes, &header).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].name.as_str(), found[1].device.minor), ("b", 1));
        let (bytes, header) = reply(0, &[0; 16]);
        assert_eq!(devices(&bytes, &header), Ok(vec![]));
    }

    #[test]
    fn device_lists_that_lie_are_errors() {
        for data in [
            vec![],
            vec![0; 11],
            name(1, 0, b"abc"),
            name(1, 4, b"abc\0"),
            name(1, 15, b"abc\0"),
            name(1, u32::MAX, b"abc\0"),
            name(1, 16, b"abc\0"),
        ] {
            let (bytes, header) = reply(0, &data);
            assert!(devices(&bytes, &header).is_err(), "{data:?}");
        }
    }

    #[test]
    fn kinds_of_target_are_listed() {
        let entry = |next: u32, name: &[u8]| {
            let words = [next, 1, 9, 0].map(u32::to_ne_bytes).concat();
            [&words[..], name].concat()
        };
        let data = [entry(24, b"verity\0\0"), entry(0, b"linear\0")].concat();
        let (bytes, header) = reply(0, &data);
        let found = versions(&bytes, &header).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].version), ("verity", [1, 9, 0]));
        assert_eq!(found[1].name, "linear");
        for data in [entry(16, b"verity\0"), entry(0, b"verity"), entry(64, b"verity\0"), vec![0; 15]] {
            let (bytes, header) = reply(0, &data);
            assert!(versions(&bytes, &header).is_err(), "{data:?}");
        }
    }

    /// Random changes of a good reply never do more than fail.
    #[test]
    fn no_reply_breaks_the_readers() {
        let data =
            [target(48, VERITY, b"V\0\0\0\0\0\0\0"), name(0xfd00, 24, b"root\0\0\0\0\0\0\0\0")].concat();
        let (good, _) = reply(2, &data);
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let place = usize::try_from(state >> 33).unwrap() % bytes.len();
                bytes[place] = state.to_le_bytes()[3];
            }
            if let Ok(header) = Header::decode(&bytes) {
                let _ = targets(&bytes, &header);
                let _ = devices(&bytes, &header);
                let _ = versions(&bytes, &header);
            }
        }
    }
}
