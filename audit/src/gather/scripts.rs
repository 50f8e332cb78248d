//! Files that the kernel runs through an interpreter.

use hardpan_image::Entry;

use crate::Script;

/// The interpreter line of an executable file, as `execve` reads it: at most 255 bytes, blanks around the interpreter,
/// and everything after it as one argument.
pub(super) fn script(entry: &Entry<'_>, head: &[u8]) -> Option<Script> {
    if !entry.metadata.is_executable() {
        return None;
    }
    let line = head.strip_prefix(b"#!")?;
    let line = &line[..line.len().min(MAX_LINE)];
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(end);
    if interpreter.is_empty() {
        return None;
    }
    Some(Script { id: entry.id, interpreter: interpreter.to_vec(), argument: argument.trim_ascii().to_vec() })
}

/// `BINPRM_BUF_SIZE` of Linux, less the mark.
const MAX_LINE: usize = 254;

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

    use super::*;

    fn read(mode: u32, head: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let tree = MemoryTree::new().file("/x", mode, head);
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let entry = index.entry(index.lookup(b"/x").unwrap());
        script(&entry, head).map(|script| (script.interpreter, script.argument))
    }

    #[test]
    fn interpreter_and_argument_are_told_apart() {
        let own = |a: &[u8], b: &[u8]| Some((a.to_vec(), b.to_vec()));
        assert_eq!(read(0o755, b"#!/bin/sh\n"), own(b"/bin/sh", b""));
        assert_eq!(read(0o755, b"#! /usr/bin/env  python3 -u \nx"), own(b"/usr/bin/env", b"python3 -u"));
        assert_eq!(read(0o755, b"#!\n"), None);
        assert_eq!(read(0o644, b"#!/bin/sh\n"), None);
        assert_eq!(read(0o755, b"plain"), None);
    }
}
