//! What the running kernel says of the processor.

use hardpan_report::{Cause, Evidence, Location, Outcome, escape_str};

use super::Answer;
use crate::{KernelFacts, Reading};

pub(super) fn vulnerabilities(facts: &KernelFacts<'_>) -> Answer {
    let Some(host) = facts.host else {
        return Answer::not_applicable("an image has no processor");
    };
    let names = match host.list(VULNERABILITIES) {
        Reading::Present(names) => names,
        Reading::Absent => {
            return Answer::unknown(Cause::NoFacts, "this kernel does not report vulnerabilities");
        }
        Reading::Unreadable(reason) => return Answer::unknown(Cause::Unreadable, reason),
    };
    if names.is_empty() {
        return Answer::unknown(Cause::NoFacts, "this kernel does not report vulnerabilities");
    }
    let (mut open, mut unknown) = (Vec::new(), Vec::new());
    for name in &names {
        let path = format!("{VULNERABILITIES}/{name}");
        let state = match host.read(&path) {
            Reading::Present(state) => state,
            Reading::Absent => continue,
            Reading::Unreadable(reason) => return Answer::unknown(Cause::Unreadable, reason),
        };
        let fact = Evidence::new(name.clone(), escape_str(&state), "mitigated").at(Location::file(path));
        match mitigation(&state) {
            Some(true) => {}
            Some(false) => open.push(fact),
            None => unknown.push(fact),
        }
    }
    if let (true, Some(first)) = (open.is_empty(), unknown.first()) {
        let text = format!("the kernel does not know of {}: {}", first.what, first.seen);
        return Answer { evidence: unknown, ..Answer::unknown(Cause::Undecided, text) };
    }
    if open.is_empty() {
        let evidence = Evidence::new("vulnerabilities reported on", names.len().to_string(), "");
        let text = format!("none of {} processor vulnerabilities is open", names.len());
        return Answer::pass(text, evidence.at(Location::file(VULNERABILITIES)));
    }
    let text = format!("{} processor vulnerabilities are open", open.len());
    Answer { outcome: Outcome::Fail, cause: Cause::Undecided, text, evidence: open }
}

/// Whether a defect is worked around; `None` if the kernel says that it does not know. The word stands in any place:
/// `KVM: Vulnerable`, `Processor vulnerable`, `Mitigation: …; BHI: Vulnerable`. `SMT vulnerable` names what is left with
/// hyper-threads beside a mitigation, which is a choice of its own.
fn mitigation(state: &str) -> Option<bool> {
    let is_open = |part: &str| part.to_ascii_lowercase().contains("vulnerable") && part != "SMT vulnerable";
    if state.split(';').map(str::trim).any(is_open) {
        return Some(false);
    }
    (!state.starts_with("Unknown")).then_some(true)
}

const VULNERABILITIES: &str = "/sys/devices/system/cpu/vulnerabilities";
