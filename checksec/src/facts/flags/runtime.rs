//! Which units are the program's own: the compilers' and the C library's are linked into every program, and their options
//! are nobody's choice.

/// What a unit is to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Compiled from C, C++ or another language of the same compilers.
    Compiled,
    /// Made when linking with GCC's link-time optimisation: its options are a mixture of those of all units, and of the
    /// linking command's.
    Linked,
    /// Of a run-time library, of an assembler, or in a language without such options.
    Skipped,
}

/// Judges a unit by its producer, its name and its directory; the latter two are empty where they are not known.
pub(crate) fn judge(producer: &[u8], name: &[u8], directory: &[u8]) -> Part {
    let has = |mark: &[u8]| find(producer, mark);
    let is_other =
        producer.starts_with(b"GNU AS") || producer.starts_with(b"NASM") || producer.starts_with(b"yasm");
    // Go, Rust and libgcc say what they are.
    if is_other || has(b"rustc version") || producer.starts_with(b"Go cmd/") || has(b"-fbuilding-libgcc") {
        return Part::Skipped;
    }
    if is_start_file(name, directory) || find(directory, b"/runtime/cgo") {
        return Part::Skipped;
    }
    if producer.starts_with(b"GNU GIMPLE") { Part::Linked } else { Part::Compiled }
}

/// The files that start programs, by their names in glibc's and GCC's sources, where they are in these sources.
fn is_start_file(name: &[u8], directory: &[u8]) -> bool {
    // musl's are compiled in a directory without a name.
    if let Some(file) = name.strip_prefix(b"crt/") {
        return MUSL_START_FILES.contains(&file);
    }
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let in_library = |place: &[u8]| LIBRARIES.iter().any(|library| find(place, library));
    START_FILES.contains(&file) && (in_library(directory) || in_library(name))
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

const START_FILES: [&[u8]; 12] = [
    b"abi-note.c",
    b"atexit.c",
    b"crtstuff.c",
    b"elf-init.c",
    b"init.c",
    b"libgcc2.c",
    b"pthread_atfork.c",
    b"start.c",
    b"stack_chk_fail_local.c",
    b"static-reloc.c",
    b"at_quick_exit.c",
    b"crt1.c",
];
const MUSL_START_FILES: [&[u8]; 4] = [b"crt1.c", b"Scrt1.c", b"rcrt1.c", b"gcrt1.c"];
const LIBRARIES: [&[u8]; 5] = [b"/glibc", b"/csu", b"/libgcc", b"/gcc-", b"/musl"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_program_was_compiled_from_counts() {
        let gcc = b"GNU C17 12.2.0 -O2";
        assert_eq!(judge(gcc, b"main.c", b"/build"), Part::Compiled);
        assert_eq!(judge(gcc, b"init.c", b"/home/me/program"), Part::Compiled);
        assert_eq!(judge(gcc, b"init.c", b"/build/glibc-2.36/csu"), Part::Skipped);
        assert_eq!(judge(gcc, b"crt/Scrt1.c", b"."), Part::Skipped);
        assert_eq!(judge(b"GNU AS 2.40", b"start.S", b""), Part::Skipped);
        assert_eq!(
            judge(b"GNU C17 12.2.0 -O2 -fbuilding-libgcc -fno-stack-protector", b"", b""),
            Part::Skipped
        );
        assert_eq!(judge(b"clang LLVM (rustc version 1.95.0)", b"", b""), Part::Skipped);
        assert_eq!(judge(b"Go cmd/compile go1.19.8; regabi", b"", b""), Part::Skipped);
        assert_eq!(judge(gcc, b"gcc_util.c", b"/_/runtime/cgo"), Part::Skipped);
        assert_eq!(judge(b"GNU GIMPLE 12.2.0 -O2", b"<artificial>", b""), Part::Linked);
    }
}
