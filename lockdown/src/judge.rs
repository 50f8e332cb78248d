//! Holding a kernel rule against the facts.

use hardpan_report::{Cause, Evidence, Finding, Location, Outcome, Verdict, escape_str};

use crate::cmdline::{has, last};
use crate::{CommandLine, Host, IfAbsent, KernelFacts, KernelRule, Reading, Test};

/// What one test says.
struct Answer {
    outcome: Outcome,
    cause: Cause,
    /// One sentence; for a pass what holds, otherwise what is wrong.
    text: String,
    evidence: Vec<Evidence>,
}

impl KernelRule {
    /// Judges. One test that holds is enough; otherwise what is unknown outweighs what fails, since it may hold.
    pub fn check(&self, facts: &KernelFacts<'_>) -> Verdict {
        let answers: Vec<Answer> = self.any.iter().map(|test| test.check(facts)).collect();
        let rank = |answer: &Answer| match answer.outcome {
            Outcome::Pass => 3,
            Outcome::Unknown => 2,
            Outcome::Fail => 1,
            Outcome::NotApplicable => 0,
        };
        let best = answers.iter().map(rank).max().unwrap_or(0);
        let mut decisive: Vec<Answer> = answers.into_iter().filter(|answer| rank(answer) == best).collect();
        if decisive.is_empty() {
            return Verdict::unknown(Cause::Undecided, "the rule tests nothing");
        }
        let first = decisive.remove(0);
        match first.outcome {
            Outcome::Pass => Verdict::pass(first.text, first.evidence),
            Outcome::NotApplicable => Verdict::not_applicable(first.text),
            outcome => {
                let location = first.evidence.iter().find_map(|evidence| evidence.location.clone());
                let others = decisive.into_iter().flat_map(|answer| answer.evidence);
                let mut finding = match outcome {
                    Outcome::Fail => Finding::fail(location, self.meta.name.to_string(), first.text),
                    _ => Finding::unknown(first.cause, location, self.meta.name.to_string(), first.text),
                };
                finding.evidence = first.evidence.into_iter().chain(others).collect();
                Verdict::finding(finding)
            }
        }
    }
}

impl Answer {
    fn pass(text: String, evidence: Evidence) -> Self {
        Self { outcome: Outcome::Pass, cause: Cause::Undecided, text, evidence: vec![evidence] }
    }

    fn fail(text: String, evidence: Evidence) -> Self {
        Self { outcome: Outcome::Fail, cause: Cause::Undecided, text, evidence: vec![evidence] }
    }

    fn decide(holds: bool, text: String, evidence: Evidence) -> Self {
        if holds { Self::pass(text, evidence) } else { Self::fail(text, evidence) }
    }

    /// A pass on a part of the facts is none.
    fn unless(self, troubles: &[Finding]) -> Self {
        match troubles.first() {
            Some(trouble) if self.outcome == Outcome::Pass => {
                let cause = trouble.cause.unwrap_or(Cause::Undecided);
                let text = format!("{}, as far as could be read: {}", self.text, trouble.message);
                Self { outcome: Outcome::Unknown, cause, text, evidence: self.evidence }
            }
            _ => self,
        }
    }

    /// The worst of several; a pass of all shows the facts of each.
    fn all(answers: Vec<Self>) -> Self {
        let rank = |answer: &Self| match answer.outcome {
            Outcome::NotApplicable => 0,
            Outcome::Pass => 1,
            Outcome::Unknown => 2,
            Outcome::Fail => 3,
        };
        let worst = answers.iter().map(rank).max();
        let mut decisive = answers.into_iter().filter(|answer| Some(rank(answer)) == worst);
        let Some(mut first) = decisive.next() else {
            return Self::unknown(Cause::Undecided, "there is nothing to hold the rule against");
        };
        for other in decisive {
            if first.outcome == Outcome::Pass && !first.text.contains(&other.text) {
                first.text = format!("{}, and {}", first.text, other.text);
            }
            first.evidence.extend(other.evidence);
        }
        first
    }

    fn not_applicable(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::NotApplicable,
            cause: Cause::Undecided,
            text: text.into(),
            evidence: Vec::new(),
        }
    }

    fn unknown(cause: Cause, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown, cause, text: text.into(), evidence: Vec::new() }
    }
}

impl Test {
    fn check(&self, facts: &KernelFacts<'_>) -> Answer {
        match self {
            Self::Sysctl { key, .. } if key.contains('*') => Answer::all(match facts.host {
                Some(host) => self.live_interfaces(key, host),
                None => self.configured_interfaces(key, facts),
            }),
            Self::Sysctl { key, .. } => match facts.host {
                Some(host) => self.live_sysctl(key, host),
                None => self.configured_sysctl(key, facts),
            },
            Self::All(tests) => Answer::all(tests.iter().map(|test| test.check(facts)).collect()),
            Self::Lockdown(level) => lockdown(level, facts),
            Self::Lsm(name) => lsm(name, facts),
            Self::ModuleParameter { module, parameter, one_of } => {
                module_parameter(module, parameter, one_of, facts)
            }
            Self::Cmdline { parameter, one_of } => cmdline(parameter, one_of, facts),
            Self::CmdlineAbsent(names) => cmdline_absent(names, facts),
            Self::Kconfig { option, one_of } => kconfig(option, one_of, facts),
            Self::CpuVulnerabilities => vulnerabilities(facts),
            Self::NoModules => no_modules(facts),
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

/// The level that the running kernel is at, or that an image's command line or build would raise it to.
fn lockdown(wanted: &str, facts: &KernelFacts<'_>) -> Answer {
    let Some(host) = facts.host else { return configured_lockdown(wanted, facts) };
    match host.read(LOCKDOWN) {
        Reading::Present(text) => {
            let current = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
            let current = current.unwrap_or("none");
            let holds = at_least(wanted).iter().any(|level| level == current);
            let text = format!("kernel lockdown is at `{}`", escape_str(current));
            let evidence = Evidence::new("lockdown level", escape_str(current), format!("{wanted} or above"));
            Answer::decide(holds, text, evidence.at(Location::file(LOCKDOWN)))
        }
        Reading::Absent => without_securityfs(host, "kernel lockdown", "the lockdown level"),
        Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
    }
}

/// Of several `lockdown=` the highest counts, since the level only ever rises and `none` is no level to the kernel.
fn configured_lockdown(wanted: &str, facts: &KernelFacts<'_>) -> Answer {
    let levels = at_least(wanted);
    let raised = |line: &CommandLine| levels.iter().any(|level| has(&line.words, "lockdown", Some(level)));
    if let Some(first) = facts.command_lines.first()
        && facts.command_lines.iter().all(raised)
    {
        let evidence =
            Evidence::new("kernel command line", escape_str(&first.text), format!("lockdown={wanted}"));
        let text = format!("booted with lockdown at {wanted} or above");
        return Answer::pass(text, evidence.at(first.origin.clone())).unless(&facts.troubles.command_lines);
    }
    let mut built = levels.iter().map(|level| {
        let option = format!("LOCK_DOWN_KERNEL_FORCE_{}", level.to_uppercase());
        kconfig(&option, &["y".to_owned()], facts)
    });
    let from_build = built.find(|answer| answer.outcome == Outcome::Pass);
    from_build.unwrap_or_else(|| cmdline("lockdown", &levels, facts))
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

fn lsm(name: &str, facts: &KernelFacts<'_>) -> Answer {
    let wanted = format!("`{name}` among them");
    let judge = |list: &str, place: Location| {
        let holds = list.trim().split(',').any(|have| have == name);
        let not = if holds { "" } else { "not " };
        let text = format!("the security module `{name}` is {not}active");
        let evidence = Evidence::new("security modules", escape_str(list.trim()), wanted.clone());
        Answer::decide(holds, text, evidence.at(place))
    };
    if let Some(host) = facts.host {
        return match host.read(LSM) {
            Reading::Present(list) => judge(&list, Location::file(LSM)),
            Reading::Absent => without_securityfs(host, "security modules", "the list of security modules"),
            Reading::Unreadable(reason) => Answer::unknown(Cause::Unreadable, reason),
        };
    }
    Answer::all(configured_lsm(name, facts, judge))
}

/// For each command line and kernel: `lsm=` counts, or else the list that the kernel was built with; and what is not
/// built in starts in neither case. The default of `CONFIG_LSM` names modules that a kernel need not have.
fn configured_lsm(
    name: &str,
    facts: &KernelFacts<'_>,
    judge: impl Fn(&str, Location) -> Answer,
) -> Vec<Answer> {
    if facts.kconfigs.is_empty() {
        return vec![no_kconfig("the security modules that it starts")];
    }
    let option = match name {
        "lockdown" => "SECURITY_LOCKDOWN_LSM".to_owned(),
        name => format!("SECURITY_{}", name.to_uppercase()),
    };
    let mut answers = vec![kconfig(&option, &["y".to_owned()], facts)];
    let chosen = |line: &CommandLine| Some((last(&line.words, "lsm")?.value.clone()?, line.origin.clone()));
    let lists: Vec<_> = facts.command_lines.iter().filter_map(chosen).collect();
    if facts.command_lines.is_empty() || lists.len() < facts.command_lines.len() {
        let built = facts.kconfigs.iter().map(|config| judge(config.get("LSM").0, config.place("LSM")));
        answers.extend(built.map(|answer| answer.unless(&facts.troubles.command_lines)));
    }
    let told = lists.into_iter().map(|(list, origin)| judge(&list, origin));
    answers.extend(told.map(|answer| answer.unless(&facts.troubles.command_lines)));
    answers
}

fn module_parameter(module: &str, parameter: &str, one_of: &[String], facts: &KernelFacts<'_>) -> Answer {
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

fn cmdline(parameter: &str, one_of: &[String], facts: &KernelFacts<'_>) -> Answer {
    let wanted = Test::Cmdline { parameter: parameter.to_owned(), one_of: one_of.to_vec() }.describe();
    let Some(first) = facts.command_lines.first() else { return no_cmdline() };
    for line in &facts.command_lines {
        let found = last(&line.words, parameter);
        let holds = found.is_some_and(|found| {
            one_of.iter().any(|value| *value == found.value.as_deref().unwrap_or_default())
        });
        if !holds {
            let seen = match found {
                Some(found) => {
                    format!("{parameter}={}", escape_str(found.value.as_deref().unwrap_or_default()))
                }
                None => "not there".to_owned(),
            };
            let text = format!("`{parameter}` is not set as wanted on the kernel command line ({seen})");
            let evidence = Evidence::new(format!("kernel parameter {parameter}"), seen, wanted);
            return Answer::fail(text, evidence.at(line.origin.clone()));
        }
    }
    let evidence =
        Evidence::new(format!("kernel parameter {parameter}"), escape_str(&first.text), wanted.clone());
    Answer::pass(wanted, evidence.at(first.origin.clone())).unless(&facts.troubles.command_lines)
}

fn cmdline_absent(names: &[String], facts: &KernelFacts<'_>) -> Answer {
    let Some(first) = facts.command_lines.first() else { return no_cmdline() };
    for line in &facts.command_lines {
        let bad: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| match name.split_once('=') {
                Some((name, value)) => has(&line.words, name, Some(value)),
                None => has(&line.words, name, None),
            })
            .collect();
        if !bad.is_empty() {
            let text = format!("the kernel command line has `{}`", bad.join("`, `"));
            let evidence = Evidence::new("kernel command line", bad.join(" "), "none of it");
            return Answer::fail(text, evidence.at(line.origin.clone()));
        }
    }
    let evidence = Evidence::new("kernel command line", escape_str(&first.text), "");
    Answer::pass("the kernel command line has none of it".into(), evidence.at(first.origin.clone()))
        .unless(&facts.troubles.command_lines)
}

fn kconfig(option: &str, one_of: &[String], facts: &KernelFacts<'_>) -> Answer {
    let wanted = one_of.join(" or ");
    let Some(first) = facts.kconfigs.first() else { return no_kconfig(&format!("CONFIG_{option}")) };
    for config in &facts.kconfigs {
        let value = config.get(option).0;
        if !one_of.iter().any(|accepted| accepted == value) {
            let text = format!("the kernel is built with CONFIG_{option} as {}", escape_str(value));
            let evidence = Evidence::new(format!("CONFIG_{option}"), escape_str(value), wanted);
            return Answer::fail(text, evidence.at(config.place(option)));
        }
    }
    let value = escape_str(first.get(option).0);
    let text = format!("the kernel is built with CONFIG_{option} as {value}");
    let evidence = Evidence::new(format!("CONFIG_{option}"), value, wanted).at(first.place(option));
    Answer::pass(text, evidence).unless(&facts.troubles.kconfigs)
}

fn vulnerabilities(facts: &KernelFacts<'_>) -> Answer {
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

fn no_modules(facts: &KernelFacts<'_>) -> Answer {
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

fn no_cmdline() -> Answer {
    Answer::unknown(
        Cause::NoFacts,
        "no kernel command line was found: no running host, and no boot loader entry in the tree",
    )
}

fn no_kconfig(what: &str) -> Answer {
    Answer::unknown(
        Cause::NoFacts,
        format!(
            "the kernel's build configuration was not found (/boot/config-*, /proc/config.gz), which tells {what}"
        ),
    )
}

const SYSCTLS: &str = "/proc/sys";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const LSM: &str = "/sys/kernel/security/lsm";
const SECURITYFS: &str = "/sys/kernel/security";
const VULNERABILITIES: &str = "/sys/devices/system/cpu/vulnerabilities";
