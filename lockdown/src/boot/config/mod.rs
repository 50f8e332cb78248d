//! The boot configuration: the one text file of the initramfs that says what to boot, and how strictly.
//!
//! It is as authentic as the initramfs that it lies in: signed with the kernel as one UKI, or covered by whatever else the
//! boot loader verifies. The kernel's command line may choose among what is written here, and make it stricter; nothing on
//! it can weaken.
//!
//! ```text
//! hardpan-boot 1
//! # Loaded in this order; parameters from the command line come before those that are given here.
//! module /modules/virtio_blk.ko required
//! module /modules/dm-verity.ko required "prefetch_cluster=262144"
//! device-timeout 10
//! slot a version 3 data PARTUUID=… hash PARTLABEL=hash-a table "1 DATA HASH 4096 4096 12345 1 sha256 ROOT SALT"
//! slot b version 2 data DPS hash DPS table "…" signature /signatures/b.p7s fingerprint HEX
//! require-signature
//! minimum-version 2
//! tries gpt
//! verify ends
//! on-corruption restart
//! on-io-error restart or-weaker
//! root erofs
//! selinux /etc/selinux/hardpan/policy/policy.33 fingerprint HEX
//! enforcing
//! lockdown integrity
//! sysctl kernel.kexec_load_disabled 1 required
//! etc /usr/share/factory/etc size=16M mode=0755 context=system_u:object_r:etc_t:s0
//! init /sbin/init
//! on-failure reboot
//! failure-delay 5
//! panic-timeout 10
//! ```
//!
//! The first line is exactly that. Then comes one directive in each line. Words stand between blanks; a word in double
//! quotes may have blanks in it, and there are no escapes. A line whose first character is `#` says nothing, nor does an empty
//! one. `slot`, `root` and `init` must be there; what else is missing has the value of [`Config::new`]. An unknown
//! directive, one that comes again, a missing or an additional word: all are errors.
//!
//! Beyond the first design of this format: `init` may be followed by arguments, which then are init's; the kernel's command
//! line gives it none. A slot may have a `fingerprint` of its own, which then counts instead of that of `selinux`, since
//! two versions of an image rarely have the same policy. Parameters of modules come after those of the command line and not
//! before them, so that the command line cannot take them back. `etc` is filled from a directory outside of `/etc`.

mod device;
mod emit;
mod error;
mod parse;
#[cfg(test)]
mod tests;
mod values;
mod words;

use hardpan_verity::Layout;
use hardpan_verity::table::VerityTable;

pub use hardpan_sys::machine::Ending;

pub use crate::mapping::Extent;
pub use device::{DeviceRef, layout};
pub(super) use emit::hex;
pub use error::{ConfigError, Fault};
pub use words::{MAX_MODULES, MAX_SIZE, MAX_SLOTS, MAX_SYSCTLS};

/// What to boot, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Modules, in the order of loading.
    pub modules: Vec<Module>,
    /// How long to wait for devices, in seconds; 0 looks once. At most an hour.
    pub device_timeout: u32,
    /// The images to choose from, in the order of preference; 1 to 8, with different names.
    pub slots: Vec<Slot>,
    /// Whether the kernel must accept only signed root hashes: every slot has a signature, and the kernel's
    /// `dm_verity.require_signatures` is in force.
    pub require_signature: bool,
    /// Slots below this version are refused.
    pub minimum_version: u64,
    /// Where it is counted how often a slot was tried.
    pub tries: Tries,
    /// How much of a slot is read before it is mounted.
    pub verify: Extent,
    /// What the kernel does when it finds a corrupt block later.
    pub on_corruption: Reaction,
    /// What the kernel does when it cannot read a block later.
    pub on_io_error: OnIoError,
    /// The file system of the slots.
    pub root: Root,
    /// The policy to be loaded, if any.
    pub selinux: Option<Selinux>,
    /// The least level of lockdown that must be in force, if any.
    pub lockdown: Option<LockdownLevel>,
    /// Knobs below `/proc/sys`, each key once.
    pub sysctls: Vec<Sysctl>,
    /// A writable `/etc`, if there is to be one.
    pub etc: Option<Etc>,
    /// The first program of the root, and its arguments: `/sbin/init`. At least one word.
    pub init: Vec<String>,
    /// What happens when no slot is left.
    pub on_failure: Ending,
    /// The seconds from the message until then, at most an hour.
    pub failure_delay: u32,
    /// After how many seconds a kernel that panics restarts: 1 to 3600. 0 would hang forever.
    pub panic_timeout: u32,
}

/// A kernel module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The file in the initramfs: `/modules/virtio_blk.ko`.
    pub path: String,
    /// Whether booting fails without it.
    pub required: bool,
    /// Parameters as modprobe.d(5) has them, separated by blanks; may be empty. They come after those that the command line
    /// has for the module, so that theirs is the last word.
    pub parameters: String,
}

/// An image to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name, by which `hardpan.slot=` chooses: 1 to 32 of `a`–`z`, `0`–`9`, `-`, `_` and `.`.
    pub name: String,
    /// Its version, which the minimum is held against.
    pub version: u64,
    /// Where the data is.
    pub data: DeviceRef,
    /// Where the hash tree is.
    pub hash: DeviceRef,
    /// The kernel's parameters, with the words `DATA` and `HASH` for devices. Parity may be on either of them. Reactions and
    /// signature are not among the options: they have directives of their own.
    pub table: VerityTable,
    /// The file in the initramfs with the signature of the root hash: PKCS#7 in DER over its hexadecimal digits.
    pub signature: Option<String>,
    /// The fingerprint of this slot's policy, if it is another than that of [`Selinux::fingerprint`].
    pub fingerprint: Option<[u8; 32]>,
}

impl Slot {
    /// Where data and tree end, which devices are held against.
    ///
    /// # Errors
    ///
    /// A table over blocks or with an algorithm that dm-verity does not have; no parsed configuration has one.
    pub fn layout(&self) -> Result<Layout, String> {
        layout(&self.table)
    }
}

/// Where it is counted how often a slot was tried without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Nowhere: slots are tried in the order of the configuration.
    None,
    /// In the attributes of the data partition's entry of the GPT: bits 48 to 51 are a priority, 52 to 55 the tries left, and
    /// 56 says that the slot once booted.
    Gpt,
}

/// What the kernel does about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It restarts the machine.
    Restart,
    /// It panics, and restarts after [`Config::panic_timeout`].
    Panic,
    /// The read fails, and the system goes on.
    Eio,
}

impl Reaction {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Panic => "panic",
            Self::Eio => "eio",
        }
    }
}

/// What the kernel does about a block that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnIoError {
    /// What it is to do.
    pub reaction: Reaction,
    /// Whether a kernel that cannot (those before 6.12) may have reads fail instead; the receipt says so then.
    pub or_weaker: bool,
}

/// The file system of the slots. It is mounted read-only, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its type: `erofs`.
    pub fs_type: String,
    /// Its mount options, separated by commas; may be empty.
    pub options: String,
}

/// The SELinux policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selinux {
    /// The binary policy's path in the verified root.
    pub path: String,
    /// The SHA-256 of what the kernel gives back after loading, as `hardpan policy fingerprint` tells it.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether the policy is enforced; otherwise it is permissive, and the receipt says so.
    pub enforcing: bool,
}

/// A level of kernel lockdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockdownLevel {
    /// Nothing may change the running kernel.
    Integrity,
    /// Nor may anything read its memory.
    Confidentiality,
}

impl LockdownLevel {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        }
    }
}

/// A knob below `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// Its name with dots: `kernel.kptr_restrict`. A dot within a component is written as `/`.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
    /// Whether booting fails where it cannot be set or is not there.
    pub required: bool,
}

/// A file system in memory on `/etc`, filled from a directory of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etc {
    /// The directory in the verified root that is copied.
    pub source: String,
    /// The most bytes that it holds, 1 page to 1 GiB; `None` takes 16 MiB.
    pub size: Option<u64>,
    /// The mode of `/etc` itself, `0o755` by default.
    pub mode: u32,
    /// The context of all its files.
    pub context: Option<String>,
}

impl Config {
    /// The configuration with these three and, for all else, what a file has that says nothing of it: no modules, devices
    /// within 10 seconds, no tries, the ends are read, a restart on corruption and (or weaker) on I/O errors, a
    /// restart 5 seconds after a failure and 10 seconds after a panic.
    pub fn new(slots: Vec<Slot>, root: Root, init: Vec<String>) -> Self {
        Self {
            modules: Vec::new(),
            device_timeout: 10,
            slots,
            require_signature: false,
            minimum_version: 0,
            tries: Tries::None,
            verify: Extent::Ends,
            on_corruption: Reaction::Restart,
            on_io_error: OnIoError { reaction: Reaction::Restart, or_weaker: true },
            root,
            selinux: None,
            lockdown: None,
            sysctls: Vec::new(),
            etc: None,
            init,
            on_failure: Ending::Reboot,
            failure_delay: 5,
            panic_timeout: 10,
        }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// The first place that is not as the format has it, by line and column.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        parse::parse(text)
    }

    /// The configuration as text, one form for each configuration; [`Config::parse`] reads the same from it.
    ///
    /// # Errors
    ///
    /// What no text stands for, such as a path with a line break or a second slot of one name: where the text, if it were
    /// written, would be refused or be read as something else.
    pub fn to_text(&self) -> Result<String, ConfigError> {
        let text = emit::emit(self);
        match parse::parse(text.as_bytes()) {
            Ok(read) if read == *self => Ok(text),
            Ok(_) => Err(ConfigError { line: 1, column: 1, fault: Fault::Unwritable }),
            Err(error) => Err(error),
        }
    }

    /// The text as it would be, read back or not: for messages about what is wrong with it.
    #[cfg(feature = "check")]
    pub(crate) fn as_written(&self) -> String {
        emit::emit(self)
    }
}
