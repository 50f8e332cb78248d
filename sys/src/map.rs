//! Parts of files in memory, to be read where they lie in the page cache.
//!
//! Two things make that dangerous. Others may write to the file while it is read: so the bytes are lent as `AtomicU8`, of
//! which nobody may take for granted that they stay. And a file that becomes shorter, or a page that cannot be read, makes
//! the kernel send SIGBUS in place of an error: so a handler puts zeros where the file was and makes a note, which is looked
//! at before anybody relies on what was read. Who gets `false` asks read(2), which says what is wrong.
#![expect(unsafe_code, reason = "memory is mapped and unmapped, and a signal handler repairs it")]

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::num::NonZeroUsize;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{c_int, c_void, siginfo_t};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous};

/// A regular file or block device that lends its bytes, through windows that move along it.
pub struct MappedFile<'a> {
    file: &'a File,
    /// Those used last, the last one at the end.
    windows: Mutex<Vec<Arc<Window>>>,
    /// How many windows are kept: threads that go through a file together are near each other.
    kept: usize,
}

impl<'a> MappedFile<'a> {
    /// For any file; what cannot be mapped lends nothing.
    pub fn new(file: &'a File) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let kept = (2 + threads / THREADS_PER_WINDOW).min(SLOTS / 2);
        Self { file, windows: Mutex::default(), kept }
    }

    /// Lends the `len` bytes from `offset` to `work`. They may change while they are lent, and a store to one of them
    /// changes nothing but what is lent.
    ///
    /// `false` if nothing was lent, or not what the file has there: then what `work` made of it is worth nothing. That is so
    /// if the bytes are not within one of the windows, that begin at multiples of [`WINDOW`](Self::WINDOW), if the file
    /// cannot be mapped, if it is or became shorter, and if a read failed.
    pub fn lend(&self, offset: u64, len: usize, work: &mut dyn FnMut(&[AtomicU8])) -> bool {
        let at = usize::try_from(offset % Self::WINDOW as u64).unwrap_or(Self::WINDOW);
        let Some(end) = offset.checked_add(len as u64) else { return false };
        if len == 0 || len > Self::WINDOW - at || !self.reaches(end) {
            return false;
        }
        let Some(window) = self.window(offset - at as u64) else { return false };
        work(&window.bytes()[at..at + len]);
        // Behind a new end within its page, the page has zeros, and nobody is told.
        !window.is_hurt() && self.reaches(end)
    }

    /// The length of a window: all that is lent at once is in one of them. To map more at once is hardly faster.
    pub const WINDOW: usize = 4 << 20;

    fn reaches(&self, end: u64) -> bool {
        // By seeking: the metadata of a block device says 0.
        let mut file = self.file;
        file.seek(SeekFrom::End(0)).is_ok_and(|size| size >= end)
    }

    fn window(&self, start: u64) -> Option<Arc<Window>> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.iter().find(|window| window.start == start && !window.is_hurt()) {
            return Some(Arc::clone(window));
        }
        let window = Arc::new(Window::map(self.file, start)?);
        windows.push(Arc::clone(&window));
        let oldest = (windows.len() > self.kept).then(|| windows.remove(0));
        drop(windows);
        // Unmapped, if nobody else has it, while nobody waits.
        drop(oldest);
        Some(window)
    }
}

/// A part of a file in one of the slots.
struct Window {
    slot: usize,
    /// Where in the file it starts.
    start: u64,
}

impl Window {
    fn map(file: &File, start: u64) -> Option<Self> {
        let window = Self { slot: Slots::get()?.take()?, start };
        HURT[window.slot].store(false, Ordering::SeqCst);
        // Private and writable, so that a store to what is lent is one to memory of ours and not to the file. Pages that
        // nobody stores to are those of the page cache all the same.
        let (protection, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE);
        // SAFETY: the slot is memory that was reserved for windows, and this window alone has it until it is dropped.
        let mapped = unsafe { mmap(window.address(), MappedFile::WINDOW, protection, flags, file, start) };
        let Ok(address) = mapped else {
            // It is not certain that the memory is reserved still.
            std::mem::forget(window);
            return None;
        };
        // SAFETY: advice about the mapping made above changes nothing of what it holds. Without it the kernel would read
        // around every fault, and not ahead.
        let _ = unsafe { madvise(address, MappedFile::WINDOW, Advice::Sequential) };
        Some(window)
    }

    fn address(&self) -> *mut c_void {
        (BASE.load(Ordering::Relaxed) + self.slot * MappedFile::WINDOW) as *mut c_void
    }

    fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: so many bytes are mapped there, for reading and for writing, as long as the window lives. Pages behind the
        // end of the file and those that cannot be read are made zeros by the handler. The bytes are atomic, so that
        // others may write to them: to the pages of the file by any means, and to this mapping through this slice.
        unsafe { std::slice::from_raw_parts(self.address().cast(), MappedFile::WINDOW) }
    }

    fn is_hurt(&self) -> bool {
        HURT[self.slot].load(Ordering::SeqCst)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: what is lent borrows the window, so that nobody has any of it now. The memory stays reserved.
        let reserved = unsafe { reserve(self.address(), MappedFile::WINDOW, MapFlags::FIXED) };
        // A slot that keeps its mapping is never used again.
        if let (Some(_), Some(slots)) = (reserved, Slots::get()) {
            slots.free().push(self.slot);
        }
    }
}

/// The memory that is reserved for windows, all of it in one piece, and never given back: so a handler can tell by an
/// address alone whether it is in a window.
struct Slots {
    free: Mutex<Vec<usize>>,
}

impl Slots {
    /// `None` if memory cannot be reserved, or no handler installed.
    fn get() -> Option<&'static Self> {
        static RESERVED: OnceLock<Option<Slots>> = OnceLock::new();
        RESERVED.get_or_init(Self::reserve).as_ref()
    }

    fn reserve() -> Option<Self> {
        // Where addresses are short they are not to be spent like this.
        if cfg!(not(target_pointer_width = "64")) {
            return None;
        }
        // SAFETY: without a fixed address, the kernel chooses one where nothing is.
        let base = unsafe { reserve(null_mut(), SLOTS * MappedFile::WINDOW, MapFlags::empty()) }?;
        BASE.store(base as usize, Ordering::SeqCst);
        install_handler().then(|| Self { free: Mutex::new((0..SLOTS).rev().collect()) })
    }

    fn take(&self) -> Option<usize> {
        self.free().pop()
    }

    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Maps memory that cannot be used.
///
/// # Safety
///
/// With a fixed address, nobody may have a reference into the memory that is there.
unsafe fn reserve(address: *mut c_void, len: usize, flags: MapFlags) -> Option<*mut c_void> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | flags;
    // SAFETY: as the caller says.
    unsafe { mmap_anonymous(address, len, ProtFlags::empty(), flags) }.ok()
}

fn install_handler() -> bool {
    // SAFETY: all zeros are an action without flags and with an empty mask.
    let (mut action, mut before) = unsafe { std::mem::zeroed::<(libc::sigaction, libc::sigaction)>() };
    action.sa_sigaction = on_sigbus as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: both are actions of this process, and the handler does only what a handler may.
    if unsafe { libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before) } != 0 {
        return false;
    }
    BEFORE.set(before).is_ok()
}

/// Repairs a window, or gives the signal to whoever had it before.
///
/// Only loads and stores of atomics and calls of the system are in here, none of which a signal can disturb.
extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel hands over a valid one, with an address if a fault is what the signal is for.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let by_fault = code > 0;
    if by_fault && repair(address) {
        return;
    }
    // What faulted is done again after this, and then meets the action from before.
    // SAFETY: as above; `zeroed` is the default action.
    unsafe {
        let before = BEFORE.get().copied().unwrap_or_else(|| std::mem::zeroed());
        libc::sigaction(signal, &raw const before, null_mut());
        if !by_fault {
            libc::raise(signal);
        }
    }
}

/// Puts zeros into the window that has `address`, if one has.
fn repair(address: usize) -> bool {
    let Some(at) = address.checked_sub(BASE.load(Ordering::SeqCst)) else { return false };
    let slot = at / MappedFile::WINDOW;
    let Some(hurt) = HURT.get(slot) else { return false };
    // Before anybody can see the zeros.
    hurt.store(true, Ordering::SeqCst);
    let start = (address - at % MappedFile::WINDOW) as *mut c_void;
    let (protection, flags) =
        (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE);
    // SAFETY: the memory is that of one window. Whoever reads there reads atomics, which may change.
    unsafe { mmap_anonymous(start, MappedFile::WINDOW, protection, flags) }.is_ok()
}

/// Where the slots start.
static BASE: AtomicUsize = AtomicUsize::new(usize::MAX);
/// For each slot, whether it has zeros in place of the file.
static HURT: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];
/// What was done about SIGBUS before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
/// More than are kept, and than threads lend at a time on most machines; the others read.
const SLOTS: usize = 64;
/// Tasks of threads are about 1 MiB.
const THREADS_PER_WINDOW: usize = 4;

#[cfg(test)]
mod tests;
