//! Facts that a rule brings with it, on which it must pass, fail, or not apply.

use hardpan_report::{Location, Verdict};
use serde::Deserialize;

use super::KernelRule;
use crate::kconfig::Kconfig;
use crate::sysctl::Dump;
use crate::{Arch, CommandLine, KernelFacts, KernelVersion, Shown};

/// The samples of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Samples {
    /// On which it passes.
    pub pass: Option<Sample>,
    /// On which it fails.
    pub fail: Option<Sample>,
    /// To which it does not apply.
    pub not_applicable: Option<Sample>,
}

/// A kernel in a few words. Its build configuration and its command line are known, and what is not in them is not set;
/// sysctls, the list of security modules and the lockdown level are known if they are given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// `X=y` lines, without `CONFIG_`.
    #[serde(default)]
    kconfig: Vec<String>,
    #[serde(default)]
    cmdline: String,
    /// `key=value` lines. A key that is not there is one that the kernel does not offer.
    sysctl: Option<Vec<String>>,
    /// As in `/sys/kernel/security/lsm`.
    lsm: Option<String>,
    /// The level.
    lockdown: Option<String>,
    /// The rule's first, if it is not given.
    arch: Option<Arch>,
    /// One of the rule's, if it is not given.
    kernel: Option<String>,
}

impl Sample {
    /// What the rule says of it; an error where the sample is none.
    pub fn judge(&self, rule: &KernelRule) -> Result<Verdict, String> {
        let config: Vec<String> = self.kconfig.iter().map(|line| format!("CONFIG_{line}")).collect();
        let version = match &self.kernel {
            Some(text) => Some(KernelVersion::parse(text).ok_or_else(|| format!("{text} is no version"))?),
            None => rule.kernel.example(),
        };
        let place = || Location::file("sample");
        let kconfig =
            Kconfig::parse_strict(&config.join("\n"), place()).map_err(|error| error.to_string())?;
        let dump = self.sysctl.as_ref().map(|lines| Dump::whole(&lines.join("\n"), b"sample"));
        let shown = |text: &String| Shown { text: text.clone(), place: place() };
        let facts = KernelFacts {
            kconfigs: vec![kconfig],
            command_lines: vec![CommandLine::new(self.cmdline.as_str(), place(), false)],
            dump: dump.transpose().map_err(|error| error.to_string())?,
            lsm: self.lsm.as_ref().map(shown),
            lockdown: self.lockdown.as_ref().map(shown),
            arch: self.arch.or_else(|| rule.arch.first().copied()).or(Some(Arch::X86_64)),
            version,
            ..KernelFacts::default()
        };
        Ok(rule.check(&facts))
    }
}
