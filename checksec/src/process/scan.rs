//! Reading many processes, and judging each file that is mapped into them once.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hardpan_image::{ReadAt, read_exact_at};
use hardpan_report::Cause;
use rayon::prelude::*;

use crate::facts::{Directory, Environment};
use crate::process::{Identity, Loaded, Memory, Process, Processes, is_gone, read, relro};
use crate::scan::{HEAD, MAGIC};
use crate::{Elf, HostEnvironment, Scan, Unreadable, judge_file};

/// Which processes to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one that can be seen, our own among them.
    All,
    /// Those of these numbers.
    These(Vec<u32>),
}

/// What a scan of processes found.
#[derive(Debug)]
pub struct ProcessScan {
    /// Those that were read, and those whose memory could not be, ordered by number.
    pub processes: Vec<Process>,
    /// How many are threads of the kernel's.
    pub kernel_threads: u64,
    /// How many had ended and waited for their parents to take notice.
    pub ended: u64,
    /// How many ended while they were read.
    pub gone: u64,
    /// The files that code is mapped from.
    pub files: Scan,
    /// What could not be read, by its place in `/proc`.
    pub unread: Vec<Unreadable>,
}

/// Reads processes. `progress` is told of each one and of each file, and stops the scan by returning false; the result is
/// `None` then. An error means that the processes cannot be listed.
///
/// A process whose pages are not yet as its files want them may be about to start, and a thread whose stack is not told may
/// be about to wait: they are looked at again, for a third of a second at most.
pub fn scan(
    processes: &dyn Processes,
    which: &Which,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> io::Result<Option<ProcessScan>> {
    let stopped = AtomicBool::new(false);
    let goes_on = || {
        let goes_on = !stopped.load(Ordering::Relaxed) && progress(1);
        stopped.fetch_or(!goes_on, Ordering::Relaxed);
        goes_on
    };
    let numbers = match which {
        Which::All => processes.numbers()?,
        Which::These(numbers) => numbers.clone(),
    };
    let mut scan = empty();
    if *which == Which::All && !numbers.contains(&FIRST) {
        let reason = "process 1 is not in it, so those of other users are hidden (hidepid); run as root";
        scan.unread.push(unread(b"/proc", Cause::Unreadable, reason.into()));
    }
    let page = processes.page_size();
    let one = |pid: &u32| {
        goes_on().then(|| (*pid, processes.open(*pid).and_then(|view| read::process(&*view, *pid, page))))
    };
    let read: Vec<_> = numbers.par_iter().filter_map(one).collect();
    for (pid, process) in read {
        scan.add(pid, process);
    }
    let judged = judge_files(processes, &scan.processes, &goes_on);
    if stopped.into_inner() {
        return Ok(None);
    }
    scan.settle(processes, &judged);
    scan.keep_files(processes, judged);
    Ok(Some(scan))
}

/// A file as some process has it: which one, its name, and whether its paths are ours. One file may have several names.
type Key = (Identity, Box<[u8]>, bool);

enum Judged {
    Elf(Box<Elf>),
    Other,
    Unreadable(Cause, String),
    /// All processes that had it have ended or have it no more.
    Gone,
}

fn empty() -> ProcessScan {
    let files = Scan::default();
    ProcessScan { processes: Vec::new(), kernel_threads: 0, ended: 0, gone: 0, files, unread: Vec::new() }
}

fn unread(path: &[u8], cause: Cause, reason: String) -> Unreadable {
    Unreadable { path: path.into(), cause, reason }
}

fn key(process: &Process, file: &Loaded) -> Option<Key> {
    let (identity, _) = file.found.as_ref().ok()?;
    Some((*identity, file.name.clone(), process.shares_mounts == Some(true)))
}

fn judge_files(
    processes: &dyn Processes,
    read: &[Process],
    goes_on: &(dyn Fn() -> bool + Sync),
) -> BTreeMap<Key, Judged> {
    let mut holders: BTreeMap<Key, Vec<(u32, &Loaded)>> = BTreeMap::new();
    for process in read {
        for file in &process.files {
            if let Some(key) = key(process, file) {
                holders.entry(key).or_default().push((process.pid, file));
            }
        }
    }
    let judge = |(key, holders): (Key, Vec<(u32, &Loaded)>)| {
        goes_on().then(|| {
            let judged = judge_one(processes, &key, &holders);
            (key, judged)
        })
    };
    holders.into_par_iter().filter_map(judge).collect()
}

/// The first process that still has the file shows it.
fn judge_one(processes: &dyn Processes, key: &Key, holders: &[(u32, &Loaded)]) -> Judged {
    if !key.0.is_regular {
        return Judged::Other;
    }
    let mut failure = Judged::Gone;
    for (pid, file) in holders {
        let Ok((_, place)) = &file.found else { continue };
        match processes.open(*pid).and_then(|view| view.file(place)) {
            // The number may be another process's by now.
            Ok((identity, _)) if !identity.is_same(&key.0) => {}
            Ok((_, source)) => return judge_source(&*source, key),
            Err(error) if is_gone(&error) => {}
            Err(error) => failure = Judged::Unreadable(Cause::Unreadable, error.to_string()),
        }
    }
    failure
}

fn judge_source(source: &dyn ReadAt, (_, name, is_ours): &Key) -> Judged {
    let length = usize::try_from(source.len()).unwrap_or(HEAD).min(HEAD);
    let mut head = [0; HEAD];
    let head = &mut head[..length];
    match read_exact_at(source, head, 0) {
        Ok(()) if !head.starts_with(MAGIC) => Judged::Other,
        Ok(()) => {
            let environment: &dyn Environment = if *is_ours { &HostEnvironment } else { &Elsewhere };
            Judged::Elf(Box::new(judge_file(source, head, name.to_vec(), environment)))
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Judged::Unreadable(Cause::Changed, "the file was cut while it was read".into())
        }
        Err(error) => Judged::Unreadable(Cause::Unreadable, format!("read: {error}")),
    }
}

/// Other mounts than ours: a directory of the same name is another one.
struct Elsewhere;

impl Environment for Elsewhere {
    fn directory(&self, _: &[u8]) -> Directory {
        Directory::NotRead(
            "the process has other mounts than this one; scan its root to judge its directories".into(),
        )
    }
}

impl ProcessScan {
    fn add(&mut self, pid: u32, process: io::Result<Process>) {
        match process {
            Ok(Process { memory: Memory::Kernel, .. }) => self.kernel_threads += 1,
            Ok(Process { memory: Memory::Ended, .. }) => self.ended += 1,
            Ok(process) => {
                if let Memory::Unread(cause, reason) = &process.memory {
                    self.hide(pid, *cause, reason.clone());
                }
                self.processes.push(process);
            }
            Err(error) if is_gone(&error) => self.gone += 1,
            Err(error) => self.hide(pid, Cause::Unreadable, format!("status: {error}")),
        }
    }

    /// A process that cannot be read may have files of any kind.
    fn hide(&mut self, pid: u32, cause: Cause, reason: String) {
        self.unread.push(unread(format!("/proc/{pid}").as_bytes(), cause, reason));
        self.files.hidden_places += 1;
    }

    /// Looks at the pages of RELRO, and again at what may be different in a moment.
    fn settle(&mut self, processes: &dyn Processes, judged: &BTreeMap<Key, Judged>) {
        let mut unsettled: Vec<usize> = (0..self.processes.len()).collect();
        for pause in PAUSES {
            std::thread::sleep(pause);
            unsettled.retain(|at| {
                let process = &mut self.processes[*at];
                // The first look is at what was read together with everything else.
                if !pause.is_zero() && !read_again(processes, process) {
                    return false;
                }
                see(process, judged)
            });
            if unsettled.is_empty() {
                return;
            }
        }
    }

    fn keep_files(&mut self, processes: &dyn Processes, judged: BTreeMap<Key, Judged>) {
        self.drop_gone(processes, &judged);
        for ((_, name, _), judged) in judged {
            self.files.files_opened += 1;
            match judged {
                Judged::Elf(elf) => self.files.elves.push(*elf),
                Judged::Other | Judged::Gone => {}
                Judged::Unreadable(cause, reason) => self.files.unreadable.push(unread(&name, cause, reason)),
            }
        }
        let not_found = self.processes.iter().flat_map(|process| &process.files);
        let not_found = not_found.filter_map(|file| match &file.found {
            Ok(_) => None,
            Err((cause, reason)) => Some(unread(&file.name, *cause, reason.clone())),
        });
        self.files.unreadable.extend(not_found);
        self.files.elves.sort_by(|a, b| a.path.cmp(&b.path));
        self.files.unreadable.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
        self.files.unreadable.dedup();
    }

    /// Leaves out the files that nobody has any more, and the processes that have ended since they were read.
    fn drop_gone(&mut self, processes: &dyn Processes, judged: &BTreeMap<Key, Judged>) {
        let before = self.processes.len();
        self.processes.retain_mut(|process| {
            let is_gone_file = |file: &Loaded| {
                key(process, file).is_some_and(|key| matches!(judged.get(&key), Some(Judged::Gone)))
            };
            let gone: Vec<bool> = process.files.iter().map(is_gone_file).collect();
            let mut gone_of = gone.iter();
            process.files.retain(|_| !gone_of.next().copied().unwrap_or(false));
            !gone.contains(&true) || is_there(processes, process)
        });
        self.gone += (before - self.processes.len()) as u64;
    }
}

/// Whether the process, and not another one of its number, still has memory.
fn is_there(processes: &dyn Processes, process: &Process) -> bool {
    let maps = processes.open(process.pid).and_then(|view| read::maps(&*view));
    maps.is_ok_and(|maps| {
        let first = |maps: &crate::process::Maps| maps.all.first().map(|mapping| mapping.start);
        matches!(&process.memory, Memory::Mapped(before) if first(before) == first(&maps))
    })
}

/// Takes the maps anew, if it is still the same process.
fn read_again(processes: &dyn Processes, process: &mut Process) -> bool {
    if !is_there(processes, process) {
        return false;
    }
    let Ok(view) = processes.open(process.pid) else { return false };
    let Ok(maps) = read::maps(&*view) else { return false };
    process.memory = Memory::Mapped(maps);
    if read::lacks_stacks(process) {
        read::find_stacks(&*view, process);
    }
    true
}

/// Says whether another look may show something else.
fn see(process: &mut Process, judged: &BTreeMap<Key, Judged>) -> bool {
    let Memory::Mapped(maps) = &process.memory else { return false };
    let seen: Vec<Option<relro::Relro>> = process
        .files
        .iter()
        .map(|file| {
            let Some(Judged::Elf(elf)) = judged.get(&key(process, file)?) else { return None };
            let executable = maps.holding(file.start).filter(|mapping| mapping.name == file.name)?;
            relro::see(elf.facts.as_ref().ok()?, maps, executable, process.page_size)
        })
        .collect();
    let mut is_unsettled = false;
    for (file, relro) in process.files.iter_mut().zip(seen) {
        is_unsettled |= relro.as_ref().is_some_and(|relro| relro.writable + relro.missing > 0);
        file.relro = relro;
    }
    is_unsettled |= read::lacks_stacks(process);
    is_unsettled
}

/// The process that is always there.
const FIRST: u32 = 1;

/// Before each look at the pages; the first one is at once.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];
