//! API-007.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::place::Place;
use crate::suspects::target;
use crate::systemd::{EnabledUnit, UnitFile, enabled_units, unit_file};
use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "API-007",
        "no-consoles",
        "Nothing offers a login on a console",
        Pillar::ApiOnly,
        Severity::Medium,
        include_str!("no_consoles.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let enabled = enabled_units(context);
    let mut findings: Vec<Finding> = enabled
        .units
        .iter()
        .filter(|unit| is_console(&unit.name))
        .map(|unit| enabled_console(context, unit))
        .collect();
    findings.extend(enabled.troubles);
    findings.extend(RESCUES.iter().filter_map(|(unit, what, when)| rescue(context, unit, what, when)));
    findings.extend(generator(context));
    findings.extend(terminals(context));
    findings.extend(inittab(context));
    let count = findings.iter().filter(|finding| finding.cause.is_none()).count();
    context.absence_below(b"/etc", format!("{count} ways to a login or a shell on a console"), findings)
}

fn is_console(name: &[u8]) -> bool {
    CONSOLES.iter().any(|console| name.starts_with(console) && name.ends_with(b".service"))
}

/// Units that put a login, or a shell without one, on a terminal.
const CONSOLES: [&[u8]; 8] = [
    b"getty@",
    b"serial-getty@",
    b"console-getty.",
    b"getty-static.",
    b"container-getty@",
    b"agetty@",
    b"autovt@",
    b"debug-shell.",
];

/// Units that offer root a console when something else asks for them: the unit, what it does, and when.
const RESCUES: [(&str, &str, &str); 3] = [
    (
        "debug-shell.service",
        "opens a root shell without a password",
        "when the kernel command line has systemd.debug_shell",
    ),
    (
        "rescue.service",
        "offers root a shell on the console",
        "when the kernel command line has `single` or systemd.unit=rescue.target",
    ),
    (
        "emergency.service",
        "offers root a shell on the console",
        "when a file system that the boot needs cannot be mounted",
    ),
];

fn enabled_console(context: &Context<'_>, unit: &EnabledUnit) -> Finding {
    let location = context.location(unit.link);
    let name = escape(&unit.name);
    Finding::fail(Some(location), "console", format!("{name} offers a login on a console"))
        .with(unit.evidence(context))
}

fn rescue(context: &Context<'_>, unit: &str, what: &str, when: &str) -> Option<Finding> {
    match unit_file(context, unit.as_bytes()) {
        Ok(UnitFile::At(id)) => {
            let location = context.location(id);
            let evidence = Evidence::new("unit", "present and not masked", "masked or absent");
            let message = format!("{unit} {what} {when}");
            Some(Finding::fail(Some(location.clone()), "rescue", message).with(evidence.at(location)))
        }
        Ok(UnitFile::Masked | UnitFile::Absent) => None,
        Err(error) => {
            let reason = format!("whether {unit} can start is unknown: its file {error}");
            Some(Finding::unknown(Cause::Unreadable, None, format!("rescue:{unit}"), reason))
        }
    }
}

/// The generator starts a login on each console that the kernel names, without any link.
fn generator(context: &Context<'_>) -> Option<Finding> {
    if !matches!(unit_file(context, b"serial-getty@.service"), Ok(UnitFile::At(_))) {
        return None;
    }
    for directory in GENERATORS {
        let directory = match context.place(directory) {
            Place::Listed(directory) => directory,
            Place::Absent => continue,
            Place::Unread(finding) => return Some(*finding),
        };
        let Some(found) = context.index.children(directory).find(|entry| entry.name == GENERATOR) else {
            continue;
        };
        // The first of that name counts, and one that cannot be executed takes the others away.
        let location = context.location(found.id);
        match target(context, found) {
            Ok(runs) => runs?,
            Err(error) => {
                let reason = format!("whether the getty generator runs cannot be told: it {error}");
                return Some(Finding::unknown(Cause::Unreadable, Some(location), "generator", reason));
            }
        };
        let seen = "present, and serial-getty@.service too";
        let evidence = Evidence::new("generator", seen, "either absent or masked").at(location.clone());
        let message = "systemd starts a login on the kernel's console by itself, through its getty generator";
        return Some(Finding::fail(Some(location), "generator", message).with(evidence));
    }
    None
}

const GENERATOR: &[u8] = b"systemd-getty-generator";

/// Where generators are, the strongest first.
const GENERATORS: [&str; 4] = [
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
    "/lib/systemd/system-generators",
];

/// `/etc/securetty`, the terminals where root may log in.
fn terminals(context: &Context<'_>) -> Option<Finding> {
    let file = match context.text("/etc/securetty") {
        Text::Present(file) => file,
        Text::Absent => return None,
        Text::Unread(finding) => return Some(*finding),
    };
    let count = file.statements(b"#").count();
    let (first, _) = file.statements(b"#").next()?;
    let evidence = Evidence::new("terminals", count.to_string(), "none").at(file.line(first));
    let message = format!("/etc/securetty lets root log in on {count} terminals");
    Some(Finding::fail(Some(file.line(first)), "securetty", message).with(evidence))
}

/// Consoles of init systems that read `/etc/inittab`.
fn inittab(context: &Context<'_>) -> Vec<Finding> {
    let file = match context.text("/etc/inittab") {
        Text::Present(file) => file,
        Text::Absent => return Vec::new(),
        Text::Unread(finding) => return vec![*finding],
    };
    let offers = |line: &[u8]| {
        let command = line.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        [b"getty".as_slice(), b"sulogin", b"/sh"].iter().any(|word| contains(command, word))
    };
    let consoles = file.statements(b"#").filter(|(_, line)| offers(line));
    let found = consoles.map(|(number, line)| {
        let evidence = Evidence::new("line", escape(line), "absent").at(file.line(number));
        let key = format!("inittab:{}", escape(line));
        Finding::fail(Some(file.line(number)), key, "/etc/inittab starts a login or a shell on a console")
            .with(evidence)
    });
    found.collect()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    const UNITS: &str = "/usr/lib/systemd/system";

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .file(&format!("{UNITS}/getty@.service"), 0o644, "[Service]\n")
            .file(&format!("{UNITS}/serial-getty@.service"), 0o644, "[Service]\n")
            .file(&format!("{UNITS}/a.service"), 0o644, "[Service]\n")
            .symlink("/etc/systemd/system/multi-user.target.wants/a.service", &format!("{UNITS}/a.service"))
    }

    #[test]
    fn an_enabled_getty_is_found() {
        let link = "/etc/systemd/system/getty.target.wants/getty@tty1.service";
        let verdict = expect(&RULE, &tree().symlink(link, &format!("{UNITS}/getty@.service")), Outcome::Fail);
        assert_eq!(verdict.findings.len(), 1);
        assert_eq!(verdict.findings[0].message, "getty@tty1.service offers a login on a console");
    }

    #[test]
    fn other_ways_to_a_console_are_found() {
        let emergency = format!("{UNITS}/emergency.service");
        expect(&RULE, &tree().file(&emergency, 0o644, "[Service]\n"), Outcome::Fail);
        let generator = "/usr/lib/systemd/system-generators/systemd-getty-generator";
        expect(&RULE, &tree().file(generator, 0o755, "x"), Outcome::Fail);
        expect(&RULE, &tree().file("/etc/securetty", 0o644, "# none\ntty1\n"), Outcome::Fail);
        expect(&RULE, &tree().file("/etc/inittab", 0o644, "1:2:respawn:/sbin/getty 1\n"), Outcome::Fail);
    }

    #[test]
    fn a_generator_behind_what_was_not_read_is_unknown() {
        let tree = tree().directory("/opt", 0o755).unreadable("/opt");
        let generator = "/usr/lib/systemd/system-generators/systemd-getty-generator";
        expect(&RULE, &tree.symlink(generator, "/opt/x"), Outcome::Unknown);
    }

    #[test]
    fn templates_alone_and_masked_units_pass() {
        let tree = tree()
            .file(&format!("{UNITS}/emergency.service"), 0o644, "[Service]\n")
            .symlink("/etc/systemd/system/emergency.service", "/dev/null")
            .file("/etc/securetty", 0o644, "# none\n");
        expect(&RULE, &tree, Outcome::Pass);
        let generators = tree
            .file("/usr/lib/systemd/system-generators/systemd-getty-generator", 0o755, "x")
            .symlink("/etc/systemd/system-generators/systemd-getty-generator", "/dev/null");
        expect(&RULE, &generators, Outcome::Pass);
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        expect(&RULE, &tree().unreadable("/etc/systemd/system"), Outcome::Unknown);
        let usr = tree().directory(UNITS, 0o755).unreadable(UNITS);
        expect(&RULE, &usr, Outcome::Unknown);
    }
}
