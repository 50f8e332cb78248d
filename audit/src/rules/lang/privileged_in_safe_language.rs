//! LANG-002.

mod exec_start;

use std::collections::{BTreeMap, HashMap};

use hardpan_image::EntryId;
use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape, escape_str};

use self::exec_start::{Started, started_by};
use crate::rules::api::no_file_capabilities::unread_attributes;
use crate::systemd::{EnabledUnit, enabled_units};
use crate::{AuditRule, Context, Program};

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
    let Privileged { programs: privileged, troubles: mut findings, missing } = privileged(context);
    let count = privileged.len();
    let facts: HashMap<EntryId, &Program> =
        context.programs.iter().map(|program| (program.id, program)).collect();
    let judged = privileged.iter().filter_map(|(id, why)| judge(context, *id, facts.get(id).copied(), why));
    findings.extend(judged);
    let failed = findings.iter().filter(|finding| finding.cause.is_none()).count();
    let summary = format!("{failed} of {count} privileged programs are in C or C++");
    let mut verdict = context.absence(summary, findings);
    if !missing.is_empty() {
        let seen = missing.join(", ");
        verdict.evidence.push(Evidence::new("programs of services that the tree does not have", seen, ""));
    }
    verdict
}

/// Programs that run with rights that their caller lacks, or as services.
#[derive(Default)]
struct Privileged {
    /// The reason for each.
    programs: BTreeMap<EntryId, String>,
    troubles: Vec<Finding>,
    /// What services would start if it were there.
    missing: Vec<String>,
}

fn privileged(context: &Context<'_>) -> Privileged {
    let mut found = Privileged::default();
    for entry in context.executables().filter(|entry| entry.metadata.mode & 0o6000 != 0) {
        if !context.scripts.iter().any(|script| script.id == entry.id) {
            found.programs.insert(entry.id, format!("is set-id (mode {:04o})", entry.metadata.mode));
        }
    }
    for (id, _) in &context.attributes.capabilities {
        found.programs.entry(*id).or_insert_with(|| "has file capabilities".into());
    }
    let enabled = enabled_units(context);
    found.troubles = enabled.troubles;
    found.troubles.extend(unread_attributes(context));
    for unit in enabled.units.iter().filter(|unit| unit.name.ends_with(b".service")) {
        found.add_service(context, unit);
    }
    found
}

impl Privileged {
    fn add_service(&mut self, context: &Context<'_>, unit: &EnabledUnit) {
        let name = escape(&unit.name);
        let from = if unit.preset.is_some() { ", which a preset enables at first boot," } else { "" };
        for started in started_by(context, &unit.name) {
            match started {
                Started::Program(id) => {
                    self.programs.entry(id).or_insert_with(|| format!("is started by {name}{from}"));
                }
                Started::Missing(path) => self.missing.push(format!("{} ({name})", escape(&path))),
                Started::Unknown(finding) => self.troubles.push(*finding),
            }
        }
    }
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

    /// What becomes of a unit with this service section, if every program is in C.
    fn started(service: &str) -> Vec<String> {
        let unit = MemoryTree::new()
            .file("/usr/bin/agent", 0o755, "")
            .file("/usr/bin/su", 0o755, "")
            .file("/usr/bin/plain", 0o755, "")
            .file("/usr/sbin/plain", 0o644, "")
            .file("/srv/a b", 0o755, "")
            .file(UNIT, 0o644, format!("[Service]\n{service}\n"))
            .symlink("/etc/systemd/system/multi-user.target.wants/agent.service", UNIT);
        let verdict = verdict(&unit, Language::CFamily);
        let messages = verdict.findings.iter().map(|finding| finding.message.replace(" agent.service", ""));
        let missing = verdict.evidence.iter().skip(1).map(|evidence| evidence.seen.to_string());
        messages.chain(missing).collect()
    }

    #[test]
    fn command_lines_are_read_as_systemd_reads_them() {
        let plain = ["/usr/bin/plain is started by and is in C/C++"];
        assert_eq!(started("ExecStart=@-:+/usr/bin/plain name -x"), plain);
        assert_eq!(started("ExecStart=!!\"/usr/bin/plain\" -x"), plain);
        assert_eq!(
            started("ExecStart=/usr/bin/no\nExecStart=\nExecStart= \\\n# c\n '/usr/bin/plain'"),
            plain
        );
        assert_eq!(started("ExecStart=plain"), plain, "the one in /usr/sbin cannot be executed");
        assert_eq!(started("ExecStart=/usr/bin/p\\x6cain"), plain);
        assert_eq!(started("[Unit]\nExecStart=/usr/bin/agent\n[Service]\nExecStart=/usr/bin/plain"), plain);
        let two = ["/usr/bin/agent is started by and is in C/C++", plain[0]];
        assert_eq!(started("ExecStart=/usr/bin/agent a ; -/usr/bin/plain \\; /usr/bin/su"), two);
        assert_eq!(
            started("ExecStart='/srv/a b'"),
            ["/srv/a b is started by, but it was not read as a program"]
        );
    }

    #[test]
    fn what_cannot_be_resolved_is_said() {
        assert_eq!(started("ExecStart=-/usr/bin/gone x"), ["/usr/bin/gone (agent.service)"]);
        assert_eq!(started("ExecStart=gone"), ["gone (agent.service)"]);
        assert_eq!(
            started("ExecStart=bin/gone"),
            ["what starts is unknown: bin/gone is no path of a program"]
        );
        let reason = ["what starts is unknown: the value of a specifier in %h/x is not known"];
        assert_eq!(started("ExecStart=%h/x"), reason);
        let reason = ["what starts is unknown: a quote or an escape in ExecStart= is not closed"];
        assert_eq!(started("ExecStart='/usr/bin/plain"), reason);
    }

    #[test]
    fn drop_ins_replace_what_a_unit_starts() {
        let drop_in = "/etc/systemd/system/agent.service.d/10.conf";
        let changed = tree().file(drop_in, 0o644, "[Service]\nExecStart=\nExecStart=/usr/bin/plain\n");
        let found = verdict(&changed, Language::Rust);
        let messages: Vec<&str> = found.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, ["/usr/bin/plain is started by agent.service and is in C/C++"]);
        assert_eq!(verdict(&changed.unreadable(drop_in), Language::Rust).outcome(), Outcome::Unknown);
    }
}
