//! The calls that neither the standard library nor rustix has: all unsafe code of this crate.
//!
//! Each function is safe to call with any arguments: what the kernel reads and writes is checked here against the memory
//! that is handed over.
#![expect(unsafe_code, reason = "calls into the kernel with memory that it reads and writes")]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::io;
use std::os::fd::BorrowedFd;

use rustix::ioctl::{Direction, Ioctl, IoctlOutput, Opcode, ioctl, opcode};

use crate::dm::{DATA_SIZE, HEADER_SIZE};
use crate::loopdev::LOOP_CONFIG_SIZE;

/// Calls device-mapper with `message`, which the kernel replaces by its reply. `control` must be its control node: on
/// other devices the numbers mean other calls.
pub(crate) fn device_mapper(control: BorrowedFd<'_>, command: u8, message: &mut [u8]) -> io::Result<()> {
    // The kernel reads and writes as many bytes as the message says that it has.
    let said =
        message.get(DATA_SIZE..).and_then(|bytes| bytes.first_chunk()).copied().map(u32::from_ne_bytes);
    let has = u32::try_from(message.len()).ok();
    if has.is_none_or(|len| len < HEADER_SIZE) || said != has {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let opcode = opcode::from_components(Direction::ReadWrite, DM_GROUP, command, HEADER_SIZE as usize);
    // SAFETY: every call of this group takes a `struct dm_ioctl` of `data_size` bytes, which the kernel reads and
    // writes within that size. It is the length of `message`, as checked, which is borrowed mutably until the call ends.
    unsafe { ioctl(control, Message { opcode, bytes: message }) }?;
    Ok(())
}

/// The number of a loop device that is free, which may be made for that.
pub(crate) fn loop_get_free(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: `LOOP_CTL_GET_FREE` has no argument and touches no memory of ours.
    let number = unsafe { ioctl(control, Number { opcode: LOOP_CTL_GET_FREE }) }?;
    u32::try_from(number).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Gives a loop device its file. `config` is a `struct loop_config`.
pub(crate) fn loop_configure(device: BorrowedFd<'_>, config: &mut [u8; LOOP_CONFIG_SIZE]) -> io::Result<()> {
    // SAFETY: `LOOP_CONFIGURE` reads a `struct loop_config`, which has as many bytes as the array.
    unsafe { ioctl(device, Message { opcode: LOOP_CONFIGURE, bytes: config }) }?;
    Ok(())
}

/// Adds a key of type `user` to a keyring and returns its number.
pub(crate) fn add_user_key(description: &CStr, payload: &[u8], keyring: i32) -> io::Result<c_long> {
    let Some(number) = ADD_KEY else { return Err(io::ErrorKind::Unsupported.into()) };
    let kind = c"user".as_ptr();
    // SAFETY: `add_key` reads two strings that end with a zero and `payload.len()` bytes, all borrowed until it returns,
    // and writes none. The arguments have the types that the kernel takes.
    let key = unsafe {
        syscall(
            number,
            kind,
            description.as_ptr(),
            payload.as_ptr().cast::<c_void>(),
            payload.len(),
            keyring as c_int,
        )
    };
    if key < 0 { Err(io::Error::last_os_error()) } else { Ok(key) }
}

/// Sets the privilege of this thread to use I/O ports: 0 is none, 3 is all. Only x86 has it.
pub(crate) fn set_io_privilege(level: u8) -> io::Result<()> {
    let Some(number) = IOPL else { return Err(io::ErrorKind::Unsupported.into()) };
    // SAFETY: `iopl` takes a number and touches no memory. The privilege lets this thread use instructions that none of
    // our code has.
    let result = unsafe { syscall(number, c_int::from(level)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Becomes the program at `path`, with these arguments and this environment. Returns only if that fails.
///
/// The standard library's `Command` does the same; what it brings for its other uses is a fiftieth of the boot binary.
pub(crate) fn execute(path: &CStr, arguments: &[CString], environment: &[&CStr]) -> io::Error {
    let mut argv: Vec<*const c_char> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    let mut envp: Vec<*const c_char> = environment.iter().map(|variable| variable.as_ptr()).collect();
    argv.push(std::ptr::null());
    envp.push(std::ptr::null());
    // SAFETY: the standard library's start has SIGPIPE ignored, which the next program would inherit; setting it back to its
    // default action installs no handler.
    unsafe { signal(SIGPIPE, SIG_DFL) };
    // SAFETY: `execve` reads a string and two arrays of strings that end with a null pointer. All of them are borrowed
    // until it returns, which it does only if it failed.
    unsafe { execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

// SAFETY: these are the C library's prototypes, by syscall(2), execve(2) and signal(2), whose handler is a pointer or one of
// a few small numbers. The standard library links it on every Linux target.
unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
}

/// A call whose argument is memory that the kernel may read and write.
struct Message<'a> {
    opcode: Opcode,
    bytes: &'a mut [u8],
}

// SAFETY: the pointer is to memory that the value borrows mutably. Which call the opcode is, and that the memory is large
// enough for it, is for those to show who make a `Message`: all of them above.
unsafe impl Ioctl for Message<'_> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.bytes.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// A call without an argument, whose result is a number.
struct Number {
    opcode: Opcode,
}

// SAFETY: the call has no argument, so that no memory is read or written.
unsafe impl Ioctl for Number {
    type Output = IoctlOutput;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(number: IoctlOutput, _: *mut c_void) -> rustix::io::Result<IoctlOutput> {
        Ok(number)
    }
}

/// From signal(7).
const SIGPIPE: c_int = 13;
const SIG_DFL: usize = 0;
/// `DM_IOCTL` of `linux/dm-ioctl.h`.
const DM_GROUP: u8 = 0xfd;
/// From `linux/loop.h`.
const LOOP_CTL_GET_FREE: Opcode = 0x4c82;
const LOOP_CONFIGURE: Opcode = 0x4c0a;
/// The number of `iopl`, where there is such a call.
const IOPL: Option<c_long> = if cfg!(target_arch = "x86_64") { Some(172) } else { None };
/// The number of `add_key`, where it is known.
const ADD_KEY: Option<c_long> = if cfg!(target_arch = "x86_64") {
    Some(248)
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
    Some(217)
} else {
    None
};

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_message_that_lies_about_its_length_never_reaches_the_kernel() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let refused = |message: &mut [u8]| {
            device_mapper(null.as_fd(), 0, message).unwrap_err().kind() == io::ErrorKind::InvalidInput
        };
        let mut message = vec![0; 400];
        assert!(refused(&mut message));
        message[12..16].copy_from_slice(&401u32.to_ne_bytes());
        assert!(refused(&mut message));
        message[12..16].copy_from_slice(&400u32.to_ne_bytes());
        assert!(!refused(&mut message));
        assert!(refused(&mut message[..399]));
        assert!(refused(&mut []));
        let mut short = vec![0; 311];
        short[12..16].copy_from_slice(&311u32.to_ne_bytes());
        assert!(refused(&mut short));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_started() {
        let path = c"/no/such/program";
        let error = execute(path, &[path.to_owned()], &[c"HOME=/"]);
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn other_devices_refuse_these_calls() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(loop_get_free(null.as_fd()).unwrap_err().raw_os_error(), Some(ENOTTY));
        let configured = loop_configure(null.as_fd(), &mut [0; LOOP_CONFIG_SIZE]);
        assert_eq!(configured.unwrap_err().raw_os_error(), Some(ENOTTY));
    }

    const ENOTTY: i32 = 25;
}
