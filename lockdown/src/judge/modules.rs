//! Loadable modules and their parameters.

use hardpan_report::{Cause, Evidence, Location, escape_str};

use super::Answer;
use super::told::{cmdline, kconfig};
use crate::{KernelFacts, Reading};

pub(super) fn module_parameter(
    module: &str,
    parameter: &str,
    one_of: &[String],
    facts: &KernelFacts<'_>,
) -> Answer {
    let Some(host) = facts.host else {
        let name = format!("{module}.{parameter}");
        let forms: Vec<String> = ["", "1", "y", "Y", "on"].map(str::to_owned).to_vec();
        return cmdline(&name, &forms, facts);
    };
    let path = format!("/sys/module/{module}/parameters/{parameter}");
    match host.read(&path) {
        Reading::Present(value) => {
            let value = escape_str(value.trim());
            let holds = one_of.contains(&value);
            let evidence = Evidence::new(format!("{module}.{parameter}"), value.clone(), one_of.join(" or "));
            Answer::decide(
                holds,
                format!("{module}.{parameter} is {value}"),
                evidence.at(Location::file(path)),
            )
        }
        Reading::Absent => {
            let evidence = Evidence::new(path.clone(), "absent", one_of.join(" or "));
            Answer::fail(format!("the kernel has no {module}.{parameter}"), evidence)
        }
        Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
    }
}

pub(super) fn no_modules(facts: &KernelFacts<'_>) -> Answer {
    let Some(host) = facts.host else { return kconfig("MODULES", &["n".to_owned()], facts) };
    match host.read("/proc/modules") {
        Reading::Absent if host.read("/proc/filesystems").present().is_none() => {
            Answer::unknown(Cause::NoFacts, "/proc shows nothing: is it mounted?")
        }
        Reading::Absent => {
            let evidence = Evidence::new("/proc/modules", "absent", "absent");
            Answer::pass("the kernel is built without loadable modules".into(), evidence)
        }
        Reading::Present(_) => {
            let evidence = Evidence::new("/proc/modules", "present", "absent");
            Answer::fail("the kernel can load modules".into(), evidence.at(Location::file("/proc/modules")))
        }
        Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
    }
}
