//! What is known of the kernel: the running one's state, or what an image's files would configure.

use hardpan_report::{Finding, Location};

use crate::Host;
use crate::cmdline::{Parameter, parameters};
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
    /// What kept a file with such facts from being read.
    pub troubles: Vec<Finding>,
}

/// A kernel command line.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The text.
    pub text: String,
    /// What the kernel makes of it.
    pub parameters: Vec<Parameter>,
    /// Where it was read: `/proc/cmdline`, or a line of a boot loader's configuration.
    pub origin: Location,
    /// Whether the running kernel was booted with it.
    pub live: bool,
}

impl CommandLine {
    /// Splits a command line.
    pub fn new(text: impl Into<String>, origin: Location, live: bool) -> Self {
        let text = text.into();
        Self { parameters: parameters(&text), text, origin, live }
    }
}
