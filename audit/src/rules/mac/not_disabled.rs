//! MAC-004.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape_str};

use hardpan_lockdown::cmdline::has;

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-004",
        "mac-not-disabled",
        "No boot parameter weakens the security module",
        Pillar::MandatoryAccessControl,
        Severity::Critical,
        include_str!("not_disabled.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let lines = &context.kernel.command_lines;
    let troubles = &context.kernel.troubles.command_lines;
    if lines.is_empty() && troubles.is_empty() {
        return Verdict::unknown(
            Cause::NoFacts,
            "no kernel command line was found: no running host, and no boot loader entry in the tree",
        );
    }
    let (mut findings, mut evidence) = (troubles.clone(), Vec::new());
    for line in lines {
        let fact = Evidence::new("kernel command line", escape_str(&line.text), "").at(line.origin.clone());
        evidence.push(fact);
        for (name, value, why) in WEAKENING {
            if has(&line.words, name, Some(value)) {
                let parameter = format!("{name}={value}");
                let fact =
                    Evidence::new("kernel parameter", parameter.clone(), "absent").at(line.origin.clone());
                let message = format!("the kernel is booted with `{parameter}`, which {why}");
                findings.push(Finding::fail(Some(line.origin.clone()), parameter, message).with(fact));
            }
        }
    }
    Verdict::of("no boot parameter weakens it", findings, evidence)
}

const WEAKENING: [(&str, &str, &str); 5] = [
    ("selinux", "0", "switches SELinux off"),
    ("enforcing", "0", "starts SELinux in permissive mode"),
    ("apparmor", "0", "switches AppArmor off"),
    ("security", "none", "starts no security module with a policy"),
    ("checkreqprot", "1", "checks memory protection as programs ask for it and not as it is applied"),
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_lockdown::CommandLine;
    use hardpan_report::{Location, Outcome};

    use super::*;
    use crate::fixture::{check_with, expect};

    fn on_line(text: &str) -> Outcome {
        let line = CommandLine::new(text, Location::line("/boot/grub/grub.cfg", 3), false);
        check_with(&RULE, &MemoryTree::new(), |context| context.kernel.command_lines.push(line)).outcome()
    }

    #[test]
    fn weakening_parameters_fail_and_init_may_have_them() {
        assert_eq!(on_line("ro enforcing=1 selinux=1"), Outcome::Pass);
        assert_eq!(on_line("ro enforcing=0"), Outcome::Fail);
        assert_eq!(on_line("ro -- enforcing=0"), Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
