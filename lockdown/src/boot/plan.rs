//! What will be done, step by step, as a value that can be printed.

use std::fmt;

use super::config::{Config, ConfigError, Etc, Extent, Module, Selinux, Slot, Sysctl, Tries};
use super::config::{Ending, LockdownLevel, OnIoError, Reaction};
use super::knobs::one_way;
use super::modules;
use crate::cmdline::{self, Word};

/// All that will be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What comes first, whatever the configuration says: it is read after that.
    pub early: Vec<Step>,
    /// What comes before any slot.
    pub before: Vec<Step>,
    /// The slots, of which the first that succeeds is booted. With tries in the GPT, the order is decided there.
    pub slots: Vec<SlotPlan>,
    /// Whether the command line chose the slot, which is then tried whatever its tries are.
    pub is_slot_chosen: bool,
    /// What comes once a slot is mounted, and its policy loaded. There is no way back to another slot.
    pub after: Vec<Step>,
    /// What happens when something fails for which no other slot can help.
    pub on_failure: Ending,
    /// After so many seconds.
    pub failure_delay: u32,
}

/// What is done for one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotPlan {
    /// The slot.
    pub slot: Slot,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Mounts a file system of the kernel's own.
    Mount(EarlyMount),
    /// Has a kernel that panics restart after so many seconds.
    PanicTimeout(u32),
    /// Loads a module.
    Module(Module),
    /// Looks whether the kernel demands signatures of root hashes.
    RequireSignatures,
    /// Mounts selinuxfs.
    Selinuxfs,
    /// Reads priorities and tries of all slots, and sorts them.
    Order,
    /// Holds the slot's version against the minimum.
    Version(u64),
    /// Counts this try.
    Tries,
    /// Waits for the devices, and checks their lengths.
    Devices(u32),
    /// Hands the signature of the root hash to the kernel.
    Signature(String),
    /// Opens the verity device and reads.
    Verity(VerityStep),
    /// Mounts the slot.
    MountSlot {
        /// The type of the file system.
        fs_type: String,
        /// Its options.
        options: String,
    },
    /// Looks whether all that is needed later is in the root.
    Contents(Contents),
    /// Reads the policy, and looks whether the kernel knows its version.
    PolicyCheck(String),
    /// Loads the policy, and compares its fingerprint.
    PolicyLoad(Option<[u8; 32]>),
    /// Raises lockdown.
    Lockdown(LockdownLevel),
    /// Tries what lockdown forbids.
    LockdownProbe(LockdownLevel),
    /// Sets a sysctl and reads it back.
    Sysctl(Sysctl),
    /// Has the policy enforced, or says that it is not.
    Enforce(bool),
    /// Makes `/etc`.
    Etc(Etc),
    /// Asks the kernel once more whether all that was read of the root belongs to the root hash.
    VerityStatus,
    /// Moves the kernel's own file systems into the root and makes that the root of this process.
    SwitchRoot,
    /// Writes the receipt.
    Receipt,
    /// Starts init.
    Exec(Vec<String>),
}

/// How a verity device is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerityStep {
    /// How much is read.
    pub extent: Extent,
    /// What the kernel does on corruption.
    pub on_corruption: Reaction,
    /// What it does on I/O errors.
    pub on_io_error: OnIoError,
}

/// What must be in a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// An executable file.
    pub init: String,
    /// Directories.
    pub directories: Vec<String>,
}

/// A file system of the kernel's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyMount {
    /// Its type.
    pub fs_type: &'static str,
    /// Where.
    pub target: &'static str,
    /// Whether nothing works without it.
    pub required: bool,
}

/// The file systems that come first.
pub const EARLY_MOUNTS: [EarlyMount; 4] = [
    EarlyMount { fs_type: "devtmpfs", target: "/dev", required: true },
    EarlyMount { fs_type: "proc", target: "/proc", required: true },
    EarlyMount { fs_type: "sysfs", target: "/sys", required: true },
    EarlyMount { fs_type: "securityfs", target: "/sys/kernel/security", required: false },
];

/// Where the receipt and what follows it are. It is mounted when the policy is loaded: a policy gives a file system its label as
/// it is mounted, and one that was there before keeps that of file systems in general.
const RUN: EarlyMount = EarlyMount { fs_type: "tmpfs", target: "/run", required: true };

/// The seconds after which a kernel that panics restarts, until the configuration says otherwise.
const FIRST_PANIC_TIMEOUT: u32 = 10;

impl Plan {
    /// The plan of a configuration on this command line.
    ///
    /// # Errors
    ///
    /// Words of the command line that choose what the configuration does not have.
    pub fn new(config: &Config, command_line: &str) -> Result<Self, PlanError> {
        let words = cmdline::words(command_line);
        let extent = match own(&words, "hardpan.verify") {
            None => config.verify,
            Some("full") => Extent::All,
            Some(other) => return Err(PlanError::Verify(other.to_owned())),
        };
        let chosen = own(&words, "hardpan.slot");
        let slots = config.slots.iter().filter(|slot| chosen.is_none_or(|name| slot.name == name));
        let slots: Vec<SlotPlan> = slots.map(|slot| slot_plan(config, slot, extent)).collect();
        match chosen {
            Some(name) if slots.is_empty() => return Err(PlanError::Slot(name.to_owned())),
            _ => {}
        }
        Ok(Self {
            early: early(),
            before: before(config, &words)?,
            slots,
            is_slot_chosen: chosen.is_some(),
            after: after(config),
            on_failure: config.on_failure,
            failure_delay: config.failure_delay,
        })
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// There is no such slot.
    #[error("hardpan.slot={0}: the configuration has no such slot")]
    Slot(String),
    /// A parameter of a module that would change how those after it are read.
    #[error("{0}: a module's parameter with a quote, a blank or two dashes cannot be handed over")]
    Parameter(String),
    /// Reading less cannot be asked for.
    #[error("hardpan.verify={0}: only `full` can be asked for")]
    Verify(String),
}

/// What comes first.
pub(super) fn early() -> Vec<Step> {
    let mounts = EARLY_MOUNTS.iter().map(|mount| Step::Mount(*mount));
    mounts.chain([Step::PanicTimeout(FIRST_PANIC_TIMEOUT)]).collect()
}

fn before(config: &Config, words: &[Word]) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    if config.panic_timeout != FIRST_PANIC_TIMEOUT {
        steps.push(Step::PanicTimeout(config.panic_timeout));
    }
    for module in &config.modules {
        steps.push(Step::Module(modules::with_parameters(module, words)?));
    }
    steps.extend(config.selinux.iter().map(|_| Step::Selinuxfs));
    steps.extend(config.require_signature.then_some(Step::RequireSignatures));
    steps.extend((config.tries == Tries::Gpt).then_some(Step::Order));
    Ok(steps)
}

fn slot_plan(config: &Config, slot: &Slot, extent: Extent) -> SlotPlan {
    let mut steps = vec![Step::Version(config.minimum_version)];
    steps.extend((config.tries == Tries::Gpt).then_some(Step::Tries));
    steps.push(Step::Devices(config.device_timeout));
    steps.extend(slot.signature.clone().map(Step::Signature));
    steps.push(Step::Verity(VerityStep {
        extent,
        on_corruption: config.on_corruption,
        on_io_error: config.on_io_error,
    }));
    let (fs_type, options) = (config.root.fs_type.clone(), config.root.options.clone());
    steps.push(Step::MountSlot { fs_type, options });
    steps.push(Step::Contents(contents(config)));
    if let Some(selinux) = &config.selinux {
        steps.push(Step::PolicyCheck(selinux.path.clone()));
        // The last that may fail for a slot alone: what the kernel refused it has not accepted.
        steps.push(Step::PolicyLoad(slot.fingerprint.or(selinux.fingerprint)));
    }
    SlotPlan { slot: slot.clone(), steps }
}

fn contents(config: &Config) -> Contents {
    let mut directories: Vec<String> = MOVED.map(str::to_owned).to_vec();
    if let Some(etc) = &config.etc {
        directories.extend(["/etc".to_owned(), etc.source.clone()]);
    }
    Contents { init: config.init.first().cloned().unwrap_or_default(), directories }
}

fn after(config: &Config) -> Vec<Step> {
    let mut steps = vec![Step::Mount(RUN)];
    if let Some(level) = config.lockdown {
        steps.extend([Step::Lockdown(level), Step::LockdownProbe(level)]);
    }
    // What cannot be taken back comes last: if anything before fails, the next try finds the machine as it was.
    let (knobs, reversible): (Vec<_>, Vec<_>) =
        config.sysctls.iter().partition(|knob| one_way(knob).is_some());
    let last = |knob: &&Sysctl| knob.key == "kernel.modules_disabled";
    let (modules, knobs): (Vec<_>, Vec<_>) = knobs.into_iter().partition(last);
    steps.extend([reversible, knobs, modules].concat().into_iter().cloned().map(Step::Sysctl));
    steps.extend(config.etc.clone().map(Step::Etc));
    steps.extend([Step::VerityStatus, Step::SwitchRoot]);
    // Enforced after all that needs rights. Until here nothing runs but this program, and a policy that let the kernel's domain
    // fill `/etc`, ask device-mapper or move mounts would have to let its threads do so for good.
    steps.extend(config.selinux.as_ref().map(|Selinux { enforcing, .. }| Step::Enforce(*enforcing)));
    steps.extend([Step::Receipt, Step::Exec(config.init.clone())]);
    steps
}

/// The value of a word of ours; the last one counts.
fn own<'w>(words: &'w [Word], name: &str) -> Option<&'w str> {
    cmdline::last(words, name).map(|word| word.value.as_deref().unwrap_or_default())
}

/// What is mounted in the initramfs and moved into the root.
pub(super) const MOVED: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

impl Step {
    /// The step's name in receipts and in the kernel's log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mount(_) => "mount",
            Self::PanicTimeout(_) => "panic-timeout",
            Self::Module(_) => "module",
            Self::RequireSignatures => "require-signatures",
            Self::Selinuxfs => "selinuxfs",
            Self::Order => "slot-order",
            Self::Version(_) => "slot-version",
            Self::Tries => "slot-tries",
            Self::Devices(_) => "devices",
            Self::Signature(_) => "signature",
            Self::Verity(_) => "verity-open",
            Self::MountSlot { .. } => "root-mount",
            Self::Contents(_) => "root-contents",
            Self::PolicyCheck(_) => "policy-check",
            Self::PolicyLoad(_) => "policy-load",
            Self::Lockdown(_) => "lockdown",
            Self::LockdownProbe(_) => "lockdown-probe",
            Self::Sysctl(_) => "sysctl",
            Self::Enforce(_) => "enforce",
            Self::Etc(_) => "etc",
            Self::VerityStatus => "verity-status",
            Self::SwitchRoot => "switch-root",
            Self::Receipt => "receipt",
            Self::Exec(_) => "exec",
        }
    }

    /// What the step is about; empty if it is about the slot or the machine.
    pub fn subject(&self) -> &str {
        match self {
            Self::Mount(mount) => mount.target,
            Self::Module(module) => &module.path,
            Self::Signature(path) | Self::PolicyCheck(path) => path,
            Self::Contents(contents) => &contents.init,
            Self::Sysctl(sysctl) => &sysctl.key,
            Self::Etc(etc) => &etc.source,
            _ => "",
        }
    }

    /// What the step is to bring about.
    pub fn want(&self) -> String {
        match self {
            Self::Mount(mount) => mount.fs_type.to_owned(),
            Self::PanicTimeout(seconds) => seconds.to_string(),
            Self::Module(module) => module.parameters.clone(),
            Self::RequireSignatures => "Y".to_owned(),
            Self::Version(least) => format!("at least {least}"),
            Self::Devices(seconds) => format!("within {seconds} s"),
            Self::Verity(step) => step.to_string(),
            Self::MountSlot { fs_type, options } if options.is_empty() => format!("{fs_type}, read-only"),
            Self::MountSlot { fs_type, options } => format!("{fs_type}, read-only, {options}"),
            Self::Contents(contents) => contents.directories.join(" "),
            Self::PolicyLoad(Some(digest)) => super::config::hex(digest),
            Self::Lockdown(level) | Self::LockdownProbe(level) => level.name().to_owned(),
            Self::Sysctl(sysctl) => sysctl.value.clone(),
            Self::Enforce(enforcing) => if *enforcing { "1" } else { "0" }.to_owned(),
            Self::Etc(etc) => etc.options(),
            Self::Exec(init) => init.join(" "),
            _ => String::new(),
        }
    }
}

impl fmt::Display for VerityStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = if self.extent == Extent::All { "full" } else { "ends" };
        let OnIoError { reaction, or_weaker } = self.on_io_error;
        let weaker = if or_weaker { " or weaker" } else { "" };
        let (corruption, error) = (self.on_corruption.name(), reaction.name());
        write!(f, "read {extent}, {corruption} on corruption, {error}{weaker} on I/O errors")
    }
}

impl Etc {
    /// The options that tmpfs is mounted with.
    pub(super) fn options(&self) -> String {
        let size = self.size.unwrap_or(DEFAULT_ETC);
        // Quotes keep the commas of a context together.
        let context = self.context.as_ref().map(|context| format!(",context=\"{context}\""));
        format!("mode={:04o},size={size}{}", self.mode, context.unwrap_or_default())
    }
}

/// What `/etc` holds if nothing is said of it.
pub(super) const DEFAULT_ETC: u64 = 16 << 20;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |f: &mut fmt::Formatter<'_>, indent: &str, steps: &[Step]| {
            steps.iter().try_for_each(|step| {
                let (subject, want) = (step.subject(), step.want());
                let line =
                    [indent, step.name(), " ", subject, if want.is_empty() { "" } else { ": " }, &want]
                        .concat();
                writeln!(f, "{}", line.replace(" : ", ": ").trim_end())
            })
        };
        steps(f, "", &self.early)?;
        steps(f, "", &self.before)?;
        for SlotPlan { slot, steps: own } in &self.slots {
            writeln!(
                f,
                "slot {} (version {}): root hash {}",
                slot.name,
                slot.version,
                slot.table.root_hash()
            )?;
            steps(f, "  ", own)?;
        }
        steps(f, "", &self.after)?;
        writeln!(f, "on failure: {} after {} s", self.on_failure.name(), self.failure_delay)
    }
}
