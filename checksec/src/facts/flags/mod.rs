//! Evidence of how a file was built: which compilers made it, and which options they were given.
//!
//! Nothing of it decides how the file runs, so none of it can make a file unreadable: what is damaged is kept as the reason
//! why the evidence is not all there is.

mod abbreviation;
mod annobin;
mod claims;
mod command_line;
mod comment;
mod debug_section;
mod dwarf;
pub(crate) mod go;
mod options;
mod relocated;
mod runtime;

pub use claims::{Claims, Group, Votes};
pub use comment::Tools;
pub use go::GoBuild;
pub use options::{ControlFlow, Linking, Optimisation, Options, Position, Protector};

use crate::ElfError;
use crate::facts::sections::Section;
use crate::facts::{Sections, Segments};
use crate::reader::Reader;

/// Where options are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `.gnu.build.attributes`.
    Annobin,
    /// `.annobin.notes`.
    AnnobinStrings,
    /// `.GCC.command.line`.
    CommandLine,
    /// `DW_AT_producer`.
    Dwarf,
}

impl Source {
    /// The name of the section or attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Annobin => ".gnu.build.attributes",
            Self::AnnobinStrings => ".annobin.notes",
            Self::CommandLine => ".GCC.command.line",
            Self::Dwarf => "DW_AT_producer",
        }
    }

    /// What it says something of, for counts.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Annobin | Self::AnnobinStrings => "notes",
            Self::CommandLine => "command lines",
            Self::Dwarf => "compilation units",
        }
    }
}

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub source: Source,
    /// What it says of the program's own units.
    pub claims: Claims,
    /// Units that do not count: of run-time libraries, of assemblers, and of languages without such options.
    pub skipped: u64,
    /// Why not all of it was read.
    pub gap: Option<ElfError>,
}

impl Recorded {
    /// What link-time optimisation made says something only where nothing else does.
    fn new(source: Source, claims: Claims, lto: Claims, skipped: u64, gap: Option<ElfError>) -> Self {
        let claims = if claims.units == 0 { lto } else { claims };
        Self { source, claims, skipped, gap }
    }
}

/// The evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// By source.
    pub recorded: Box<[Recorded]>,
    /// Go build information, or why it cannot be read.
    pub go: Option<Result<GoBuild, ElfError>>,
    /// The names in `.comment`.
    pub tools: Tools,
}

/// Who said a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'f> {
    /// Where.
    pub source: Source,
    /// How many and the first.
    pub group: &'f Group,
    /// Of how many.
    pub of: u64,
}

/// What all sources together say of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'f, T> {
    /// Nothing.
    Silent,
    /// All that say something say the same.
    Agreed(T, Told<'f>),
    /// They differ. `None` stands for those that record options, but none for this.
    Mixed(Vec<(Option<T>, Told<'f>)>),
}

impl Flags {
    /// What the sources say of the property that `pick` takes out of claims.
    ///
    /// A unit that another source says everything of is not held to be silent for its silence in the first: GCC leaves
    /// macros out of what it records, and the notes of annobin have them.
    pub fn answer<T: Copy + PartialEq + 'static>(
        &self,
        pick: impl Fn(&Claims) -> &Votes<T>,
    ) -> Answer<'_, T> {
        let mut said: Vec<(Option<T>, Told<'_>)> = Vec::new();
        let mut unsaid = None;
        let mut is_covered = false;
        for recorded in &self.recorded {
            let votes = pick(&recorded.claims);
            let told = |group| Told { source: recorded.source, group, of: recorded.claims.units };
            for (value, group) in &votes.said {
                if !said.iter().any(|(known, _)| *known == Some(*value)) {
                    said.push((Some(*value), told(group)));
                }
            }
            is_covered |= votes.unsaid.is_none() && !votes.said.is_empty();
            unsaid = unsaid.or(votes.unsaid.as_ref().map(|group| (None, told(group))));
        }
        if !said.is_empty() && !is_covered {
            said.extend(unsaid);
        }
        match &said[..] {
            [] => Answer::Silent,
            [(Some(value), told)] => Answer::Agreed(*value, *told),
            _ => Answer::Mixed(said),
        }
    }

    /// Whether any unit of the program's own recorded its options.
    pub fn has_options(&self) -> bool {
        self.recorded.iter().any(|recorded| recorded.claims.recorded > 0)
    }

    /// Whether the debugging information has units of C, C++ or another language of their compilers.
    pub fn has_compiled_units(&self) -> bool {
        self.recorded.iter().any(|recorded| recorded.claims.units > 0)
    }

    /// Why not all evidence was read.
    pub fn gap(&self) -> Option<&ElfError> {
        self.recorded.iter().find_map(|recorded| recorded.gap.as_ref())
    }

    /// The build information of Go, if it could be read.
    pub fn go(&self) -> Option<&GoBuild> {
        self.go.as_ref()?.as_ref().ok()
    }
}

/// The sections that the evidence is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BuildSections {
    command_line: Option<Section>,
    notes: Vec<Section>,
    strings: Option<Section>,
    debug: Vec<Debug>,
    /// The symbol table, for relocations.
    symbols: Option<Section>,
}

/// A section of debugging information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Debug {
    /// Its name without a `z`.
    name: &'static str,
    index: u32,
    section: Section,
    /// Compressed in the old way.
    is_old: bool,
    relocations: Option<Section>,
}

impl BuildSections {
    /// Takes a section, if it is one of these.
    pub(crate) fn take(&mut self, name: &[u8], index: u32, section: Section) {
        match name {
            b".GCC.command.line" => self.command_line = Some(section),
            b".annobin.notes" => self.strings = Some(section),
            name if name.starts_with(b".gnu.build.attributes") => {
                // Compiled into the same object, functions of several sections have notes each.
                if section.kind == object::elf::SHT_NOTE.0 {
                    self.notes.push(section);
                }
            }
            name => self.take_debug(name, index, section),
        }
    }

    fn take_debug(&mut self, name: &[u8], index: u32, section: Section) {
        let (is_old, plain) = match name.strip_prefix(b".z") {
            Some(rest) => (true, rest),
            None => (false, name.strip_prefix(b".").unwrap_or_default()),
        };
        let known = DEBUG.iter().find(|known| known.as_bytes()[1..] == *plain);
        // Sections of a group hold types, which were compiled with the unit that refers to them.
        let is_grouped = section.flags & object::elf::SHF_GROUP.0 != 0;
        let has_bytes = section.kind != object::elf::SHT_NOBITS.0;
        // Of several the first is read. A list of all of them could be as long as that of the sections.
        let is_first = known.is_some_and(|name| self.debug(name).is_none());
        if let Some(name) = known.filter(|_| !is_grouped && has_bytes && is_first) {
            self.debug.push(Debug { name, index, section, is_old, relocations: None });
        }
    }

    /// Takes the relocations of an object file, once all sections are known.
    pub(crate) fn relocate(&mut self, all: &[Section], symbols: Option<Section>) {
        self.symbols = symbols;
        for debug in &mut self.debug {
            let is_of =
                |section: &&Section| section.words > 1 && section.words < 4 && section.info == debug.index;
            debug.relocations = all.iter().find(is_of).copied();
        }
    }

    fn debug(&self, name: &str) -> Option<Debug> {
        self.debug.iter().find(|debug| debug.name == name).copied()
    }
}

/// Reads all of it.
pub(crate) fn read(
    reader: &Reader<'_>,
    segments: &Segments,
    sections: Option<&Sections>,
    is_object: bool,
) -> Flags {
    let go = go::locate(reader, segments, sections).map(|offset| go::read(reader, segments, offset));
    let Some(sections) = sections else { return Flags { go, ..Flags::default() } };
    let build = &sections.build;
    let failed = |source, error| Recorded::new(source, Claims::default(), Claims::default(), 0, Some(error));
    let strings = |section| {
        annobin::read_strings(reader, section).unwrap_or_else(|error| failed(Source::AnnobinStrings, error))
    };
    let lines = |section| {
        command_line::read(reader, section).unwrap_or_else(|error| failed(Source::CommandLine, error))
    };
    // Go's own units are many and say nothing; those of C are there only with cgo.
    let is_pure_go = matches!(&go, Some(Ok(build)) if build.cgo() == Some(false));
    let recorded = [
        annobin::read(reader, &build.notes, is_object),
        build.strings.map(strings),
        build.command_line.map(lines),
        if is_pure_go { None } else { dwarf::read(reader, build) },
    ];
    let tools = sections.comment.map(|section| Tools::read(reader, section)).unwrap_or_default();
    Flags { recorded: recorded.into_iter().flatten().collect(), go, tools }
}

/// The sections that lead to producers.
const DEBUG: [&str; 5] =
    [".debug_abbrev", ".debug_info", ".debug_line_str", ".debug_str", ".debug_str_offsets"];
