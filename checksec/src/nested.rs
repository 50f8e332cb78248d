//! ELF files inside other files: members of static libraries, and kernel modules that are compressed.

use std::collections::HashMap;

use hardpan_image::{Ar, ArMember, Compression, Entry, Error, ReadAt, Section, decompress, read_exact_at};
use hardpan_report::Cause;
use rayon::prelude::*;

use crate::facts::Environment;
use crate::scan::{Elf, HEAD, MAGIC, Unreadable, cause_of, judge_file};

/// What is in a file that is no ELF file itself.
#[derive(Debug, Default)]
pub(crate) struct Nested {
    pub(crate) elves: Vec<Elf>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl Nested {
    fn unreadable(path: Vec<u8>, cause: Cause, reason: String) -> Self {
        Self { elves: Vec::new(), unreadable: vec![Unreadable { path, cause, reason }] }
    }
}

/// Looks into a file that begins with `head`; `None` if it is nothing that holds ELF files. A static library is told by its
/// content, and a module by its name: not everything that is compressed is a module, and unpacking it all would take long.
pub(crate) fn look(
    entry: Entry<'_>,
    source: &dyn ReadAt,
    head: &[u8],
    path: impl FnOnce() -> Vec<u8>,
    environment: &(dyn Environment + Sync),
) -> Option<Nested> {
    if Ar::is_archive(head) {
        return Some(members(source, &path(), environment));
    }
    is_compressed_module(entry.name).then(|| module(source, head, path(), environment))
}

/// Whether a file that begins so is looked into.
pub(crate) fn may_hold(entry: Entry<'_>, start: &[u8]) -> bool {
    Ar::is_archive(start) || is_compressed_module(entry.name)
}

/// Whether a file of this name is taken for a compressed kernel module.
pub fn is_compressed_module(name: &[u8]) -> bool {
    MODULE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// A module is judged under its own path, by what the kernel would load.
fn module(source: &dyn ReadAt, head: &[u8], path: Vec<u8>, environment: &dyn Environment) -> Nested {
    let Some(compression) = Compression::of(head) else {
        let reason = "it is named as a compressed kernel module, and is neither gzip nor xz nor Zstandard";
        return Nested::unreadable(path, Cause::Malformed, reason.into());
    };
    let unpacked = match decompress(source, compression, MAX_MODULE) {
        Ok(unpacked) => unpacked,
        Err(error) => return Nested::unreadable(path, cause_of(error.fault()), error.to_string()),
    };
    match start(&*unpacked) {
        Ok(head) if head.starts_with(MAGIC) => {
            let elf = judge_file(&*unpacked, &head, path, environment);
            Nested { elves: vec![elf], unreadable: Vec::new() }
        }
        Ok(_) => Nested::default(),
        Err(error) => Nested::unreadable(path, cause_of(error.fault()), error.to_string()),
    }
}

/// The members of a library are shown as debuggers show them: `/usr/lib/libx.a(member.o)`.
fn members(source: &dyn ReadAt, path: &[u8], environment: &(dyn Environment + Sync)) -> Nested {
    let (found, damage) = list(source);
    let judged: Vec<Result<Option<Elf>, Unreadable>> = found
        .par_iter()
        .map(|(name, member)| judge_member(source, path, (name, member), environment))
        .collect();
    let mut nested = Nested::default();
    for result in judged {
        match result {
            Ok(elf) => nested.elves.extend(elf),
            Err(unreadable) => nested.unreadable.push(unreadable),
        }
    }
    nested.unreadable.extend(damage.map(|(cause, reason)| Unreadable { path: path.to_vec(), cause, reason }));
    nested
}

/// Members, each with the name that it is shown by.
type Named = Vec<(Vec<u8>, ArMember)>;

/// The members before the first damage, with names that tell them apart.
fn list(source: &dyn ReadAt) -> (Named, Option<(Cause, String)>) {
    let mut found = Vec::new();
    let mut archive = match Ar::new(source) {
        Ok(archive) => archive,
        Err(error) => return (found, Some((cause_of(error.fault()), error.to_string()))),
    };
    let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut left = MAX_NAMES;
    loop {
        match archive.next() {
            // The files that it names may lie anywhere, and what is inside the tree is judged there.
            Ok(Some(_)) if archive.is_thin() => {
                let reason = "a thin archive: its members are other files, which were not looked for";
                return (found, Some((Cause::NoFacts, reason.into())));
            }
            Ok(Some(member)) => {
                let Some(rest) = left.checked_sub(member.name.len()) else {
                    let reason = format!("its members have more than {MAX_NAMES} bytes of names");
                    return (found, Some((Cause::Limit, reason)));
                };
                left = rest;
                let count = seen.entry(member.name.clone()).or_insert(0);
                *count += 1;
                let name = match *count {
                    1 => member.name.clone(),
                    count => [&member.name[..], format!("#{count}").as_bytes()].concat(),
                };
                found.push((name, member));
            }
            Ok(None) => return (found, None),
            Err(error) => return (found, Some((cause_of(error.fault()), error.to_string()))),
        }
    }
}

fn judge_member(
    source: &dyn ReadAt,
    library: &[u8],
    (name, member): (&[u8], &ArMember),
    environment: &dyn Environment,
) -> Result<Option<Elf>, Unreadable> {
    let Some(place) = member.start else { return Ok(None) };
    let section = Section { source, start: place, len: member.len };
    let path = || [library, b"(", name, b")"].concat();
    match start(&section) {
        Ok(head) if head.starts_with(MAGIC) => Ok(Some(judge_file(&section, &head, path(), environment))),
        // Members of other kinds are data, but for these, which hold code that would pass unseen.
        Ok(head) => match hidden_code(&head) {
            Some((cause, reason)) => Err(Unreadable { path: path(), cause, reason: reason.to_owned() }),
            None => Ok(None),
        },
        Err(error) => {
            Err(Unreadable { path: path(), cause: cause_of(error.fault()), reason: error.to_string() })
        }
    }
}

/// Why a member that begins so may hold code though it is no ELF file.
fn hidden_code(head: &[u8]) -> Option<(Cause, &'static str)> {
    if Ar::is_archive(head) {
        return Some((Cause::Limit, "a library within a library, which was not looked into"));
    }
    let is_bitcode = BITCODE.iter().any(|magic| head.starts_with(magic));
    is_bitcode.then_some((Cause::NoFacts, "LLVM bitcode, which becomes machine code only when it is linked"))
}

/// The first bytes of a file.
fn start(source: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; usize::try_from(source.len()).unwrap_or(HEAD).min(HEAD)];
    read_exact_at(source, &mut head, 0).map_err(Error::io("read"))?;
    Ok(head)
}

/// Of all names together, which may be one in the file: some hundred bytes for each member of the largest libraries.
const MAX_NAMES: usize = 16 << 20;
/// Bitcode as it is, and in a wrapper.
const BITCODE: [&[u8]; 2] = [b"BC\xc0\xde", b"\xde\xc0\x17\x0b"];
/// What `depmod` and the kernel take for compressed modules.
const MODULE_ENDINGS: [&[u8]; 3] = [b".ko.gz", b".ko.xz", b".ko.zst"];
/// The largest modules have some 30 MiB, and ten times that with debugging information.
const MAX_MODULE: u64 = 1 << 30;
