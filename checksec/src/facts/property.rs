//! The properties that a linker gives a file if all code in it has them.

use object::elf::{
    EM_386, EM_AARCH64, EM_X86_64, GNU_PROPERTY_AARCH64_FEATURE_1_AND, GNU_PROPERTY_X86_FEATURE_1_AND,
};

use crate::ElfError;
use crate::facts::notes::{Note, word};
use crate::reader::{ByteOrder, Class};

/// What `NT_GNU_PROPERTY_TYPE_0` says of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Properties {
    /// File offset of the note.
    pub offset: u64,
    /// The processor's features that all code was marked for: `GNU_PROPERTY_X86_FEATURE_1_AND` or
    /// `GNU_PROPERTY_AARCH64_FEATURE_1_AND`, by machine; 0 if there is none.
    pub features: u32,
}

impl Properties {
    /// Indirect branches go to `endbr` only.
    pub const IBT: u32 = 1;
    /// Return addresses are compared with a shadow stack.
    pub const SHSTK: u32 = 2;
    /// Indirect branches go to landing pads only.
    pub const BTI: u32 = 1;
    /// Return addresses are signed.
    pub const PAC: u32 = 2;
    /// Return addresses are compared with a guarded control stack.
    pub const GCS: u32 = 4;

    /// Whether all bits of a feature are set.
    pub fn has(&self, feature: u32) -> bool {
        self.features & feature == feature
    }

    /// This note and another of the same file. Linkers write one; where there are two, a loaded file is what both say,
    /// and an object file what either says, since linkers add up what assembly and compiler each wrote.
    pub(crate) fn with(self, other: &Self, is_object: bool) -> Self {
        let features =
            if is_object { self.features | other.features } else { self.features & other.features };
        Self { features, ..self }
    }
}

/// Reads the note. Linux and glibc ignore all of one that is not as they demand: whole properties, in ascending order,
/// the known ones of 4 bytes. Linkers, who read it in object files, sort them themselves.
pub(crate) fn read(
    note: &Note<'_>,
    (class, order, machine): (Class, ByteOrder, u16),
    is_object: bool,
) -> Result<Properties, ElfError> {
    let malformed = |reason: &'static str| ElfError::malformed("NT_GNU_PROPERTY_TYPE_0", note.offset, reason);
    let align = if class == Class::Elf32 { 4 } else { 8 };
    let wanted = feature_property(machine);
    let (mut rest, mut last) = (note.description, 0);
    let mut features = 0;
    while !rest.is_empty() {
        let header = rest.get(..8).ok_or_else(|| malformed("a property without its header"))?;
        let (kind, size) = (word(header, 0, order), word(header, 4, order));
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(8));
        let end = end.filter(|end| *end <= rest.len());
        let end = end.ok_or_else(|| malformed("a property ends past the note"))?;
        if kind < last && !is_object {
            return Err(malformed("the properties are not in ascending order"));
        }
        if Some(kind) == wanted {
            if size != 4 {
                return Err(malformed("the features have not 4 bytes"));
            }
            features = word(rest, 8, order);
        }
        last = kind;
        // The padding of the last one may be missing.
        rest = &rest[end.next_multiple_of(align).min(rest.len())..];
    }
    Ok(Properties { offset: note.offset, features })
}

/// The property with the features. Others near it by number are `ISA_1_USED` and `FEATURE_2_USED` (0xc0010001), which
/// tell of instruction sets and registers, and were never features of control flow.
fn feature_property(machine: u16) -> Option<u32> {
    match machine {
        machine if machine == EM_X86_64.0 || machine == EM_386.0 => Some(GNU_PROPERTY_X86_FEATURE_1_AND.0),
        machine if machine == EM_AARCH64.0 => Some(GNU_PROPERTY_AARCH64_FEATURE_1_AND.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(machine: u16, class: Class, description: &[u8]) -> Result<u32, ElfError> {
        let note = Note { offset: 0x40, kind: 5, owner: b"GNU", description };
        let found = read(&note, (class, ByteOrder::Little, machine), false);
        found.map(|properties| properties.features)
    }

    fn property(kind: u32, size: u32, data: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes(), &size.to_le_bytes(), data].concat()
    }

    #[test]
    fn the_padding_follows_the_class() {
        let wide = [property(0xc000_0002, 4, &[3, 0, 0, 0, 0, 0, 0, 0]), property(0xc000_8002, 4, &[1; 8])];
        assert_eq!(properties(62, Class::Elf64, &wide.concat()), Ok(3));
        let narrow = [property(0xc000_0002, 4, &[3, 0, 0, 0]), property(0xc000_8002, 4, &[1; 4])];
        assert_eq!(properties(3, Class::Elf32, &narrow.concat()), Ok(3));
        // The same bytes in the other class are properties of other kinds, or none.
        assert!(properties(62, Class::Elf64, &narrow.concat()).is_err());
        let before = [property(0xc000_0001, 4, &[9; 8]), property(0xc000_0002, 4, &[1, 0, 0, 0])];
        assert_eq!(properties(62, Class::Elf64, &before.concat()), Ok(1));
    }

    #[test]
    fn each_machine_has_its_own() {
        let x86 = property(0xc000_0002, 4, &[3, 0, 0, 0, 0, 0, 0, 0]);
        let arm = property(0xc000_0000, 4, &[7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(properties(62, Class::Elf64, &x86), Ok(3));
        assert_eq!(properties(183, Class::Elf64, &x86), Ok(0));
        assert_eq!(properties(183, Class::Elf64, &arm), Ok(7));
        assert_eq!(properties(62, Class::Elf64, &arm), Ok(0));
        assert_eq!(properties(8, Class::Elf64, &x86), Ok(0));
        assert_eq!(properties(62, Class::Elf64, &property(0xc001_0001, 4, &[3, 0, 0, 0])), Ok(0));
        assert_eq!(properties(62, Class::Elf64, &[]), Ok(0));
    }

    #[test]
    fn what_loaders_refuse_is_damage() {
        let good = property(0xc000_0002, 4, &[3, 0, 0, 0, 0, 0, 0, 0]);
        for size in [0, 3, 5, 8, 100, u32::MAX] {
            assert!(properties(62, Class::Elf64, &property(0xc000_0002, size, &[3; 8])).is_err(), "{size}");
        }
        for length in 1..12 {
            assert!(properties(62, Class::Elf64, &good[..length]).is_err(), "{length}");
        }
        let backwards = [property(0xc000_8002, 4, &[1; 8]), good].concat();
        assert!(properties(62, Class::Elf64, &backwards).is_err());
        let note = Note { offset: 0x40, kind: 5, owner: b"GNU", description: &backwards };
        assert_eq!(read(&note, (Class::Elf64, ByteOrder::Little, 62), true).unwrap().features, 3);
    }

    #[test]
    fn two_notes_are_joined_as_their_readers_join_them() {
        let (one, other) = (Properties { offset: 1, features: 3 }, Properties { offset: 2, features: 5 });
        assert_eq!(one.with(&other, false), Properties { offset: 1, features: 1 });
        assert_eq!(one.with(&other, true), Properties { offset: 1, features: 7 });
    }
}
