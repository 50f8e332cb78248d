//! Whether a process has given up calls and privileges.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity};

use super::{ProcessRule, in_proc, mapped};
use crate::process::{Memory, Process};

/// PROC-005.
#[doc = include_str!("confinement.md")]
pub(super) struct Confinement;

static META: RuleMeta = RuleMeta::new(
    "PROC-005",
    "confined",
    "A running process has a seccomp filter and cannot gain privileges",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("confinement.md"),
);

impl ProcessRule for Confinement {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "SECCOMP"
    }

    fn judge(&self, process: &Process) -> Judgement {
        // The kernel tells this of processes whose memory it does not show.
        if !matches!(process.memory, Memory::Unread(..))
            && let Err(judgement) = mapped(process)
        {
            return judgement;
        }
        let (Some(seccomp), Some(no_new_privs)) = (seccomp(process), no_new_privs(process)) else {
            return Judgement::unknown(Cause::NoFacts, "unknown", "the kernel does not tell of seccomp");
        };
        let filters = matches!(seccomp, "filter" | "strict");
        let status = in_proc(process, "status");
        let mut evidence = vec![
            Evidence::new("Seccomp", seccomp, "filter").at(status.clone()),
            Evidence::new("NoNewPrivs", if no_new_privs { "1" } else { "0" }, "1").at(status.clone()),
        ];
        if let Some(set) = process.status.capabilities {
            let seen = format!("{set:016x}, {} capabilities", set.count_ones());
            evidence.push(Evidence::new("CapEff", seen, "").at(status));
        }
        match (filters, no_new_privs) {
            (true, true) => with(Judgement::pass(seccomp, evidence.remove(0)), evidence),
            (true, false) => {
                Judgement::partial(seccomp, "it can gain privileges by running programs", evidence)
            }
            (false, true) => {
                Judgement::partial("nnp only", "no seccomp filter bounds its system calls", evidence)
            }
            (false, false) => {
                let message = "no seccomp filter bounds its system calls, and it can gain privileges";
                Judgement::fail(seccomp, message, evidence)
            }
        }
    }
}

/// `none`, `strict`, `filter`, or `mixed` if the threads differ.
pub(in crate::process) fn seccomp(process: &Process) -> Option<&'static str> {
    let first = process.status.seccomp?;
    if process.threads.iter().any(|thread| thread.seccomp.is_some_and(|other| other != first)) {
        return Some("mixed");
    }
    Some(match first {
        0 => "none",
        1 => "strict",
        _ => "filter",
    })
}

/// Whether all threads have it.
pub(in crate::process) fn no_new_privs(process: &Process) -> Option<bool> {
    let first = process.status.no_new_privs?;
    Some(first && process.threads.iter().all(|thread| thread.no_new_privs != Some(false)))
}

fn with(judgement: Judgement, evidence: Vec<Evidence>) -> Judgement {
    evidence.into_iter().fold(judgement, Judgement::with)
}
