//! Facts of one ELF file, parsed once.
//!
//! What decides is what kernel and loader use: header, program headers and dynamic segment. Both run files that strict
//! parsers refuse, so a part that is damaged is kept as the error that it gave, and only the rules that need it do not
//! know. Section headers add evidence, except for object files, which have nothing else.

mod dynamic;
pub mod flags;
mod gnu_hash;
mod header;
mod kind;
mod landing;
mod language;
mod layout;
mod libc;
mod marks;
mod notes;
mod probes;
mod property;
mod relocations;
mod search;
mod sections;
mod segments;
mod strings;
mod symbols;
mod traps;

use std::borrow::Cow;

use gnu_hash::GnuHash;
use hardpan_image::ReadAt;
use hardpan_report::Language;
use object::elf::{DT_PLTGOT, EM_AARCH64, EM_BPF, EM_NONE, ET_CORE, ET_REL, PT_INTERP};

pub use dynamic::{Asked, Dynamic, Names, Tagged};
pub use flags::Flags;
pub use header::{Header, machine_names};
pub use kind::Kind;
pub use landing::Landing;
pub use language::Origin;
pub use layout::{Intruder, Layout};
pub use libc::Libc;
pub use marks::{Mark, Marks};
pub use notes::{AbiTag, BuildId, Note, NoteReader, Notes};
pub use probes::Probes;
pub use property::Properties;
pub use relocations::{SlotSource, Slots};
pub use search::{Directory, Environment, Place, Safety};
pub use sections::DebugSections;
use sections::Sections;
pub use segments::{Segment, Segments};
pub use symbols::{CHECKED_FUNCTIONS, Symbols};

use crate::ElfError;
use crate::reader::Reader;

/// Something that a sound linker does not write and that Linux does not mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The structure or field.
    pub what: &'static str,
    /// Where in the file.
    pub offset: u64,
    /// What is there.
    pub seen: Cow<'static, str>,
    /// What would be sound.
    pub wanted: Cow<'static, str>,
}

impl Anomaly {
    fn new(
        what: &'static str,
        offset: u64,
        seen: impl Into<Cow<'static, str>>,
        wanted: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { what, offset, seen: seen.into(), wanted: wanted.into() }
    }
}

/// `PT_INTERP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// File offset of the program header.
    pub offset: u64,
    /// The path of the loader.
    pub path: Box<[u8]>,
}

/// What `.note.GNU-stack` of an object file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackNote {
    /// File offset of its section header.
    pub offset: u64,
    /// Whether it asks for an executable stack.
    pub is_executable: bool,
}

/// Everything that rules need of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfFacts {
    /// The ELF header.
    pub header: Header,
    /// What it is for.
    pub kind: Kind,
    /// The program headers.
    pub segments: Segments,
    /// `PT_INTERP`.
    pub interpreter: Result<Option<Interpreter>, ElfError>,
    /// The dynamic segment.
    pub dynamic: Result<Option<Dynamic>, ElfError>,
    /// The GOT slots; `None` if nothing tells where they are.
    pub slots: Result<Option<Slots>, ElfError>,
    /// Whether start-up writes anything that could be made read-only afterwards.
    pub needs_relro: bool,
    /// The undefined symbols that rules care about.
    pub symbols: Result<Symbols, ElfError>,
    /// What its notes tell.
    pub notes: Notes,
    /// What is where indirect branches arrive; `None` if the file claims nothing about it.
    pub landing: Result<Option<Landing>, ElfError>,
    /// The names that instrumentation left, in all tables that were looked at.
    pub marks: Marks,
    /// What describes the file to debuggers, by its section headers.
    pub debug: DebugSections,
    /// What is mapped executable beside the code.
    pub layout: Layout,
    /// The places outside the file from which code is loaded.
    pub places: Result<Box<[Place]>, ElfError>,
    /// `.note.GNU-stack`, of object files.
    pub stack_note: Option<StackNote>,
    /// Whether an object file holds machine code.
    pub has_code: bool,
    /// The language and the marks of compilers.
    pub origin: Origin,
    /// How it was built, as far as it says.
    pub flags: Flags,
    /// The C library that it is linked against.
    pub libc: Libc,
    /// The search for stack probes; `None` if flags say it, or if the machine's probes are not known.
    pub probes: Result<Option<Probes>, ElfError>,
    /// Why the section headers cannot be read.
    pub sections: Result<(), ElfError>,
    /// What is odd about it though it runs.
    pub anomalies: Box<[Anomaly]>,
}

impl ElfFacts {
    /// Reads the facts of the file at `path` in its image. `head` is the start of the file, as much of it as has been
    /// read already. An error means that nothing at all can be told of the file.
    pub fn read(
        source: &dyn ReadAt,
        head: &[u8],
        path: &[u8],
        environment: &dyn Environment,
    ) -> Result<Self, ElfError> {
        let mut anomalies = Vec::new();
        let (header, reader) = header::read(source, head, &mut anomalies)?;
        let sections = sections::read(&reader, &header);
        // No Linux runs a file for no machine. Guile's compiled modules, named .go, are such: data in the shape of ELF.
        if !header.is_loadable() || header.machine == EM_NONE.0 {
            return Self::of_unloadable(&reader, header, sections, anomalies);
        }
        let segments = segments::read(&reader, &header, &mut anomalies)?;
        if kind::is_debug(&header, &segments, sections.as_ref().ok(), reader.len()) {
            return Self::of_unloadable(&reader, header, sections, Vec::new());
        }
        Ok(Self::of_loadable(&reader, header, segments, sections, anomalies, (path, environment)))
    }

    /// Programs and shared objects, part by part: damage to one leaves the others.
    fn of_loadable(
        reader: &Reader<'_>,
        header: Header,
        segments: Segments,
        sections: Result<Sections, ElfError>,
        mut anomalies: Vec<Anomaly>,
        (path, environment): (&[u8], &dyn Environment),
    ) -> Self {
        let interpreter = interpreter(reader, &segments);
        let (dynamic, strings) = match dynamic::read(reader, &segments, &mut anomalies) {
            Ok(Some((dynamic, strings))) => (Ok(Some(dynamic)), Some(strings)),
            Ok(None) => (Ok(None), None),
            Err(error) => (Err(error), None),
        };
        let slots = slots(reader, &header, &segments, &dynamic, &sections);
        let symbols = match (&dynamic, &strings) {
            (Ok(Some(dynamic)), Some(strings)) => {
                let sections = sections.as_ref().ok();
                symbols::of_dynamic(reader, &header, &segments, (dynamic, strings), sections)
            }
            (Err(error), _) => Err(error.clone()),
            _ => Ok(Symbols::default()),
        };
        let known = dynamic.as_ref().ok().and_then(Option::as_ref);
        let sections_known = sections.as_ref().ok();
        let kind = kind::of_loadable(&header, &interpreter, &dynamic);
        let flags = flags::read(reader, &segments, sections_known, false);
        let origin = language::detect(reader, sections_known, known, symbols.as_ref().ok(), &flags);
        let loader = interpreter.as_ref().ok().and_then(Option::as_ref);
        let notes = notes::of_segments(reader, &header, &segments, sections_known);
        let exports = match (known, &strings) {
            (Some(dynamic), Some(Ok(strings))) => GnuHash::read(reader, &segments, dynamic, strings),
            _ => Ok(None),
        };
        let landing = landing(reader, (&header, kind, &segments), &notes, &exports);
        Self {
            kind,
            libc: libc::detect(reader, &segments, known, strings.as_ref(), loader),
            probes: probes(reader, &header, &segments, &[], (&origin, &flags)),
            notes,
            landing,
            marks: marks(
                reader,
                (&header, origin, &segments),
                sections_known,
                symbols.as_ref().ok(),
                exports,
            ),
            debug: sections_known.map(|sections| sections.debug).unwrap_or_default(),
            layout: layout::of(&header, &segments, sections_known),
            origin,
            flags,
            places: places(&dynamic, &interpreter, path, environment),
            needs_relro: needs_relro(&slots, &dynamic),
            has_code: segments.has_code(),
            header,
            segments,
            interpreter,
            dynamic,
            slots,
            symbols,
            stack_note: None,
            sections: sections.map(drop),
            anomalies: anomalies.into(),
        }
    }

    /// Object files, kernel modules, core dumps and debug files. Without sections nothing can be told of the former.
    fn of_unloadable(
        reader: &Reader<'_>,
        header: Header,
        sections: Result<Sections, ElfError>,
        anomalies: Vec<Anomaly>,
    ) -> Result<Self, ElfError> {
        let is_object = header.file_type == ET_REL.0;
        let (sections, fault) = match sections {
            Ok(sections) => (sections, Ok(())),
            Err(error) if is_object => return Err(error),
            Err(error) => (Sections::default(), Err(error)),
        };
        let symbols =
            if is_object { symbols::of_sections(reader, &sections) } else { Ok(Symbols::default()) };
        let segments = Segments::default();
        let mut marks = Marks::default();
        marks.join(symbols.as_ref().map(|symbols| symbols.marks.clone()).map_err(Clone::clone));
        let flags =
            if is_object { flags::read(reader, &segments, Some(&sections), true) } else { Flags::default() };
        let origin = language::detect(reader, Some(&sections), None, symbols.as_ref().ok(), &flags);
        Ok(Self {
            notes: notes::of_sections(reader, &header, &sections),
            landing: Ok(None),
            marks,
            debug: sections.debug,
            layout: Layout::default(),
            header,
            kind: match header.file_type {
                kind if kind == ET_CORE.0 => Kind::Core,
                _ if header.machine == EM_NONE.0 => Kind::Other,
                _ if header.is_loadable() => Kind::Debug,
                _ if header.machine == EM_BPF.0 => Kind::Bpf,
                _ if is_object && sections.has_modinfo => Kind::KernelModule,
                _ if is_object && sections.code_is_elsewhere => Kind::Debug,
                _ if is_object => Kind::Object,
                _ => Kind::Other,
            },
            segments,
            interpreter: Ok(None),
            dynamic: Ok(None),
            slots: Ok(None),
            needs_relro: false,
            symbols,
            places: Ok(Box::default()),
            stack_note: sections.stack_note.map(|section| StackNote {
                offset: section.header,
                is_executable: section.flags & object::elf::SHF_EXECINSTR.0 != 0,
            }),
            has_code: sections.has_code,
            libc: Libc::Other,
            probes: probes(reader, &header, &Segments::default(), &sections.code, (&origin, &flags)),
            origin,
            flags,
            sections: fault,
            anomalies: anomalies.into(),
        })
    }

    /// The build id, if there is one and it could be read.
    pub fn build_id(&self) -> Option<&BuildId> {
        self.notes.build_id.as_ref().ok().and_then(Option::as_ref)
    }

    /// The dynamic segment, if there is one and it could be read.
    pub fn dynamic(&self) -> Option<&Dynamic> {
        self.dynamic.as_ref().ok().and_then(Option::as_ref)
    }
}

/// The kernel takes the first, at its file offset, and wants it to end with NUL.
fn interpreter(reader: &Reader<'_>, segments: &Segments) -> Result<Option<Interpreter>, ElfError> {
    let Some((header, segment)) = segments.of(PT_INTERP).next() else { return Ok(None) };
    if !(2..=PATH_MAX).contains(&segment.file_size) {
        let reason = format!("{} bytes are no path", segment.file_size);
        return Err(ElfError::malformed("PT_INTERP", header, reason));
    }
    let fields = reader.bytes("PT_INTERP", segment.offset, segment.file_size)?;
    let path = fields.bytes.strip_suffix(b"\0");
    let path =
        path.ok_or_else(|| ElfError::malformed("PT_INTERP", segment.offset, "it does not end with NUL"))?;
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    Ok(Some(Interpreter { offset: header, path: path[..end].into() }))
}

/// Code is searched only where nothing else tells, since that costs more than all other facts. Go has no such probes.
fn probes(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    sections: &[(u64, u64)],
    (origin, flags): (&Origin, &Flags),
) -> Result<Option<Probes>, ElfError> {
    let is_told = flags.answer(|claims| &claims.clash) != flags::Answer::Silent;
    if is_told || (origin.language == Language::Go && !origin.mixes_c) {
        return Ok(None);
    }
    probes::search(reader, header, segments, sections)
}

fn needs_relro(slots: &Result<Option<Slots>, ElfError>, dynamic: &Result<Option<Dynamic>, ElfError>) -> bool {
    let has_slots = matches!(slots, Ok(Some(slots)) if slots.count > 0);
    let is_relocated =
        matches!(dynamic, Ok(Some(dynamic)) if relocations::has_any(dynamic) || dynamic.has(DT_PLTGOT));
    has_slots || is_relocated
}

fn places(
    dynamic: &Result<Option<Dynamic>, ElfError>,
    interpreter: &Result<Option<Interpreter>, ElfError>,
    path: &[u8],
    environment: &dyn Environment,
) -> Result<Box<[Place]>, ElfError> {
    let dynamic = dynamic.as_ref().map_err(Clone::clone)?;
    let interpreter = interpreter.as_ref().map_err(Clone::clone)?;
    search::places(dynamic.as_ref(), interpreter.as_ref(), path, environment)
}

fn slots(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    dynamic: &Result<Option<Dynamic>, ElfError>,
    sections: &Result<Sections, ElfError>,
) -> Result<Option<Slots>, ElfError> {
    match (dynamic, sections) {
        (Err(error), _) | (Ok(None), Err(error)) => Err(error.clone()),
        (Ok(Some(dynamic)), _) => relocations::of_dynamic(reader, header, segments, dynamic),
        (Ok(None), Ok(sections)) if sections.count == 0 => Ok(None),
        (Ok(None), Ok(sections)) => relocations::of_static(reader, header, segments, sections).map(Some),
    }
}

/// Looked at only where it decides something: at marked code, and on AArch64, where code may protect without a mark.
fn landing(
    reader: &Reader<'_>,
    (header, kind, segments): (&Header, Kind, &Segments),
    notes: &Notes,
    exports: &Result<Option<GnuHash<'_, '_>>, ElfError>,
) -> Result<Option<Landing>, ElfError> {
    let is_marked = matches!(notes.properties, Ok(Some(properties)) if properties.features != 0);
    let is_aarch64 = header.machine == EM_AARCH64.0;
    if !is_marked && !is_aarch64 {
        return Ok(None);
    }
    let mut landing = Landing::default();
    if is_marked {
        let exports = exports.as_ref().map_err(Clone::clone)?;
        landing = landing::examine(reader, header, kind, segments, exports.as_ref())?;
    }
    if is_aarch64 {
        landing.signs_at = landing::first_signing(reader, segments)?;
    }
    Ok(Some(landing))
}

/// The marks in the dynamic symbols and, where it can have more, in the symbol table. No other compiler than clang
/// leaves any, so that most tables need not be read.
fn marks(
    reader: &Reader<'_>,
    (header, origin, segments): (&Header, Origin, &Segments),
    sections: Option<&Sections>,
    symbols: Option<&Symbols>,
    exports: Result<Option<GnuHash<'_, '_>>, ElfError>,
) -> Marks {
    let mut marks = symbols.map(|symbols| symbols.marks.clone()).unwrap_or_default();
    if origin.may_be_instrumented() {
        marks
            .join(exports.and_then(|exports| {
                exports.as_ref().map_or_else(|| Ok(Marks::default()), Marks::of_exports)
            }));
        if let Some(sections) = sections {
            marks.join(symbols::of_sections(reader, sections).map(|symbols| symbols.marks));
        }
    }
    // To read code costs more than all tables, so only that of files that are known to be clang's is.
    if origin.has_clang && !marks.has_cfi() {
        marks.join_trap(traps::first_cfi_trap(reader, header, segments));
    }
    marks
}

/// `PATH_MAX` of Linux, which the kernel holds `PT_INTERP` against.
const PATH_MAX: u64 = 4096;
