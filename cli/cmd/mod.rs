//! One file for each command.

pub(crate) mod audit;
pub(crate) mod checksec;
pub(crate) mod init;
pub(crate) mod lockdown;
pub(crate) mod policy;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod verity;

use hardpan_checksec::cause_of;
use hardpan_image::{FileKind, Index, Trouble};
use hardpan_report::{BytePath, Coverage, Finding, Problem, escape_str};

/// What was read and what was not, for the report.
pub(crate) fn coverage(index: &Index<'_>, elf_files: u64, unread: Vec<&Finding>) -> Coverage {
    let count = |kind| index.entries().filter(|entry| entry.metadata.kind == kind).count() as u64;
    let mut problems: Vec<Problem> = index.troubles().iter().map(problem).collect();
    problems.extend(unread.into_iter().map(|finding| Problem {
        path: finding.location.as_ref().map_or_else(|| BytePath::from(""), |location| location.path.clone()),
        cause: finding.cause,
        reason: finding.message.clone(),
    }));
    problems.sort();
    problems.dedup();
    let not_entered = index.not_entered().iter().map(|skipped| Problem {
        path: BytePath::from(skipped.path.clone()),
        cause: None,
        reason: escape_str(&skipped.reason),
    });
    Coverage {
        entries: index.len() as u64,
        files: count(FileKind::File),
        directories: count(FileKind::Directory),
        elf_files,
        closed_libraries: 0,
        not_entered: not_entered.collect(),
        problems,
    }
}

fn problem(trouble: &Trouble) -> Problem {
    let reason = escape_str(&trouble.reason);
    Problem { path: BytePath::from(trouble.path.clone()), cause: Some(cause_of(trouble.fault)), reason }
}
