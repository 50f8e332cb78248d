//! ETC-004.

use hardpan_report::{Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict};

use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-004",
        "machine-id",
        "The image ships no machine id",
        Pillar::StatelessEtc,
        Severity::Medium,
        include_str!("machine_id.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    if context.host.is_some() {
        return Verdict::not_applicable("this is a running host, which has a machine id by design");
    }
    let mut findings = Vec::new();
    let mut evidence = Vec::new();
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
        let location = Location::file(path);
        let seen = match context.text(path) {
            Text::Present(text) => state(&text.bytes),
            Text::Absent => {
                findings.extend(context.blindness(path.as_bytes()));
                "absent"
            }
            Text::Unread(finding) => {
                findings.push(*finding);
                continue;
            }
        };
        let fact = Evidence::new("machine id", seen, "absent, empty or uninitialized").at(location.clone());
        if seen == "an id" {
            let message = "every host made from this image would have the same machine id";
            findings.push(Finding::fail(Some(location), "machine-id", message).with(fact));
        } else {
            evidence.push(fact);
        }
    }
    Verdict::of("/etc/machine-id and /var/lib/dbus/machine-id looked at", findings, evidence)
}

/// What the file holds. The id itself is not shown: machine-id(5) asks to treat it as confidential.
fn state(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii() {
        b"" => "empty",
        b"uninitialized" => "uninitialized",
        _ => "an id",
    }
}

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::Machine;

    fn with(content: &str) -> MemoryTree {
        MemoryTree::new().file("/etc/machine-id", 0o444, content)
    }

    #[test]
    fn an_id_in_an_image_is_found_and_not_shown() {
        let id = "0123456789abcdef0123456789abcdef\n";
        let verdict = expect(&RULE, &with(id), Outcome::Fail);
        assert!(!format!("{verdict:?}").contains("0123456789"));
        let dbus = with("").file("/var/lib/dbus/machine-id", 0o444, id);
        expect(&RULE, &dbus, Outcome::Fail);
    }

    #[test]
    fn no_id_yet_passes() {
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
        expect(&RULE, &with(""), Outcome::Pass);
        expect(&RULE, &with("uninitialized\n"), Outcome::Pass);
    }

    #[test]
    fn a_running_host_is_not_judged_and_an_unread_file_is_unknown() {
        Machine::new().expect(&RULE, Outcome::NotApplicable);
        expect(&RULE, &with("").unreadable("/etc/machine-id"), Outcome::Unknown);
    }
}
