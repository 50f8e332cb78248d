//! String tables.

use std::borrow::Cow;

use crate::ElfError;
use crate::reader::{Fields, Reader};

/// A string table in memory.
pub(crate) struct Strings<'a> {
    structure: &'static str,
    fields: Fields<'a>,
}

impl<'a> Strings<'a> {
    /// Reads `length` bytes at `offset`.
    pub(crate) fn read(
        reader: &Reader<'a>,
        structure: &'static str,
        offset: u64,
        length: u64,
    ) -> Result<Self, ElfError> {
        reader.end(structure, offset, length)?;
        if length > MAX_STRINGS {
            return Err(ElfError::Limit { structure, offset, limit: MAX_STRINGS });
        }
        Ok(Self { structure, fields: reader.bytes(structure, offset, length)? })
    }

    /// The string at `at`, without its NUL.
    pub(crate) fn string(&self, at: u64) -> Result<&[u8], ElfError> {
        let fault = |reason: Cow<'static, str>| {
            ElfError::malformed(self.structure, self.fields.offset.saturating_add(at), reason)
        };
        let rest = usize::try_from(at).ok().and_then(|at| self.fields.bytes.get(at..));
        let rest = rest.ok_or_else(|| fault(format!("string {at:#x} starts past its end").into()))?;
        let end = rest.iter().position(|byte| *byte == 0);
        end.map(|end| &rest[..end]).ok_or_else(|| fault("a string without its NUL".into()))
    }
}

/// Ten times the largest table of any library in a Debian system (libLLVM's).
const MAX_STRINGS: u64 = 32 << 20;
