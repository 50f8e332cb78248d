//! One thing to set, and how to tell whether it is.

use std::io;

use super::Knobs;
use crate::boot::config::LockdownLevel;
use crate::boot::sysctl_path;
use crate::settings::Setting;

/// One thing to set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Lockdown is at this level at least.
    Lockdown(LockdownLevel),
    /// Modules without a valid signature are refused: `module.sig_enforce`.
    SignedModules,
    /// A sysctl has a value.
    Sysctl(Setting),
}

/// What the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Something else than what is wanted.
    Differs(String),
    /// What is wanted, or something stricter.
    InForce(String),
    /// It may be there and could not be read; the reason.
    Unreadable(String),
    /// The kernel does not have it; in words.
    Unsupported(String),
}

impl State {
    pub(super) fn value(&self) -> Option<&str> {
        match self {
            Self::Differs(value) | Self::InForce(value) => Some(value),
            Self::Unreadable(_) | Self::Unsupported(_) => None,
        }
    }
}

impl Action {
    /// What it is about, as it is known: a sysctl's key, `lockdown`, `module.sig_enforce`.
    pub fn subject(&self) -> String {
        match self {
            Self::Lockdown(_) => "lockdown".to_owned(),
            Self::SignedModules => "module.sig_enforce".to_owned(),
            Self::Sysctl(setting) => setting.key.clone(),
        }
    }

    /// The value that is wanted.
    pub fn want(&self) -> &str {
        match self {
            Self::Lockdown(level) => level.name(),
            Self::SignedModules => "Y",
            Self::Sysctl(setting) => &setting.value,
        }
    }

    /// Whether it stays until the next boot.
    pub fn is_one_way(&self) -> bool {
        match self {
            Self::Lockdown(_) | Self::SignedModules => true,
            Self::Sysctl(setting) => setting.is_one_way(),
        }
    }

    /// Whether a kernel without it is not good enough.
    pub fn is_required(&self) -> bool {
        match self {
            Self::Lockdown(_) | Self::SignedModules => true,
            Self::Sysctl(setting) => setting.required,
        }
    }

    /// The rule that it follows from; `None` if the profile names it.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Sysctl(setting) => setting.rule.as_ref().map(|rule| rule.id),
            _ => None,
        }
    }

    /// The file that is written.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Lockdown(_) => LOCKDOWN.to_owned(),
            Self::SignedModules => SIG_ENFORCE.to_owned(),
            Self::Sysctl(setting) => sysctl_path(&setting.key),
        }
    }

    /// What is written. An empty write changes nothing, so that a line break stands for an empty value.
    pub(super) fn text(&self) -> String {
        match self {
            Self::SignedModules => "1\n".to_owned(),
            _ => format!("{}\n", self.want()),
        }
    }

    /// What the kernel has of it.
    pub fn look(&self, knobs: &mut dyn Knobs) -> State {
        let reading = match knobs.read(&self.path()) {
            Ok(text) => text.trim_end_matches('\n').to_owned(),
            Err(error) => return self.unread(&error),
        };
        match self {
            Self::Lockdown(level) => lockdown(*level, &reading, knobs),
            Self::SignedModules if reading == "Y" => State::InForce(reading),
            Self::Sysctl(setting) if setting.is_met(&reading) => State::InForce(reading),
            Self::SignedModules | Self::Sysctl(_) => State::Differs(reading),
        }
    }

    fn unread(&self, error: &io::Error) -> State {
        let path = self.path();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                State::Unsupported(format!("the kernel has no {path}"))
            }
            _ => State::Unreadable(format!("{path}: {error}")),
        }
    }
}

/// The file has the level in brackets. It is there, and says what was written into it, even where lockdown is not among the active
/// security modules and forbids nothing.
fn lockdown(wanted: LockdownLevel, reading: &str, knobs: &mut dyn Knobs) -> State {
    let mut words = reading.split_whitespace();
    let current = words.find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    let level = match current {
        Some("none") => None,
        Some("integrity") => Some(LockdownLevel::Integrity),
        Some("confidentiality") => Some(LockdownLevel::Confidentiality),
        _ => {
            return State::Unreadable(format!(
                "{LOCKDOWN} reads {reading:?}, which has no known level in brackets"
            ));
        }
    };
    match knobs.read(LSM) {
        Ok(list) if list.trim_end().split(',').any(|name| name == "lockdown") => {}
        Ok(list) => {
            let list = list.trim_end();
            return State::Unsupported(format!("lockdown is not among the active security modules ({list})"));
        }
        Err(error) => return State::Unreadable(format!("{LSM}: {error}")),
    }
    let shown = current.unwrap_or_default().to_owned();
    if level >= Some(wanted) { State::InForce(shown) } else { State::Differs(shown) }
}

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const LSM: &str = "/sys/kernel/security/lsm";
const SIG_ENFORCE: &str = "/sys/module/module/parameters/sig_enforce";
