//! The members of an archive, one after another, with what extension headers say of them.

use super::header::{BLOCK, BLOCK_LEN, Header, malformed};
use super::sparse::{self, decimal};
use crate::archive::SparseMap;
use crate::{Error, ReadAt, Xattr, read_exact_at};

/// A member, with extension headers applied.
#[derive(Debug)]
pub(crate) struct Member {
    /// Where its header is.
    pub(crate) offset: u64,
    pub(crate) header: Header,
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) xattrs: Vec<Xattr>,
    /// Where its bytes are.
    pub(crate) data: u64,
    /// How many the archive holds.
    pub(crate) stored: u64,
    /// Which they are, if it has holes.
    pub(crate) sparse: Option<SparseMap>,
}

/// Reads members until the end marker or the first damage. After damage nothing more is read: where the next header
/// would be can no longer be told.
pub(crate) struct Members<'a> {
    archive: &'a dyn ReadAt,
    next: u64,
    end: End,
}

/// How an archive may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its end marker: otherwise it was cut.
    Marker,
    /// After the bytes of any member, too: a digest has proved that it was not cut. Some writers of images leave out the
    /// marker, and the padding before it.
    Member,
}

/// A PAX record: key and value.
type Record = (Vec<u8>, Vec<u8>);

/// What the extension headers before a member say.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Vec<Record>,
}

impl<'a> Members<'a> {
    pub(crate) fn new(archive: &'a dyn ReadAt, end: End) -> Self {
        Self { archive, next: 0, end }
    }

    /// The next member; `None` after the end marker.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Error> {
        let mut extensions = Extensions::default();
        loop {
            let offset = self.next;
            let Some(header) = self.header()? else { return Ok(None) };
            match header.kind {
                b'L' => extensions.name = Some(trim_nul(self.extension(&header)?)),
                b'K' => extensions.link = Some(trim_nul(self.extension(&header)?)),
                b'x' => extensions.pax = records(&self.extension(&header)?, offset + BLOCK)?,
                b'g' => check_global(&records(&self.extension(&header)?, offset + BLOCK)?, offset)?,
                _ => return self.member(offset, header, extensions).map(Some),
            }
        }
    }

    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut block = [0; BLOCK_LEN];
        let offset = self.next;
        // The bytes of a member are held against the length, so that only padding can be missing here.
        if self.end == End::Member && offset >= self.archive.len() {
            return Ok(None);
        }
        read_exact_at(self.archive, &mut block, offset)
            .map_err(|_| malformed(offset, "the archive ends without its end marker"))?;
        self.next = offset + BLOCK;
        if block.iter().all(|byte| *byte == 0) {
            return self.check_end().map(|()| None);
        }
        Header::parse(&block, offset).map(Some)
    }

    /// Only zeroes may follow the end marker. Some tools read on behind it, so that bytes there could hide files from us
    /// and not from them.
    fn check_end(&self) -> Result<(), Error> {
        let mut buffer = vec![0; 1 << 16];
        let mut at = self.next;
        loop {
            let count = self.archive.read_at(&mut buffer, at).map_err(Error::io("read"))?;
            if count == 0 {
                return Ok(());
            }
            if let Some(odd) = buffer[..count].iter().position(|byte| *byte != 0) {
                return Err(malformed(at + odd as u64, "there are bytes after the end marker"));
            }
            at += count as u64;
        }
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        if header.size > MAX_EXTENSION {
            return Err(Error::Limit { what: "bytes of a tar extension header", limit: MAX_EXTENSION });
        }
        let (start, stored) = self.claim(header.size)?;
        let len = usize::try_from(stored).map_err(|_| malformed(start, "too long"))?;
        let mut bytes = vec![0; len];
        read_exact_at(self.archive, &mut bytes, start).map_err(Error::io("read"))?;
        Ok(bytes)
    }

    /// Takes `size` bytes from the archive as the current member's, and steps to the next header.
    fn claim(&mut self, size: u64) -> Result<(u64, u64), Error> {
        let start = self.next;
        let end = start.checked_add(size).filter(|end| *end <= self.archive.len());
        let Some(end) = end else {
            return Err(malformed(start, format!("the archive ends within a member of {size} bytes")));
        };
        self.next = end.checked_next_multiple_of(BLOCK).ok_or_else(|| malformed(start, "too long"))?;
        Ok((start, size))
    }

    fn member(&mut self, offset: u64, mut header: Header, extensions: Extensions) -> Result<Member, Error> {
        let pax = |key: &[u8]| {
            extensions.pax.iter().rev().find(|(name, _)| name == key).map(|(_, value)| &value[..])
        };
        let numeric = |key: &str, field: &mut u64| match pax(key.as_bytes()) {
            None => Ok(()),
            Some(value) => decimal(value)
                .map(|value| *field = value)
                .ok_or_else(|| malformed(offset, format!("PAX record {key} is no number"))),
        };
        numeric("uid", &mut header.uid)?;
        numeric("gid", &mut header.gid)?;
        // Links carry a size that counts the target's bytes, but none follow.
        if matches!(header.kind, b'1'..=b'6') {
            header.size = 0;
        } else {
            numeric("size", &mut header.size)?;
        }
        let after_header = self.next;
        let (data, stored) = match header.kind {
            b'S' => (after_header, header.size),
            _ => self.claim(header.size)?,
        };
        let xattrs = extensions.pax.iter().filter_map(|(key, value)| xattr(key, value)).collect();
        let name = pax(b"path").map(<[u8]>::to_vec).or(extensions.name);
        let link = pax(b"linkpath").map(<[u8]>::to_vec).or(extensions.link);
        let mut member = Member {
            offset,
            name: name.unwrap_or_else(|| header.name.clone()),
            link: link.unwrap_or_else(|| header.link.clone()),
            xattrs,
            data,
            stored,
            sparse: None,
            header,
        };
        if member.header.kind == b'S' {
            let map = sparse::gnu(&member.header, self.archive, after_header)?;
            self.next = after_header + map.header_len;
            (member.data, member.stored) = self.claim(member.stored)?;
            member.sparse = Some(map);
        } else {
            apply_pax_sparse(&mut member, self.archive, pax)?;
        }
        Ok(member)
    }
}

fn apply_pax_sparse<'p>(
    member: &mut Member,
    archive: &dyn ReadAt,
    pax: impl Fn(&[u8]) -> Option<&'p [u8]>,
) -> Result<(), Error> {
    let broken = || malformed(member.offset, "a sparse member lacks its size");
    let size = |key: &[u8]| pax(key).and_then(decimal).ok_or_else(broken);
    let map = match (pax(b"GNU.sparse.major"), pax(b"GNU.sparse.map")) {
        (Some(b"1"), _) => {
            sparse::pax_1_0(archive, member.data, member.stored, size(b"GNU.sparse.realsize")?)?
        }
        (_, Some(list)) => sparse::pax_0_1(list, member.data, member.stored, size(b"GNU.sparse.size")?)?,
        (None, None) if pax(b"GNU.sparse.numblocks").is_none() => return Ok(()),
        _ => {
            return Err(malformed(member.offset, "a sparse member in a format other than GNU's 0.1 and 1.0"));
        }
    };
    if let Some(name) = pax(b"GNU.sparse.name") {
        member.name = name.to_vec();
    }
    member.data += map.header_len;
    member.stored -= map.header_len;
    member.sparse = Some(map);
    Ok(())
}

/// A global header holds for every member after it. Writers use it for a comment with a commit's name; one that would
/// change members is refused, since readers disagree about those, and an archive that reads differently hides things.
fn check_global(records: &[Record], offset: u64) -> Result<(), Error> {
    match records.iter().find(|(key, _)| key != b"comment" && !key.ends_with(b"time")) {
        None => Ok(()),
        Some((key, _)) => {
            Err(malformed(offset, format!("a global PAX header sets {} for all members", key.escape_ascii())))
        }
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts the whole record.
fn records(mut bytes: &[u8], offset: u64) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    let whole = bytes.len();
    while !bytes.is_empty() {
        let at = offset + (whole - bytes.len()) as u64;
        let broken =
            || Error::Malformed { structure: "PAX record", offset: at, reason: "has a wrong length".into() };
        let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or_else(broken)?;
        let len = decimal(&bytes[..space]).and_then(|len| usize::try_from(len).ok()).ok_or_else(broken)?;
        let record = bytes.get(space + 1..len).ok_or_else(broken)?;
        let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = &bytes[len..];
    }
    Ok(records)
}

/// GNU tar, star and Go write extended attributes raw under this prefix; libarchive does so too, besides its own form.
fn xattr(key: &[u8], value: &[u8]) -> Option<Xattr> {
    let name = key.strip_prefix(b"SCHILY.xattr.")?;
    Some(Xattr { name: name.into(), value: value.into() })
}

fn trim_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

/// Room for a name of `PATH_MAX` bytes and extended attributes at the kernel's own limit of 64 KiB each. The usual crate
/// reads such headers whole whatever their size, which lets a small compressed archive fill the memory; it is the
/// oracle of the tests instead.
const MAX_EXTENSION: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_records_are_counted_in_bytes() {
        let text = b"12 path=a/b\n27 SCHILY.xattr.user.x=\n\0y\n";
        let got = records(text, 0).unwrap();
        assert_eq!(got[0], (b"path".to_vec(), b"a/b".to_vec()));
        assert_eq!(got[1].1, b"\n\0y");
        assert!(records(b"99 path=a\n", 0).is_err());
        assert!(records(b"2 x", 0).is_err());
        assert!(records(b"0 path=a\n", 0).is_err());
    }
}
