//! What is known of the kernel: the running one's state, or what an image's files would configure.

use hardpan_report::{Cause, Evidence, Finding, Location, escape_str};

use crate::bootconfig::BootConfig;
use crate::cmdline::{Word, last, words};
use crate::kconfig::Kconfig;
use crate::sysctl::{Dump, SysctlConfig};
use crate::{Arch, Host, KernelVersion};

/// Everything that kernel rules are judged on.
#[derive(Debug, Default)]
pub struct KernelFacts<'a> {
    /// The running host. Where it is given its state decides, and files only explain.
    pub host: Option<&'a Host>,
    /// Command lines: the running one, or each that a boot loader of the image may pass.
    pub command_lines: Vec<CommandLine>,
    /// Boot configurations, one for each initramfs that has one.
    pub bootconfigs: Vec<BootConfig>,
    /// What the image's sysctl.d files set.
    pub sysctl: SysctlConfig,
    /// The sysctls that a kernel had. They decide before what files set.
    pub dump: Option<Dump>,
    /// The kernel's build configuration, one for each kernel found.
    pub kconfigs: Vec<Kconfig>,
    /// The list of active security modules, where it is known without a host.
    pub lsm: Option<Shown>,
    /// The lockdown level, where it is known without a host.
    pub lockdown: Option<Shown>,
    /// The architecture, where it is known without a build configuration or a host.
    pub arch: Option<Arch>,
    /// The kernel's version, likewise.
    pub version: Option<KernelVersion>,
    /// Whether only what somebody handed over is judged, so that what is missing was not supplied.
    pub handed: bool,
    /// What kept such facts from being whole.
    pub troubles: Troubles,
}

/// What a file of the kernel's showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The text.
    pub text: String,
    /// Where it was read.
    pub place: Location,
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

/// Why something is not known.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) cause: Cause,
    pub(crate) why: String,
    pub(crate) place: Option<Location>,
}

impl Gap {
    pub(crate) fn new(cause: Cause, why: impl Into<String>) -> Self {
        Self { cause, why: why.into(), place: None }
    }
}

impl KernelFacts<'_> {
    /// Why nothing is known of the command line.
    pub(crate) fn no_cmdline(&self) -> Gap {
        if self.handed {
            return Gap::new(Cause::NotSupplied, "input not supplied: the kernel's command line (--cmdline)");
        }
        let why = "no kernel command line was found: no running host, and no boot loader entry in the tree";
        Gap::new(Cause::NoFacts, why)
    }

    /// Why something that the build configuration tells is not known.
    pub(crate) fn no_kconfig(&self, what: &str) -> Gap {
        if self.handed {
            let why = format!(
                "input not supplied: the kernel's build configuration (--kconfig or --kernel), which tells {what}"
            );
            return Gap::new(Cause::NotSupplied, why);
        }
        let why = format!(
            "the kernel's build configuration was not found (/boot/config-*, /proc/config.gz), which tells {what}"
        );
        Gap::new(Cause::NoFacts, why)
    }

    /// Why the value of a sysctl is not known, of which nothing here tells.
    pub(crate) fn no_sysctl(&self, key: &str) -> Gap {
        if self.handed && self.sysctl.is_empty() {
            return Gap::new(
                Cause::NotSupplied,
                format!("input not supplied: sysctls (--sysctl), of which {key}"),
            );
        }
        let place = if self.handed { "those files" } else { "the image" };
        let why = format!("no sysctl.d file sets {key}, and what the kernel defaults to is not in {place}");
        Gap::new(Cause::NoFacts, why)
    }
}
