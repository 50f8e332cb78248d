//! The ten promises of a minimal, image-based host, which order every report.

use serde::{Serialize, Serializer};

/// One of the ten pillars; the order is the order of every report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pillar {
    /// 1: the root file system is read-only and verified block by block.
    VerifiedRoot,
    /// 2: `/etc` is made anew at each boot.
    StatelessEtc,
    /// 3: nothing on the host interprets commands or installs software.
    NoShell,
    /// 4: every executable carries the compiler's and linker's defences.
    HardenedExecutables,
    /// 5: a mandatory policy confines every process.
    MandatoryAccessControl,
    /// 6: the kernel protects itself, from root too.
    KernelLockdown,
    /// 7: each stage of the boot is signed and checked by the one before.
    SecureBoot,
    /// 8: updates are signed images, written to the partition set that is not running.
    SignedUpdates,
    /// 9: configuration comes through an API only.
    ApiOnly,
    /// 10: code is written in memory-safe languages.
    MemorySafe,
}

impl Pillar {
    /// All ten, in order.
    pub const ALL: [Self; 10] = [
        Self::VerifiedRoot,
        Self::StatelessEtc,
        Self::NoShell,
        Self::HardenedExecutables,
        Self::MandatoryAccessControl,
        Self::KernelLockdown,
        Self::SecureBoot,
        Self::SignedUpdates,
        Self::ApiOnly,
        Self::MemorySafe,
    ];

    /// Its number, 1 to 10.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The kebab-case name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifiedRoot => "verified-root",
            Self::StatelessEtc => "stateless-etc",
            Self::NoShell => "no-shell",
            Self::HardenedExecutables => "hardened-executables",
            Self::MandatoryAccessControl => "mandatory-access-control",
            Self::KernelLockdown => "kernel-lockdown",
            Self::SecureBoot => "secure-boot",
            Self::SignedUpdates => "signed-updates",
            Self::ApiOnly => "api-only",
            Self::MemorySafe => "memory-safe",
        }
    }

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::VerifiedRoot => "Verified read-only root",
            Self::StatelessEtc => "Stateless /etc",
            Self::NoShell => "No shell, interpreter, package manager or SSH",
            Self::HardenedExecutables => "Hardened executables",
            Self::MandatoryAccessControl => "Mandatory access control",
            Self::KernelLockdown => "Kernel lockdown and hardening",
            Self::SecureBoot => "Secure-boot chain",
            Self::SignedUpdates => "Signed image updates, two partition sets",
            Self::ApiOnly => "Configuration through an API only",
            Self::MemorySafe => "Memory-safe code",
        }
    }

    /// What the host promises by it, in one sentence.
    pub fn promise(self) -> &'static str {
        match self {
            Self::VerifiedRoot => {
                "Every block of the root file system is checked against a trusted hash as it is read."
            }
            Self::StatelessEtc => "Changes to /etc do not outlive a boot, so neither does tampering with it.",
            Self::NoShell => "An intruder finds nothing that would run commands or install tools.",
            Self::HardenedExecutables => "A memory bug in an executable is hard to turn into control.",
            Self::MandatoryAccessControl => {
                "A compromised process can do only what the policy lets its domain do."
            }
            Self::KernelLockdown => "Not even root can change the running kernel.",
            Self::SecureBoot => "Firmware, loader and kernel each check the next one's signature.",
            Self::SignedUpdates => {
                "Only signed images are installed, and a bad one is one reboot from being undone."
            }
            Self::ApiOnly => "Nobody logs in; little runs, and little of it is privileged.",
            Self::MemorySafe => "Whole classes of bugs are absent by the choice of language.",
        }
    }
}

impl Serialize for Pillar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
