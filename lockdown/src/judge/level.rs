//! The lockdown level.

use hardpan_report::{Cause, Evidence, Location, Outcome, escape_str};

use super::Answer;
use super::told::kconfig;
use crate::cmdline::has;
use crate::effective::Told;
use crate::{Boot, Host, Reading};

/// The level that the running kernel is at, or that an image's command line or build would raise it to.
pub(super) fn lockdown(wanted: &str, boot: &Boot<'_>) -> Answer {
    if let Some(shown) = &boot.facts.lockdown {
        return at_level(shown.text.trim(), wanted, &shown.place);
    }
    let Some(host) = boot.facts.host else { return configured_lockdown(wanted, boot) };
    match host.read(LOCKDOWN) {
        Reading::Present(text) => at_level(&text, wanted, &Location::file(LOCKDOWN)),
        Reading::Absent => without_securityfs(host, "kernel lockdown", "the lockdown level"),
        Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
    }
}

/// The kernel shows all levels and puts brackets around the one that it is at; a level by itself is taken too.
fn at_level(text: &str, wanted: &str, place: &Location) -> Answer {
    let marked = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    let current = marked.unwrap_or(if text.contains(' ') { "none" } else { text });
    let holds = at_least(wanted).iter().any(|level| level == current);
    let text = format!("kernel lockdown is at `{}`", escape_str(current));
    let evidence = Evidence::new("lockdown level", escape_str(current), format!("{wanted} or above"));
    Answer::decide(holds, text, evidence.at(place.clone()))
}

/// Of several `lockdown=` the highest counts, since the level only ever rises and `none` is no level to the kernel. Without
/// one, a kernel may be built to start at a level.
fn configured_lockdown(wanted: &str, boot: &Boot<'_>) -> Answer {
    let troubles = &boot.facts.troubles;
    let levels = at_least(wanted);
    let told = boot.told();
    let raised = |told: &Told| levels.iter().any(|level| has(&told.words, "lockdown", Some(level)));
    if let Ok(told) = told
        && raised(told)
    {
        let evidence =
            Evidence::new("kernel command line", escape_str(&told.text), format!("lockdown={wanted}"));
        let text = format!("booted with lockdown at {wanted} or above");
        return Answer::pass(text, evidence.at(told.place.clone())).unless(&troubles.command_lines);
    }
    let mut built = levels.iter().map(|level| {
        let option = format!("LOCK_DOWN_KERNEL_FORCE_{}", level.to_uppercase());
        kconfig(&option, &["y"], boot).unless(&troubles.kconfigs)
    });
    if let Some(answer) = built.find(|answer| answer.outcome == Outcome::Pass) {
        return answer;
    }
    match told.and_then(|told| told.open_about(&["lockdown"]).map_or(Ok(told), Err)) {
        Ok(told) => {
            let evidence =
                Evidence::new("kernel command line", escape_str(&told.text), format!("lockdown={wanted}"));
            let text = format!("no `lockdown=` on the kernel command line raises it to {wanted}");
            Answer::fail(text, evidence.at(told.place.clone()))
        }
        Err(gap) => Answer::of_gap(gap.clone()),
    }
}

fn at_least(level: &str) -> Vec<String> {
    let levels = ["integrity", "confidentiality"];
    let from = levels.iter().position(|name| *name == level).unwrap_or(0);
    levels[from..].iter().map(|level| (*level).to_owned()).collect()
}

/// A file of securityfs is missing: because the kernel lacks the feature, or because nobody mounted securityfs?
fn without_securityfs(host: &Host, feature: &str, fact: &str) -> Answer {
    if host.list(SECURITYFS).present().is_some_and(|names| !names.is_empty()) {
        let evidence = Evidence::new(format!("{SECURITYFS} entries"), "not among them", fact.to_owned());
        return Answer::fail(
            format!("the kernel is built without {feature}"),
            evidence.at(Location::file(SECURITYFS)),
        );
    }
    let filesystems = host.read("/proc/filesystems");
    match filesystems.present() {
        Some(list) if !list.split_whitespace().any(|word| word == "securityfs") => {
            let evidence = Evidence::new("file systems of the kernel", "no securityfs", "securityfs");
            let text = format!("the kernel has no securityfs and so no {feature}");
            Answer::fail(text, evidence.at(Location::file("/proc/filesystems")))
        }
        _ => Answer::unknown(
            Cause::NoFacts,
            format!(
                "securityfs is not mounted, so {fact} cannot be read (mount -t securityfs none {SECURITYFS})"
            ),
        ),
    }
}

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const SECURITYFS: &str = "/sys/kernel/security";
