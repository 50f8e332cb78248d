//! API-009.

use hardpan_image::{Entry, EntryId, FileKind};
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::place::Place;
use crate::suspects::{called_programs, target};
use crate::systemd::{EnabledUnit, enabled_units};
use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-009",
        "no-scheduled-jobs",
        "No jobs are scheduled",
        Pillar::ApiOnly,
        Severity::Low,
        include_str!("no_scheduled_jobs.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let enabled = enabled_units(context);
    let timers = enabled.units.iter().filter(|unit| unit.name.ends_with(b".timer"));
    let mut findings: Vec<Finding> = timers.map(|unit| timer(context, unit)).collect();
    findings.extend(enabled.troubles);
    let (scheduler, trouble) = scheduler(context);
    findings.extend(trouble);
    if let Some(scheduler) = scheduler {
        findings.extend(jobs(context, scheduler));
    }
    let jobs = findings.iter().filter(|finding| finding.cause.is_none()).count();
    let by = match scheduler {
        Some(id) => escape(&context.index.path(id)),
        None => "no cron or at daemon".into(),
    };
    let mut verdict = context.absence(format!("{jobs} scheduled jobs"), findings);
    verdict.evidence.push(Evidence::new("scheduler besides systemd", by, ""));
    verdict
}

fn timer(context: &Context<'_>, unit: &EnabledUnit) -> Finding {
    let location = context.location(unit.link);
    let name = escape(&unit.name);
    Finding::fail(Some(location), "timer", format!("{name} starts a job on a schedule"))
        .with(unit.evidence(context))
}

/// The daemon that would run crontabs. Without one they are only text.
fn scheduler(context: &Context<'_>) -> (Option<EntryId>, Option<Finding>) {
    let mut trouble = None;
    for entry in called_programs(context).filter(|entry| DAEMONS.contains(&entry.name)) {
        match target(context, entry) {
            Ok(Some(id)) => return (Some(id), None),
            Ok(None) => {}
            Err(error) => {
                let reason = format!("{} may run jobs, but {error}", escape(&context.index.path(entry.id)));
                let location = Some(context.location(entry.id));
                trouble = Some(Finding::unknown(Cause::Unreadable, location, "scheduler", reason));
            }
        }
    }
    (None, trouble)
}

const DAEMONS: [&[u8]; 8] =
    [b"cron", b"crond", b"anacron", b"fcron", b"dcron", b"bcron-start", b"atd", b"systemd-cron"];

fn jobs(context: &Context<'_>, scheduler: EntryId) -> Vec<Finding> {
    let daemon = escape(&context.index.path(scheduler));
    let mut findings = Vec::new();
    for path in ["/etc/crontab", "/etc/anacrontab"] {
        match context.text(path) {
            Text::Present(file) => {
                let lines = file.statements(b"#").filter(|(_, line)| is_job(line));
                findings.extend(lines.map(|(number, line)| {
                    let evidence = Evidence::new("line", escape(line), "absent").at(file.line(number));
                    let message = format!("{path} has {daemon} run a job");
                    let key = format!("job:{}", escape(line));
                    Finding::fail(Some(file.line(number)), key, message).with(evidence)
                }));
            }
            Text::Absent => {}
            Text::Unread(finding) => findings.push(*finding),
        }
    }
    for directory in DIRECTORIES {
        let id = match context.place(directory) {
            Place::Listed(id) => id,
            Place::Absent => continue,
            Place::Unread(finding) => {
                findings.push(*finding);
                continue;
            }
        };
        let files = context.index.children(id).filter(|entry| is_job_file(*entry, directory));
        findings.extend(files.map(|entry| {
            let location = context.location(entry.id);
            let message = format!("{} is a job for {daemon}", escape(location.path.as_bytes()));
            let evidence = Evidence::new("job", format!("{} bytes", entry.metadata.size), "absent");
            Finding::fail(Some(location.clone()), "job", message).with(evidence.at(location))
        }));
    }
    findings
}

/// Schedules begin with a digit, `*` or `@`; other lines set variables.
fn is_job(line: &[u8]) -> bool {
    line.first().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'*' | b'@' | b'-'))
}

/// Daemons skip dot files; the directories named by an interval are only for what can be executed.
fn is_job_file(entry: Entry<'_>, directory: &str) -> bool {
    let counts = matches!(entry.metadata.kind, FileKind::File | FileKind::Symlink);
    let by_interval = directory.starts_with("/etc/cron.") && directory != "/etc/cron.d";
    counts
        && entry.metadata.size > 0
        && !entry.name.starts_with(b".")
        && (!by_interval || entry.metadata.is_executable())
}

/// `/var/spool/cron` holds the tables themselves on some systems, and directories of them on others.
const DIRECTORIES: [&str; 10] = [
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/cron.yearly",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
    "/var/spool/cron/atjobs",
    "/var/spool/at",
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn crontabs() -> MemoryTree {
        let crontab = "# jobs\nPATH=/bin\n17 * * * * root run\n";
        MemoryTree::new()
            .file("/etc/crontab", 0o644, crontab)
            .file("/etc/cron.d/.placeholder", 0o644, "x")
            .file("/etc/cron.daily/logs", 0o755, "x")
            .file("/etc/cron.daily/README", 0o644, "x")
            .file("/var/spool/cron/crontabs/root", 0o600, "@reboot run\n")
    }

    #[test]
    fn jobs_are_found_where_a_daemon_runs_them() {
        let verdict = expect(&RULE, &crontabs().file("/usr/sbin/cron", 0o755, ""), Outcome::Fail);
        let messages: Vec<&str> = verdict.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "/etc/crontab has /usr/sbin/cron run a job",
                "/etc/cron.daily/logs is a job for /usr/sbin/cron",
                "/var/spool/cron/crontabs/root is a job for /usr/sbin/cron",
            ]
        );
        assert_eq!(verdict.findings[0].location.as_ref().unwrap().line, Some(3));
    }

    #[test]
    fn enabled_timers_are_found() {
        let tree = MemoryTree::new()
            .file("/usr/lib/systemd/system/a.timer", 0o644, "[Timer]\n")
            .symlink("/usr/lib/systemd/system/timers.target.wants/a.timer", "../a.timer");
        expect(&RULE, &tree, Outcome::Fail);
    }

    #[test]
    fn crontabs_that_nothing_reads_pass() {
        expect(&RULE, &crontabs(), Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        expect(&RULE, &crontabs().directory("/usr/sbin", 0o755).unreadable("/usr/sbin"), Outcome::Unknown);
    }
}
