//! RPM packages: lead, signature header, header, and a cpio archive with the files.
//!
//! Written from the format's description in RPM's manual. The digests that the package has of its header and of its payload
//! are checked; its signatures are not, since whom to trust is not known here.

mod header;

use sha2::{Digest, Sha256, Sha512};

use crate::archive::{ArchiveTree, Builder};
use crate::compression::{Compression, unpack};
use crate::open::OpenError;
use crate::read_at::Stream;
use crate::{Error, ReadAt, Section, TreeKind, cpio, read_exact_at};
use header::{Header, malformed};

/// Whether a file that begins with these bytes is a package.
pub(crate) fn is_package(head: &[u8]) -> bool {
    head.starts_with(&LEAD_MAGIC)
}

/// Reads a package, whose payload is at most `limit` bytes when it is unpacked.
pub(crate) fn open(source: &dyn ReadAt, limit: u64) -> Result<ArchiveTree, OpenError> {
    check_lead(source)?;
    let signature = Header::read(source, LEAD)?;
    let header = Header::read(source, signature.end.next_multiple_of(8))?;
    let payload = Section { source, start: header.end, len: source.len().saturating_sub(header.end) };
    let mut builder = Builder::new();
    check_header(source, &signature, &header, &mut builder)?;
    check_payload(&header, &payload, &mut builder)?;
    let format = header.text(source, PAYLOAD_FORMAT)?;
    if format.as_deref().is_some_and(|format| format != b"cpio") {
        let format = format.unwrap_or_default();
        return Err(
            malformed(header.start, format!("a payload of format `{}`", format.escape_ascii())).into()
        );
    }
    let compression = compression(source, &header, &payload)?;
    let unpacked = unpack(compression, Stream::new(&payload), limit)
        .map_err(|source| OpenError::Io { operation: "write a temporary file", source })?;
    let is_cut = unpacked.damage.is_some();
    if let Some(damage) = unpacked.damage {
        builder.odd(b"", format!("payload: {damage}"), true);
    }
    cpio::read(Box::new(unpacked.bytes), &mut builder, is_cut, limit);
    Ok(builder.finish(TreeKind::Rpm))
}

fn check_lead(source: &dyn ReadAt) -> Result<(), Error> {
    let mut lead = [0; LEAD_SIZE];
    read_exact_at(source, &mut lead, 0).map_err(|_| malformed(0, "the package ends within its lead"))?;
    let (version, signature) = (lead[4], u16::from_be_bytes([lead[78], lead[79]]));
    if !lead.starts_with(&LEAD_MAGIC) || !matches!(version, 3 | 4) || signature != HEADER_SIGNATURE {
        return Err(malformed(0, format!("a lead of version {version} with signature type {signature}")));
    }
    Ok(())
}

/// The signature header has the digest of the header.
fn check_header(
    source: &dyn ReadAt,
    signature: &Header,
    header: &Header,
    builder: &mut Builder,
) -> Result<(), Error> {
    let Some(wanted) = signature.text(source, SHA256_OF_HEADER)? else { return Ok(()) };
    let bytes = Section { source, start: header.start, len: header.end - header.start };
    let found = digest::<Sha256>(&bytes)?;
    if !wanted.eq_ignore_ascii_case(found.as_bytes()) {
        builder.odd(b"", differs("header", &wanted, &found), true);
    }
    Ok(())
}

/// The header has the digest of the payload as it is in the package.
fn check_payload(
    header: &Header,
    payload: &Section<&dyn ReadAt>,
    builder: &mut Builder,
) -> Result<(), Error> {
    let Some(wanted) = header.text(payload.source, PAYLOAD_DIGEST)? else { return Ok(()) };
    let found = match header.number(payload.source, PAYLOAD_DIGEST_ALGORITHM)? {
        None | Some(SHA256) => digest::<Sha256>(payload)?,
        Some(SHA512) => digest::<Sha512>(payload)?,
        Some(other) => {
            builder.odd(
                b"",
                format!("the payload's digest is of algorithm {other}, which is not known"),
                true,
            );
            return Ok(());
        }
    };
    if !wanted.eq_ignore_ascii_case(found.as_bytes()) {
        builder.odd(b"", differs("payload", &wanted, &found), true);
    }
    Ok(())
}

fn differs(what: &str, wanted: &[u8], found: &str) -> String {
    format!("the digest of the {what} is {found}, and the package says {}", wanted.escape_ascii())
}

/// In hexadecimal digits.
fn digest<D: Digest>(source: &dyn ReadAt) -> Result<String, Error> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    while at < source.len() {
        let len = usize::try_from(source.len() - at).unwrap_or(buffer.len()).min(buffer.len());
        read_exact_at(source, &mut buffer[..len], at).map_err(Error::io("read"))?;
        hasher.update(&buffer[..len]);
        at += len as u64;
    }
    Ok(crate::digest::hexadecimal(&hasher.finalize()))
}

/// Packages without the tag are in gzip, or, as `rpm` reads them, in nothing.
fn compression(
    source: &dyn ReadAt,
    header: &Header,
    payload: &Section<&dyn ReadAt>,
) -> Result<Option<Compression>, OpenError> {
    match header.text(source, PAYLOAD_COMPRESSOR)?.as_deref() {
        Some(b"gzip") => Ok(Some(Compression::Gzip)),
        Some(b"xz") => Ok(Some(Compression::Xz)),
        Some(b"zstd") => Ok(Some(Compression::Zstd)),
        Some(b"bzip2") => Err(OpenError::Compression("bzip2")),
        Some(b"lzma") => Err(OpenError::Compression("lzma")),
        Some(b"none" | b"identity") => Ok(None),
        Some(other) => {
            let reason = format!("a payload that is compressed with `{}`", other.escape_ascii());
            Err(malformed(header.start, reason).into())
        }
        None => {
            let mut head = [0; 2];
            let _ = read_exact_at(payload, &mut head, 0);
            Ok((head == [0x1f, 0x8b]).then_some(Compression::Gzip))
        }
    }
}

const LEAD_SIZE: usize = 96;
const LEAD: u64 = LEAD_SIZE as u64;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// `RPMSIGTYPE_HEADERSIG`: the only one that was ever written since 1998.
const HEADER_SIGNATURE: u16 = 5;

/// `RPMSIGTAG_SHA256`.
const SHA256_OF_HEADER: u32 = 273;
/// `RPMTAG_PAYLOADFORMAT`.
const PAYLOAD_FORMAT: u32 = 1124;
/// `RPMTAG_PAYLOADCOMPRESSOR`.
const PAYLOAD_COMPRESSOR: u32 = 1125;
/// `RPMTAG_PAYLOADDIGEST`.
const PAYLOAD_DIGEST: u32 = 5092;
/// `RPMTAG_PAYLOADDIGESTALGO`, a number of OpenPGP.
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
const SHA256: u32 = 8;
const SHA512: u32 = 10;
