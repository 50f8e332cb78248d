//! Whether the stacks of a process are without execute permission.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity};

use super::{ProcessRule, fact, in_proc, mapped, whole};
use crate::process::{Backing, Mapping, Maps, Process};

/// PROC-002.
#[doc = include_str!("stack.md")]
pub(super) struct RunningStack;

static META: RuleMeta = RuleMeta::new(
    "PROC-002",
    "running-nx-stack",
    "No stack of a running process is executable",
    Pillar::HardenedExecutables,
    Severity::Critical,
    include_str!("stack.md"),
);

impl ProcessRule for RunningStack {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "STACK"
    }

    fn judge(&self, process: &Process) -> Judgement {
        let maps = match mapped(process) {
            Ok(maps) => maps,
            Err(judgement) => return judgement,
        };
        let main = maps.all.iter().find(|mapping| mapping.backing() == Backing::Special(b"stack"));
        if let Some(main) = main.filter(|main| main.executable) {
            let message = "the stack of the main thread is executable";
            return Judgement::fail("exec", message, vec![fact(process, main, "no x")]);
        }
        if let Some(judgement) = thread_stacks(process, maps) {
            return judgement;
        }
        if let Err(judgement) = whole(process, maps) {
            return judgement;
        }
        judge_rest(process, maps, main)
    }
}

/// The threads whose stack pointers lie in executable memory.
fn thread_stacks(process: &Process, maps: &Maps) -> Option<Judgement> {
    let on_code = process.threads.iter().filter_map(|thread| {
        let stack = maps.holding(thread.stack?)?;
        (stack.executable && stack.writable).then_some((thread.tid, stack))
    });
    let on_code: Vec<(u32, &Mapping)> = on_code.collect();
    let (tid, stack) = on_code.first()?;
    let message = format!("the stacks of {} threads are executable", on_code.len());
    let thread =
        Evidence::new("thread", tid.to_string(), "").at(in_proc(process, &format!("task/{tid}/syscall")));
    Some(Judgement::fail("exec", message, vec![fact(process, stack, "no x"), thread]))
}

/// A stack is written all the time. So if no memory is writable and executable, no stack of any thread is, wherever it
/// may be.
fn judge_rest(process: &Process, maps: &Maps, main: Option<&Mapping>) -> Judgement {
    let both = maps.all.iter().find(|mapping| mapping.writable && mapping.executable);
    let unseen = process.threads.iter().filter(|thread| thread.stack.is_none()).count();
    let proof = match (both, unseen) {
        (None, _) => Evidence::new("maps", "no mapping is writable and executable", ""),
        (Some(_), 0) if !process.threads.is_empty() => {
            let seen = format!("all {} lie elsewhere", process.threads.len());
            Evidence::new("stack pointers of threads", seen, "outside executable memory")
        }
        (Some(both), _) => {
            let reason =
                "there is executable memory that can be written, and threads whose stacks may be in it";
            let unseen = Evidence::new("threads whose stack is not told", unseen.to_string(), "0");
            return Judgement::unknown(Cause::Undecided, "unknown", reason)
                .with(fact(process, both, ""))
                .with(unseen);
        }
    };
    let judgement = Judgement::pass("NX", proof);
    match main {
        Some(main) => judgement.with(fact(process, main, "no x")),
        None => judgement,
    }
}
