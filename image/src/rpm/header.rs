//! The header structure: an index of tags, and a store that holds their values.

use crate::{Error, ReadAt, read_exact_at};

/// A header whose index was read; values are read when asked for.
pub(super) struct Header {
    /// Where it begins.
    pub(super) start: u64,
    /// Where it ends.
    pub(super) end: u64,
    entries: Vec<Entry>,
    store: u64,
}

struct Entry {
    tag: u32,
    kind: u32,
    offset: u32,
    count: u32,
}

impl Header {
    pub(super) fn read(source: &dyn ReadAt, start: u64) -> Result<Self, Error> {
        let mut intro = [0; 16];
        read_exact_at(source, &mut intro, start)
            .map_err(|_| malformed(start, "the package ends within a header"))?;
        if intro[..4] != MAGIC {
            return Err(malformed(start, "a header without its magic number"));
        }
        let (count, size) = (word(&intro, 8), word(&intro, 12));
        for (what, value, limit) in
            [("tags of an RPM header", count, MAX_TAGS), ("bytes of an RPM header", size, MAX_STORE)]
        {
            if value > limit {
                return Err(Error::Limit { what, limit: limit.into() });
            }
        }
        let store = start + 16 + u64::from(count) * 16;
        let end = store + u64::from(size);
        if end > source.len() {
            return Err(malformed(start, "the package ends within a header"));
        }
        let mut index = vec![0; count as usize * 16];
        read_exact_at(source, &mut index, start + 16).map_err(Error::io("read"))?;
        let entries = index.chunks_exact(16).map(|bytes| Entry {
            tag: word(bytes, 0),
            kind: word(bytes, 4),
            offset: word(bytes, 8),
            count: word(bytes, 12),
        });
        Ok(Self { start, end, entries: entries.collect(), store })
    }

    /// A string, or the first of an array.
    pub(super) fn text(&self, source: &dyn ReadAt, tag: u32) -> Result<Option<Vec<u8>>, Error> {
        let Some((entry, at)) = self.entry(tag, &[STRING, STRING_ARRAY])? else { return Ok(None) };
        let rest = usize::try_from(self.end - at).unwrap_or(MAX_TEXT).min(MAX_TEXT);
        let mut bytes = vec![0; rest];
        read_exact_at(source, &mut bytes, at).map_err(Error::io("read"))?;
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.ok_or_else(|| malformed(at, format!("tag {} does not end", entry.tag)))?);
        Ok(Some(bytes))
    }

    /// A number of 32 bits, or the first of an array.
    pub(super) fn number(&self, source: &dyn ReadAt, tag: u32) -> Result<Option<u32>, Error> {
        let Some((_, at)) = self.entry(tag, &[INT32])? else { return Ok(None) };
        let mut bytes = [0; 4];
        if self.end - at < 4 {
            return Err(malformed(at, format!("tag {tag} passes the end of its header")));
        }
        read_exact_at(source, &mut bytes, at).map_err(Error::io("read"))?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    /// A tag's entry and where its value is. A tag that is there twice could be read in two ways.
    fn entry(&self, tag: u32, kinds: &[u32]) -> Result<Option<(&Entry, u64)>, Error> {
        let mut entries = self.entries.iter().filter(|entry| entry.tag == tag);
        let Some(entry) = entries.next() else { return Ok(None) };
        let at = self.store + u64::from(entry.offset);
        if entries.next().is_some() || !kinds.contains(&entry.kind) || entry.count == 0 || at >= self.end {
            return Err(malformed(
                at,
                format!("tag {tag} is there twice, of a wrong type, or out of bounds"),
            ));
        }
        Ok(Some((entry, at)))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

pub(super) fn malformed(offset: u64, reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "RPM package", offset, reason: reason.into() }
}

const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
/// RPM's own limits.
const MAX_TAGS: u32 = 0xffff;
/// RPM's own limits.
const MAX_STORE: u32 = 256 << 20;
/// Names of formats and digests in hexadecimal digits are all that is read.
const MAX_TEXT: usize = 256;
