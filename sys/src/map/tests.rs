use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::*;

const PAGE: usize = 4096;

/// Slots are the process's, and one of the tests uses up all of them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file_of(len: usize) -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![7; len], 0).unwrap();
    file
}

fn sum(bytes: &[AtomicU8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte.load(Ordering::Relaxed))).sum()
}

#[test]
fn bytes_are_lent_from_any_place_of_a_window() {
    let _alone = alone();
    let file = file_of(2 * MappedFile::WINDOW + 100);
    file.write_all_at(&[1, 2, 3], MappedFile::WINDOW as u64 + 5).unwrap();
    let mapped = MappedFile::new(&file);
    let lent = |offset: usize, len: usize| {
        let mut copy = Vec::new();
        let work = &mut |bytes: &[AtomicU8]| {
            copy.extend(bytes.iter().map(|byte| byte.load(Ordering::Relaxed)));
        };
        mapped.lend(offset as u64, len, work).then_some(copy)
    };
    assert_eq!(lent(MappedFile::WINDOW + 4, 5).unwrap(), [7, 1, 2, 3, 7]);
    assert_eq!(lent(0, MappedFile::WINDOW).unwrap(), vec![7; MappedFile::WINDOW]);
    assert_eq!(lent(2 * MappedFile::WINDOW, 100).unwrap(), [7; 100]);
    // Beyond the end, from one window into the next, and nothing at all.
    assert_eq!(lent(2 * MappedFile::WINDOW, 101), None);
    assert_eq!(lent(MappedFile::WINDOW - 1, 2), None);
    assert_eq!(lent(0, 0), None);
    assert!(!mapped.lend(u64::MAX, 2, &mut |_| ()));
}

#[test]
fn a_file_that_is_cut_off_while_it_is_lent_is_noticed() {
    let _alone = alone();
    let file = file_of(MappedFile::WINDOW);
    let mapped = MappedFile::new(&file);
    let mut seen = None;
    let lent = mapped.lend(0, MappedFile::WINDOW, &mut |bytes| {
        file.set_len(PAGE as u64).unwrap();
        seen = Some(sum(&bytes[PAGE..]));
    });
    // Without the handler the process is gone before this.
    assert_eq!(seen, Some(0));
    assert!(!lent);
    // The window that has zeros is not lent again, though there is enough of the file.
    file.write_all_at(&vec![9; MappedFile::WINDOW], 0).unwrap();
    assert!(mapped.lend(0, PAGE, &mut |bytes| assert_eq!(sum(bytes), 9 * PAGE as u64)));
}

#[test]
fn a_file_that_is_cut_off_and_lengthened_again_is_noticed() {
    let _alone = alone();
    let file = file_of(MappedFile::WINDOW);
    let lent = MappedFile::new(&file).lend(0, MappedFile::WINDOW, &mut |bytes| {
        file.set_len(0).unwrap();
        assert_eq!(sum(&bytes[..PAGE]), 0);
        file.set_len(MappedFile::WINDOW as u64).unwrap();
    });
    assert!(!lent);
}

#[test]
fn a_file_that_loses_a_part_of_a_page_is_noticed() {
    let _alone = alone();
    let file = file_of(MappedFile::WINDOW);
    let lent = MappedFile::new(&file).lend(0, PAGE, &mut |bytes| {
        file.set_len(PAGE as u64 - 1).unwrap();
        // No signal tells of this.
        assert_eq!(bytes[PAGE - 1].load(Ordering::Relaxed), 0);
    });
    assert!(!lent);
}

#[test]
fn a_store_to_what_is_lent_does_not_reach_the_file() {
    let _alone = alone();
    let file = file_of(PAGE);
    assert!(MappedFile::new(&file).lend(0, PAGE, &mut |bytes| bytes[0].store(1, Ordering::Relaxed)));
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).unwrap();
    assert_eq!(byte, [7]);
}

#[test]
fn a_file_that_is_not_to_be_mapped_lends_nothing() {
    let _alone = alone();
    let (null, (pipe, _writer)) = (File::open("/dev/null").unwrap(), std::io::pipe().unwrap());
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    for file in [null, pipe] {
        assert!(!MappedFile::new(&file).lend(0, 1, &mut |_| unreachable!()));
    }
}

#[test]
fn slots_that_run_out_come_back() {
    let _alone = alone();
    let file = file_of(PAGE);
    let many: Vec<MappedFile<'_>> = (0..2 * SLOTS).map(|_| MappedFile::new(&file)).collect();
    let lent = many.iter().filter(|mapped| mapped.lend(0, 1, &mut |_| ())).count();
    assert!((1..=SLOTS).contains(&lent), "{lent}");
    drop(many);
    assert!(MappedFile::new(&file).lend(0, 1, &mut |_| ()));
}

/// The signal for anybody else, be it a fault or sent, ends the process as ever.
#[test]
fn other_faults_are_not_ours() {
    for kind in ["fault", "sent"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "map::tests::dies_of_sigbus", "--ignored", "--nocapture"])
            .env("HARDPAN_TEST_SIGBUS", kind)
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(libc::SIGBUS), "{kind}: {child:?}");
    }
}

#[test]
#[ignore = "run by other_faults_are_not_ours, as a process of its own"]
fn dies_of_sigbus() {
    let file = file_of(PAGE);
    assert!(MappedFile::new(&file).lend(0, 1, &mut |_| ()));
    if std::env::var("HARDPAN_TEST_SIGBUS").as_deref() == Ok("sent") {
        // The standard library's action, which is the one from before, lets the first one pass and takes itself away.
        for _ in 0..2 {
            // SAFETY: a signal to ourselves, whose handler is ours.
            unsafe { libc::raise(libc::SIGBUS) };
        }
        return;
    }
    // SAFETY: the kernel chooses an address where nothing is.
    let page = unsafe { mmap(null_mut(), PAGE, ProtFlags::READ, MapFlags::SHARED, &file, 0) }.unwrap();
    file.set_len(0).unwrap();
    // SAFETY: the page is mapped; that nothing is behind it is what this is about.
    unsafe { page.cast::<u8>().read_volatile() };
}
