//! `.GCC.command.line`: what `-frecord-gcc-switches` of GCC and `-frecord-command-line` of clang leave behind.
//!
//! It is a section of NUL-terminated strings that linkers merge. Since GCC 11, and in clang, one string has all options of
//! a unit, so that units that were compiled alike are one string. Older GCC wrote a string for each option: which of them
//! belong together is not known.

use crate::ElfError;
use crate::facts::flags::claims::{Claims, Unit};
use crate::facts::flags::options::Options;
use crate::facts::flags::runtime;
use crate::facts::flags::{Recorded, Source};
use crate::facts::sections::Section;
use crate::reader::Reader;

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>, section: Section) -> Result<Recorded, ElfError> {
    reader.end(STRUCTURE, section.offset, section.size)?;
    let length = section.size.min(MAX_BYTES);
    let fields = reader.bytes(STRUCTURE, section.offset, length)?;
    let gap = (length < section.size).then_some(ElfError::Limit {
        structure: STRUCTURE,
        offset: section.offset,
        limit: MAX_BYTES,
    });
    let (mut claims, mut lto) = (Claims::default(), Claims::default());
    let mut skipped = 0;
    let mut at = section.offset;
    for line in fields.bytes.split(|byte| *byte == 0) {
        let unit = Unit { name: b"", offset: at };
        at = at.saturating_add(line.len() as u64 + 1);
        match line {
            [] => {}
            [b'-', ..] => claims.mention(&Options::single(line), &unit),
            // The other strings of older GCC: an argument of an option, or a file.
            line if !line.contains(&b' ') => {}
            line => match runtime::judge(line, b"", b"") {
                runtime::Part::Skipped => skipped += 1,
                runtime::Part::Linked => lto.count(&Options::parse(line), &unit),
                runtime::Part::Compiled => claims.count(&Options::parse(line), &unit),
            },
        }
    }
    Ok(Recorded::new(Source::CommandLine, claims, lto, skipped, gap))
}

const STRUCTURE: &str = ".GCC.command.line";
/// A line for each unit of a large program that were all compiled differently.
const MAX_BYTES: u64 = 4 << 20;
