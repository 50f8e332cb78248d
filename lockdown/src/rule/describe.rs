//! Tests and pages in words.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use hardpan_report::MadePage;

use super::{KernelRange, Profile, Test};
use crate::Arch;

/// What the page of a rule is made of.
#[derive(Debug)]
pub(super) struct Prose {
    pub(super) title: String,
    pub(super) profiles: Vec<Profile>,
    pub(super) arch: Vec<Arch>,
    pub(super) kernel: KernelRange,
    pub(super) when: Arc<[Test]>,
    pub(super) any: Arc<[Test]>,
    pub(super) why: String,
    pub(super) judged: Option<String>,
    pub(super) fix: String,
    pub(super) breaks: Option<String>,
    pub(super) cost: Option<String>,
    pub(super) sources: Vec<String>,
}

impl MadePage for Prose {
    fn rationale(&self) -> &str {
        self.why.trim()
    }

    fn remedy(&self) -> Cow<'_, str> {
        let fix = self.fix.trim();
        let more = [("What may break", &self.breaks), ("What it costs", &self.cost)];
        more.into_iter().fold(fix.into(), |before, (what, text)| match text {
            Some(text) => [&*before, "\n\n", what, ": ", text.trim()].concat().into(),
            None => before,
        })
    }

    fn text(&self) -> String {
        let mut page = format!("# {}\n\n## What it checks\n\n", self.title);
        let lead = if self.any.len() == 1 { "Wanted:" } else { "One of these is wanted:" };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{lead}\n");
        for test in &*self.any {
            let _ = writeln!(page, "- {}", test.describe());
        }
        self.applies(&mut page);
        let _ = writeln!(page, "\n## Why it matters\n\n{}", self.rationale());
        let _ =
            writeln!(page, "\n## How it is judged\n\n{}", self.judged.as_deref().unwrap_or(JUDGED).trim());
        let _ = writeln!(page, "\n## How to fix it\n\n{}\n\n## References\n", self.remedy());
        for source in &self.sources {
            let _ = writeln!(page, "- {source}");
        }
        page
    }
}

impl Prose {
    /// Where the rule applies, if not everywhere.
    fn applies(&self, page: &mut String) {
        let mut lines = Vec::new();
        if !self.arch.is_empty() {
            let names: Vec<&str> = self.arch.iter().map(|arch| arch.as_str()).collect();
            lines.push(format!("the architecture is {}", names.join(" or ")));
        }
        if !self.kernel.is_any() {
            lines.push(format!("the kernel's version is one {}", self.kernel));
        }
        lines.extend(self.when.iter().map(Test::describe));
        if !lines.is_empty() {
            let _ = writeln!(page, "\nIt applies where all of this holds:\n");
            for line in lines {
                let _ = writeln!(page, "- {line}");
            }
        }
        let names: Vec<&str> = self.profiles.iter().map(|profile| profile.as_str()).collect();
        let _ = writeln!(page, "\nProfile: {}", names.join(", "));
    }
}

const JUDGED: &str = "\
On the running host the kernel's own state decides. For an image its files do: boot loader entries, `sysctl.d` and the \
kernel's build configuration. What a file sets is what the kernel will be told, which is not yet what it does. A kernel \
that does not offer a knob because it lacks what the knob restricts makes the rule not applicable; one that lacks the \
restriction fails. Facts that are not there make the rule unknown.";

impl Test {
    /// What is wanted, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::All(tests) => joined(tests, ", and "),
            Self::AnyOf(tests) => format!("one of: {}", joined(tests, "; or ")),
            Self::Not(test) => format!("it is not so that {}", test.describe()),
            Self::Sysctl { key, .. } => format!("sysctl `{key}` is {}", self.wanted()),
            Self::KeyAbsent(key) => format!("the kernel has no sysctl `{key}`"),
            Self::Lockdown(level) => format!("kernel lockdown is at `{level}` or above"),
            Self::Lsm(name) => format!("the security module `{name}` is active"),
            Self::ModuleParameter { module, parameter, one_of } => {
                format!("`{module}.{parameter}` reads {}", one_of.join(" or "))
            }
            Self::Cmdline { absent_ok, .. } => {
                let otherwise = if *absent_ok { ", or nothing of that name" } else { "" };
                format!("the kernel command line has {}{otherwise}", self.wanted())
            }
            Self::CmdlineAbsent(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("the kernel command line has none of {}", names.join(", "))
            }
            Self::Kconfig { option, .. } => {
                format!("the kernel is built with `CONFIG_{option}` as {}", self.wanted())
            }
            Self::CpuVulnerabilities => "the kernel reports no processor vulnerability as open".into(),
            Self::NoModules => "the kernel has no loadable modules".into(),
        }
    }

    /// The values that are wanted, for tests that have some.
    pub(crate) fn wanted(&self) -> String {
        match self {
            Self::Sysctl { min, max, one_of, one_of_text, not, bitmask, .. } => {
                let numbers = |values: &Vec<i64>| words(values.iter().map(i64::to_string));
                let parts = [
                    min.map(|min| format!("at least {min}")),
                    max.map(|max| format!("at most {max}")),
                    not.map(|not| format!("anything but {not}")),
                    bitmask.map(|mask| format!("without bits outside of {mask}")),
                    one_of.as_ref().map(numbers),
                    one_of_text.as_ref().map(|values| words(values.iter().cloned())),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
            }
            Self::Cmdline { parameter, one_of, min, contains, .. } => {
                let form = |value: &String| match value.as_str() {
                    "" => format!("`{parameter}`"),
                    value => format!("`{parameter}={value}`"),
                };
                let least = min.map(|min| format!("`{parameter}=` {min} or more"));
                let word = contains.as_ref().map(|word| format!("`{parameter}=` with `{word}` in it"));
                words(one_of.iter().map(form).chain(least).chain(word))
            }
            Self::Kconfig { one_of, min, .. } => {
                words(one_of.iter().cloned().chain(min.map(|min| format!("{min} or more"))))
            }
            _ => String::new(),
        }
    }
}

fn joined(tests: &[Test], between: &str) -> String {
    tests.iter().map(Test::describe).collect::<Vec<_>>().join(between)
}

fn words(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(" or ")
}
