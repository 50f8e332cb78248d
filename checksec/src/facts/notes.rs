//! Notes: small records with an owner, of which rules want the build id, the properties of the code, and the ABI.
//!
//! Kernel and loader find them by program headers, linkers by the sections of an object file. The sizes in a note are
//! 32 bits wide and untrusted; nothing is added that could wrap, and nothing is allocated for what they claim.

use object::elf::{
    EM_AARCH64, NT_GNU_ABI_TAG, NT_GNU_BUILD_ID, NT_GNU_PROPERTY_TYPE_0, PT_GNU_PROPERTY, PT_NOTE,
};

use crate::ElfError;
use crate::facts::property::{self, Properties};
use crate::facts::{Header, Sections, Segments};
use crate::reader::{ByteOrder, Class, Fields, Reader};

/// What the notes of a file tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// `NT_GNU_BUILD_ID`, or why it cannot be told whether there is one.
    pub build_id: Result<Option<BuildId>, ElfError>,
    /// File offset of the build id that Go's own linker writes, which no other tool looks for.
    pub go_build_id: Option<u64>,
    /// `NT_GNU_PROPERTY_TYPE_0`, or why it cannot be told what it says.
    pub properties: Result<Option<Properties>, ElfError>,
    /// `NT_GNU_ABI_TAG`.
    pub abi: Option<AbiTag>,
}

impl Default for Notes {
    fn default() -> Self {
        Self { build_id: Ok(None), go_build_id: None, properties: Ok(None), abi: None }
    }
}

/// What names one build of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildId {
    /// File offset of the note.
    pub offset: u64,
    /// The id; linkers write a digest, but take any bytes.
    pub bytes: Box<[u8]>,
}

impl BuildId {
    /// In lower-case hexadecimal, as every tool writes it.
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(2 * self.bytes.len());
        for byte in &self.bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// The system that a program wants at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbiTag {
    /// File offset of the note.
    pub offset: u64,
    /// 0 is Linux.
    pub system: u32,
    /// The version of its kernel.
    pub version: [u32; 3],
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// File offset of its header.
    pub offset: u64,
    /// `n_type`, whose meaning is the owner's.
    pub kind: u32,
    /// The owner, without the NUL bytes that end it.
    pub owner: &'a [u8],
    /// The descriptor.
    pub description: &'a [u8],
}

/// The notes of one segment or section, in order. After an error there are no more.
pub struct NoteReader<'a> {
    bytes: &'a [u8],
    offset: u64,
    align: usize,
    order: ByteOrder,
    fault: Option<ElfError>,
}

impl<'a> NoteReader<'a> {
    /// Over `bytes`, which lie at `offset` in the file. `align` is `p_align` or `sh_addralign`: 8 pads to 8 bytes and up
    /// to 4 to 4 bytes, as binutils reads it; no other has a meaning, and is the error of the first note.
    pub fn new(bytes: &'a [u8], offset: u64, align: u64, order: ByteOrder) -> Self {
        let fault = (align > 4 && align != 8).then(|| {
            ElfError::malformed(STRUCTURE, offset, format!("they are aligned to {align}, not 4 or 8"))
        });
        Self { bytes, offset, align: if align == 8 { 8 } else { 4 }, order, fault }
    }

    fn note(&mut self) -> Result<Note<'a>, ElfError> {
        let cut =
            |what: &str| ElfError::malformed(STRUCTURE, self.offset, format!("{what} ends past the notes"));
        let bytes = self.bytes;
        let header = bytes.get(..HEADER).ok_or_else(|| cut("a header"))?;
        let [name_size, size, kind] = [0, 4, 8].map(|at| word(header, at, self.order));
        let slice = |start: usize, size: u32| {
            let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size))?;
            bytes.get(start..end).map(|found| (found, end))
        };
        let (owner, end) = slice(HEADER, name_size).ok_or_else(|| cut("an owner"))?;
        let start = end.next_multiple_of(self.align);
        let (description, end) = slice(start, size).ok_or_else(|| cut("a descriptor"))?;
        let note = Note { offset: self.offset, kind, owner: trimmed(owner), description };
        // The padding of the last one may be missing.
        let end = end.next_multiple_of(self.align).min(bytes.len());
        self.bytes = &bytes[end..];
        self.offset = self.offset.saturating_add(end as u64);
        Ok(note)
    }
}

impl<'a> Iterator for NoteReader<'a> {
    type Item = Result<Note<'a>, ElfError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Linkers pad segments with zeros, less than a header of them.
        if self.bytes.is_empty() || (self.bytes.len() < HEADER && self.bytes.iter().all(|byte| *byte == 0)) {
            return None;
        }
        let note = self.fault.take().map_or_else(|| self.note(), Err);
        if note.is_err() {
            self.bytes = &[];
        }
        Some(note)
    }
}

/// Reads the notes of a program or shared object.
pub(crate) fn of_segments(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    sections: Option<&Sections>,
) -> Notes {
    let mut found = Found::new(reader.class, reader.order, header.machine, false);
    let mut budget = MAX_BYTES;
    // Loaders that know this header take the properties from it alone; on AArch64 the kernel and glibc know no other way.
    let own = segments.last(PT_GNU_PROPERTY);
    if let Some((_, segment)) = own {
        found.wants = Wants::Properties;
        found.read(reader, segment.offset, segment.file_size, segment.align, &mut budget);
    }
    for (_, segment) in segments.of(PT_NOTE) {
        // glibc takes properties only from a segment that is aligned as they are.
        let may_have = own.is_none() && header.machine != EM_AARCH64.0 && segment.align == reader.word();
        found.wants = if may_have { Wants::All } else { Wants::Identity };
        found.read(reader, segment.offset, segment.file_size, segment.align, &mut budget);
    }
    if found.build_id.is_none() && found.identity_fault.is_none() {
        // Go 1.24 gives its files a build id and a program header that leaves it out. Debuggers find it all the same.
        found.wants = Wants::Identity;
        for section in sections.map(Sections::notes).unwrap_or_default() {
            found.read(reader, section.offset, section.size, section.align, &mut budget);
        }
    }
    found.finish()
}

/// Reads the notes of a file that is linked or split: object files, kernel modules and debug files.
pub(crate) fn of_sections(reader: &Reader<'_>, header: &Header, sections: &Sections) -> Notes {
    let mut found = Found::new(reader.class, reader.order, header.machine, true);
    let mut budget = MAX_BYTES;
    for section in sections.notes() {
        found.read(reader, section.offset, section.size, section.align, &mut budget);
    }
    found.finish()
}

/// What is looked for in a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Identity,
    Properties,
    All,
}

struct Found {
    wants: Wants,
    class: Class,
    order: ByteOrder,
    machine: u16,
    is_object: bool,
    build_id: Option<Result<BuildId, ElfError>>,
    go_build_id: Option<u64>,
    properties: Option<Result<Properties, ElfError>>,
    abi: Option<AbiTag>,
    /// What keeps the absence of a build id, or of properties, from being known.
    identity_fault: Option<ElfError>,
    property_fault: Option<ElfError>,
}

impl Found {
    fn new(class: Class, order: ByteOrder, machine: u16, is_object: bool) -> Self {
        Self {
            wants: Wants::All,
            class,
            order,
            machine,
            is_object,
            build_id: None,
            go_build_id: None,
            properties: None,
            abi: None,
            identity_fault: None,
            property_fault: None,
        }
    }

    fn read(&mut self, reader: &Reader<'_>, offset: u64, size: u64, align: u64, budget: &mut u64) {
        let fields = match bounded(reader, offset, size, budget) {
            Ok(fields) => fields,
            Err(error) => return self.fail(&error),
        };
        for note in NoteReader::new(&fields.bytes, offset, align, self.order) {
            match note {
                Ok(note) => self.take(&note),
                Err(error) => self.fail(&error),
            }
        }
    }

    fn take(&mut self, note: &Note<'_>) {
        let is_identity = self.wants != Wants::Properties;
        match (note.owner, note.kind) {
            (b"GNU", kind) if kind == NT_GNU_BUILD_ID.0 && is_identity => {
                // Of several, debuggers take the first.
                self.build_id.get_or_insert_with(|| build_id(note));
            }
            (b"GNU", kind) if kind == NT_GNU_ABI_TAG.0 && is_identity => {
                self.abi = self.abi.or_else(|| abi(note, self.order));
            }
            (b"GNU", kind) if kind == NT_GNU_PROPERTY_TYPE_0.0 && self.wants != Wants::Identity => {
                self.take_properties(note);
            }
            (b"Go", GO_BUILD_ID) if is_identity => self.go_build_id = self.go_build_id.or(Some(note.offset)),
            _ => {}
        }
    }

    fn take_properties(&mut self, note: &Note<'_>) {
        let new = property::read(note, (self.class, self.order, self.machine), self.is_object);
        self.properties = Some(match (self.properties.take(), new) {
            (None, new) => new,
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(old)), Ok(new)) => Ok(old.with(&new, self.is_object)),
        });
    }

    fn fail(&mut self, error: &ElfError) {
        if self.wants != Wants::Properties {
            self.identity_fault.get_or_insert_with(|| error.clone());
        }
        if self.wants != Wants::Identity {
            self.property_fault.get_or_insert_with(|| error.clone());
        }
    }

    fn finish(self) -> Notes {
        let absent = |fault: Option<ElfError>| fault.map_or(Ok(None), Err);
        Notes {
            build_id: self.build_id.map_or_else(|| absent(self.identity_fault), |found| found.map(Some)),
            go_build_id: self.go_build_id,
            properties: match (self.properties, self.property_fault) {
                // What was cut off might have taken marks away.
                (_, Some(error)) => Err(error),
                (found, None) => found.transpose(),
            },
            abi: self.abi,
        }
    }
}

fn bounded<'a>(
    reader: &Reader<'a>,
    offset: u64,
    size: u64,
    budget: &mut u64,
) -> Result<Fields<'a>, ElfError> {
    reader.end(STRUCTURE, offset, size)?;
    *budget =
        budget.checked_sub(size).ok_or(ElfError::Limit { structure: STRUCTURE, offset, limit: MAX_BYTES })?;
    reader.bytes(STRUCTURE, offset, size)
}

fn build_id(note: &Note<'_>) -> Result<BuildId, ElfError> {
    if note.description.len() > MAX_BUILD_ID {
        return Err(ElfError::Limit {
            structure: "NT_GNU_BUILD_ID",
            offset: note.offset,
            limit: MAX_BUILD_ID as u64,
        });
    }
    Ok(BuildId { offset: note.offset, bytes: note.description.into() })
}

fn abi(note: &Note<'_>, order: ByteOrder) -> Option<AbiTag> {
    let description = note.description.get(..16)?;
    let [system, first, second, third] = [0, 4, 8, 12].map(|at| word(description, at, order));
    Some(AbiTag { offset: note.offset, system, version: [first, second, third] })
}

fn trimmed(owner: &[u8]) -> &[u8] {
    let end = owner.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &owner[..end]
}

/// A 32-bit word; the caller has as many bytes.
pub(super) fn word(bytes: &[u8], at: usize, order: ByteOrder) -> u32 {
    let field = bytes.get(at..at + 4).and_then(|field| field.try_into().ok()).unwrap_or([0; 4]);
    match order {
        ByteOrder::Little => u32::from_le_bytes(field),
        ByteOrder::Big => u32::from_be_bytes(field),
    }
}

const STRUCTURE: &str = "notes";
/// `n_namesz`, `n_descsz` and `n_type`, which are 32 bits wide in both classes.
const HEADER: usize = 12;
/// `NT_GO_BUILD_ID`.
const GO_BUILD_ID: u32 = 4;
/// Of all notes of one file together. The largest of a Debian system have 4 KiB, most of it the metadata of a package;
/// a kernel has 512 bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The longest digest. ld takes ids of any length on its command line, but nobody could look one up.
const MAX_BUILD_ID: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn note(owner: &[u8], description: &[u8], kind: u32, align: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [u32::try_from(owner.len()).unwrap(), u32::try_from(description.len()).unwrap(), kind] {
            bytes.extend(field.to_le_bytes());
        }
        for part in [owner, description] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(align), 0);
        }
        bytes
    }

    fn all(bytes: &[u8], align: u64) -> Vec<Result<Note<'_>, ElfError>> {
        NoteReader::new(bytes, 0x100, align, ByteOrder::Little).collect()
    }

    #[test]
    fn notes_follow_each_other_by_their_padding() {
        for align in [4, 8] {
            let mut bytes = note(b"GNU\0", &[1, 2, 3, 4, 5], 3, align);
            let second = bytes.len() as u64;
            bytes.extend(note(b"Package\0", b"{}", 7, align));
            let found: Vec<_> = all(&bytes, align as u64).into_iter().map(Result::unwrap).collect();
            assert_eq!(found.len(), 2, "{align}");
            let first = Note { offset: 0x100, kind: 3, owner: b"GNU", description: &[1, 2, 3, 4, 5] };
            assert_eq!(found[0], first);
            let last = Note { offset: 0x100 + second, kind: 7, owner: b"Package", description: b"{}" };
            assert_eq!(found[1], last);
            // Zeros may follow, and the padding of the last may be missing.
            for length in [bytes.len() + 8, bytes.len() - (align - 2)] {
                bytes.resize(length, 0);
                assert!(all(&bytes, align as u64)[1..] == [Ok(last)], "{align} {length}");
            }
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_damage_and_end_the_notes() {
        for field in 0..2 {
            for size in [u32::MAX, u32::MAX - 11, 1 << 31, 100] {
                let mut bytes = note(b"GNU\0", &[1; 8], 3, 4);
                bytes.extend(note(b"GNU\0", &[2; 8], 3, 4));
                bytes[field * 4..field * 4 + 4].copy_from_slice(&size.to_le_bytes());
                let found = all(&bytes, 4);
                assert!(matches!(found[..], [Err(ElfError::Malformed { offset: 0x100, .. })]), "{found:?}");
            }
        }
        let whole = note(b"GNU\0", &[1; 8], 3, 4);
        for length in 1..whole.len() {
            assert!(all(&whole[..length], 4)[0].is_err(), "{length}");
        }
        assert!(all(&[], 4).is_empty());
        assert!(all(&whole, 16)[0].is_err() && all(&whole, 5)[0].is_err() && all(&whole, 0)[0].is_ok());
    }

    #[test]
    fn a_note_without_owner_and_descriptor_is_one() {
        let found = all(&[0; 12], 4);
        let empty = Note { offset: 0x100, kind: 0, owner: b"", description: b"" };
        assert_eq!(found, [Ok(empty)]);
    }
}
