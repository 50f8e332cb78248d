//! Facts of one ELF file, parsed once.
//!
//! What decides is what kernel and loader use: header, program headers and dynamic segment. Both run files that strict
//! parsers refuse, so a part that is damaged is kept as the error that it gave, and only the rules that need it do not
//! know. Section headers add evidence, except for object files, which have nothing else.

mod dynamic;
mod header;
mod language;
mod relocations;
mod search;
mod sections;
mod segments;
mod strings;
mod symbols;

use std::borrow::Cow;

use hardpan_image::ReadAt;
use object::elf::{DT_DEBUG, DT_PLTGOT, ET_CORE, ET_DYN, ET_EXEC, ET_REL, PT_DYNAMIC, PT_INTERP, PT_LOAD};

pub use dynamic::{Dynamic, Names, Tagged};
pub(crate) use header::EHDR32;
pub use header::Header;
pub use language::Origin;
pub use relocations::{SlotSource, Slots};
pub use search::{Directory, Environment, Place, Safety};
use sections::Sections;
pub use segments::{Segment, Segments};
pub use symbols::{CHECKED_FUNCTIONS, Symbols};

use crate::ElfError;
use crate::reader::Reader;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Loaded at a fixed address, with or without shared objects.
    Executable,
    /// Loaded at a fixed address, with nothing else.
    StaticExecutable,
    /// A position-independent program.
    Pie,
    /// A position-independent program that relocates itself.
    StaticPie,
    /// Loaded by a program.
    SharedObject,
    /// The loader itself.
    Loader,
    /// Position-independent, but the dynamic segment that would tell a program from a library is damaged.
    Undecided,
    /// Linked by the kernel into itself.
    KernelModule,
    /// Input of a linker.
    Object,
    /// An image of a process.
    Core,
    /// The debugging information of another file: headers without code.
    Debug,
    /// A type that neither kernel nor loader nor linker takes.
    Other,
}

impl Kind {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::StaticExecutable => "static executable",
            Self::Pie => "PIE",
            Self::StaticPie => "static PIE",
            Self::SharedObject => "shared object",
            Self::Loader => "loader",
            Self::Undecided => "PIE or shared object",
            Self::KernelModule => "kernel module",
            Self::Object => "object file",
            Self::Core => "core dump",
            Self::Debug => "debug file",
            Self::Other => "other",
        }
    }

    /// Whether it runs in a process: a program or a library.
    pub fn is_loaded(self) -> bool {
        use Kind::{Executable, Loader, Pie, SharedObject, StaticExecutable, StaticPie, Undecided};
        matches!(self, Executable | StaticExecutable | Pie | StaticPie | SharedObject | Loader | Undecided)
    }

    /// Whether it is complete in itself.
    pub fn is_static(self) -> bool {
        matches!(self, Self::StaticExecutable | Self::StaticPie)
    }
}

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
    /// The GOT slots; `None` if the file has nothing that relocates them.
    pub slots: Result<Option<Slots>, ElfError>,
    /// Whether start-up writes anything that could be made read-only afterwards.
    pub needs_relro: bool,
    /// The undefined symbols that rules care about.
    pub symbols: Result<Symbols, ElfError>,
    /// The places outside the file from which code is loaded.
    pub places: Result<Box<[Place]>, ElfError>,
    /// `.note.GNU-stack`, of object files.
    pub stack_note: Option<StackNote>,
    /// Whether an object file holds machine code.
    pub has_code: bool,
    /// The language and the marks of compilers.
    pub origin: Origin,
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
        if !header.is_loadable() {
            return Self::of_unloadable(&reader, header, sections, anomalies);
        }
        let segments = segments::read(&reader, &header, &mut anomalies)?;
        if is_debug(&segments, sections.as_ref().ok()) {
            return Self::of_unloadable(&reader, header, sections, Vec::new());
        }
        let interpreter = interpreter(&reader, &segments);
        let (dynamic, strings) = match dynamic::read(&reader, &segments, &mut anomalies) {
            Ok(Some((dynamic, strings))) => (Ok(Some(dynamic)), Some(strings)),
            Ok(None) => (Ok(None), None),
            Err(error) => (Err(error), None),
        };
        let kind = kind(&header, &interpreter, &dynamic);
        let slots = slots(&reader, &header, &segments, &dynamic, &sections);
        let needs_relro = slots.as_ref().is_ok_and(|slots| slots.is_some_and(|slots| slots.count > 0))
            || matches!(&dynamic, Ok(Some(dynamic)) if relocations::has_any(dynamic) || dynamic.has(DT_PLTGOT));
        let symbols = match (&dynamic, &strings) {
            (Ok(Some(dynamic)), Some(strings)) => {
                let sections = sections.as_ref().ok();
                symbols::of_dynamic(&reader, &header, &segments, (dynamic, strings), &slots, sections)
            }
            (Err(error), _) => Err(error.clone()),
            _ => Ok(Symbols::default()),
        };
        let places = match (&dynamic, &interpreter) {
            (Err(error), _) | (_, Err(error)) => Err(error.clone()),
            (Ok(dynamic), Ok(interpreter)) => {
                search::places(dynamic.as_ref(), interpreter.as_ref(), path, environment)
            }
        };
        let known = dynamic.as_ref().ok().and_then(Option::as_ref);
        let origin =
            language::detect(&reader, &segments, sections.as_ref().ok(), known, symbols.as_ref().ok());
        let has_code = segments.has_code();
        Ok(Self {
            header,
            kind,
            segments,
            interpreter,
            dynamic,
            slots,
            needs_relro,
            symbols,
            places,
            stack_note: None,
            has_code,
            origin,
            sections: sections.map(drop),
            anomalies: anomalies.into(),
        })
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
        let symbols = if is_object { symbols::of_object(reader, &sections) } else { Ok(Symbols::default()) };
        let segments = Segments::default();
        let origin = language::detect(reader, &segments, Some(&sections), None, symbols.as_ref().ok());
        Ok(Self {
            header,
            kind: match header.file_type {
                kind if kind == ET_CORE.0 => Kind::Core,
                _ if header.is_loadable() => Kind::Debug,
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
            origin,
            sections: fault,
            anomalies: anomalies.into(),
        })
    }

    /// The dynamic segment, if there is one and it could be read.
    pub fn dynamic(&self) -> Option<&Dynamic> {
        self.dynamic.as_ref().ok().and_then(Option::as_ref)
    }
}

/// The kernel takes the first, at its file offset, and wants it to end with NUL.
fn interpreter(reader: &Reader<'_>, segments: &Segments) -> Result<Option<Interpreter>, ElfError> {
    let Some((header, segment)) = segments.of(PT_INTERP).next() else { return Ok(None) };
    if segment.file_size == 0 {
        // What is left of it in a debug file.
        return Ok(None);
    }
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

fn kind(
    header: &Header,
    interpreter: &Result<Option<Interpreter>, ElfError>,
    dynamic: &Result<Option<Dynamic>, ElfError>,
) -> Kind {
    // A damaged one is there all the same.
    let is_interpreted = !matches!(interpreter, Ok(None));
    if header.file_type == ET_EXEC.0 {
        let needs = matches!(dynamic, Ok(Some(dynamic)) if dynamic.names.as_ref().map_or(true, |names| !names.needed.is_empty()));
        return if is_interpreted || needs { Kind::Executable } else { Kind::StaticExecutable };
    }
    debug_assert_eq!(header.file_type, ET_DYN.0, "only these two are loadable");
    let dynamic = match dynamic {
        Err(_) => return Kind::Undecided,
        // The kernel runs it like any other program, and without relocations it needs nothing else.
        Ok(None) if is_interpreted => return Kind::Pie,
        Ok(None) if header.entry != 0 => return Kind::StaticPie,
        Ok(None) => return Kind::SharedObject,
        Ok(Some(dynamic)) => dynamic,
    };
    let soname = dynamic.names.as_ref().ok().and_then(|names| names.soname.as_deref()).unwrap_or_default();
    match (dynamic.pie_flag().is_some(), is_interpreted) {
        (true, true) => Kind::Pie,
        (true, false) => Kind::StaticPie,
        // Linkers before 2.26 did not set the flag, but gave debuggers this entry in programs only.
        (false, true) if dynamic.has(DT_DEBUG) => Kind::Pie,
        (false, false)
            if soname.starts_with(b"ld-") || soname.starts_with(b"ld.so") || soname.starts_with(b"ld64") =>
        {
            Kind::Loader
        }
        _ => Kind::SharedObject,
    }
}

/// Whether the file has headers of code but not the code.
///
/// Section headers alone must not decide it, since Linux ignores them: a program could hide from every rule behind
/// them. elfutils keeps the segments' sizes when it splits a file, so its debug files are not recognised and judged
/// as the damaged programs that they are; that is the safe side.
fn is_debug(segments: &Segments, sections: Option<&Sections>) -> bool {
    let mut mapped = segments.of(PT_LOAD).map(|(_, segment)| segment).peekable();
    let is_split = sections.is_some_and(|sections| sections.code_is_elsewhere);
    let lacks_dynamic = segments.last(PT_DYNAMIC).is_some_and(|(_, segment)| segment.file_size == 0);
    let lacks_code = mapped.peek().is_some() && !segments.has_code();
    lacks_code && (is_split || lacks_dynamic)
}

fn slots(
    reader: &Reader<'_>,
    header: &Header,
    segments: &Segments,
    dynamic: &Result<Option<Dynamic>, ElfError>,
    sections: &Result<Sections, ElfError>,
) -> Result<Option<Slots>, ElfError> {
    match (dynamic, sections) {
        (Err(error), _) => Err(error.clone()),
        (Ok(Some(dynamic)), _) => relocations::of_dynamic(reader, header, segments, dynamic).map(Some),
        (Ok(None), Err(error)) => Err(error.clone()),
        (Ok(None), Ok(sections)) if sections.count == 0 => Ok(None),
        (Ok(None), Ok(sections)) => relocations::of_static(reader, segments, sections).map(Some),
    }
}

/// `PATH_MAX` of Linux, which the kernel holds `PT_INTERP` against.
const PATH_MAX: u64 = 4096;
