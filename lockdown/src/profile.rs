//! A profile: what a host is to boot and how it is hardened, as its builder writes it down, in TOML.
//!
//! [`Profile::parse`] is strict: an unknown key, a value of another kind or one that its key cannot have is an error with its
//! line and column. What boots is generated from a profile (see [`crate::generate`]), and a running host is hardened by the same
//! one (see [`crate::apply`]); either uses the sections that it needs.

mod error;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::boot::config::{DeviceRef, Ending, Extent, LockdownLevel, Reaction, Tries};

pub use crate::rule::Profile as RuleSet;
pub use error::ProfileError;
pub use values::{SysctlKey, SysctlValue};
use values::{Words, device, ending, extent, level, reaction, rule_set, tries};

/// A profile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Profile {
    /// The version of the format: 1.
    #[serde(rename = "profile")]
    version: Spanned<u32>,
    /// The images, in the order of preference.
    #[serde(default, rename = "slot")]
    slots: Vec<Spanned<Slot>>,
    /// Which slot, which program, and what happens on failure.
    #[serde(default)]
    pub boot: Boot,
    /// The kernel that boots it.
    #[serde(default)]
    pub kernel: Kernel,
    /// How dm-verity is to behave.
    #[serde(default)]
    pub verity: Verity,
    /// The file system of the images.
    pub root: Option<Root>,
    /// Modules that have to be loaded before the root can be.
    #[serde(default)]
    pub modules: Modules,
    /// The SELinux policy.
    pub selinux: Option<Selinux>,
    /// Knobs below `/proc/sys`.
    #[serde(default)]
    pub sysctl: Sysctls,
    /// A writable `/etc`.
    pub etc: Option<Etc>,
}

/// An image to boot. Paths are those of files where the profile is used; relative ones are relative to the profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Slot {
    /// Its name: 1 to 32 of `a`–`z`, `0`–`9`, `-`, `_` and `.`.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: u64,
    /// The file with the data.
    pub image: Option<PathBuf>,
    /// The file with the hash tree; the image itself if it is not said.
    pub hash: Option<PathBuf>,
    /// What `hardpan verity format --json` printed, which decides everything about the tree.
    pub descriptor: Option<PathBuf>,
    /// The root hash in hexadecimal digits, where there is no descriptor; the rest is then read from the superblock and proved by
    /// verifying the image.
    pub root_hash: Option<String>,
    /// Where the superblock is in the file with the tree, in bytes, where there is no descriptor.
    #[serde(default)]
    pub hash_offset: u64,
    /// How the data is found at boot.
    #[serde(default = "dps", deserialize_with = "device")]
    pub data_device: DeviceRef,
    /// How the tree is found at boot.
    #[serde(default = "dps", deserialize_with = "device")]
    pub hash_device: DeviceRef,
    /// PKCS#7 in DER over the root hash's digits.
    pub signature: Option<PathBuf>,
    /// The certificate that the signature is checked by when the boot is generated. At boot the kernel's keyrings decide.
    pub certificate: Option<PathBuf>,
    /// The binary policy of this image, if it is another than `[selinux] policy`.
    pub policy: Option<PathBuf>,
}

/// Which slot, which program, and what happens on failure.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Boot {
    /// The first program of the root, and its arguments.
    init: Option<Words>,
    /// How long to wait for devices, in seconds.
    pub device_timeout: Option<u32>,
    /// Slots below this version are refused.
    pub minimum_version: u64,
    /// Where it is counted how often a slot was tried: `gpt` or `none`.
    #[serde(deserialize_with = "tries")]
    pub tries: Option<Tries>,
    /// What happens when no slot is left: `reboot`, `halt` or `poweroff`.
    #[serde(deserialize_with = "ending")]
    pub on_failure: Option<Ending>,
    /// The seconds from the message until then.
    pub failure_delay: Option<u32>,
    /// After how many seconds a kernel that panics restarts.
    pub panic_timeout: Option<u32>,
}

impl Boot {
    /// The first program of the root, and its arguments; `/sbin/init` if nothing is said.
    pub fn init(&self) -> Vec<String> {
        let said = self.init.clone().map(Words::into_list).filter(|words| !words.is_empty());
        said.unwrap_or_else(|| vec!["/sbin/init".to_owned()])
    }
}

/// The kernel that boots it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Kernel {
    /// Its release, as `uname -r` says it.
    pub release: Option<String>,
    /// The least level of lockdown: `integrity` or `confidentiality`.
    #[serde(deserialize_with = "level")]
    pub lockdown: Option<LockdownLevel>,
    /// More words for its command line.
    pub command_line: Option<String>,
    /// Whether `module.sig_enforce` is switched on, so that modules without a valid signature are refused. One way.
    pub require_signed_modules: bool,
}

/// How dm-verity is to behave.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Verity {
    /// How much is read before the root is mounted: `ends` or `full`.
    #[serde(deserialize_with = "extent")]
    pub verify: Option<Extent>,
    /// `restart`, `panic` or `eio`.
    #[serde(deserialize_with = "reaction")]
    pub on_corruption: Option<Reaction>,
    /// `restart`, `panic` or `eio`; a restart and a panic need Linux 6.12.
    #[serde(deserialize_with = "reaction")]
    pub on_io_error: Option<Reaction>,
    /// Whether older kernels may have such reads fail instead.
    pub or_weaker: Option<bool>,
    /// Whether the kernel must accept only signed root hashes.
    pub require_signature: bool,
    /// Whether blocks that should be zero are not read.
    pub ignore_zero_blocks: bool,
}

/// The file system of the images.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Root {
    /// Its type: `erofs`.
    #[serde(rename = "type")]
    pub fs_type: String,
    /// Its mount options, separated by commas.
    #[serde(default)]
    pub options: String,
}

/// Modules that have to be loaded before the root can be. What they depend on is found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Modules {
    /// `/lib/modules/RELEASE`, of the kernel that boots.
    pub directory: Option<PathBuf>,
    /// The names of those without which the boot fails.
    pub required: Vec<String>,
    /// The names of those that are loaded if they can be.
    pub optional: Vec<String>,
    /// Parameters, by the name of the module, separated by blanks.
    pub parameters: BTreeMap<Spanned<String>, String>,
}

/// The SELinux policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Selinux {
    /// The binary policy's path in the image.
    pub path: String,
    /// The same policy as a file, from which the fingerprint is computed.
    pub policy: Option<PathBuf>,
    /// The fingerprint, where there is no file: 64 hexadecimal digits.
    pub fingerprint: Option<Spanned<String>>,
    /// Whether it is enforced.
    #[serde(default = "yes")]
    pub enforcing: bool,
}

/// Knobs below `/proc/sys`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Sysctls {
    /// All that the kernel rules of a profile ask for: `base`, `recommended` or `strict`. What a kernel does not offer is
    /// passed over.
    #[serde(deserialize_with = "rule_set")]
    pub rules: Option<RuleSet>,
    /// Keys that the rules are not to set.
    pub except: Vec<SysctlKey>,
    /// Values that must be in force.
    pub required: BTreeMap<SysctlKey, SysctlValue>,
    /// Values that are set where the kernel has the key.
    pub optional: BTreeMap<SysctlKey, SysctlValue>,
}

/// A file system in memory on `/etc`, filled from a directory of the image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Etc {
    /// The directory in the image that is copied.
    #[serde(default = "factory")]
    pub source: String,
    /// The most bytes that it holds.
    pub size: Option<u64>,
    /// The permissions of `/etc`, in octal digits: `"0755"`.
    pub mode: Option<Spanned<String>>,
    /// The context of all its files.
    pub context: Option<String>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, ProfileError> {
        if text.len() > MAX_SIZE {
            return Err(ProfileError::at(b"", 0, format!("a profile has at most {MAX_SIZE} bytes")));
        }
        let decoded = std::str::from_utf8(text)
            .map_err(|error| ProfileError::at(text, error.valid_up_to(), "this is no UTF-8".to_owned()))?;
        let profile: Self = toml::from_str(decoded).map_err(|error| {
            ProfileError::at(text, error.span().map_or(0, |span| span.start), error.message().to_owned())
        })?;
        profile.check(text)?;
        Ok(profile)
    }

    /// The images, in the order of preference.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map(Spanned::get_ref)
    }

    /// What one value alone does not tell.
    fn check(&self, text: &[u8]) -> Result<(), ProfileError> {
        let wrong =
            |at: std::ops::Range<usize>, reason: String| Err(ProfileError::at(text, at.start, reason));
        if *self.version.get_ref() != 1 {
            return wrong(self.version.span(), "only profiles of version 1 are known".to_owned());
        }
        for (index, slot) in self.slots.iter().enumerate() {
            let name = &slot.get_ref().name;
            if self.slots().take(index).any(|other| other.name == *name) {
                return wrong(slot.span(), format!("there is a slot `{name}` already"));
            }
            if slot.get_ref().descriptor.is_some() && slot.get_ref().root_hash.is_some() {
                return wrong(slot.span(), format!("slot `{name}`: the descriptor has the root hash"));
            }
        }
        if let Some(digits) = self.selinux.as_ref().and_then(|selinux| selinux.fingerprint.as_ref())
            && values::fingerprint(digits.get_ref()).is_none()
        {
            return wrong(digits.span(), "a fingerprint has 64 hexadecimal digits".to_owned());
        }
        if let Some(mode) = self.etc.as_ref().and_then(|etc| etc.mode.as_ref())
            && values::mode(mode.get_ref()).is_none()
        {
            return wrong(mode.span(), "permissions are octal digits, from 0000 to 7777".to_owned());
        }
        let modules = &self.modules;
        for name in modules.parameters.keys() {
            let is_same =
                |other: &String| crate::modules::normal(other) == crate::modules::normal(name.get_ref());
            if !modules.required.iter().chain(&modules.optional).any(is_same) {
                let reason = format!("parameters for {}, which is no module of this profile", name.get_ref());
                return wrong(name.span(), reason);
            }
        }
        self.check_sysctls(text)
    }

    fn check_sysctls(&self, text: &[u8]) -> Result<(), ProfileError> {
        let Sysctls { required, optional, .. } = &self.sysctl;
        let twice = required.keys().find_map(|key| optional.get_key_value(key));
        match twice {
            Some((key, _)) => Err(ProfileError::at(
                text,
                key.place(),
                format!("`{key}` is among the required ones already"),
            )),
            None => Ok(()),
        }
    }
}

impl Sysctls {
    /// All that a set of rules asks for, and nothing else.
    pub fn of_rules(rules: RuleSet) -> Self {
        Self { rules: Some(rules), ..Self::default() }
    }
}

impl Selinux {
    /// The fingerprint that is written down.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint.as_ref().and_then(|digits| values::fingerprint(digits.get_ref()))
    }
}

impl Etc {
    /// The permissions of `/etc`.
    pub fn mode(&self) -> u32 {
        self.mode.as_ref().and_then(|mode| values::mode(mode.get_ref())).unwrap_or(0o755)
    }
}

impl Modules {
    /// The parameters of a module, by its name in any spelling; empty if there are none.
    pub fn parameters_of(&self, name: &str) -> &str {
        let name = crate::modules::normal(name);
        let mut all = self.parameters.iter();
        let found = all.find(|(other, _)| crate::modules::normal(other.get_ref()) == name);
        found.map_or("", |(_, parameters)| parameters.as_str())
    }
}

fn dps() -> DeviceRef {
    DeviceRef::Dps
}

fn yes() -> bool {
    true
}

fn factory() -> String {
    "/usr/share/factory/etc".to_owned()
}

/// More than any profile has: a boot configuration, which says the same in full, has at most 64 KiB.
const MAX_SIZE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Profile::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_profile_has_the_defaults() {
        let profile = Profile::parse(b"profile = 1\n").unwrap();
        assert_eq!(profile.boot.init(), ["/sbin/init"]);
        assert_eq!((profile.slots().count(), profile.sysctl.rules), (0, None));
        assert!(profile.selinux.is_none() && profile.etc.is_none());
    }

    #[test]
    fn everything_can_be_said() {
        let profile = Profile::parse(include_bytes!("profile/example.toml")).unwrap();
        let slot = profile.slots().next().unwrap();
        assert_eq!((slot.name.as_str(), slot.version), ("a", 3));
        assert_eq!(slot.data_device.to_string(), "PARTUUID=11111111-2222-3333-4444-555555555555");
        assert_eq!(profile.boot.init(), ["/sbin/init", "--unit=multi-user.target"]);
        assert_eq!(profile.kernel.lockdown, Some(LockdownLevel::Integrity));
        assert_eq!(profile.sysctl.rules, Some(RuleSet::Recommended));
        let kexec = profile.sysctl.required.iter().next().unwrap();
        assert_eq!((kexec.0.to_string().as_str(), kexec.1.text()), ("kernel.kexec_load_disabled", "1"));
        assert_eq!(profile.modules.parameters_of("dm-verity"), "require_signatures=1");
        assert_eq!(profile.etc.unwrap().mode(), 0o755);
    }

    #[test]
    fn errors_have_their_place() {
        let cases = [
            ("profile = 2\n", "line 1, column 11: only profiles of version 1"),
            ("profile = 1\nslots = 3\n", "line 2, column 1: unknown field `slots`"),
            ("profile = 1\n[boot]\ninitt = \"/init\"\n", "line 3, column 1: unknown field `initt`"),
            (
                "profile = 1\n[kernel]\nlockdown = \"none\"\n",
                "line 3, column 12: use integrity or confidentiality",
            ),
            (
                "profile = 1\n[[slot]]\nname = \"a\"\ndata-device = \"sda1\"\n",
                "line 4, column 15: use PARTUUID=",
            ),
            (
                "profile = 1\n[[slot]]\nname = \"a\"\n[[slot]]\nname = \"a\"\n",
                "line 4, column 1: there is a slot `a`",
            ),
            ("profile = 1\n[sysctl.required]\n\"kernel/../x\" = 1\n", "line 3, column 1: "),
            ("profile = 1\n[sysctl.required]\n\"kernel.sysrq\" = true\n", "line 3, column 18: "),
            (
                "profile = 1\n[sysctl]\nrequired = { \"kernel.a\" = 1 }\noptional = { \"kernel.a\" = 1 }\n",
                "`kernel.a` is among the required ones already",
            ),
            ("profile = 1\n[modules.parameters]\nloop = \"x=1\"\n", "line 3, column 1: parameters for loop"),
            (
                "profile = 1\n[selinux]\npath = \"/p\"\nfingerprint = \"00\"\n",
                "line 4, column 15: a fingerprint",
            ),
            ("profile = 1\n[etc]\nmode = \"789\"\n", "line 3, column 8: permissions"),
            ("profile = \n", "line 1, column 11: "),
        ];
        for (text, wanted) in cases {
            let said = error(text);
            assert!(said.contains(wanted), "{text:?}: {said}");
        }
        assert!(
            Profile::parse(b"profile = 1\n# \xff\n").unwrap_err().to_string().contains("line 2, column 3: ")
        );
        assert!(Profile::parse(&vec![b'#'; MAX_SIZE + 1]).is_err());
    }
}
