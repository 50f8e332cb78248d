//! What is known of the kernel: the running one's state, or what an image's files would configure.

use hardpan_report::{Evidence, Finding, Location, escape_str};

use crate::Host;
use crate::cmdline::{Word, last, words};
use crate::kconfig::Kconfig;
use crate::sysctl::SysctlConfig;

/// Everything that kernel rules are judged on.
#[derive(Debug, Default)]
pub struct KernelFacts<'a> {
    /// The running host. Where it is given its state decides, and files only explain.
    pub host: Option<&'a Host>,
    /// Command lines: the running one, or each that a boot loader of the image may pass.
    pub command_lines: Vec<CommandLine>,
    /// What the image's sysctl.d files set.
    pub sysctl: SysctlConfig,
    /// The kernel's build configuration, one for each kernel found.
    pub kconfigs: Vec<Kconfig>,
    /// What kept such facts from being whole.
    pub troubles: Troubles,
}

/// What could not be read, or is not whole, by the kind of fact: a pass on the rest of that kind would prove nothing.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Of command lines.
    pub command_lines: Vec<Finding>,
    /// Of build configurations.
    pub kconfigs: Vec<Finding>,
    /// Of sysctl.d files.
    pub sysctls: Vec<Finding>,
}

impl Troubles {
    /// Those of every kind.
    pub fn all(&self) -> impl Iterator<Item = &Finding> {
        self.command_lines.iter().chain(&self.kconfigs).chain(&self.sysctls)
    }
}

/// A kernel command line.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The text.
    pub text: String,
    /// What the kernel makes of it.
    pub words: Vec<Word>,
    /// Where it was read: `/proc/cmdline`, or a line of a boot loader's configuration.
    pub origin: Location,
    /// Whether the running kernel was booted with it.
    pub live: bool,
}

impl CommandLine {
    /// Splits a command line.
    pub fn new(text: impl Into<String>, origin: Location, live: bool) -> Self {
        let text = text.into();
        Self { words: words(&text), text, origin, live }
    }

    /// The value of the last word of this name that the kernel looks at; empty for a bare name.
    pub fn kernel_value(&self, name: &str) -> Option<String> {
        last(&self.words, name).map(|word| word.value.clone().unwrap_or_default())
    }

    /// The fact that the line says something.
    pub fn evidence(&self, seen: &str, wanted: &'static str) -> Evidence {
        let what = if self.live { "running kernel's command line" } else { "configured command line" };
        Evidence::new(what, escape_str(seen), wanted).at(self.origin.clone())
    }
}

/// Why nothing is known of the command line.
pub(crate) const NO_CMDLINE: &str =
    "no kernel command line was found: no running host, and no boot loader entry in the tree";

/// Why something that the build configuration tells is not known.
pub(crate) fn no_kconfig(what: &str) -> String {
    format!(
        "the kernel's build configuration was not found (/boot/config-*, /proc/config.gz), which tells {what}"
    )
}
