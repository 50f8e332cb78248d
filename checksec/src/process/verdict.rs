//! What each rule says of all processes.

use hardpan_report::{
    BytePath, Cell, Column, Evidence, Finding, Judgement, Location, Outcome, ProcessRow, ProcessTable,
    RuleMeta, Tally, Verdict, escape,
};

use crate::Elf;
use crate::process::rules::{RULES, confinement};
use crate::process::{Memory, Process, ProcessScan};
use crate::verdict::{summary, thousands};

/// One verdict for each of [`RULES`], in their order.
///
/// A process that could not be read counts as unknown for all of them; that it could not be read is for the caller to
/// report once. A finding is placed at the program, so that waivers and baselines outlive the number of the process.
pub fn verdicts(scan: &ProcessScan) -> Vec<(&'static RuleMeta, Verdict)> {
    RULES.iter().map(|rule| (rule.meta(), verdict(scan, *rule))).collect()
}

/// One row for each process, one column for each rule.
pub fn table(scan: &ProcessScan) -> ProcessTable {
    let column =
        |rule: &&dyn super::ProcessRule| Column { rule: rule.meta().id.clone(), title: rule.column() };
    ProcessTable {
        columns: RULES.iter().map(column).collect(),
        rows: scan.processes.iter().map(row).collect(),
        kernel_threads: scan.kernel_threads,
        ended: scan.ended,
        gone: scan.gone,
    }
}

fn verdict(scan: &ProcessScan, rule: &dyn super::ProcessRule) -> Verdict {
    let mut tally = Tally { not_applicable: scan.kernel_threads + scan.ended, ..Tally::default() };
    let mut findings = Vec::new();
    for process in &scan.processes {
        let judgement = rule.judge(process);
        tally.count(judgement.outcome);
        // That its memory could not be read is reported once.
        if !(judgement.outcome == Outcome::Unknown && matches!(process.memory, Memory::Unread(..))) {
            findings.extend(finding(scan, process, judgement, rule.meta()));
        }
    }
    // Places in /proc whose processes are not even known.
    let seen = scan.processes.iter().filter(|process| matches!(process.memory, Memory::Unread(..))).count();
    tally.unknown += (scan.unread.len().saturating_sub(seen)) as u64;
    let judged = tally.total() - tally.not_applicable;
    let summary = if judged == 0 { "no process that it concerns".into() } else { summary(tally) };
    Verdict::over("processes", tally, summary, findings, vec![coverage(scan)])
}

fn finding(scan: &ProcessScan, process: &Process, judgement: Judgement, meta: &RuleMeta) -> Option<Finding> {
    if matches!(judgement.outcome, Outcome::Pass | Outcome::NotApplicable) {
        return None;
    }
    let name = escape(&process.status.name);
    Some(Finding {
        outcome: judgement.outcome,
        cause: judgement.cause,
        confidence: judgement.confidence,
        location: Some(Location::file(place(process))),
        key: meta.name.to_string(),
        message: format!("process {} ({name}): {}", process.pid, judgement.message),
        evidence: judgement.evidence,
        fixes: Vec::new(),
        file: program(scan, process).map(|elf| std::sync::Arc::new(elf.traits())),
    })
}

/// The program's path, or the process's place in `/proc` where the path may not be asked.
fn place(process: &Process) -> BytePath {
    match &process.program {
        Some(program) => BytePath::from(&**program),
        None => BytePath::from(format!("/proc/{}", process.pid).into_bytes()),
    }
}

/// The program's own file, if it was judged. Where two files have the path, which is so if one was replaced, nothing is
/// said.
fn program<'s>(scan: &'s ProcessScan, process: &Process) -> Option<&'s Elf> {
    let program = process.program.as_deref()?;
    let mut elves = scan.files.elves.iter().filter(|elf| elf.path == program);
    elves.next().filter(|_| elves.next().is_none())
}

fn row(process: &Process) -> ProcessRow {
    let cells = RULES.iter().map(|rule| {
        let Judgement { outcome, confidence, label, message, evidence, .. } = rule.judge(process);
        Cell { outcome, confidence, label, message, evidence: evidence.into() }
    });
    ProcessRow {
        pid: process.pid,
        name: escape(&process.status.name),
        program: process.program.as_deref().map(BytePath::from),
        threads: process.threads.len() as u64,
        seccomp: confinement::seccomp(process),
        no_new_privs: confinement::no_new_privs(process),
        capabilities: process.status.capabilities.map(|set| format!("{set:016x}")),
        files: process.files.iter().map(|file| BytePath::from(&*file.name)).collect(),
        cells: cells.collect(),
    }
}

fn coverage(scan: &ProcessScan) -> Evidence {
    let seen = format!(
        "{} processes, with code from {} files",
        thousands(scan.processes.len() as u64),
        thousands(scan.files.files_opened)
    );
    Evidence::new("processes looked at", seen, "")
}
