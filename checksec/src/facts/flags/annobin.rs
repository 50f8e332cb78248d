//! The notes of the annobin plugin, by which Fedora's and Red Hat's compilers say how each range of code was built.
//!
//! Notes are in `.gnu.build.attributes`, with the meaning in their names: `GA`, a type (`*` number, `$` string, `+` true,
//! `!` false), an attribute (a byte below 32, or a word and NUL), and the value. The description is the range, or empty where
//! it is that of the note before. Since version 12 the plugin can write strings in `.annobin.notes` instead, `SP:3 file.c`
//! for example, which linkers merge, so that ranges are gone. The Watermark specification describes the former.

use crate::ElfError;
use crate::facts::flags::claims::{Claims, Unit};
use crate::facts::flags::options::{ControlFlow, Optimisation, Options, Position, Protector};
use crate::facts::flags::{Recorded, Source};
use crate::facts::sections::Section;
use crate::reader::{Fields, Reader};

/// Reads all sections of notes. `is_object` says that addresses are still to be relocated.
pub(crate) fn read(reader: &Reader<'_>, sections: &[Section], is_object: bool) -> Option<Recorded> {
    if sections.is_empty() {
        return None;
    }
    let mut claims = Claims::default();
    let mut left = MAX_BYTES;
    let mut gap = None;
    for section in sections {
        let mut notes = Notes { reader, claims: &mut claims, range: None, is_object };
        if let Err(error) = notes.read(*section, &mut left) {
            gap = gap.or(Some(error));
        }
    }
    Some(Recorded::new(Source::Annobin, claims, Claims::default(), 0, gap))
}

/// Reads the form of strings.
pub(crate) fn read_strings(reader: &Reader<'_>, section: Section) -> Result<Recorded, ElfError> {
    reader.end(STRINGS, section.offset, section.size)?;
    let length = section.size.min(MAX_BYTES);
    let fields = reader.bytes(STRINGS, section.offset, length)?;
    let gap = (length < section.size).then_some(limit(STRINGS, section));
    let mut claims = Claims::default();
    let mut at = section.offset;
    for string in fields.bytes.split(|byte| *byte == 0) {
        let mut words = string.splitn(2, |byte| *byte == b' ');
        let (note, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let options = match note {
            [first, second, b':', value @ ..] => {
                number_of(value).and_then(|value| short(&[*first, *second], value))
            }
            _ => None,
        };
        if let Some(options) = options {
            claims.mention(&options, &Unit { name, offset: at });
        }
        at = at.saturating_add(string.len() as u64 + 1);
    }
    Ok(Recorded::new(Source::AnnobinStrings, claims, Claims::default(), 0, gap))
}

struct Notes<'n, 'a> {
    reader: &'n Reader<'a>,
    claims: &'n mut Claims,
    range: Option<(u64, u64)>,
    is_object: bool,
}

impl Notes<'_, '_> {
    fn read(&mut self, section: Section, left: &mut u64) -> Result<(), ElfError> {
        self.reader.end(NOTES, section.offset, section.size)?;
        if section.size > *left {
            return Err(limit(NOTES, section));
        }
        *left -= section.size;
        let fields = self.reader.bytes(NOTES, section.offset, section.size)?;
        let mut at = 0;
        while at < fields.bytes.len() {
            at = self.note(&fields, at)?;
        }
        Ok(())
    }

    /// Takes the note at `at`, and says where the next one is.
    fn note(&mut self, fields: &Fields<'_>, at: usize) -> Result<usize, ElfError> {
        let place = fields.offset.saturating_add(at as u64);
        let fault = || ElfError::malformed(NOTES, place, "a note ends past its section");
        let size = |at| usize::try_from(fields.u32(at)).ok();
        let padded = |start: usize, size: usize| start.checked_add(size)?.checked_next_multiple_of(4);
        let names = at.checked_add(12).filter(|end| *end <= fields.bytes.len()).ok_or_else(fault)?;
        let (name_size, range_size) = size(at).zip(size(at + 4)).ok_or_else(fault)?;
        let ranges = padded(names, name_size).ok_or_else(fault)?;
        let next = padded(ranges, range_size).ok_or_else(fault)?;
        let name = fields.bytes.get(names..).and_then(|rest| rest.get(..name_size)).ok_or_else(fault)?;
        if fields.bytes.get(ranges..).is_none_or(|rest| rest.len() < range_size) {
            return Err(fault());
        }
        if matches!(fields.u32(at + 8), OPEN | FUNC) {
            self.range = range(fields, ranges, range_size).or(self.range);
            self.take(name, place);
        }
        Ok(next)
    }

    /// A range without code tells nothing. The plugin writes some for sections that may stay empty.
    fn take(&mut self, name: &[u8], place: u64) {
        let range = match self.range {
            Some((start, end)) if start >= end && !self.is_object => return,
            Some((start, end)) if !self.is_object => format!("{start:#x}-{end:#x}"),
            _ => String::new(),
        };
        if let Some(options) = attribute(name) {
            self.claims.mention(&options, &Unit { name: range.as_bytes(), offset: place });
        }
    }
}

/// Two addresses of the class's width; old versions of the plugin also wrote 64-bit ones as 32.
fn range(fields: &Fields<'_>, at: usize, size: usize) -> Option<(u64, u64)> {
    match size {
        8 => Some((fields.u32(at).into(), fields.u32(at + 4).into())),
        16 => Some((fields.u64(at), fields.u64(at + 8))),
        _ => None,
    }
}

/// What a note's name says.
fn attribute(name: &[u8]) -> Option<Options> {
    let [kind, rest @ ..] = name.strip_prefix(b"GA")? else { return None };
    let (key, value) = match rest {
        [id @ 1..32, value @ ..] => (std::slice::from_ref(id), value),
        rest => {
            let end = rest.iter().position(|byte| *byte == 0)?;
            (&rest[..end], &rest[end + 1..])
        }
    };
    match kind {
        // Little-endian on every machine, as short as it can be; a value of 0 may have no bytes.
        b'*' if value.len() <= 8 => {
            long(key, value.iter().rev().fold(0, |number, byte| (number << 8) | i64::from(*byte)))
        }
        b'+' => long(key, 1),
        b'!' => long(key, 0),
        _ => None,
    }
}

/// The names of attributes in notes.
fn long(key: &[u8], value: i64) -> Option<Options> {
    let key: &[u8] = match key {
        [2] => b"SP",
        [7] => b"PI",
        b"FORTIFY" => b"FL",
        b"GOW" => b"GW",
        b"cf_protection" => b"CF",
        b"stack_clash" => b"SC",
        _ => return None,
    };
    // The form of strings has these as negative numbers.
    let value = match (key, value) {
        (b"FL", 0xff) => -1,
        (b"FL", 0xfe) => -2,
        (_, value) => value,
    };
    short(key, value)
}

/// The names of attributes in strings.
fn short(key: &[u8], value: i64) -> Option<Options> {
    let mut options = Options { is_recorded: true, ..Options::default() };
    match key {
        b"SP" => options.protector = Some(protector(value)?),
        b"SC" => options.clash = Some(value == 1),
        b"CF" => options.control_flow = Some(control_flow(value)?),
        b"PI" => options.position = Some(position(value)?),
        b"GW" => options.optimisation = Some(optimisation(value)),
        // -1: it was not defined. -2 and below: the plugin could not tell, since the source was preprocessed before.
        b"FL" if value == -1 => options.fortify = Some(0),
        b"FL" => options.fortify = Some(u8::try_from(value).ok()?),
        _ => return None,
    }
    Some(options)
}

/// GCC's `flag_stack_protect`.
fn protector(value: i64) -> Option<Protector> {
    match value {
        0 => Some(Protector::Off),
        1 => Some(Protector::Basic),
        2 => Some(Protector::All),
        3 => Some(Protector::Strong),
        4 => Some(Protector::Explicit),
        _ => None,
    }
}

/// GCC's `flag_cf_protection` and 1: branch, return, and a bit (4) that says that an option set it.
fn control_flow(value: i64) -> Option<ControlFlow> {
    match value - 1 {
        0 | 4 => Some(ControlFlow::Off),
        1 | 5 => Some(ControlFlow::Branch),
        2 | 6 => Some(ControlFlow::Return),
        3 | 7 => Some(ControlFlow::Full),
        _ => None,
    }
}

/// No, small or large position-independent code, and the same for executables.
fn position(value: i64) -> Option<Position> {
    match value {
        0 => Some(Position::Fixed),
        1 | 2 => Some(Position::Shared),
        3 | 4 => Some(Position::Program),
        _ => None,
    }
}

/// Bits 9 and 10 are the level; 11, 12 and 13 are `-Os`, `-Ofast` and `-Og`.
fn optimisation(value: i64) -> Optimisation {
    if value & 0b11_1110_0000_0000 == 0 { Optimisation::None } else { Optimisation::Some }
}

/// A decimal number, or a hexadecimal one.
fn number_of(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn limit(structure: &'static str, section: Section) -> ElfError {
    ElfError::Limit { structure, offset: section.offset, limit: MAX_BYTES }
}

const NOTES: &str = ".gnu.build.attributes";
const STRINGS: &str = ".annobin.notes";
/// `NT_GNU_BUILD_ATTRIBUTE_OPEN`.
const OPEN: u32 = 0x100;
/// `NT_GNU_BUILD_ATTRIBUTE_FUNC`.
const FUNC: u32 = 0x101;
/// Unmerged notes of a web browser are about as much.
const MAX_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_notes() {
        let protector = |name: &[u8]| attribute(name).and_then(|options| options.protector);
        assert_eq!(protector(b"GA*\x02\x03\0"), Some(Protector::Strong));
        assert_eq!(protector(b"GA*\x02\0"), Some(Protector::Off));
        assert_eq!(protector(b"GA*\x02\x09\0"), None);
        assert_eq!(attribute(b"GA*FORTIFY\0\x02\0").unwrap().fortify, Some(2));
        assert_eq!(attribute(b"GA*FORTIFY\0\xff\0").unwrap().fortify, Some(0));
        assert_eq!(attribute(b"GA*FORTIFY\0\xfe\0"), None);
        assert_eq!(attribute(b"GA+stack_clash\0").unwrap().clash, Some(true));
        assert_eq!(attribute(b"GA!stack_clash\0").unwrap().clash, Some(false));
        assert_eq!(attribute(b"GA*cf_protection\0\x08\0").unwrap().control_flow, Some(ControlFlow::Full));
        assert_eq!(attribute(b"GA*\x07\x04\0").unwrap().position, Some(Position::Program));
        assert_eq!(attribute(b"GA*GOW\0\x2b\x05\0").unwrap().optimisation, Some(Optimisation::Some));
        assert_eq!(attribute(b"GA*GOW\0\x2b\0").unwrap().optimisation, Some(Optimisation::None));
        for name in [
            &b"GA"[..],
            b"GA*",
            b"GA*FORTIFY",
            b"XX*\x02\x03",
            b"GA$\x01",
            b"",
            b"GA*\x02\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        ] {
            assert_eq!(attribute(name), None, "{name:?}");
        }
    }
}
