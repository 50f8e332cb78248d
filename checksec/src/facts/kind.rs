//! What a file is for.

use object::elf::{DT_DEBUG, ET_DYN, ET_EXEC, PT_DYNAMIC, PT_LOAD};

use crate::ElfError;
use crate::facts::{Dynamic, Header, Interpreter, Sections, Segments};

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
    /// A program for the kernel's virtual machine, which checks it when it is loaded.
    Bpf,
    /// An image of a process.
    Core,
    /// The debugging information of another file: headers without code.
    Debug,
    /// A type that neither kernel nor loader nor linker takes.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Executable,
        Self::StaticExecutable,
        Self::Pie,
        Self::StaticPie,
        Self::SharedObject,
        Self::Loader,
        Self::Undecided,
        Self::KernelModule,
        Self::Object,
        Self::Bpf,
        Self::Core,
        Self::Debug,
        Self::Other,
    ];

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
            Self::Bpf => "BPF program",
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

/// Tells programs from shared objects.
pub(crate) fn of_loadable(
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
pub(crate) fn is_debug(
    header: &Header,
    segments: &Segments,
    sections: Option<&Sections>,
    file_length: u64,
) -> bool {
    let is_split = sections.is_some_and(|sections| sections.code_is_elsewhere);
    let lacks_dynamic = segments.last(PT_DYNAMIC).is_some_and(|(_, segment)| segment.file_size == 0);
    let is_mapped = segments.of(PT_LOAD).next().is_some();
    // Where stacks are executable, on i386 everything that is readable is: code needs no flag to run there.
    let starts = header.entry != 0 && segments.file_range(header.entry, file_length).is_some();
    is_mapped && !segments.has_code() && !starts && (is_split || lacks_dynamic)
}
