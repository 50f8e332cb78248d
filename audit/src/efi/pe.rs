//! The headers of a PE file, as far as they show a signature and the sections of a unified kernel image.
//!
//! goblin's parser wants the whole file in memory, and a unified kernel image is of hundreds of megabytes. What is needed
//! are the fixed fields of Microsoft's "PE Format", read in place.

use std::io;

use hardpan_image::{ReadAt, read_exact_at};
use thiserror::Error;

/// What the headers show.
#[derive(Debug)]
pub(crate) struct Pe {
    /// The attribute certificate table.
    pub(crate) certificates: Certificates,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    name: [u8; 8],
    offset: u32,
    size: u32,
}

/// Whether a file carries a signature. That it is valid is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificates {
    /// There is no certificate table.
    None,
    /// The first entry is an Authenticode signature; offset and size of the table.
    Authenticode { offset: u32, size: u32 },
    /// There is a table, but its first entry is of another type.
    Other(u16),
}

/// Why the headers cannot be read.
#[derive(Debug, Error)]
pub(crate) enum PeError {
    /// The file does not begin with `MZ`, or has no PE header where it says.
    #[error("it is no PE file")]
    NotPe,
    /// The bytes break the format.
    #[error("{structure} at offset {offset}: {reason}")]
    Malformed { structure: &'static str, offset: u64, reason: &'static str },
    /// A read failed.
    #[error("read: {0}")]
    Io(#[from] io::Error),
}

impl Pe {
    /// Reads the headers.
    pub(crate) fn read(source: &dyn ReadAt) -> Result<Self, PeError> {
        if source.len() < DOS_HEADER || bytes::<2>(source, 0)? != *b"MZ" {
            return Err(PeError::NotPe);
        }
        let start = u64::from(u32::from_le_bytes(bytes(source, 0x3c)?));
        let coff = start + 4;
        if coff + COFF_HEADER > source.len() || bytes::<4>(source, start)? != *b"PE\0\0" {
            return Err(PeError::NotPe);
        }
        let section_count = u16::from_le_bytes(bytes(source, coff + 2)?);
        let optional_size = u64::from(u16::from_le_bytes(bytes(source, coff + 16)?));
        let optional = coff + COFF_HEADER;
        Ok(Self {
            certificates: certificates(source, optional, optional_size)?,
            sections: sections(source, optional + optional_size, section_count)?,
        })
    }

    /// Whether there is a section of this name.
    pub(crate) fn has_section(&self, name: &str) -> bool {
        self.sections.iter().any(|section| section.is(name))
    }

    /// Offset and size of the first section of this name.
    pub(crate) fn place(&self, name: &str) -> Option<(u64, u64)> {
        let section = self.sections.iter().find(|section| section.is(name))?;
        Some((u64::from(section.offset), u64::from(section.size)))
    }

    /// The bytes of a section of at most `limit` bytes.
    pub(crate) fn section(&self, source: &dyn ReadAt, name: &str, limit: u32) -> Option<Vec<u8>> {
        let section = self.sections.iter().find(|section| section.is(name))?;
        let mut bytes = vec![0; usize::try_from(section.size.min(limit)).ok()?];
        read_exact_at(source, &mut bytes, u64::from(section.offset)).ok()?;
        Some(bytes)
    }

    /// The bytes of each section of that name; a longer one than `limit` is an error, since half of it is no fact.
    pub(crate) fn sections(&self, source: &dyn ReadAt, name: &str, limit: u32) -> io::Result<Vec<Vec<u8>>> {
        let read = |section: &Section| {
            if section.size > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let mut bytes = vec![0; usize::try_from(section.size).map_err(|_| io::ErrorKind::FileTooLarge)?];
            read_exact_at(source, &mut bytes, u64::from(section.offset))?;
            Ok(bytes)
        };
        self.sections.iter().filter(|section| section.is(name)).map(read).collect()
    }
}

impl Section {
    fn is(&self, name: &str) -> bool {
        let end = self.name.iter().position(|byte| *byte == 0).unwrap_or(self.name.len());
        &self.name[..end] == name.as_bytes()
    }
}

/// The fifth data directory of the optional header. It alone of all holds a file offset and not an address.
fn certificates(source: &dyn ReadAt, optional: u64, size: u64) -> Result<Certificates, PeError> {
    let bad = |offset, reason| PeError::Malformed { structure: "PE optional header", offset, reason };
    if size < 2 {
        return Err(bad(optional, "shorter than its magic number"));
    }
    let (count_at, directories) = match u16::from_le_bytes(bytes(source, optional)?) {
        0x10b => (92, 96),
        0x20b => (108, 112),
        _ => return Err(bad(optional, "neither PE32 nor PE32+")),
    };
    let entry = directories + CERTIFICATE_DIRECTORY * 8;
    if size < count_at + 4 {
        return Err(bad(optional, "ends before the number of its data directories"));
    }
    let count = u64::from(u32::from_le_bytes(bytes(source, optional + count_at)?));
    if count <= CERTIFICATE_DIRECTORY || size < entry + 8 {
        return Ok(Certificates::None);
    }
    let offset = u32::from_le_bytes(bytes(source, optional + entry)?);
    let length = u32::from_le_bytes(bytes(source, optional + entry + 4)?);
    first_certificate(source, offset, length)
}

/// `WIN_CERTIFICATE`: length, revision and type, then the certificate.
fn first_certificate(source: &dyn ReadAt, offset: u32, size: u32) -> Result<Certificates, PeError> {
    let at = u64::from(offset);
    let bad = |reason| PeError::Malformed { structure: "PE certificate table", offset: at, reason };
    if size == 0 {
        return Ok(Certificates::None);
    }
    if at + u64::from(size) > source.len() {
        return Err(bad("reaches past the end of the file"));
    }
    let length = u32::from_le_bytes(bytes(source, at)?);
    if length <= WIN_CERTIFICATE || length > size {
        return Err(bad("its first entry does not fit into it"));
    }
    Ok(match u16::from_le_bytes(bytes(source, at + 6)?) {
        PKCS_SIGNED_DATA => Certificates::Authenticode { offset, size },
        other => Certificates::Other(other),
    })
}

fn sections(source: &dyn ReadAt, table: u64, count: u16) -> Result<Vec<Section>, PeError> {
    if count > MAX_SECTIONS {
        let reason = "more sections than a PE image may have";
        return Err(PeError::Malformed { structure: "PE section table", offset: table, reason });
    }
    let section = |at: u64| -> Result<Section, PeError> {
        Ok(Section {
            name: bytes(source, at)?,
            size: u32::from_le_bytes(bytes(source, at + 8)?).min(u32::from_le_bytes(bytes(source, at + 16)?)),
            offset: u32::from_le_bytes(bytes(source, at + 20)?),
        })
    };
    (0..u64::from(count)).map(|at| section(table + at * SECTION_HEADER)).collect()
}

fn bytes<const N: usize>(source: &dyn ReadAt, offset: u64) -> Result<[u8; N], PeError> {
    let mut bytes = [0; N];
    match read_exact_at(source, &mut bytes, offset) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(PeError::Malformed { structure: "PE header", offset, reason: "the file ends inside it" })
        }
        Err(error) => Err(error.into()),
    }
}

const DOS_HEADER: u64 = 64;
const COFF_HEADER: u64 = 20;
const SECTION_HEADER: u64 = 40;
const CERTIFICATE_DIRECTORY: u64 = 4;
const WIN_CERTIFICATE: u32 = 8;
const PKCS_SIGNED_DATA: u16 = 2;
/// The limit of the Windows loader, and the format's own for images.
const MAX_SECTIONS: u16 = 96;

/// A PE32+ file with these sections, and a certificate of this type if there is to be one.
#[cfg(test)]
pub(crate) fn sample(sections: &[(&str, &[u8])], certificate: Option<u16>) -> Vec<u8> {
    let mut pe = vec![0; 64];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 64;
    pe.extend_from_slice(b"PE\0\0\x64\x86");
    pe.extend_from_slice(&u16::try_from(sections.len()).unwrap().to_le_bytes());
    pe.extend_from_slice(&[0; 12]);
    pe.extend_from_slice(&[240, 0, 0, 0]);
    let optional = pe.len();
    pe.resize(optional + 240, 0);
    pe[optional..optional + 2].copy_from_slice(&[0x0b, 0x02]);
    pe[optional + 108] = 16;
    let mut data = pe.len() + sections.len() * 40;
    for (name, content) in sections {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let at = pe.len();
        pe.resize(at + 40, 0);
        pe[at..at + name.len()].copy_from_slice(name.as_bytes());
        pe[at + 8..at + 12].copy_from_slice(&size);
        pe[at + 16..at + 20].copy_from_slice(&size);
        pe[at + 20..at + 24].copy_from_slice(&u32::try_from(data).unwrap().to_le_bytes());
        data += content.len();
    }
    pe.extend(sections.iter().flat_map(|(_, content)| content.iter()));
    if let Some(kind) = certificate {
        let offset = u32::try_from(pe.len()).unwrap();
        pe[optional + 144..optional + 148].copy_from_slice(&offset.to_le_bytes());
        pe[optional + 148..optional + 152].copy_from_slice(&16u32.to_le_bytes());
        pe.extend_from_slice(&[16, 0, 0, 0, 0, 2]);
        pe.extend_from_slice(&kind.to_le_bytes());
        pe.extend_from_slice(&[0; 8]);
    }
    pe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goblin_sees_the_same() {
        let file = sample(&[(".linux", b"kernel"), (".uname", b"6.1")], Some(PKCS_SIGNED_DATA));
        let ours = Pe::read(&file).unwrap();
        let theirs = goblin::pe::header::Header::parse(&file).unwrap();
        let directory = *theirs.optional_header.unwrap().data_directories.get_certificate_table().unwrap();
        let expected = Certificates::Authenticode { offset: directory.virtual_address, size: directory.size };
        assert_eq!(ours.certificates, expected);
        assert_eq!(ours.section(&file, ".uname", 64), Some(b"6.1".to_vec()));
        assert!(ours.has_section(".linux") && !ours.has_section(".linu"));
    }

    #[test]
    fn every_truncation_is_an_error_or_an_answer() {
        let file = sample(&[(".linux", b"kernel")], Some(PKCS_SIGNED_DATA));
        for length in 0..file.len() {
            let cut = file[..length].to_vec();
            assert!(Pe::read(&cut).is_err(), "{length}");
        }
    }

    #[test]
    fn a_table_past_the_end_is_no_signature() {
        let mut file = sample(&[], Some(PKCS_SIGNED_DATA));
        let size_at = 64 + 4 + 20 + 148;
        file[size_at + 3] = 0xff;
        assert!(matches!(Pe::read(&file), Err(PeError::Malformed { structure: "PE certificate table", .. })));
    }
}
