//! `hardpan checksec --pid` and `--all-processes`: what runs, and the files that it has loaded.

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_checksec::process::{self, HostProcesses, ProcessScan, Processes as _, Status, Which, is_gone};
use hardpan_checksec::{Unreadable, languages, matrix};
use hardpan_report::sink::{self, Draft, Policy};
use hardpan_report::{BytePath, Coverage, Pillar, Problem, Report, Roots, Subject, escape_str};

use crate::context::{Context, Interrupted};

#[derive(Args)]
#[command(next_help_heading = "Processes")]
pub(crate) struct ProcessArgs {
    /// Judge running processes by their numbers: their memory, and the files that they have loaded, also those that were
    /// deleted or replaced since
    #[arg(long, value_name = "PID", value_delimiter = ',', conflicts_with_all = ["paths", "root", "image"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Vec<u32>,

    /// The same for every running process. Only root may look into those of other users
    #[arg(long, conflicts_with_all = ["paths", "root", "image", "pid"])]
    pub(crate) all_processes: bool,
}

/// The report on the processes that were asked for; `None` if none were.
pub(crate) fn report(
    args: &ProcessArgs,
    policy: &Policy,
    context: &Context,
) -> anyhow::Result<Option<Report>> {
    let (which, path) = match (&args.pid[..], args.all_processes) {
        ([], false) => return Ok(None),
        ([], true) => (Which::All, "/proc".to_owned()),
        (pids, _) => {
            let mut pids = pids.to_vec();
            pids.sort_unstable();
            pids.dedup();
            pids.iter().try_for_each(|pid| check(*pid))?;
            let path = pids.iter().map(|pid| format!("/proc/{pid}")).collect::<Vec<_>>().join(" ");
            (Which::These(pids), path)
        }
    };
    let read = |progress: hardpan_audit::Progress<'_>| process::scan(&HostProcesses, &which, progress);
    let scan = context.counting("reading processes", read).context("cannot list the processes in /proc")?;
    let scan = scan.ok_or(Interrupted::NO_REPORT)?;
    let mut report = sink::judge(draft(&scan, &path), policy);
    report.processes = Some(process::table(&scan));
    Ok(Some(report))
}

/// Refuses what is no process: an empty report would look like a clean one.
fn check(pid: u32) -> anyhow::Result<()> {
    let status = match HostProcesses.open(pid).and_then(|view| view.read("status")) {
        Ok(bytes) => Status::parse(&bytes),
        Err(error) if is_gone(&error) => bail!("there is no process {pid}"),
        Err(error) => return Err(error).with_context(|| format!("cannot read process {pid}")),
    };
    match status.process {
        Some(process) if process != pid => {
            bail!("{pid} is a thread of process {process}: say --pid {process}")
        }
        _ => Ok(()),
    }
}

fn draft<'m>(scan: &ProcessScan, path: &str) -> Draft<'m> {
    let mut verdicts = process::verdicts(scan);
    verdicts.extend(hardpan_checksec::verdicts(&scan.files));
    Draft {
        command: "checksec",
        subject: Subject { kind: "processes", path: BytePath::from(path), live: true, os: None },
        coverage: Coverage {
            entries: scan.processes.len() as u64,
            files: scan.files.files_opened,
            directories: 0,
            elf_files: scan.files.elves.len() as u64,
            closed_libraries: 0,
            not_entered: Vec::new(),
            problems: scan.unread.iter().map(problem).collect(),
        },
        verdicts,
        pillars: vec![Pillar::HardenedExecutables],
        matrix: Some(matrix(&scan.files)),
        languages: languages(&scan.files),
        roots: Roots::default(),
    }
}

fn problem(unread: &Unreadable) -> Problem {
    Problem {
        path: BytePath::from(unread.path.as_slice()),
        cause: Some(unread.cause),
        reason: escape_str(&unread.reason),
    }
}
