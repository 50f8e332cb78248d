//! MIN-005.

use hardpan_image::{EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::suspects;
use crate::{AuditRule, Context, Script};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MIN-005",
        "no-scripts",
        "No script can be run",
        Pillar::NoShell,
        Severity::Medium,
        include_str!("no_scripts.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut dead = 0;
    let mut findings = Vec::new();
    for script in &context.scripts {
        match judge(context, script) {
            Some(finding) => findings.push(finding),
            None => dead += 1,
        }
    }
    let failed = context.scripts.len() - dead;
    findings.extend(suspects::unjudged(context));
    let summary = match (failed, dead) {
        (0, 0) => "there are no scripts".into(),
        (0, dead) => format!("{dead} scripts, none of which has an interpreter to run it"),
        (failed, _) => format!("{failed} scripts have an interpreter to run them"),
    };
    context.absence(summary, findings)
}

/// A finding if the script can be run or if that cannot be told; nothing if its interpreter is missing.
fn judge(context: &Context<'_>, script: &Script) -> Option<Finding> {
    let location = Location::line(context.index.path(script.id), 1);
    let shown = escape(location.path.as_bytes());
    let interpreter = match interpreter(context, script) {
        Ok(interpreter) => interpreter?,
        Err(error) => {
            let reason = format!("whether {shown} can run cannot be told: its interpreter {error}");
            return Some(Finding::unknown(Cause::Unreadable, Some(location), "script", reason));
        }
    };
    let line = [b"#!".as_slice(), &script.interpreter, b" ", &script.argument].concat();
    let evidence =
        Evidence::new("first line", escape(line.trim_ascii_end()), "a program").at(location.clone());
    let message = format!("{shown} is a script, and {} runs it", escape(&context.index.path(interpreter)));
    Some(Finding::fail(Some(location), "script", message).with(evidence))
}

/// The file that would read the script. `env` looks its argument up in `PATH`, so there the argument counts.
fn interpreter(context: &Context<'_>, script: &Script) -> Result<Option<EntryId>, ResolveError> {
    let Some(direct) = executable(context, &script.interpreter)? else { return Ok(None) };
    if script.interpreter.rsplit(|byte| *byte == b'/').next() != Some(b"env") {
        return Ok(Some(direct));
    }
    let words = script.argument.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut words = words.filter(|word| !word.starts_with(b"-") && !word.contains(&b'=')).peekable();
    if words.peek().is_none() {
        return Ok(Some(direct));
    }
    // Some options of `env` take a word of their own, so that the program is not always the first.
    for name in words {
        if let Some(found) = in_path(context, name)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn in_path(context: &Context<'_>, name: &[u8]) -> Result<Option<EntryId>, ResolveError> {
    if name.contains(&b'/') {
        return executable(context, name);
    }
    for directory in PATH {
        let path = [directory, b"/".as_slice(), name].concat();
        if let Some(found) = executable(context, &path)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn executable(context: &Context<'_>, path: &[u8]) -> Result<Option<EntryId>, ResolveError> {
    match context.index.resolve(path) {
        Ok(id) => {
            let metadata = context.index.entry(id).metadata;
            Ok((metadata.kind == FileKind::File && metadata.is_executable()).then_some(id))
        }
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What systemd sets for services, which is also the usual one of a login.
const PATH: [&[u8]; 6] =
    [b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/usr/bin", b"/sbin", b"/bin"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::check_with;

    fn verdict(tree: &MemoryTree, interpreter: &str, argument: &str) -> Verdict {
        check_with(&RULE, tree, |context| {
            let id = context.index.lookup(b"/usr/bin/tool").unwrap();
            let (interpreter, argument) = (interpreter.into(), argument.into());
            context.scripts = vec![Script { id, interpreter, argument }];
        })
    }

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .file("/usr/bin/tool", 0o755, "")
            .file("/usr/bin/dash", 0o755, "")
            .file("/usr/bin/env", 0o755, "")
            .symlink("/usr/bin/sh", "dash")
            .symlink("/bin", "usr/bin")
    }

    #[test]
    fn a_script_with_an_interpreter_is_found() {
        let found = verdict(&tree(), "/bin/sh", "-e");
        assert_eq!(found.outcome(), Outcome::Fail);
        assert_eq!(found.findings[0].message, "/usr/bin/tool is a script, and /usr/bin/dash runs it");
        assert_eq!(found.findings[0].evidence[0].seen, "#!/bin/sh -e");
        assert_eq!(verdict(&tree(), "/usr/bin/env", "-S sh -e").outcome(), Outcome::Fail);
    }

    #[test]
    fn env_has_options_with_words_of_their_own() {
        assert_eq!(verdict(&tree(), "/usr/bin/env", "-u HOME sh").outcome(), Outcome::Fail);
    }

    #[test]
    fn a_script_without_one_cannot_run() {
        assert_eq!(verdict(&tree(), "/usr/bin/python3", "").outcome(), Outcome::Pass);
        assert_eq!(verdict(&tree(), "/usr/bin/env", "python3").outcome(), Outcome::Pass);
    }

    #[test]
    fn an_interpreter_that_cannot_be_looked_up_is_unknown() {
        let tree = tree().directory("/opt", 0o755).unreadable("/opt");
        let found = verdict(&tree, "/opt/interpreter", "");
        assert_eq!(found.outcome(), Outcome::Unknown);
        assert_eq!(found.findings[0].location, Some(Location::line("/usr/bin/tool", 1)));
    }
}
