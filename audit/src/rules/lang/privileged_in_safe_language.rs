//! LANG-002.

use std::collections::{BTreeMap, HashMap};

use hardpan_image::{EntryId, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape, escape_str};

use crate::rules::api::no_file_capabilities::unread_attributes;
use crate::systemd::{UnitFile, enabled_units, unit_file};
use crate::{AuditRule, Context, Program, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "LANG-002",
        "privileged-in-safe-language",
        "Privileged programs are in memory-safe languages",
        Pillar::MemorySafe,
        Severity::Low,
        include_str!("privileged_in_safe_language.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let (privileged, mut findings) = privileged(context);
    let count = privileged.len();
    let facts: HashMap<EntryId, &Program> =
        context.programs.iter().map(|program| (program.id, program)).collect();
    let judged = privileged.iter().filter_map(|(id, why)| judge(context, *id, facts.get(id).copied(), why));
    findings.extend(judged);
    let failed = findings.iter().filter(|finding| finding.cause.is_none()).count();
    let summary = format!("{failed} of {count} privileged programs are in C or C++");
    context.absence(summary, findings)
}

/// Programs that run with rights that their caller lacks, or as services, with the reason for each.
fn privileged(context: &Context<'_>) -> (BTreeMap<EntryId, String>, Vec<Finding>) {
    let mut found = BTreeMap::new();
    for entry in context.executables().filter(|entry| entry.metadata.mode & 0o6000 != 0) {
        if !context.scripts.iter().any(|script| script.id == entry.id) {
            found.insert(entry.id, format!("is set-id (mode {:04o})", entry.metadata.mode));
        }
    }
    for (id, _) in &context.attributes.capabilities {
        found.entry(*id).or_insert_with(|| "has file capabilities".into());
    }
    let enabled = enabled_units(context);
    let mut troubles = enabled.troubles;
    troubles.extend(unread_attributes(context));
    for unit in enabled.units.iter().filter(|unit| unit.name.ends_with(b".service")) {
        match started_by(context, &unit.name) {
            Ok(programs) => {
                for id in programs {
                    found.entry(id).or_insert_with(|| format!("is started by {}", escape(&unit.name)));
                }
            }
            Err(finding) => troubles.push(*finding),
        }
    }
    (found, troubles)
}

/// The programs of a service's `ExecStart=` lines that the tree has. Programs that are shells or scripts are there too;
/// drop-ins are not followed.
fn started_by(context: &Context<'_>, unit: &[u8]) -> Result<Vec<EntryId>, Box<Finding>> {
    let Ok(UnitFile::At(id)) = unit_file(context, unit) else { return Ok(Vec::new()) };
    let file = match context.text_of(id) {
        Text::Present(file) => file,
        Text::Absent => return Ok(Vec::new()),
        Text::Unread(finding) => return Err(finding),
    };
    let mut programs = Vec::new();
    for (_, line) in file.statements(b"#;") {
        let Some((key, value)) = split_setting(line) else { continue };
        if key != b"ExecStart" {
            continue;
        }
        // The signs before a path say how to run it: systemd.service(5), "Special executable prefixes".
        let signs = value.iter().take_while(|byte| b"@-:+!|".contains(byte)).count();
        let path = value[signs..].split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if path.first() != Some(&b'/') {
            continue;
        }
        match context.index.resolve(path) {
            Ok(program) => programs.push(program),
            Err(ResolveError::NotFound | ResolveError::NotADirectory) => {}
            Err(error) => {
                let reason = format!("{} starts {}, which {error}", escape(unit), escape(path));
                let key = format!("unit:{}", escape(path));
                let location = Some(context.location(id));
                return Err(Box::new(Finding::unknown(Cause::Unreadable, location, key, reason)));
            }
        }
    }
    Ok(programs)
}

fn split_setting(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    Some((line[..at].trim_ascii(), line[at + 1..].trim_ascii()))
}

fn judge(context: &Context<'_>, id: EntryId, program: Option<&Program>, why: &str) -> Option<Finding> {
    let location = context.location(id);
    let path = escape(location.path.as_bytes());
    // A script has no language of its own here; MIN-005 is about those.
    if context.scripts.iter().any(|script| script.id == id) {
        return None;
    }
    let Some(program) = program else {
        let reason = format!("{path} {why}, but it was not read as a program");
        return Some(Finding::unknown(Cause::NoFacts, Some(location), "language", reason));
    };
    let evidence = Evidence::new("told by", escape_str(&program.told_by), "Rust or Go").at(location.clone());
    let finding = match program.language.is_memory_safe() {
        Some(true) => return None,
        Some(false) => {
            let message = format!("{path} {why} and is in {}", program.language.as_str());
            Finding::fail(Some(location), "language", message)
        }
        None => {
            let reason = format!("{path} {why}, and nothing in it tells its language");
            Finding::unknown(Cause::Undecided, Some(location), "language", reason)
        }
    };
    Some(finding.with(evidence))
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::{Language, Outcome};

    use super::*;
    use crate::fixture::{check_with, expect};

    const UNIT: &str = "/usr/lib/systemd/system/agent.service";

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .file("/usr/bin/agent", 0o755, "")
            .file("/usr/bin/su", 0o4755, "")
            .file("/usr/bin/plain", 0o755, "")
            .file(UNIT, 0o644, "[Service]\nExecStart = -!/usr/bin/agent --now\n")
            .symlink("/etc/systemd/system/multi-user.target.wants/agent.service", UNIT)
    }

    fn verdict(tree: &MemoryTree, language: Language) -> Verdict {
        check_with(&RULE, tree, |context| {
            context.attributes.unlabelled = 1;
            for path in ["/usr/bin/agent", "/usr/bin/su", "/usr/bin/plain"] {
                let id = context.index.lookup(path.as_bytes()).unwrap();
                let language = if path == "/usr/bin/plain" { Language::CFamily } else { language };
                context.programs.push(Program { language, ..Program::new(id) });
            }
        })
    }

    #[test]
    fn privileged_programs_in_c_are_found_and_others_are_not() {
        let found = verdict(&tree(), Language::CFamily);
        assert_eq!(found.outcome(), Outcome::Fail);
        let messages: Vec<&str> = found.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "/usr/bin/agent is started by agent.service and is in C/C++",
                "/usr/bin/su is set-id (mode 4755) and is in C/C++"
            ]
        );
    }

    #[test]
    fn safe_languages_pass() {
        assert_eq!(verdict(&tree(), Language::Rust).outcome(), Outcome::Pass);
        let none = check_with(&RULE, &MemoryTree::new(), |context| context.attributes.unlabelled = 1);
        assert_eq!(none.outcome(), Outcome::Pass);
    }

    #[test]
    fn facts_that_are_missing_are_unknown() {
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
        let unread = check_with(&RULE, &tree(), |context| context.attributes.unlabelled = 1);
        assert_eq!(unread.outcome(), Outcome::Unknown);
        assert_eq!(unread.findings.len(), 2, "{unread:#?}");
    }

    #[test]
    fn an_unknown_language_and_an_unread_unit_are_unknown() {
        assert_eq!(verdict(&tree(), Language::Unknown).outcome(), Outcome::Unknown);
        assert_eq!(verdict(&tree().unreadable(UNIT), Language::Rust).outcome(), Outcome::Unknown);
    }
}
