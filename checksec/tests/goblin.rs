//! goblin as a second opinion: wherever it reads a file, the headers and dynamic entries must be the same.

use std::path::Path;

use goblin::elf::Elf;

use crate::support::{facts, scan_directory};
use crate::tiny::{SHAPES, tiny};
use hardpan_checksec::facts::ElfFacts;

#[test]
fn small_files_of_every_shape() {
    for shape in SHAPES {
        let bytes = tiny(shape);
        let theirs = Elf::parse(&bytes).unwrap();
        assert_eq!(difference(&facts(&bytes).unwrap(), &theirs), None, "{shape:?}");
    }
}

#[test]
fn programs_of_this_machine() {
    let root = Path::new("/usr/bin");
    let scan = scan_directory(root);
    let mut compared = 0;
    for elf in &scan.elves {
        // goblin wants the whole file, which for large ones is most of the test's time.
        if elf.size > 4 << 20 {
            continue;
        }
        let path = root.join(String::from_utf8_lossy(&elf.path[1..]).as_ref());
        let bytes = std::fs::read(&path).unwrap();
        let Ok(theirs) = Elf::parse(&bytes) else { continue };
        compared += 1;
        assert_eq!(difference(elf.facts.as_ref().unwrap(), &theirs), None, "{}", path.display());
    }
    assert!(compared > 100, "only {compared} files");
}

fn difference(ours: &ElfFacts, theirs: &Elf<'_>) -> Option<String> {
    let our_headers: Vec<_> = ours
        .segments
        .iter()
        .map(|s| (s.kind, s.flags, s.offset, s.address, s.file_size, s.memory_size))
        .collect();
    let their_headers: Vec<_> = theirs
        .program_headers
        .iter()
        .map(|h| (h.p_type, h.p_flags, h.p_offset, h.p_vaddr, h.p_filesz, h.p_memsz))
        .collect();
    if our_headers != their_headers {
        return Some(format!("program headers: {our_headers:?} and {their_headers:?}"));
    }
    let our_entries: Vec<_> = ours
        .dynamic()
        .map(|dynamic| dynamic.entries().iter().map(|(tag, value)| (tag.cast_unsigned(), *value)).collect())
        .unwrap_or_default();
    let theirs = theirs.dynamic.as_ref().map(|dynamic| &dynamic.dyns[..]).unwrap_or_default();
    // goblin may keep the terminating entry.
    let their_entries: Vec<_> =
        theirs.iter().take_while(|entry| entry.d_tag != 0).map(|entry| (entry.d_tag, entry.d_val)).collect();
    (our_entries != their_entries).then(|| format!("dynamic: {our_entries:x?} and {their_entries:x?}"))
}
