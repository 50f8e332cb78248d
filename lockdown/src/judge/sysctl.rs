//! Sysctls: of the running kernel, or as an image's files set them.

use hardpan_report::{Cause, Evidence, Location, escape_str};

use super::Answer;
use crate::sysctl::Dump;
use crate::{Host, IfAbsent, KernelFacts, Reading, Test};

/// Whether the kernel lacks a sysctl.
pub(super) fn key_absent(key: &str, facts: &KernelFacts<'_>) -> Answer {
    let evidence = |seen: &'static str| Evidence::new(key.to_owned(), seen, "absent");
    let (present, absent) =
        (format!("the kernel has the sysctl {key}"), format!("the kernel has no sysctl {key}"));
    match (&facts.dump, facts.host) {
        (Some(dump), _) if dump.get(key).is_some() => Answer::fail(present, evidence("present")),
        (Some(dump), _) if dump.is_whole() => Answer::pass(absent, evidence("absent")),
        (Some(_), _) => Answer::unknown(Cause::NoFacts, NOT_BY_ROOT),
        (None, Some(host)) => match host.sysctl(key) {
            Reading::Present(_) => Answer::fail(present, evidence("present")),
            Reading::Absent if shows_nothing(host) => Answer::unknown(Cause::NoFacts, NO_PROC),
            Reading::Absent => Answer::pass(absent, evidence("absent")),
            Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
        },
        (None, None) => Answer::of_gap(facts.no_sysctl(key)),
    }
}

fn shows_nothing(host: &Host) -> bool {
    host.list(SYSCTLS).present().is_none_or(Vec::is_empty)
}

impl Test {
    /// Judges a sysctl, or one of each network interface.
    pub(super) fn sysctl(&self, key: &str, facts: &KernelFacts<'_>) -> Answer {
        let is_wild = key.contains('*');
        match (&facts.dump, facts.host) {
            (Some(dump), _) if is_wild => Answer::all(self.dumped_interfaces(key, dump)),
            (Some(dump), _) => self.dumped_sysctl(key, dump),
            (None, Some(host)) if is_wild => Answer::all(self.live_interfaces(key, host)),
            (None, Some(host)) => self.live_sysctl(key, host),
            (None, None) if is_wild => Answer::all(self.configured_interfaces(key, facts)),
            (None, None) => self.configured_sysctl(key, facts),
        }
    }

    fn dumped_sysctl(&self, key: &str, dump: &Dump) -> Answer {
        match dump.get(key) {
            Some((value, place)) => self.judge_sysctl(key, value, place),
            None if dump.is_whole() => self.without_key(key),
            None => Answer::unknown(Cause::NoFacts, format!("{key} is not among the sysctls: {NOT_BY_ROOT}")),
        }
    }

    fn dumped_interfaces(&self, key: &str, dump: &Dump) -> Vec<Answer> {
        let names = dump.components(key);
        if names.is_empty() {
            return vec![self.dumped_sysctl(key, dump)];
        }
        let others = names.iter().filter(|name| *name != "lo");
        others.map(|name| self.dumped_sysctl(&key.replace('*', name), dump)).collect()
    }

    fn live_sysctl(&self, key: &str, host: &Host) -> Answer {
        let place = Location::file(format!("/proc/sys/{}", key.replace('.', "/")));
        match host.sysctl(key) {
            Reading::Absent => self.absent_sysctl(key, host),
            Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
            Reading::Present(value) => self.judge_sysctl(key, &value, place),
        }
    }

    /// A key that is missing tells something only where other keys are not.
    fn absent_sysctl(&self, key: &str, host: &Host) -> Answer {
        if shows_nothing(host) {
            return Answer::unknown(Cause::NoFacts, NO_PROC);
        }
        self.without_key(key)
    }

    fn without_key(&self, key: &str) -> Answer {
        let Self::Sysctl { absent, .. } = self else { return Answer::not_applicable("no sysctl is tested") };
        let text = format!("this kernel has no sysctl {key}");
        let evidence = || Evidence::new(key.to_owned(), "absent", self.wanted());
        match absent {
            IfAbsent::NotApplicable => Answer::not_applicable(text),
            IfAbsent::Pass => Answer::pass(format!("{text}, and nothing that it would restrict"), evidence()),
            IfAbsent::Fail => Answer::fail(format!("{text}, so nothing restricts it"), evidence()),
            IfAbsent::Unknown => Answer::unknown(
                Cause::Undecided,
                format!("{text}: it lacks either what the key restricts or the means to restrict it"),
            ),
        }
    }

    /// The running kernel's interfaces but for the loopback one, which talks to nobody else.
    fn live_interfaces(&self, key: &str, host: &Host) -> Vec<Answer> {
        let directory = key.split(".*").next().unwrap_or_default().replace('.', "/");
        match host.list(&format!("{SYSCTLS}/{directory}")) {
            Reading::Present(names) if !names.is_empty() => names
                .iter()
                .filter(|name| *name != "lo")
                .map(|name| self.live_sysctl(&key.replace('*', &name.replace('.', "/")), host))
                .collect(),
            Reading::Unreadable(reason) => vec![Answer::unknown(Cause::Unreadable, reason)],
            Reading::Present(_) | Reading::Absent => vec![self.absent_sysctl(key, host)],
        }
    }

    /// What decides for interfaces that an image cannot know, and those that it names.
    fn configured_interfaces(&self, key: &str, facts: &KernelFacts<'_>) -> Vec<Answer> {
        let mut names = vec!["all".to_owned(), "default".to_owned()];
        for name in facts.sysctl.components(key) {
            if name != "lo" && !names.contains(&name) {
                names.push(name);
            }
        }
        names.iter().map(|name| self.configured_sysctl(&key.replace('*', name), facts)).collect()
    }

    fn configured_sysctl(&self, key: &str, facts: &KernelFacts<'_>) -> Answer {
        match facts
            .sysctl
            .get(key)
            .and_then(|setting| setting.value.as_ref().map(|value| (value, &setting.at)))
        {
            Some((value, at)) => self.judge_sysctl(key, value, at.clone()),
            None => Answer::of_gap(facts.no_sysctl(key)),
        }
    }

    fn judge_sysctl(&self, key: &str, value: &str, place: Location) -> Answer {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(holds) = self.value_holds(&value) else {
            let text = format!("sysctl {key} reads `{}`, which is no number", escape_str(&value));
            return Answer::unknown(Cause::Undecided, text);
        };
        let (seen, wanted) = (escape_str(&value), self.wanted());
        let text =
            if holds { format!("{key} is {seen}") } else { format!("{key} is {seen}, wanted {wanted}") };
        Answer::decide(holds, text, Evidence::new(key.to_owned(), seen, wanted).at(place))
    }

    /// Whether every condition holds; `None` if one is about numbers and this is none.
    pub(crate) fn value_holds(&self, value: &str) -> Option<bool> {
        let Self::Sysctl { min, max, one_of, one_of_text, not, bitmask, .. } = self else { return None };
        let is_text = one_of_text.as_ref().is_none_or(|texts| {
            texts.iter().any(|text| text.split_whitespace().eq(value.split_whitespace()))
        });
        let wants_number =
            min.is_some() || max.is_some() || one_of.is_some() || not.is_some() || bitmask.is_some();
        if !wants_number {
            return Some(is_text);
        }
        let number = value.parse::<i64>().ok()?;
        let holds = min.is_none_or(|min| number >= min)
            && max.is_none_or(|max| number <= max)
            && not.is_none_or(|not| number != not)
            && bitmask.is_none_or(|mask| number & !mask == 0)
            && one_of.as_ref().is_none_or(|values| values.contains(&number));
        Some(holds && is_text)
    }
}

const NO_PROC: &str = "/proc/sys shows nothing: is /proc mounted?";
const NOT_BY_ROOT: &str =
    "`sysctl -a` was not run by root, so that keys may be missing that the kernel does offer";
const SYSCTLS: &str = "/proc/sys";
