//! BOOT-001.

use hardpan_lockdown::{Host, Reading};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-001",
        "secure-boot-on",
        "UEFI Secure Boot is on",
        Pillar::SecureBoot,
        Severity::High,
        include_str!("secure_boot.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let Some(host) = context.host else {
        return Verdict::unknown(
            Cause::NoFacts,
            "whether Secure Boot is on is a setting of a host's firmware, which no image holds; audit the running host \
             (`hardpan audit /`), or use `--live` on it",
        );
    };
    match flag(host, "SecureBoot") {
        Flag::Is(true, fact) => with_setup_mode(host, fact),
        Flag::Is(false, fact) => {
            let message = "Secure Boot is off: the firmware starts any boot loader";
            Verdict::finding(Finding::fail(None, "secure-boot", message).with(fact))
        }
        Flag::Absent => without_variable(host),
        Flag::Unread(finding) => Verdict::finding(*finding),
    }
}

/// In setup mode anyone can enrol keys, and the firmware checks nothing.
fn with_setup_mode(host: &Host, secure_boot: Evidence) -> Verdict {
    match flag(host, "SetupMode") {
        Flag::Is(false, fact) => Verdict::pass("the firmware checks what it starts", vec![secure_boot, fact]),
        Flag::Is(true, fact) => {
            let message = "the firmware is in setup mode, so its keys can be replaced by anyone";
            Verdict::finding(Finding::fail(None, "setup-mode", message).with(fact))
        }
        Flag::Absent => {
            Verdict::unknown(Cause::NoFacts, "the firmware does not show whether it is in setup mode")
        }
        Flag::Unread(finding) => Verdict::finding(*finding),
    }
}

fn without_variable(host: &Host) -> Verdict {
    let (firmware, efi, variables) = (host.list(FIRMWARE), host.list(EFI), host.list(VARIABLES));
    match (&firmware, &efi, &variables) {
        (_, Reading::Present(_), Reading::Present(names)) if !names.is_empty() => {
            let fact =
                Evidence::new("UEFI variables", format!("{}, no SecureBoot", names.len()), "SecureBoot");
            let message = "the firmware has no Secure Boot";
            Verdict::finding(
                Finding::fail(None, "no-variable", message).with(fact.at(Location::file(VARIABLES))),
            )
        }
        (_, Reading::Present(_), _) => Verdict::unknown(
            Cause::NoFacts,
            "the host was booted by UEFI, but its variables are not shown: mount efivarfs at /sys/firmware/efi/efivars",
        ),
        // Containers hide the directory behind an empty one.
        (Reading::Present(names), Reading::Absent, _) if !names.is_empty() => {
            let fact = Evidence::new("kinds of firmware", escape(names.join(" ").as_bytes()), "efi");
            let message = "the host was not booted by UEFI, so no Secure Boot checked its boot loader";
            Verdict::finding(Finding::fail(None, "no-uefi", message).with(fact.at(Location::file(FIRMWARE))))
        }
        _ => Verdict::unknown(
            Cause::NoFacts,
            "/sys/firmware shows nothing; in a container the host must be asked",
        ),
    }
}

enum Flag {
    Is(bool, Evidence),
    Absent,
    Unread(Box<Finding>),
}

/// A variable of efivarfs: four bytes of attributes, then here one byte of 0 or 1.
fn flag(host: &Host, name: &str) -> Flag {
    let path = format!("{VARIABLES}/{name}-{GLOBAL_VARIABLE}");
    let location = Location::file(path.clone());
    let unread =
        |cause, reason| Flag::Unread(Box::new(Finding::unknown(cause, Some(location.clone()), name, reason)));
    match host.read_bytes(&path) {
        Reading::Absent => Flag::Absent,
        Reading::Unreadable(reason) => unread(Cause::Unreadable, escape(reason.as_bytes())),
        Reading::Present(bytes) => match bytes[..] {
            [_, _, _, _, value @ (0 | 1)] => {
                let wanted = if name == "SecureBoot" { "1" } else { "0" };
                let fact = Evidence::new(format!("UEFI variable {name}"), value.to_string(), wanted);
                Flag::Is(value == 1, fact.at(location))
            }
            _ => unread(
                Cause::Malformed,
                format!("UEFI variable {name} is not 4 bytes of attributes and a 0 or 1"),
            ),
        },
    }
}

const FIRMWARE: &str = "/sys/firmware";
const EFI: &str = "/sys/firmware/efi";
const VARIABLES: &str = "/sys/firmware/efi/efivars";
/// `EFI_GLOBAL_VARIABLE` of the UEFI specification.
const GLOBAL_VARIABLE: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::Machine;

    fn variable(machine: Machine, name: &str, bytes: &[u8]) -> Machine {
        machine.with(&format!("{VARIABLES}/{name}-{GLOBAL_VARIABLE}"), bytes)
    }

    fn firmware(secure_boot: u8, setup_mode: u8) -> Machine {
        let machine = variable(Machine::new(), "SecureBoot", &[6, 0, 0, 0, secure_boot]);
        variable(machine, "SetupMode", &[6, 0, 0, 0, setup_mode])
    }

    #[test]
    fn both_variables_count() {
        let verdict = firmware(1, 0).expect(&RULE, Outcome::Pass);
        assert!(verdict.evidence.iter().all(|fact| fact.seen == fact.wanted), "{:#?}", verdict.evidence);
        firmware(0, 0).expect(&RULE, Outcome::Fail);
        firmware(1, 1).expect(&RULE, Outcome::Fail);
        variable(Machine::new(), "SecureBoot", &[6, 0, 0, 0, 1]).expect(&RULE, Outcome::Unknown);
        variable(Machine::new(), "SecureBoot", &[1]).expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn other_firmware_fails_and_hidden_firmware_is_unknown() {
        let verdict = Machine::new().with("/sys/firmware/acpi/pm_profile", "1").expect(&RULE, Outcome::Fail);
        assert!(verdict.findings[0].message.contains("not booted by UEFI"));
        Machine::new().with("/sys/firmware/efi/fw_platform_size", "64").expect(&RULE, Outcome::Unknown);
        variable(Machine::new(), "BootOrder", &[0; 6]).expect(&RULE, Outcome::Fail);
        Machine::new().expect(&RULE, Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
