//! MAC-006.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape_str};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "MAC-006",
        "selinux-kernel-strict",
        "The kernel cannot run SELinux in permissive mode or without it",
        Pillar::MandatoryAccessControl,
        Severity::Low,
        include_str!("kernel_strict.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let kernels = &context.kernel.kconfigs;
    if kernels.is_empty() {
        return Verdict::unknown(
            Cause::NoFacts,
            "the kernel's build configuration was not found (/boot/config-*, /proc/config.gz)",
        );
    }
    if kernels.iter().all(|config| config.get("SECURITY_SELINUX").0 != "y") {
        return Verdict::not_applicable("the kernel is built without SELinux");
    }
    let (mut findings, mut evidence) = (Vec::new(), Vec::new());
    for config in kernels {
        for (option, why) in OPTIONS {
            let value = config.get(option).0;
            let place = config.place(option);
            let fact = Evidence::new(format!("CONFIG_{option}"), escape_str(value), "n").at(place.clone());
            if value == "n" {
                evidence.push(fact);
            } else {
                let message = format!("the kernel is built with CONFIG_{option}, so {why}");
                findings.push(Finding::fail(Some(place), option, message).with(fact));
            }
        }
    }
    Verdict::of("SELinux can be neither disabled nor made permissive", findings, evidence)
}

const OPTIONS: [(&str, &str); 2] = [
    ("SECURITY_SELINUX_BOOTPARAM", "`selinux=0` at boot switches SELinux off"),
    ("SECURITY_SELINUX_DEVELOP", "SELinux can be made permissive at boot and at run time"),
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_lockdown::kconfig::Kconfig;
    use hardpan_report::{Location, Outcome};

    use super::*;
    use crate::fixture::{check_with, expect};

    fn with(config: &str) -> Outcome {
        let config = Kconfig::parse(config, Location::file("/boot/config-1"));
        check_with(&RULE, &MemoryTree::new(), |context| context.kernel.kconfigs.push(config)).outcome()
    }

    #[test]
    fn both_ways_out_must_be_closed() {
        assert_eq!(with("CONFIG_SECURITY_SELINUX=y\n"), Outcome::Pass);
        assert_eq!(with("CONFIG_SECURITY_SELINUX=y\nCONFIG_SECURITY_SELINUX_DEVELOP=y\n"), Outcome::Fail);
        assert_eq!(with("CONFIG_SECURITY_SELINUX=y\nCONFIG_SECURITY_SELINUX_BOOTPARAM=y\n"), Outcome::Fail);
        assert_eq!(with("CONFIG_OTHER=y\n"), Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
