//! What rules are made of: tests of one fact each, and ways to put them together.

use serde::Deserialize;

/// Something that can be held against the facts. It holds, fails, does not apply, or is unknown; what is unknown stays so
/// under `not`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Test {
    /// A sysctl has a value: live, or as the image's sysctl.d files set it. One of the conditions must be given; where
    /// several are, all of them hold.
    Sysctl {
        /// Dotted key. One component may be `*`: then every network interface must have the value, and `all` and
        /// `default` with them.
        key: String,
        /// The least value; larger ones are stricter.
        min: Option<i64>,
        /// The largest value; smaller ones are stricter.
        max: Option<i64>,
        /// The only values.
        one_of: Option<Vec<i64>>,
        /// The only values of a key that holds text; blanks count as one.
        one_of_text: Option<Vec<String>>,
        /// The one value that is wrong.
        not: Option<i64>,
        /// No bit outside of this mask is set.
        bitmask: Option<i64>,
        /// What it means if the running kernel does not offer the key.
        #[serde(default)]
        absent: IfAbsent,
    },
    /// The running kernel does not offer this sysctl. For an image it is unknown, since its files do not tell.
    KeyAbsent(String),
    /// All of these hold.
    All(Vec<Test>),
    /// One of these holds.
    AnyOf(Vec<Test>),
    /// This does not hold.
    Not(Box<Test>),
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
    /// What the kernel makes of all parameters of this name is one of these values; an empty value stands for the bare name.
    Cmdline {
        /// Its name.
        parameter: String,
        /// Accepted values.
        #[serde(default)]
        one_of: Vec<String>,
        /// The least number.
        min: Option<i64>,
        /// A word that the value, a list with commas, has.
        contains: Option<String>,
        /// Whether it may be missing.
        #[serde(default, alias = "absent-ok")]
        absent_ok: bool,
        /// The option that builds what takes the parameter, without `CONFIG_`, if that can be a module. A module is not told
        /// by the kernel; whoever loads it has to hand the parameter over.
        module: Option<String>,
        /// Whether it is known that whoever loads the module hands the parameter over.
        #[serde(default, alias = "handed-over")]
        handed_over: bool,
    },
    /// None of these is on the command line: `name` in any form, or `name=value` exactly.
    CmdlineAbsent(Vec<String>),
    /// The kernel was built with this option at one of these values, or at this number or more.
    Kconfig {
        /// Without `CONFIG_`.
        option: String,
        /// Accepted values; `n` covers an option that is not offered.
        #[serde(default)]
        one_of: Vec<String>,
        /// The least number, for options that have one.
        min: Option<i64>,
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
    /// It lacks what the key restricts, and that is what the rule wants.
    Pass,
    /// It has what the key restricts, and cannot restrict it.
    Fail,
    /// Either may be the case.
    Unknown,
}

impl Test {
    /// Itself and every test inside of it.
    pub fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Self)) {
        visit(self);
        match self {
            Self::All(tests) | Self::AnyOf(tests) => tests.iter().for_each(|test| test.walk(visit)),
            Self::Not(test) => test.walk(visit),
            _ => {}
        }
    }

    /// What is wrong with it as data, if anything: a condition that is missing would hold for everything, or for nothing.
    #[cfg(test)]
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Sysctl { key, min, max, one_of, one_of_text, not, bitmask, .. } => {
                let conditions = [min.is_some(), max.is_some(), one_of.is_some(), one_of_text.is_some()];
                let is_bare = !conditions.contains(&true) && not.is_none() && bitmask.is_none();
                let is_wild = key.matches('*').count() > 1;
                (is_bare || is_wild).then(|| format!("sysctl {key} wants nothing, or has several *"))
            }
            Self::Cmdline { parameter, one_of, min, contains, module, handed_over, .. } => {
                let is_bare = one_of.is_empty() && min.is_none() && contains.is_none();
                let fault = if is_bare { "wants nothing" } else { "is handed over to no module" };
                (is_bare || (*handed_over && module.is_none())).then(|| format!("{parameter} {fault}"))
            }
            Self::Kconfig { option, one_of, min } => (one_of.is_empty() == min.is_none()
                || option.starts_with("CONFIG_"))
            .then(|| format!("{option} wants either one_of or min, and its name stands without CONFIG_")),
            Self::Lockdown(level) => (!["integrity", "confidentiality"].contains(&level.as_str()))
                .then(|| format!("{level} is no level of lockdown")),
            Self::All(tests) | Self::AnyOf(tests) => tests.is_empty().then(|| "an empty list".to_owned()),
            Self::CmdlineAbsent(names) => names.is_empty().then(|| "an empty list".to_owned()),
            _ => None,
        }
    }
}
