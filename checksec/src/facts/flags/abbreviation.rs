//! One declaration of `.debug_abbrev`.
//!
//! A unit's declarations may be many thousands, and only that of its first entry is wanted, which is the first in practice.
//! So it is cut out here, and parsed by itself.

use crate::ElfError;
use crate::facts::flags::debug_section::DebugSection;

/// The declaration with the code in the table at `at`, ended as a table is.
pub(super) fn find(section: &DebugSection<'_>, at: u64, code: u64) -> Result<Vec<u8>, ElfError> {
    for window in WINDOWS {
        let bytes = section.window(at, window)?;
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        match cursor.find(code) {
            Search::Found(start, end) => {
                let mut table = bytes[start..end].to_vec();
                table.push(0);
                return Ok(table);
            }
            Search::Missing => break,
            Search::Cut => {}
        }
    }
    Err(section.malformed(at, format!("no abbreviation {code} near the start of its table")))
}

enum Search {
    Found(usize, usize),
    Missing,
    Cut,
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Cursor<'_> {
    fn find(&mut self, wanted: u64) -> Search {
        loop {
            let start = self.at;
            match self.declaration() {
                None => return Search::Cut,
                Some(0) => return Search::Missing,
                Some(code) if code == wanted => return Search::Found(start, self.at),
                Some(_) => {}
            }
        }
    }

    /// The code of the next declaration, which it passes; 0 at the end of the table.
    fn declaration(&mut self) -> Option<u64> {
        let code = self.uleb()?;
        if code == 0 {
            return Some(0);
        }
        self.uleb()?;
        // Whether the entry has children.
        self.byte()?;
        loop {
            let (name, form) = (self.uleb()?, self.uleb()?);
            if form == DW_FORM_IMPLICIT_CONST {
                self.uleb()?;
            }
            if name == 0 && form == 0 {
                return Some(code);
            }
        }
    }

    /// Numbers above 64 bits lose their high bits; gimli refuses them afterwards.
    fn uleb(&mut self) -> Option<u64> {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            if shift < 64 {
                number |= u64::from(byte & 0x7f) << shift;
            }
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }
}

/// The form whose value stands in the declaration.
const DW_FORM_IMPLICIT_CONST: u64 = 0x21;
/// The first declaration, and many.
const WINDOWS: [u64; 2] = [256, 16 * 1024];
