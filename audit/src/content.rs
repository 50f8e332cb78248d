//! What the bytes of programs betray: names lie, since a shell copied to `/usr/bin/agent` is still a shell.
//!
//! Each program is searched for the literals of the catalogue: texts that its authors put into every build, such as a
//! version banner. A program that merely mentions `/bin/sh` holds none of them.

use std::io;
use std::sync::LazyLock;

use hardpan_image::{Error, Index, ReadAt};
use hardpan_report::Cause;
use rayon::prelude::*;
use regex::bytes::Regex;

use crate::context::Program;
use crate::tools::{TOOLS, Tool};
use hardpan_checksec::cause_of;

/// What came of searching a program's bytes.
#[derive(Clone, Debug)]
pub enum Content {
    /// Nobody searched. Rules that need it say so, and never pass on it.
    NotSearched,
    /// Everything was searched, and this was found.
    Searched(Vec<Trace>),
    /// It could not be read to its end.
    Unread {
        /// What kind of failure.
        cause: Cause,
        /// The failure.
        reason: String,
    },
}

/// A tool of the catalogue that a program contains: all of its literals are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The tool, as the catalogue names it: `bash`.
    pub what: &'static str,
    /// The first of its literals.
    pub literal: &'static str,
    /// Where that is in the file, in bytes.
    pub offset: u64,
}

/// Searches every program for the catalogue's literals, in parallel. Shared objects are passed over: they do nothing by
/// themselves, and what loads them names them in `DT_NEEDED`. One that may be executed is searched all the same, since
/// the kernel starts it like any program, and a linker's flag is all that tells the two apart.
pub fn search(index: &Index<'_>, programs: &mut [Program]) {
    let may_run =
        |program: &&mut Program| program.is_program || index.entry(program.id).metadata.is_executable();
    programs.par_iter_mut().filter(may_run).for_each_init(
        || vec![0; WINDOW],
        |window, program| {
            program.content = match traces_of(index, program, window) {
                Ok(traces) => Content::Searched(traces),
                Err(error) => Content::Unread { cause: cause_of(error.fault()), reason: error.to_string() },
            };
        },
    );
}

fn traces_of(index: &Index<'_>, program: &Program, window: &mut [u8]) -> Result<Vec<Trace>, Error> {
    let source = index.open(program.id)?;
    if source.len() > MAX_PROGRAM {
        return Err(Error::Limit { what: "bytes of a program to search", limit: MAX_PROGRAM });
    }
    let found = scan(&*source, window).map_err(Error::io("read"))?;
    Ok(TOOLS.iter().filter_map(|tool| trace_of(tool, &found)).collect())
}

/// A tool is there if all of its literals are.
fn trace_of(tool: &'static Tool, found: &[Option<u64>]) -> Option<Trace> {
    let mut first = None;
    for text in tool.texts() {
        let at = LITERALS.iter().position(|known| *known == text)?;
        let offset = found.get(at).copied().flatten()?;
        first.get_or_insert(Trace { what: tool.what, literal: &LITERALS[at], offset });
    }
    first
}

/// The offset of the first occurrence of each of [`LITERALS`].
///
/// Consecutive windows share as many bytes as the longest literal has less one, so that none is cut in two.
fn scan(source: &dyn ReadAt, window: &mut [u8]) -> io::Result<Vec<Option<u64>>> {
    let mut found = vec![None; LITERALS.len()];
    let length = source.len();
    let mut kept = 0;
    let mut read_to = 0;
    while read_to < length {
        let space = window.len() - kept;
        let wanted = usize::try_from(length - read_to).unwrap_or(usize::MAX).min(space);
        hardpan_image::read_exact_at(source, &mut window[kept..kept + wanted], read_to)?;
        let filled = kept + wanted;
        note_matches(&window[..filled], read_to - kept as u64, &mut found);
        read_to += wanted as u64;
        kept = LONGEST.min(filled);
        window.copy_within(filled - kept..filled, 0);
    }
    Ok(found)
}

fn note_matches(window: &[u8], start: u64, found: &mut [Option<u64>]) {
    for hit in PATTERN.find_iter(window) {
        let literal = LITERALS.iter().position(|literal| literal.as_bytes() == hit.as_bytes());
        if let Some(slot) = literal.and_then(|at| found.get_mut(at)) {
            slot.get_or_insert(start + hit.start() as u64);
        }
    }
}

/// Every literal of the catalogue once. No literal is a part of another, which a test checks: matches do not overlap.
static LITERALS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut literals: Vec<String> = TOOLS.iter().flat_map(Tool::texts).collect();
    literals.sort_unstable();
    literals.dedup();
    literals
});

/// One alternation of literals, which the regex crate runs as a vectorised multi-pattern search.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives: Vec<String> = LITERALS.iter().map(|literal| regex::escape(literal)).collect();
    Regex::new(&format!("(?-u){}", alternatives.join("|"))).expect("escaped literals are a valid pattern")
});

/// What is read at once: large enough that the calls cost nothing, small enough for the caches.
const WINDOW: usize = 1 << 20;

/// No literal is longer, which a test checks.
const LONGEST: usize = 63;

/// No program comes near it; memory does not depend on it, only time.
const MAX_PROGRAM: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;

    use super::*;

    fn search_one(tree: &MemoryTree, path: &str) -> Content {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let mut programs = [Program::new(index.lookup(path.as_bytes()).unwrap())];
        search(&index, &mut programs);
        programs[0].content.clone()
    }

    fn found(content: Vec<u8>) -> Vec<Trace> {
        match search_one(&MemoryTree::new().file("/usr/bin/agent", 0o755, content), "/usr/bin/agent") {
            Content::Searched(traces) => traces,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn literals_are_short_and_none_holds_another() {
        for literal in LITERALS.iter() {
            assert!((6..=LONGEST).contains(&literal.len()), "{literal}");
            let holders = LITERALS.iter().filter(|other| other.contains(literal.as_str())).count();
            assert_eq!(holders, 1, "{literal} is part of another");
        }
    }

    #[test]
    fn all_literals_of_a_tool_are_needed() {
        let half = b"\x7fELF..BASH_VERSINFO\0/bin/sh\0".to_vec();
        assert_eq!(found(half.clone()), []);
        let whole = [half, b"BASH_ARGV\0".to_vec()].concat();
        assert_eq!(found(whole), [Trace { what: "bash", literal: "BASH_VERSINFO", offset: 6 }]);
    }

    #[test]
    fn a_literal_across_the_border_of_two_windows_is_found_where_it_is() {
        for shift in 0..30 {
            let mut content = vec![0; WINDOW - shift];
            content.extend_from_slice(b"@(#)MIRBSD KSH R59");
            content.resize(content.len() + WINDOW, 0);
            let traces = found(content);
            assert_eq!(traces.len(), 1, "{shift}");
            assert_eq!(traces[0].offset, (WINDOW - shift + 4) as u64);
        }
    }

    #[test]
    fn a_shared_object_that_may_be_executed_is_searched_and_another_is_not() {
        let tree = MemoryTree::new().file("/a", 0o755, "BASH_VERSINFO BASH_ARGV").file("/b", 0o644, "");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let object = |path: &[u8]| {
            let id = index.lookup(path).unwrap();
            Program { is_program: false, ..Program::new(id) }
        };
        let mut programs = [object(b"/a"), object(b"/b")];
        search(&index, &mut programs);
        assert!(matches!(&programs[0].content, Content::Searched(traces) if traces.len() == 1));
        assert!(matches!(&programs[1].content, Content::NotSearched));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let tree = MemoryTree::new().file("/usr/bin/agent", 0o755, "x").unreadable("/usr/bin/agent");
        let content = search_one(&tree, "/usr/bin/agent");
        assert!(matches!(content, Content::Unread { cause: Cause::Unreadable, .. }), "{content:?}");
    }
}
