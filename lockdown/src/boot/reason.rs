//! Why a machine does not boot: one stable word for each reason.

use std::fmt;

/// Why a slot was refused, or why the machine did not boot.
///
/// The words are part of the interface: receipts and consoles have them, and they keep their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The boot configuration or the command line is wrong.
    Configuration,
    /// A device did not appear in time.
    DeviceMissing,
    /// More than one device is meant.
    DeviceAmbiguous,
    /// `/etc` could not be made.
    Etc,
    /// Init could not be started.
    Exec,
    /// A device could not be read.
    IoError,
    /// The kernel cannot do what is to happen on I/O errors.
    IoErrorMode,
    /// Lockdown was not raised, or is not in force.
    LockdownRefused,
    /// A module that is required was refused.
    ModuleRefused,
    /// A file system could not be mounted, moved or made the root.
    Mount,
    /// The kernel has no device-mapper.
    NoDeviceMapper,
    /// The root has no init, or lacks a directory that something is mounted on.
    NoInit,
    /// The kernel has no lockdown.
    NoLockdown,
    /// The kernel has no SELinux.
    NoSelinux,
    /// No slot is left.
    NoSlot,
    /// The kernel has no verity target.
    NoVerity,
    /// The policy is loaded and not enforced.
    NotEnforcing,
    /// A defect of hardpan-boot.
    Panic,
    /// The loaded policy is another one.
    PolicyFingerprint,
    /// The policy is missing, damaged, or the kernel refused it.
    PolicyRefused,
    /// The policy has a version that the kernel does not have.
    PolicyVersion,
    /// What was set has not the effect that it should have.
    Probe,
    /// The receipt could not be written.
    Receipt,
    /// Data or tree do not belong to the root hash.
    RootHash,
    /// There is no signature of the root hash.
    SignatureMissing,
    /// The signature is one of something else, or is damaged.
    SignatureMismatch,
    /// The kernel does not demand signatures.
    SignatureNotRequired,
    /// The kernel does not trust the signer.
    SignatureUntrusted,
    /// A sysctl that is required is not there or was refused.
    Sysctl,
    /// A slot has no tries left, or they could not be counted.
    Tries,
    /// A device is too short.
    Truncated,
    /// A slot's version is below the minimum.
    Version,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 32] = [
        Self::Configuration,
        Self::DeviceMissing,
        Self::DeviceAmbiguous,
        Self::Etc,
        Self::Exec,
        Self::IoError,
        Self::IoErrorMode,
        Self::LockdownRefused,
        Self::ModuleRefused,
        Self::Mount,
        Self::NoDeviceMapper,
        Self::NoInit,
        Self::NoLockdown,
        Self::NoSelinux,
        Self::NoSlot,
        Self::NoVerity,
        Self::NotEnforcing,
        Self::Panic,
        Self::PolicyFingerprint,
        Self::PolicyRefused,
        Self::PolicyVersion,
        Self::Probe,
        Self::Receipt,
        Self::RootHash,
        Self::SignatureMissing,
        Self::SignatureMismatch,
        Self::SignatureNotRequired,
        Self::SignatureUntrusted,
        Self::Sysctl,
        Self::Tries,
        Self::Truncated,
        Self::Version,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::DeviceMissing => "device-missing",
            Self::DeviceAmbiguous => "device-ambiguous",
            Self::Etc => "etc",
            Self::Exec => "exec",
            Self::IoError => "io-error",
            Self::IoErrorMode => "io-error-mode",
            Self::LockdownRefused => "lockdown-refused",
            Self::ModuleRefused => "module-refused",
            Self::Mount => "mount",
            Self::NoDeviceMapper => "no-device-mapper",
            Self::NoInit => "no-init",
            Self::NoLockdown => "no-lockdown",
            Self::NoSelinux => "no-selinux",
            Self::NoSlot => "no-slot",
            Self::NoVerity => "no-verity",
            Self::NotEnforcing => "not-enforcing",
            Self::Panic => "panic",
            Self::PolicyFingerprint => "policy-fingerprint",
            Self::PolicyRefused => "policy-refused",
            Self::PolicyVersion => "policy-version",
            Self::Probe => "probe",
            Self::Receipt => "receipt",
            Self::RootHash => "root-hash",
            Self::SignatureMissing => "signature-missing",
            Self::SignatureMismatch => "signature-mismatch",
            Self::SignatureNotRequired => "signature-not-required",
            Self::SignatureUntrusted => "signature-untrusted",
            Self::Sysctl => "sysctl",
            Self::Tries => "tries",
            Self::Truncated => "truncated",
            Self::Version => "version",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How far a failure reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Another slot may do better.
    Slot,
    /// It is the same for every slot, or comes too late for another one.
    Machine,
}

/// Why a step failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) scope: Scope,
    pub(super) text: String,
    pub(super) errno: Option<i32>,
}

impl Failure {
    /// A failure of this slot.
    pub(super) fn slot(reason: Reason, text: impl fmt::Display) -> Self {
        Self { reason, scope: Scope::Slot, text: text.to_string(), errno: None }
    }

    /// A failure that no other slot can help.
    pub(super) fn machine(reason: Reason, text: impl fmt::Display) -> Self {
        Self { scope: Scope::Machine, ..Self::slot(reason, text) }
    }
}

/// What a failed call becomes.
pub(super) fn failed(scope: Scope, reason: Reason, what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| {
        let text = format!("{what}: {error}");
        Failure { reason, scope, text, errno: error.raw_os_error() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let mut words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
