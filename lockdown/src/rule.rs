//! Kernel rules as data, and the pages made from them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use hardpan_report::{Pillar, RuleMeta, Severity};
use serde::Deserialize;

/// One rule.
#[derive(Debug)]
pub struct KernelRule {
    /// What is known of it beforehand; the page is made from the data.
    pub meta: RuleMeta,
    /// What is wanted: one of these must hold.
    pub any: Vec<Test>,
}

/// Something that can be held against the facts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Test {
    /// A sysctl has a value: live, or as the image's sysctl.d files set it.
    Sysctl {
        /// Dotted key. One component may be `*`: then every network interface must have the value, and `all` and
        /// `default` with them.
        key: String,
        /// The least value; larger ones are stricter.
        min: Option<i64>,
        /// The only values.
        one_of: Option<Vec<i64>>,
        /// The one value that is wrong.
        not: Option<i64>,
        /// What it means if the running kernel does not offer the key.
        #[serde(default)]
        absent: IfAbsent,
    },
    /// All of these hold.
    All(Vec<Test>),
    /// The lockdown level is at least this: `integrity` or `confidentiality`.
    Lockdown(String),
    /// A security module is active.
    Lsm(String),
    /// A parameter of a module reads as one of these in `/sys/module`.
    ModuleParameter {
        /// The module.
        module: String,
        /// The parameter.
        parameter: String,
        /// Accepted readings.
        one_of: Vec<String>,
    },
    /// The last parameter of this name on every command line has one of these values; an empty value stands for the bare
    /// name.
    Cmdline {
        /// Its name.
        parameter: String,
        /// Accepted values.
        one_of: Vec<String>,
    },
    /// None of these is on any command line: `name` in any form, or `name=value` exactly.
    CmdlineAbsent(Vec<String>),
    /// Every kernel was built with this option at one of these values.
    Kconfig {
        /// Without `CONFIG_`.
        option: String,
        /// Accepted values; `n` covers an option that is not offered.
        one_of: Vec<String>,
    },
    /// No processor vulnerability is reported as open by the running kernel.
    CpuVulnerabilities,
    /// The running kernel loads no modules at all.
    NoModules,
}

/// What it means that a kernel does not offer a sysctl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfAbsent {
    /// It lacks what the key restricts.
    #[default]
    NotApplicable,
    /// It has what the key restricts, and cannot restrict it.
    Fail,
    /// Either may be the case.
    Unknown,
}

/// Every kernel rule, by id.
pub fn rules() -> &'static [KernelRule] {
    &RULES
}

static RULES: LazyLock<Vec<KernelRule>> = LazyLock::new(|| {
    let catalogue: Catalogue = match toml::from_str(CATALOGUE) {
        Ok(catalogue) => catalogue,
        // The text is part of the binary, and a test reads it, so that this cannot happen to a user.
        Err(error) => unreachable!("the built-in kernel rules: {error}"),
    };
    let mut rules: Vec<KernelRule> = catalogue.rule.into_iter().map(KernelRule::from).collect();
    rules.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    rules
});

const CATALOGUE: &str = include_str!("../rules/kernel.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawRule {
    id: String,
    name: String,
    title: String,
    severity: Severity,
    any: Vec<Test>,
    why: String,
    /// How it is judged, where there is more to say than what holds for all.
    #[serde(default)]
    judged: Option<String>,
    fix: String,
    #[serde(default)]
    breaks: Option<String>,
    sources: Vec<String>,
}

impl From<RawRule> for KernelRule {
    fn from(raw: RawRule) -> Self {
        let page = page(&raw);
        Self {
            meta: RuleMeta {
                id: raw.id.into(),
                name: raw.name.into(),
                title: raw.title.into(),
                pillar: Some(Pillar::KernelLockdown),
                severity: raw.severity,
                page: page.into(),
                fixes: &[],
            },
            any: raw.any,
        }
    }
}

fn page(raw: &RawRule) -> String {
    let mut page = format!("# {}\n\n## What it checks\n\n", raw.title);
    let lead = if raw.any.len() == 1 { "Wanted:" } else { "One of these is wanted:" };
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{lead}\n");
    for test in &raw.any {
        let _ = writeln!(page, "- {}", test.describe());
    }
    let _ = writeln!(page, "\n## Why it matters\n\n{}", raw.why.trim());
    let _ = writeln!(page, "\n## How it is judged\n\n{}", raw.judged.as_deref().unwrap_or(JUDGED).trim());
    let _ = writeln!(page, "\n## How to fix it\n\n{}", raw.fix.trim());
    if let Some(breaks) = &raw.breaks {
        let _ = writeln!(page, "\nWhat may break: {}", breaks.trim());
    }
    let _ = writeln!(page, "\n## References\n");
    for source in &raw.sources {
        let _ = writeln!(page, "- {source}");
    }
    page
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
            Self::All(tests) => {
                let all: Vec<String> = tests.iter().map(Self::describe).collect();
                all.join(", and ")
            }
            Self::Sysctl { key, min: Some(min), .. } => format!("sysctl `{key}` is at least {min}"),
            Self::Sysctl { key, not: Some(not), .. } => format!("sysctl `{key}` is not {not}"),
            Self::Sysctl { key, one_of, .. } => {
                let values: Vec<String> = one_of.iter().flatten().map(i64::to_string).collect();
                format!("sysctl `{key}` is {}", values.join(" or "))
            }
            Self::Lockdown(level) => format!("kernel lockdown is at `{level}` or above"),
            Self::Lsm(name) => format!("the security module `{name}` is active"),
            Self::ModuleParameter { module, parameter, one_of } => {
                format!("`{module}.{parameter}` reads {}", one_of.join(" or "))
            }
            Self::Cmdline { parameter, one_of } => {
                let forms: Vec<String> = one_of
                    .iter()
                    .map(|value| {
                        if value.is_empty() {
                            format!("`{parameter}`")
                        } else {
                            format!("`{parameter}={value}`")
                        }
                    })
                    .collect();
                format!("the kernel command line has {}", forms.join(" or "))
            }
            Self::CmdlineAbsent(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("the kernel command line has none of {}", names.join(", "))
            }
            Self::Kconfig { option, one_of } => {
                format!("the kernel is built with `CONFIG_{option}` as {}", one_of.join(" or "))
            }
            Self::CpuVulnerabilities => "the kernel reports no processor vulnerability as open".into(),
            Self::NoModules => "the kernel has no loadable modules".into(),
        }
    }
}
