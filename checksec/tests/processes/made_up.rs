//! Processes that no kernel shows on demand: hidden, refused, half gone, strange.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use hardpan_checksec::process::{
    Identity, OnDisk, Place, ProcessScan, ProcessView, Processes, Which, scan, table,
};
use hardpan_image::ReadAt;
use hardpan_report::{Cause, Outcome};

use super::running::verdicts;

const STATUS: &str = "Name:\tx\nState:\tS\nTgid:\t7\nVmSize:\t4 kB\nSeccomp:\t2\nNoNewPrivs:\t1\n";
const CODE: &str = "1000-2000 r-xp 00000000 08:01 5 /bin/x\n";

/// One made-up process.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    files: BTreeMap<String, Result<Vec<u8>, i32>>,
    places: Vec<(Place, Result<Identity, i32>)>,
    shares_mounts: bool,
}

/// A made-up machine. What is opened yields these bytes.
#[derive(Default)]
pub(crate) struct Machine {
    processes: BTreeMap<u32, Fake>,
    content: Vec<u8>,
    opened: AtomicUsize,
}

const REFUSED: i32 = 13;
const GONE: i32 = 3;
const ABSENT: i32 = 2;

pub(crate) fn identity(device: u64, inode: u64) -> Identity {
    Identity { device, inode, has_name: true, is_regular: true }
}

/// A process with these maps that shows `file` where it is mapped.
fn with_code(maps: &str, file: Result<Identity, i32>) -> Fake {
    let mut fake = Fake { shares_mounts: true, ..Fake::default() };
    fake.files.insert("status".into(), Ok(STATUS.into()));
    fake.files.insert("maps".into(), Ok(maps.into()));
    fake.places.push((Place::Mapping(0x1000..0x2000), file));
    fake
}

fn with_name(mut fake: Fake, place: Place, found: Result<Identity, i32>) -> Fake {
    fake.places.push((place, found));
    fake
}

fn ours() -> Place {
    Place::OurRoot(b"/bin/x".to_vec())
}

fn its() -> Place {
    Place::ItsRoot(b"/bin/x".to_vec())
}

fn machine(fakes: impl IntoIterator<Item = Fake>) -> Machine {
    Machine { processes: (1..).zip(fakes).collect(), content: b"text".to_vec(), ..Machine::default() }
}

fn scanned(machine: &Machine) -> ProcessScan {
    scan(machine, &Which::All, &|_| true).unwrap().unwrap()
}

impl Processes for Machine {
    fn numbers(&self) -> io::Result<Vec<u32>> {
        Ok(self.processes.keys().copied().collect())
    }

    fn open(&self, pid: u32) -> io::Result<Box<dyn ProcessView>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let fake = self.processes.get(&pid).ok_or_else(|| io::Error::from_raw_os_error(ABSENT))?;
        Ok(Box::new(View { fake: fake.clone(), content: self.content.clone() }))
    }

    fn page_size(&self) -> u64 {
        4096
    }
}

struct View {
    fake: Fake,
    content: Vec<u8>,
}

impl ProcessView for View {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let absent = Err(ABSENT);
        self.fake.files.get(name).unwrap_or(&absent).clone().map_err(io::Error::from_raw_os_error)
    }

    fn threads(&self) -> io::Result<Vec<u32>> {
        Ok(vec![7])
    }

    fn shares_mounts(&self) -> io::Result<bool> {
        Ok(self.fake.shares_mounts)
    }

    fn program(&self) -> io::Result<Vec<u8>> {
        Err(io::Error::from_raw_os_error(REFUSED))
    }

    fn identify(&self, place: &Place) -> io::Result<Identity> {
        let known = self.fake.places.iter().find(|(known, _)| known == place);
        known.map_or(Err(ABSENT), |(_, found)| *found).map_err(io::Error::from_raw_os_error)
    }

    fn file(&self, place: &Place) -> io::Result<(Identity, Box<dyn ReadAt>)> {
        Ok((self.identify(place)?, Box::new(self.content.clone())))
    }
}

#[test]
fn threads_of_the_kernel_are_not_applicable() {
    let kernel = |status: &str| {
        let mut fake = Fake::default();
        fake.files.insert("status".into(), Ok(status.into()));
        fake
    };
    let scan = scanned(&machine([
        kernel("Name:\tkthreadd\nState:\tS\nKthread:\t1\n"),
        kernel("Name:\told\nState:\tI\n"),
        kernel("Name:\tended\nState:\tZ\nKthread:\t0\n"),
        kernel("Name:\tending\nState:\tR\nKthread:\t0\n"),
    ]));
    assert_eq!((scan.kernel_threads, scan.ended, scan.gone, scan.processes.len()), (2, 2, 0, 0));
    for (_, verdict) in hardpan_checksec::process::verdicts(&scan) {
        assert_eq!(verdict.outcome(), Outcome::NotApplicable);
        assert_eq!(verdict.tally.unwrap().0.not_applicable, 4);
    }
    assert_eq!(table(&scan).kernel_threads, 2);
}

#[test]
fn what_may_not_be_read_is_unknown_and_told_once() {
    let mut hidden = with_code("", Ok(identity(1, 1)));
    hidden.files.insert("maps".into(), Err(REFUSED));
    let scan = scanned(&machine([hidden]));
    assert_eq!(verdicts(&scan.processes[0]), ["?unread", "?unread", "?unread", "?unread", "+filter"]);
    assert_eq!(scan.unread.len(), 1);
    assert_eq!((&*scan.unread[0].path, scan.unread[0].cause), (&b"/proc/1"[..], Cause::Unreadable));
    assert_eq!(scan.files.hidden_places, 1);
    let all = hardpan_checksec::process::verdicts(&scan);
    assert_eq!(all[0].1.outcome(), Outcome::Unknown);
    assert!(all.iter().all(|(_, verdict)| verdict.findings.is_empty()));
}

/// The kernel shows the state of every thread also where it hides the memory.
#[test]
fn a_thread_without_filter_shows_though_memory_does_not() {
    let mut hidden = with_code("", Ok(identity(1, 1)));
    hidden.files.insert("maps".into(), Err(REFUSED));
    hidden.files.insert("task/7/status".into(), Ok(STATUS.replace("Seccomp:\t2", "Seccomp:\t0").into()));
    let scan = scanned(&machine([hidden]));
    assert_eq!(verdicts(&scan.processes[0])[4], "%nnp only");
}

#[test]
fn hidden_processes_are_missed() {
    let mut machine = machine([]);
    machine.processes.insert(40, with_code(CODE, Ok(identity(0x801, 5))));
    let scan = scanned(&machine);
    assert_eq!(&*scan.unread[0].path, b"/proc");
    assert!(scan.unread[0].reason.contains("hidepid"), "{}", scan.unread[0].reason);
    assert_eq!(hardpan_checksec::process::verdicts(&scan)[0].1.outcome(), Outcome::Unknown);
}

#[test]
fn a_process_that_ends_while_it_is_read_is_no_failure() {
    let mut fake = with_code(CODE, Ok(identity(0x801, 5)));
    fake.files.insert("maps".into(), Err(GONE));
    let scan = scanned(&machine([fake]));
    assert_eq!((scan.gone, scan.processes.len(), scan.unread.len()), (1, 0, 0));
}

/// A machine on which another process has the number by the time that its files are opened.
struct Reused {
    first: Machine,
    second: Machine,
}

impl Processes for Reused {
    fn numbers(&self) -> io::Result<Vec<u32>> {
        self.first.numbers()
    }

    fn open(&self, pid: u32) -> io::Result<Box<dyn ProcessView>> {
        let is_first = self.first.opened.load(Ordering::Relaxed) == 0;
        if is_first { self.first.open(pid) } else { self.second.open(pid) }
    }

    fn page_size(&self) -> u64 {
        4096
    }
}

#[test]
fn another_process_of_the_number_is_not_taken_for_it() {
    let other = CODE.replace("1000-", "1800-");
    let reused = Reused {
        first: machine([with_code(CODE, Ok(identity(0x801, 5)))]),
        second: machine([with_code(&other, Ok(identity(0x801, 6)))]),
    };
    let scan = scan(&reused, &Which::All, &|_| true).unwrap().unwrap();
    assert_eq!((scan.gone, scan.processes.len()), (1, 0));
    assert!(scan.files.elves.is_empty() && scan.files.unreadable.is_empty());
}

#[test]
fn lines_that_are_not_understood_keep_rules_from_passing() {
    let fake = with_code(&format!("{CODE}nonsense\n"), Ok(identity(0x801, 5)));
    let scan = scanned(&machine([with_name(fake, ours(), Ok(identity(0x801, 5)))]));
    assert_eq!(verdicts(&scan.processes[0])[..4], ["?unread", "?unread", "?unread", "?unread"]);
    // A failure stays one.
    let both = CODE.replace("r-xp", "rwxp");
    let scan = scanned(&machine([with_code(&format!("{both}nonsense\n"), Ok(identity(0x801, 5)))]));
    assert_eq!(verdicts(&scan.processes[0])[0], "-no");
}

#[test]
fn device_numbers_of_maps_may_differ_from_those_of_stat() {
    // Subvolumes: what is mapped is asked for, and its name leads to the same.
    let subvolume = identity(0x2a, 5);
    let fake = with_name(with_code(CODE, Ok(subvolume)), ours(), Ok(subvolume));
    let scan = scanned(&machine([fake]));
    assert_eq!(scan.processes[0].files[0].on_disk, OnDisk::Same);
    assert_eq!(scan.files.files_opened, 1);
}

/// Without privileges only the name is left, which is believed if device and inode are those of the mapping.
#[test]
fn without_privileges_a_name_must_lead_to_the_mapped_inode() {
    let refused = || with_code(CODE, Err(REFUSED));
    let same = scanned(&machine([with_name(refused(), ours(), Ok(identity(0x801, 5)))]));
    assert_eq!((same.files.files_opened, same.files.unreadable.len()), (1, 0));
    assert_eq!(same.processes[0].files[0].on_disk, OnDisk::Same);
    for other in [identity(0x801, 6), identity(0x802, 5)] {
        let scan = scanned(&machine([with_name(refused(), ours(), Ok(other))]));
        assert_eq!(scan.processes[0].files[0].on_disk, OnDisk::Replaced);
        assert_eq!(scan.files.files_opened, 0, "the wrong file was judged");
        let unread = &scan.files.unreadable[0];
        assert_eq!(unread.cause, Cause::Unreadable);
        assert!(unread.reason.contains("run as root"), "{}", unread.reason);
        assert_eq!(verdicts(&scan.processes[0])[3], "?unread");
    }
}

#[test]
fn the_root_of_a_container_is_its_own() {
    let container = |fake: Fake| Fake { shares_mounts: false, ..fake };
    let (mapped, other) = (identity(0x801, 5), identity(0x801, 6));
    let code = || with_code(CODE, Ok(mapped));
    // Ours of the same name means nothing.
    let fake = with_name(with_name(code(), its(), Ok(mapped)), ours(), Ok(other));
    let scan = scanned(&machine([container(fake)]));
    assert_eq!(scan.processes[0].files[0].on_disk, OnDisk::Same);
    let fake = with_name(with_name(code(), its(), Err(ABSENT)), ours(), Ok(other));
    let scan = scanned(&machine([container(fake)]));
    assert!(matches!(scan.processes[0].files[0].on_disk, OnDisk::Unknown(Cause::Undecided, _)));
    assert_eq!(verdicts(&scan.processes[0])[2], "?unknown");
    let fake = with_name(code(), its(), Ok(other));
    let scan = scanned(&machine([container(fake)]));
    assert_eq!(scan.processes[0].files[0].on_disk, OnDisk::Replaced);
    let fake = with_name(code(), its(), Err(REFUSED));
    let scan = scanned(&machine([container(fake)]));
    assert!(matches!(scan.processes[0].files[0].on_disk, OnDisk::Unknown(Cause::Unreadable, _)));
}
