//! Reading one process.

use std::io;

use hardpan_report::Cause;

use crate::process::loaded::files;
use crate::process::status::{page_size, stack_pointer};
use crate::process::{Maps, Memory, Process, ProcessView, Status, Thread, is_gone};

/// Reads everything that is known of a process but what is in its files. An error means that it has ended, or that not
/// even its state may be read.
pub(crate) fn process(view: &dyn ProcessView, pid: u32, usual_page: u64) -> io::Result<Process> {
    let status = Status::parse(&view.read("status")?);
    let memory = memory(view, &status)?;
    let mut process = Process {
        pid,
        program: view.program().ok().map(Vec::into_boxed_slice),
        page_size: view.read("auxv").ok().and_then(|auxv| page_size(&auxv)).unwrap_or(usual_page),
        shares_mounts: view.shares_mounts().ok(),
        status,
        memory,
        threads: Vec::new(),
        files: Vec::new(),
    };
    match &process.memory {
        Memory::Mapped(maps) => {
            process.files = files(view, maps, process.shares_mounts);
            process.threads = threads(view, may_run_stacks(maps));
        }
        Memory::Unread(..) => process.threads = threads(view, false),
        Memory::Kernel | Memory::Ended => {}
    }
    Ok(process)
}

/// Whether some stack has not been found that could be executable. Another look may find its thread waiting.
pub(crate) fn lacks_stacks(process: &Process) -> bool {
    let may_run = matches!(&process.memory, Memory::Mapped(maps) if may_run_stacks(maps));
    may_run && process.threads.iter().any(|thread| thread.stack.is_none())
}

/// Looks for the stacks again that were not found; those that were stay where they are.
pub(crate) fn find_stacks(view: &dyn ProcessView, process: &mut Process) {
    for thread in process.threads.iter_mut().filter(|thread| thread.stack.is_none()) {
        thread.stack = stack(view, thread.tid);
    }
}

fn may_run_stacks(maps: &Maps) -> bool {
    maps.all.iter().any(|mapping| mapping.writable && mapping.executable)
}

fn stack(view: &dyn ProcessView, tid: u32) -> Option<u64> {
    stack_pointer(&view.read(&format!("task/{tid}/syscall")).ok()?)
}

/// What is mapped now.
pub(crate) fn maps(view: &dyn ProcessView) -> io::Result<Maps> {
    view.read("maps").map(|bytes| Maps::parse(&bytes))
}

fn memory(view: &dyn ProcessView, status: &Status) -> io::Result<Memory> {
    if !status.has_memory {
        let is_kernel = status.is_kernel.unwrap_or_else(|| !status.has_ended());
        return Ok(if is_kernel { Memory::Kernel } else { Memory::Ended });
    }
    match maps(view) {
        // It had memory a moment ago.
        Ok(maps) if maps.all.is_empty() && maps.not_understood == 0 => Ok(Memory::Ended),
        Ok(maps) => Ok(Memory::Mapped(maps)),
        Err(error) if is_gone(&error) => Err(error),
        Err(error) => {
            let cause = match error.kind() {
                io::ErrorKind::FileTooLarge => Cause::Limit,
                _ => Cause::Unreadable,
            };
            Ok(Memory::Unread(cause, format!("maps: {error}")))
        }
    }
}

/// The threads; where their stacks are is asked only if it can matter.
fn threads(view: &dyn ProcessView, with_stacks: bool) -> Vec<Thread> {
    let tids = view.threads().unwrap_or_default();
    let threads = tids.into_iter().filter_map(|tid| {
        // A thread that has ended in between is as if it had ended before.
        let status = Status::parse(&view.read(&format!("task/{tid}/status")).ok()?);
        let stack = if with_stacks { stack(view, tid) } else { None };
        Some(Thread { tid, stack, seccomp: status.seccomp, no_new_privs: status.no_new_privs })
    });
    threads.collect()
}
