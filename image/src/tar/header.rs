//! One 512-byte header block: ustar of POSIX.1, with GNU's and star's ways of writing large numbers.

use crate::Error;

/// Headers and data come in blocks of this many bytes.
pub(super) const BLOCK: u64 = 512;
/// [`BLOCK`] as a length.
pub(super) const BLOCK_LEN: usize = 512;

/// A header's fields, undecoded where decoding depends on the member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) mode: u64,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
    pub(crate) kind: u8,
    pub(crate) link: Vec<u8>,
    pub(crate) device: (u64, u64),
    /// The whole block, for GNU's sparse map.
    pub(crate) block: [u8; BLOCK_LEN],
}

impl Header {
    /// Decodes a block that lies at `offset` in the archive.
    pub(crate) fn parse(block: &[u8; BLOCK_LEN], offset: u64) -> Result<Self, Error> {
        check_sum(block, offset)?;
        let field = |range: std::ops::Range<usize>, name| {
            number(&block[range.clone()], offset + range.start as u64, name)
        };
        let is_ustar = &block[257..263] == b"ustar\0";
        let is_device = matches!(block[156], b'3' | b'4');
        let mut name = text(&block[0..100]).to_vec();
        let prefix = text(&block[345..500]);
        if is_ustar && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let device =
            if is_device { (field(329..337, "devmajor")?, field(337..345, "devminor")?) } else { (0, 0) };
        Ok(Self {
            name,
            mode: field(100..108, "mode")?,
            uid: field(108..116, "uid")?,
            gid: field(116..124, "gid")?,
            size: field(124..136, "size")?,
            // A time before 1970 is written in base 256; nothing is judged by it, so it may be lost.
            mtime: field(136..148, "mtime").ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0),
            kind: block[156],
            link: text(&block[157..257]).to_vec(),
            device,
            block: *block,
        })
    }
}

/// A number field: octal digits with blanks around, or base 256 with the first byte's top bit set.
pub(super) fn number(field: &[u8], offset: u64, name: &str) -> Result<u64, Error> {
    let broken = || malformed(offset, format!("field {name} is no number"));
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        if *first != 0x80 {
            return Err(malformed(offset, format!("field {name} is negative or over 64 bits")));
        }
        return rest.iter().try_fold(0u64, |value, byte| {
            value.checked_mul(256).map(|value| value | u64::from(*byte)).ok_or_else(broken)
        });
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8).map(|value| value | u64::from(digit - b'0')).ok_or_else(broken),
        _ => Err(broken()),
    })
}

/// A field up to its first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// An error in a header.
pub(super) fn malformed(offset: u64, reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "tar header", offset, reason: reason.into() }
}

/// The sum of all bytes with the sum's own field as blanks. Old writers summed signed bytes.
fn check_sum(block: &[u8; BLOCK_LEN], offset: u64) -> Result<(), Error> {
    let stored = number(&block[148..156], offset + 148, "chksum")?;
    let mut unsigned = 0u64;
    let mut signed = 0i64;
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    if stored == unsigned || i64::try_from(stored) == Ok(signed) {
        return Ok(());
    }
    Err(malformed(offset, format!("checksum is {stored}, and the bytes sum up to {unsigned}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_notation() {
        let read = |field: &[u8]| number(field, 0, "size").ok();
        assert_eq!(read(b"0000644\0"), Some(0o644));
        assert_eq!(read(b"   644 \0"), Some(0o644));
        assert_eq!(read(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(read(b"77777777777777777777"), Some(0o7777_7777_7777_7777_7777));
        assert_eq!(read(b"\x80\0\0\0\0\0\0\x01\0\0\0\0"), Some(1 << 32));
        assert_eq!(read(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(read(b"0000x44\0"), None);
        assert_eq!(read(b"\x80\x01\0\0\0\0\0\0\0\0\0\0"), None);
    }
}
