//! Sysctls: of the running kernel, or as an image's files set them.

use hardpan_report::{Cause, Evidence, Location, escape_str};

use super::Answer;
use crate::{Host, IfAbsent, KernelFacts, Reading, Test};

impl Test {
    /// Judges a sysctl, or one of each network interface.
    pub(super) fn sysctl(&self, key: &str, facts: &KernelFacts<'_>) -> Answer {
        match facts.host {
            Some(host) if key.contains('*') => Answer::all(self.live_interfaces(key, host)),
            Some(host) => self.live_sysctl(key, host),
            None if key.contains('*') => Answer::all(self.configured_interfaces(key, facts)),
            None => self.configured_sysctl(key, facts),
        }
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
        if host.list(SYSCTLS).present().is_none_or(Vec::is_empty) {
            return Answer::unknown(Cause::NoFacts, format!("{SYSCTLS} shows nothing: is /proc mounted?"));
        }
        let Self::Sysctl { absent, .. } = self else { return Answer::not_applicable("no sysctl is tested") };
        let text = format!("this kernel has no sysctl {key}");
        match absent {
            IfAbsent::NotApplicable => Answer::not_applicable(text),
            IfAbsent::Fail => Answer::fail(
                format!("{text}, so nothing restricts it"),
                Evidence::new(key.to_owned(), "absent", "set"),
            ),
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
            Some((value, at)) => self.judge_sysctl(key, value, at.clone()).unless(&facts.troubles.sysctls),
            None => Answer::unknown(
                Cause::NoFacts,
                format!("no sysctl.d file sets {key}, and what the kernel defaults to is not in the image"),
            ),
        }
    }

    fn judge_sysctl(&self, key: &str, value: &str, place: Location) -> Answer {
        let Self::Sysctl { min, one_of, not, .. } = self else {
            return Answer::unknown(Cause::Undecided, "no sysctl is tested");
        };
        let value = value.trim();
        let Ok(number) = value.parse::<i64>() else {
            let text = format!("sysctl {key} reads `{}`, which is no number", escape_str(value));
            return Answer::unknown(Cause::Undecided, text);
        };
        let wanted = match (min, not, one_of) {
            (Some(min), ..) => format!("at least {min}"),
            (_, Some(not), _) => format!("anything but {not}"),
            (None, None, values) => {
                values.iter().flatten().map(i64::to_string).collect::<Vec<_>>().join(" or ")
            }
        };
        let holds = min.is_some_and(|min| number >= min)
            || not.is_some_and(|not| number != not)
            || one_of.iter().flatten().any(|value| *value == number);
        let text =
            if holds { format!("{key} is {number}") } else { format!("{key} is {number}, wanted {wanted}") };
        Answer::decide(holds, text, Evidence::new(key.to_owned(), number.to_string(), wanted).at(place))
    }
}

const SYSCTLS: &str = "/proc/sys";
