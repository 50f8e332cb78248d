//! Reading every ELF file of an index.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use hardpan_image::{Ar, Entry, EntryId, Fault, FileKind, Index, ReadAt, read_exact_at};
use hardpan_report::{Cause, FileTraits, Judgement, Language};
use rayon::prelude::*;

use crate::facts::Environment;
use crate::nested::{self, Nested};
use crate::order::files_by_path;
use crate::rules::RULES;
use crate::{ElfError, ElfFacts, HostEnvironment, IndexEnvironment};

/// Looks at the first bytes, at most 4 KiB, of a file that is no ELF file. Called from many threads at once.
pub type Sniff<'s> = &'s (dyn Fn(Entry<'_>, &[u8]) + Sync);

/// How to scan.
#[derive(Clone, Copy, Default)]
pub struct ScanOptions<'s> {
    /// Is shown the files that are no ELF files. Files of 2 or 3 bytes, which are too short to be any, are opened for it
    /// alone.
    pub sniff: Option<Sniff<'s>>,
    /// Whether the files are the running host's own and the index holds only some of them, so that the directories
    /// they name are looked up on the host.
    pub on_host: bool,
    /// The entries at or below which to scan; everything if there are none.
    pub only: &'s [EntryId],
    /// Whether to judge the members of static libraries, which nothing runs before they are linked, and of which a system
    /// with compilers has tens of thousands. Libraries that are left are counted.
    pub members: bool,
    /// Static libraries to open all the same, because somebody named them.
    pub libraries: &'s [EntryId],
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The ELF files, ordered by path.
    pub elves: Vec<Elf>,
    /// The files that could not be read, ordered by path: whether they are ELF files is not known.
    pub unreadable: Vec<Unreadable>,
    /// How many files were opened.
    pub files_opened: u64,
    /// How many static libraries were not opened.
    pub closed_libraries: u64,
    /// How many places of the index may hide files that were therefore not looked at.
    pub hidden_places: u64,
}

/// One ELF file.
#[derive(Debug, PartialEq, Eq)]
pub struct Elf {
    /// Its entry in the index; `None` if it is of no index, or a member of an archive.
    pub id: Option<EntryId>,
    /// Absolute path in the image.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// The facts, or why nothing can be told.
    pub facts: Result<ElfFacts, ElfError>,
    /// What each of [`RULES`] says, in their order; empty if there are no facts.
    pub judgements: Vec<Judgement>,
}

impl Elf {
    /// What a policy can tell it by; of a file that is too damaged it is little.
    pub fn traits(&self) -> FileTraits {
        let facts = self.facts.as_ref().ok();
        FileTraits {
            kind: facts.map_or("damaged", |facts| facts.kind.as_str()),
            machine: facts.map_or(Cow::Borrowed("unknown"), |facts| facts.header.machine_name()),
            language: facts.map_or(Language::Unknown, |facts| facts.origin.language),
            build_id: facts.and_then(ElfFacts::build_id).map(|id| id.hex().into()),
        }
    }
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Absolute path in the image.
    pub path: Vec<u8>,
    /// What kind of trouble.
    pub cause: Cause,
    /// The reason.
    pub reason: String,
}

/// Reads every regular file's start, and the facts of those that are ELF files, whether they have an execute bit or
/// not: a library needs none, and whoever can call the loader can run a program without.
///
/// `progress` is told of entries as they are looked at and stops the scan by returning false; the result is `None` then.
pub fn scan(
    index: &Index<'_>,
    options: &ScanOptions<'_>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Option<Scan> {
    let stopped = AtomicBool::new(false);
    let in_index = IndexEnvironment(index);
    let environment: &(dyn Environment + Sync) = if options.on_host { &HostEnvironment } else { &in_index };
    let visits: Vec<Visit> = index
        .par_entries()
        .filter(|entry| options.only.is_empty() || is_below(index, entry.id, options.only))
        .filter_map(|entry| {
            if stopped.load(Ordering::Relaxed) || !progress(1) {
                stopped.store(true, Ordering::Relaxed);
                return None;
            }
            visit(index, entry, options, environment)
        })
        .collect();
    let hidden_places = index.blind_spots(b"/").count() as u64;
    (!stopped.into_inner()).then(|| gather(visits, hidden_places))
}

/// The same scan for who wants results as they come: files are judged in the order of their paths, a stretch at a time,
/// and each stretch is handed to `each`, which may stop the scan by returning false. No more than two are kept, so
/// that memory does not grow with the subject. What may hide files, [`Scan::hidden_places`], is counted in the first.
///
/// The result is whether the scan came to its end.
pub fn scan_in_order(
    index: &Index<'_>,
    options: &ScanOptions<'_>,
    progress: &(dyn Fn(u64) -> bool + Sync),
    each: &mut dyn FnMut(Scan) -> bool,
) -> bool {
    let in_index = IndexEnvironment(index);
    let environment: &(dyn Environment + Sync) = if options.on_host { &HostEnvironment } else { &in_index };
    let mut files = files_by_path(index);
    files.retain(|id| options.only.is_empty() || is_below(index, *id, options.only));
    let mut hidden_places = index.blind_spots(b"/").count() as u64;
    if !progress((index.len() - files.len()) as u64) {
        return false;
    }
    let look = |stopped: &AtomicBool, id: &EntryId| {
        if stopped.load(Ordering::Relaxed) || !progress(1) {
            stopped.store(true, Ordering::Relaxed);
            return None;
        }
        visit(index, index.entry(*id), options, environment)
    };
    let judge_all = |stretch: &[EntryId]| -> Option<Vec<Visit>> {
        let stopped = AtomicBool::new(false);
        let visits = stretch.par_iter().filter_map(|id| look(&stopped, id)).collect();
        (!stopped.into_inner()).then_some(visits)
    };
    // An index without files still has places that hide some: the first stretch is told of also if it is empty.
    let mut stretches = files.chunks(STRETCH);
    let mut judged = judge_all(stretches.next().unwrap_or_default());
    while let Some(visits) = judged.take() {
        let scan = gather(visits, std::mem::take(&mut hidden_places));
        let Some(next) = stretches.next() else { return each(scan) };
        // While one stretch is told of, which one thread does, the others judge the next.
        let mut goes_on = false;
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| judged = judge_all(next));
            goes_on = each(scan);
        });
        if !goes_on {
            return false;
        }
    }
    false
}

/// Judges one ELF file from any source. `head` is the start of it, as much as has been read already; `path` is its place
/// in the image, or the name to show where it has none.
pub fn judge_file(source: &dyn ReadAt, head: &[u8], path: Vec<u8>, environment: &dyn Environment) -> Elf {
    let facts = ElfFacts::read(source, head, &path, environment);
    let judgements = facts.as_ref().map(judge).unwrap_or_default();
    Elf { id: None, path, size: source.len(), facts, judgements }
}

/// Why something is unknown, by who is at fault for the failed read. It stands here because this is the lowest crate that
/// knows both: `image` and `report` import nothing of each other.
pub fn cause_of(fault: Fault) -> Cause {
    match fault {
        Fault::Environment => Cause::Unreadable,
        Fault::Input => Cause::Malformed,
        Fault::Changed | Fault::Gone => Cause::Changed,
        Fault::Limit => Cause::Limit,
    }
}

enum Visit {
    Elf(Box<Elf>),
    /// What is in it is judged instead.
    Nested(Nested),
    ClosedLibrary,
    Other,
    Unreadable(Unreadable),
}

fn gather(visits: Vec<Visit>, hidden_places: u64) -> Scan {
    let mut scan = Scan { hidden_places, ..Scan::default() };
    for visit in visits {
        scan.files_opened += 1;
        match visit {
            Visit::Elf(elf) => scan.elves.push(*elf),
            Visit::Nested(nested) => {
                scan.elves.extend(nested.elves);
                scan.unreadable.extend(nested.unreadable);
            }
            Visit::ClosedLibrary => scan.closed_libraries += 1,
            Visit::Other => {}
            Visit::Unreadable(file) => scan.unreadable.push(file),
        }
    }
    scan.elves.sort_by(|a, b| a.path.cmp(&b.path));
    scan.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    scan
}

fn is_below(index: &Index<'_>, entry: EntryId, wanted: &[EntryId]) -> bool {
    let mut at = entry;
    while !wanted.contains(&at) {
        if at == index.root() {
            return false;
        }
        at = index.parent(at);
    }
    true
}

fn visit(
    index: &Index<'_>,
    entry: Entry<'_>,
    options: &ScanOptions<'_>,
    environment: &(dyn Environment + Sync),
) -> Option<Visit> {
    let least = if options.sniff.is_some() { SHORTEST_SCRIPT } else { MAGIC.len() as u64 };
    if entry.metadata.kind != FileKind::File || entry.metadata.size < least {
        return None;
    }
    if options.sniff.is_none() && is_nothing(index, entry) {
        return Some(Visit::Other);
    }
    let unreadable =
        |cause, reason| Some(Visit::Unreadable(Unreadable { path: index.path(entry.id), cause, reason }));
    let source = match index.open(entry.id) {
        Ok(source) => source,
        // Somebody removed it after the walk: on a running host files come and go, and one that went is not judged.
        Err(error) if error.fault() == Fault::Gone => return None,
        Err(error) => return unreadable(cause_of(error.fault()), error.to_string()),
    };
    // A tree that lists briefly told no size.
    if source.len() < least {
        return None;
    }
    let mut head = [0; HEAD];
    let head = &mut head[..usize::try_from(source.len()).unwrap_or(HEAD).min(HEAD)];
    match read_exact_at(&*source, head, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return unreadable(Cause::Changed, "the file was cut while it was read".into());
        }
        Err(error) => return unreadable(Cause::Unreadable, format!("read: {error}")),
    }
    // A file of the magic number and little else runs nowhere, yet claims to be a program: it is judged as damaged.
    if !head.starts_with(MAGIC) {
        if let Some(sniff) = options.sniff {
            sniff(entry, head);
        }
        if Ar::is_archive(head) && !options.members && !options.libraries.contains(&entry.id) {
            return Some(Visit::ClosedLibrary);
        }
        let nested = nested::look(entry, &*source, head, || index.path(entry.id), environment);
        return Some(nested.map_or(Visit::Other, Visit::Nested));
    }
    let elf = judge_file(&*source, head, index.path(entry.id), environment);
    Some(Visit::Elf(Box::new(Elf { id: Some(entry.id), ..elf })))
}

/// Whether a first look shows a file that holds no ELF file. Most files are such, and opening them in full costs more.
/// Whatever keeps it from being told is left to who opens the file.
fn is_nothing(index: &Index<'_>, entry: Entry<'_>) -> bool {
    let mut start = [0; PEEK];
    let Ok(count) = index.peek(entry.id, &mut start) else { return false };
    let start = &start[..count];
    count >= MAGIC.len() && !start.starts_with(MAGIC) && !nested::may_hold(entry, start)
}

fn judge(facts: &ElfFacts) -> Vec<Judgement> {
    RULES.iter().map(|rule| rule.judge(facts)).collect()
}

pub(crate) const MAGIC: &[u8] = b"\x7fELF";
/// A page: it holds the program headers of all but the strangest files and costs one system call.
pub(crate) const HEAD: usize = 4096;
/// Enough for the marks of what may hold ELF files.
const PEEK: usize = 16;
/// Files that are judged at a time where results are told as they come: few enough to keep their facts, and so many that
/// processors seldom wait for the last of them.
const STRETCH: usize = 256;
/// `#!`.
const SHORTEST_SCRIPT: u64 = 2;
