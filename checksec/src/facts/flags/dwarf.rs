//! DWARF: which compiler made each unit, and with which options.
//!
//! `DW_AT_producer` of a unit is the compiler's name, which GCC follows by the options that change code, and clang by its
//! command line if it was told to record it. Only the first entry of each unit is read.

use gimli::{
    AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugInfo, EndianSlice, RunTimeEndian, UnitType,
};

use crate::ElfError;
use crate::facts::flags::abbreviation;
use crate::facts::flags::claims::{Claims, Unit};
use crate::facts::flags::debug_section::{Access, DebugSection};
use crate::facts::flags::options::Options;
use crate::facts::flags::relocated::Relocations;
use crate::facts::flags::runtime::{self, Part};
use crate::facts::flags::{BuildSections, Recorded, Source};
use crate::reader::{ByteOrder, Reader};

/// Reads the producers of all units. What cannot be read ends it, and is kept beside what was read before.
pub(super) fn read(reader: &Reader<'_>, sections: &BuildSections) -> Option<Recorded> {
    let info = sections.debug(".debug_info")?;
    let mut tally = Tally::default();
    let gap = match Dwarf::open(reader, sections, info) {
        Ok(dwarf) => dwarf.units(&mut tally).err(),
        Err(error) => Some(error),
    };
    Some(Recorded::new(Source::Dwarf, tally.claims, tally.lto, tally.skipped, gap))
}

#[derive(Default)]
struct Tally {
    claims: Claims,
    lto: Claims,
    skipped: u64,
    last: Option<(Vec<u8>, Options)>,
}

impl Tally {
    fn take(&mut self, root: &Root, offset: u64) {
        let unit = Unit { name: &root.name, offset };
        match runtime::judge(&root.producer, &root.name, &root.directory) {
            Part::Skipped => self.skipped += 1,
            part => {
                // Most units of a program have the same.
                let options = match &self.last {
                    Some((producer, options)) if *producer == root.producer => *options,
                    _ => Options::parse(&root.producer),
                };
                let claims = if part == Part::Linked { &mut self.lto } else { &mut self.claims };
                claims.count(&options, &unit);
                self.last = Some((root.producer.clone(), options));
            }
        }
    }
}

/// What the first entry of a unit says.
#[derive(Default)]
struct Root {
    name: Vec<u8>,
    directory: Vec<u8>,
    producer: Vec<u8>,
}

/// The sections that producers are in.
struct Dwarf<'a> {
    order: RunTimeEndian,
    reader: Reader<'a>,
    info: DebugSection<'a>,
    abbrev: DebugSection<'a>,
    strings: Option<DebugSection<'a>>,
    line_strings: Option<DebugSection<'a>>,
    offsets: Option<DebugSection<'a>>,
}

type Value<'v> = AttributeValue<EndianSlice<'v, RunTimeEndian>>;

impl<'a> Dwarf<'a> {
    fn open(reader: &Reader<'a>, sections: &BuildSections, info: super::Debug) -> Result<Self, ElfError> {
        let open = |debug: super::Debug, access| {
            let relocations =
                debug.relocations.map(|table| Relocations::read(reader, table, sections.symbols));
            let (relocations, section) = (relocations.transpose()?, debug.section);
            DebugSection::open(reader, debug.name, section, debug.is_old, (access, relocations))
        };
        let optional = |name| sections.debug(name).map(|debug| open(debug, Access::Random)).transpose();
        let no_abbrev =
            || ElfError::malformed(".debug_info", info.section.offset, "there is no .debug_abbrev");
        Ok(Self {
            order: match reader.order {
                ByteOrder::Little => RunTimeEndian::Little,
                ByteOrder::Big => RunTimeEndian::Big,
            },
            reader: *reader,
            abbrev: open(sections.debug(".debug_abbrev").ok_or_else(no_abbrev)?, Access::Random)?,
            // Units are read one after the other, and no part of one that was passed.
            info: open(info, Access::Forward)?,
            strings: optional(".debug_str")?,
            line_strings: optional(".debug_line_str")?,
            offsets: optional(".debug_str_offsets")?,
        })
    }

    fn units(&self, tally: &mut Tally) -> Result<(), ElfError> {
        let mut at = 0;
        let mut left = MAX_TEXT;
        for _ in 0..MAX_UNITS {
            if at >= self.info.len() {
                return Ok(());
            }
            let length = self.length(at)?;
            if let Some(root) = self.root(at, length)? {
                let text = root.name.len() + root.directory.len() + root.producer.len();
                let over =
                    ElfError::Limit { structure: ".debug_str", offset: self.info.place(at), limit: MAX_TEXT };
                left = left.checked_sub(text as u64).ok_or(over)?;
                tally.take(&root, self.info.place(at));
            }
            at += length;
        }
        if at >= self.info.len() {
            return Ok(());
        }
        Err(ElfError::Limit { structure: ".debug_info", offset: self.info.place(at), limit: MAX_UNITS })
    }

    /// The length of the unit at `at`, with that of the length itself.
    fn length(&self, at: u64) -> Result<u64, ElfError> {
        let bytes = self.info.window(at, 12)?;
        let field = |start, end| bytes.get(start..end).map(|field| self.reader.number(field));
        let length = match field(0, 4) {
            Some(WIDE) => field(4, 12).and_then(|length| length.checked_add(12)),
            length => length.map(|length| length + 4),
        };
        let fits = |length: &u64| at.checked_add(*length).is_some_and(|end| end <= self.info.len());
        length.filter(fits).ok_or_else(|| self.info.malformed(at, "a unit ends past its section"))
    }

    /// The first entry of the unit at `at`; `None` if it is no unit of code.
    fn root(&self, at: u64, length: u64) -> Result<Option<Root>, ElfError> {
        let mut bytes = self.info.window(at, length.min(WINDOW))?;
        match self.root_of(&bytes, at) {
            // A producer may be in the entry itself.
            Err(_) if length > WINDOW => {
                bytes = self.info.window(at, length.min(LARGE_WINDOW))?;
                self.root_of(&bytes, at)
            }
            root => root,
        }
    }

    fn root_of(&self, bytes: &[u8], at: u64) -> Result<Option<Root>, ElfError> {
        let fault = |error: gimli::Error| self.info.malformed(at, error.to_string());
        let bytes = shortened(bytes, self.reader.order);
        let header = DebugInfo::new(&bytes, self.order).units().next().map_err(fault)?;
        let Some(header) = header else { return Ok(None) };
        if !matches!(
            header.type_(),
            UnitType::Compilation | UnitType::Skeleton(_) | UnitType::SplitCompilation(_)
        ) {
            return Ok(None);
        }
        let mut entries = header.clone().range_from(header.root_offset()..).map_err(fault)?;
        let code = gimli::Reader::read_uleb128(&mut entries).map_err(fault)?;
        let declaration = abbreviation::find(&self.abbrev, header.debug_abbrev_offset().0 as u64, code)?;
        let abbreviations =
            DebugAbbrev::new(&declaration, self.order).abbreviations(DebugAbbrevOffset(0)).map_err(fault)?;
        let mut raw = header.entries_raw(&abbreviations, None).map_err(fault)?;
        let Some(entry) = raw.read_abbreviation().map_err(fault)? else { return Ok(None) };
        if !matches!(entry.tag(), gimli::DW_TAG_compile_unit | gimli::DW_TAG_skeleton_unit) {
            return Ok(None);
        }
        let mut found = Found::default();
        for specification in entry.attributes() {
            let attribute = raw.read_attribute(*specification).map_err(fault)?;
            match attribute.name() {
                gimli::DW_AT_name => found.name = Some(attribute.raw_value()),
                gimli::DW_AT_comp_dir => found.directory = Some(attribute.raw_value()),
                gimli::DW_AT_producer => found.producer = Some(attribute.raw_value()),
                gimli::DW_AT_str_offsets_base => {
                    if let AttributeValue::DebugStrOffsetsBase(base) = attribute.value() {
                        found.base = Some(base.0 as u64);
                    }
                }
                _ => {}
            }
        }
        let wide = header.format() == gimli::Format::Dwarf64;
        self.resolve(&found, wide, at).map(Some)
    }

    fn resolve(&self, found: &Found<'_>, wide: bool, at: u64) -> Result<Root, ElfError> {
        let string = |value: &Option<Value<'_>>| match value {
            Some(value) => self.string(value, found.base, wide, at),
            None => Ok(Vec::new()),
        };
        Ok(Root {
            name: string(&found.name)?,
            directory: string(&found.directory)?,
            producer: string(&found.producer)?,
        })
    }

    /// What is elsewhere, in a split or an alternate file, is no string here.
    fn string(&self, value: &Value<'_>, base: Option<u64>, wide: bool, at: u64) -> Result<Vec<u8>, ElfError> {
        let within = |section: &Option<DebugSection<'_>>, offset: u64| match section {
            Some(section) => section.string(offset),
            None => Err(self.info.malformed(at, "a string is in a section that there is not")),
        };
        match value {
            AttributeValue::String(text) => Ok(text.slice().to_vec()),
            AttributeValue::DebugStrRef(offset) => within(&self.strings, offset.0 as u64),
            AttributeValue::DebugLineStrRef(offset) => within(&self.line_strings, offset.0 as u64),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let width = if wide { 8 } else { 4 };
                // Where no base is given it is after the header of the table.
                let base = base.unwrap_or(2 * width);
                let place = (index.0 as u64).checked_mul(width).and_then(|place| place.checked_add(base));
                let (Some(offsets), Some(place)) = (&self.offsets, place) else {
                    return Err(self.info.malformed(at, "a string's index is of no table"));
                };
                let bytes = offsets.window(place, width)?;
                within(&self.strings, self.reader.number(&bytes))
            }
            _ => Ok(Vec::new()),
        }
    }
}

#[derive(Default)]
struct Found<'v> {
    name: Option<Value<'v>>,
    directory: Option<Value<'v>>,
    producer: Option<Value<'v>>,
    base: Option<u64>,
}

/// The start of a unit with its length changed to what is there, so that it can be parsed without the rest.
fn shortened(bytes: &[u8], order: ByteOrder) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let is_wide = bytes.starts_with(&[0xff; 4]);
    let (start, width) = if is_wide { (4, 8) } else { (0, 4) };
    let length = bytes.len().saturating_sub(start + width) as u64;
    let (little, big) = (length.to_le_bytes(), length.to_be_bytes());
    let number = if order == ByteOrder::Big { &big[8 - width..] } else { &little[..width] };
    if let Some(field) = bytes.get_mut(start..start + width) {
        field.copy_from_slice(number);
    }
    bytes
}

/// The mark of the 64-bit DWARF format.
const WIDE: u64 = 0xffff_ffff;
/// Twice the units of a web browser.
const MAX_UNITS: u64 = 1 << 16;
/// Of the strings of all units together, which may overlap in the file: a kibibyte for each of them.
const MAX_TEXT: u64 = 64 << 20;
/// The first entry of most units, with its strings elsewhere.
const WINDOW: u64 = 512;
/// One with a command line in itself.
const LARGE_WINDOW: u64 = 128 * 1024;
