//! Loadable modules and their parameters.

use hardpan_report::{Cause, Evidence, Location, escape_str};

use super::Answer;
use super::told::{cmdline, kconfig};
use crate::{Boot, Reading};

pub(super) fn module_parameter(module: &str, parameter: &str, one_of: &[String], boot: &Boot<'_>) -> Answer {
    let Some(host) = boot.facts.host else {
        return cmdline(&format!("{module}.{parameter}"), &forms(one_of), boot);
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

/// How values that `/sys/module` shows may be written on a command line: it shows truth values as `Y` and `N`.
fn forms(one_of: &[String]) -> Vec<&str> {
    let mut forms: Vec<&str> = one_of.iter().map(String::as_str).collect();
    if forms.contains(&"Y") {
        forms.extend(["", "1", "y", "on"]);
    }
    if forms.contains(&"N") {
        forms.extend(["0", "n", "off"]);
    }
    forms
}

pub(super) fn no_modules(boot: &Boot<'_>) -> Answer {
    let Some(host) = boot.facts.host else { return kconfig("MODULES", &["n"], boot) };
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
