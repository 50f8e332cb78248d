//! BOOT-006.

use hardpan_report::{Cause, Finding, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;
use hardpan_lockdown::cmdline::Word;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-006",
        "cmdline-no-backdoors",
        "No kernel command line opens a shell or replaces init",
        Pillar::SecureBoot,
        Severity::Critical,
        include_str!("no_backdoors.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let lines = &context.kernel.command_lines;
    if lines.is_empty() && context.kernel.troubles.command_lines.is_empty() {
        return Verdict::unknown(Cause::NoFacts, NO_FACTS);
    }
    let mut findings = context.kernel.troubles.command_lines.clone();
    let mut evidence = Vec::new();
    for line in lines {
        let found = judge(line);
        if found.is_empty() {
            evidence.push(line.evidence("none of the words looked for", "none"));
        }
        findings.extend(found);
    }
    Verdict::of(format!("{} kernel command lines looked at", lines.len()), findings, evidence)
}

fn judge(line: &CommandLine) -> Vec<Finding> {
    let finding = |word: &Word| {
        let effect = effect(word)?;
        let text = escape(word.text().as_bytes());
        let key = format!("word:{}", escape(word.name.as_bytes()));
        let fact = line.evidence(&word.text(), "absent");
        Some(Finding::fail(Some(line.origin.clone()), key, format!("`{text}` {effect}")).with(fact))
    };
    line.words.iter().filter_map(finding).collect()
}

/// What a word opens. The kernel stops at `--`, so its own parameters count only before it; systemd and dracut read on.
fn effect(word: &Word) -> Option<&'static str> {
    if word.for_kernel && word.is("init") && word.value.as_deref().is_some_and(|value| !is_init(value)) {
        return Some("starts something else in the place of init");
    }
    if word.for_kernel && word.is("rdinit") && word.value.as_deref().is_some_and(|value| value != "/init") {
        return Some("starts something else in the place of the initramfs's init");
    }
    if word.for_kernel && word.is("module.sig_enforce") && word.value.as_deref().is_some_and(is_off) {
        return Some("lets the kernel load modules that nobody signed");
    }
    if matches!(word.name.as_str(), "rd.break" | "break") {
        return Some("stops the boot in the initramfs with a root shell");
    }
    if word.name == "rd.shell" && !word.value.as_deref().is_some_and(is_off) {
        return Some("opens a root shell when the boot fails");
    }
    if is_debug_shell(word) {
        return Some("opens a root shell on a console, without a password");
    }
    if is_rescue(word) {
        return Some("boots into rescue mode, which may give a root shell on the console");
    }
    None
}

fn is_init(value: &str) -> bool {
    INITS.contains(&value) || is_nixos_init(value)
}

/// `/nix/store/HASH-nixos-system-NAME/init`
fn is_nixos_init(value: &str) -> bool {
    let name = value.strip_prefix("/nix/store/").and_then(|rest| rest.strip_suffix("/init"));
    name.is_some_and(|name| name.contains("-nixos-system-") && !name.contains('/'))
}

fn is_debug_shell(word: &Word) -> bool {
    let named =
        ["systemd.debug_shell", "systemd.debug-shell", "rd.systemd.debug_shell", "rd.systemd.debug-shell"];
    let wanted = ["systemd.wants", "rd.systemd.wants", "systemd.unit", "rd.systemd.unit"];
    let is_named = named.contains(&word.name.as_str()) && !word.value.as_deref().is_some_and(is_off);
    let is_wanted = wanted.contains(&word.name.as_str())
        && word.value.as_deref().is_some_and(|value| value.starts_with("debug-shell"));
    let forced = word.name == "systemd.setenv"
        && word.value.as_deref().is_some_and(|value| value.starts_with("SYSTEMD_SULOGIN_FORCE="));
    is_named || is_wanted || forced
}

fn is_rescue(word: &Word) -> bool {
    match (&word.value, word.name.as_str()) {
        (None, name) => RESCUE.contains(&name),
        (Some(value), "systemd.unit" | "rd.systemd.unit") => {
            matches!(value.as_str(), "rescue.target" | "emergency.target" | "rescue" | "emergency")
                || matches!(value.as_str(), "runlevel1.target" | "rescue.service" | "emergency.service")
        }
        _ => false,
    }
}

fn is_off(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "0" | "n" | "no" | "f" | "false" | "off")
}

/// Names of init itself, and Bottlerocket's first program, which goes on to it.
const INITS: [&str; 7] = [
    "/init",
    "/sbin/init",
    "/usr/sbin/init",
    "/bin/init",
    "/sbin/preinit",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
];
/// Words of systemd, of SysV init and of Ubuntu's recovery menu.
const RESCUE: [&str; 9] = ["single", "s", "S", "1", "rescue", "emergency", "-b", "-s", "recovery"];
const NO_FACTS: &str = "no kernel command line was found; audit the running host (`hardpan audit /`), or include the \
                        boot loader's configuration in /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::{Machine, expect_configured};

    #[test]
    fn each_back_door_is_found() {
        for line in [
            "init=/bin/sh",
            "rdinit=/bin/bash",
            "module.sig_enforce=0",
            "module.sig-enforce=n",
            "rd.break=pre-mount",
            "break=premount",
            "rd.shell",
            "rd.shell=1",
            "systemd.debug_shell",
            "systemd.debug-shell=1",
            "systemd.unit=rescue.target",
            "rd.systemd.unit=emergency.target",
            "systemd.wants=debug-shell.service",
            "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1",
            "single",
            "quiet -- S",
            "\"init=/bin/sh -c x\"",
        ] {
            let verdict = expect_configured(&RULE, line, Outcome::Fail);
            assert!(verdict.evidence.is_empty(), "a failing line is no evidence for a pass: {line}");
            assert_eq!(verdict.findings.len(), 1, "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_one_passes() {
        for line in [
            "root=/dev/dm-0 ro quiet console=ttyS0,115200",
            "init=/sbin/init rdinit=/init",
            "init=/nix/store/0a-nixos-system-x-24.05/init",
            "rd.shell=0 systemd.debug_shell=no module.sig_enforce=1",
            "-- init=/bin/sh",
            "init rdinit",
            "splash=single systemd.unit=multi-user.target",
        ] {
            expect_configured(&RULE, line, Outcome::Pass);
        }
    }

    #[test]
    fn the_running_line_is_judged_and_without_any_it_is_unknown() {
        Machine::new().with("/proc/cmdline", "quiet init=/bin/sh\n").expect(&RULE, Outcome::Fail);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
