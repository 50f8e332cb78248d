//! Hardening a running kernel: sysctls, signatures of modules, lockdown.
//!
//! [`plan`] gives actions in the order in which they are safe. What can be taken back comes first, so that
//! a mistake shows while it still can be; then what stays until the next boot; then lockdown; and last what keeps modules
//! out, since setting other knobs may load some. [`run`] looks, writes, and reads back: what a knob says after writing is what
//! counts.

mod action;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;

use hardpan_sys::machine::{Files, Running};

use crate::boot::config::LockdownLevel;
use crate::boot::sysctl_path;
use crate::settings::Setting;

pub use action::{Action, State};

/// The kernel's files, as far as hardening reads and writes them.
pub trait Knobs {
    /// The content, which has at most a few kilobytes.
    fn read(&mut self, path: &str) -> io::Result<String>;

    /// The names in a directory.
    fn list(&mut self, path: &str) -> io::Result<Vec<String>>;

    /// Writes all of `text` in one call.
    fn write(&mut self, path: &str, text: &str) -> io::Result<()>;
}

impl Knobs for Running {
    fn read(&mut self, path: &str) -> io::Result<String> {
        Files::read(self, path, MAX_VALUE).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&mut self, path: &str) -> io::Result<Vec<String>> {
        Files::list(self, path)
    }

    fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        Files::write(self, path, text.as_bytes())
    }
}

/// The kernel shows knobs of text by pages.
const MAX_VALUE: usize = 64 << 10;

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must decide")]
pub struct Permission {
    /// Whether anything is changed at all, or only looked at.
    pub change: bool,
    /// Whether what stays until the next boot is changed, too.
    pub one_way: bool,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The action.
    pub action: Action,
    /// What the kernel had before; `None` if it could not be read.
    pub before: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It failed, or had not the effect that it should have.
    Failed(String),
    /// It is in force already, or something stricter.
    InForce,
    /// It was not done, for this reason.
    Left(String),
    /// It was done, and reads back.
    Set,
    /// The kernel does not have it, and the profile puts up with that.
    Unsupported,
    /// It would be done.
    WouldSet,
}

impl Outcome {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::InForce => "in-force",
            Self::Left(_) => "left",
            Self::Set => "set",
            Self::Unsupported => "unsupported",
            Self::WouldSet => "would-set",
        }
    }

    /// Whether what was wanted is now in force, or cannot be on this kernel.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::InForce | Self::Set | Self::Unsupported)
    }
}

/// What is wanted of a running kernel, in the order in which it is safe. What is wanted of all network interfaces is wanted of
/// each that is there: the kernel asks some knobs of the interface alone.
pub fn plan(
    settings: Vec<Setting>,
    signed_modules: bool,
    lockdown: Option<LockdownLevel>,
    knobs: &mut dyn Knobs,
) -> Vec<Action> {
    let settings = with_interfaces(settings, knobs);
    let is_last = |setting: &Setting| setting.key == "kernel.modules_disabled";
    let (last, first): (Vec<_>, Vec<_>) = settings.into_iter().partition(is_last);
    let mut actions: Vec<Action> = first.into_iter().map(Action::Sysctl).collect();
    // Stable: within each kind the settings keep their order.
    actions.sort_by_key(Action::is_one_way);
    actions.extend(signed_modules.then_some(Action::SignedModules));
    actions.extend(lockdown.map(Action::Lockdown));
    actions.extend(last.into_iter().map(Action::Sysctl));
    actions
}

fn with_interfaces(settings: Vec<Setting>, knobs: &mut dyn Knobs) -> Vec<Setting> {
    // One that the profile names has a value of its own.
    let named: BTreeSet<String> = settings.iter().map(|setting| setting.key.clone()).collect();
    let mut all = Vec::new();
    for setting in settings {
        let each = interfaces(&setting, knobs);
        all.push(setting);
        all.extend(each.into_iter().filter(|it| !named.contains(&it.key)));
    }
    all
}

/// The same setting of each interface that is there, if it is one for all. The loopback interface talks to nobody else.
fn interfaces(setting: &Setting, knobs: &mut dyn Knobs) -> Vec<Setting> {
    let path = sysctl_path(&setting.key);
    let Some((directory, _)) = path.split_once("/default/") else { return Vec::new() };
    // Where there is no directory, setting the default says so.
    let names = knobs.list(directory).unwrap_or_default();
    let others = names.iter().filter(|name| !matches!(name.as_str(), "all" | "default" | "lo"));
    others.filter_map(|name| setting.of_interface(name)).collect()
}

/// Does what is permitted. If something that is required fails, nothing is done any more that could not be taken back.
pub fn run(actions: &[Action], knobs: &mut dyn Knobs, permission: Permission) -> Vec<Applied> {
    let mut broken: Option<String> = None;
    let mut all = Vec::new();
    for action in actions {
        let applied = one(action, knobs, permission, broken.as_deref());
        if action.is_required() && matches!(applied.outcome, Outcome::Failed(_)) {
            broken.get_or_insert_with(|| action.subject());
        }
        all.push(applied);
    }
    all
}

fn one(action: &Action, knobs: &mut dyn Knobs, permission: Permission, broken: Option<&str>) -> Applied {
    let state = action.look(knobs);
    let before = state.value().map(str::to_owned);
    let outcome = match state {
        State::InForce(_) => Outcome::InForce,
        State::Unsupported(reason) if action.is_required() => Outcome::Failed(reason),
        State::Unsupported(_) => Outcome::Unsupported,
        State::Unreadable(reason) => Outcome::Failed(reason),
        State::Differs(_) if !permission.change => Outcome::WouldSet,
        State::Differs(_) => change(action, knobs, permission, broken),
    };
    Applied { action: action.clone(), before, outcome }
}

fn change(action: &Action, knobs: &mut dyn Knobs, permission: Permission, broken: Option<&str>) -> Outcome {
    if action.is_one_way() {
        if !permission.one_way {
            return Outcome::Left("it stays until the next boot, and that was not permitted".to_owned());
        }
        if let Some(what) = broken {
            return Outcome::Left(format!("it stays until the next boot, and {what} failed"));
        }
    }
    if let Err(error) = knobs.write(&action.path(), &action.text()) {
        return Outcome::Failed(format!("the kernel refused it: {error}"));
    }
    match action.look(knobs) {
        State::InForce(_) => Outcome::Set,
        State::Differs(value) => Outcome::Failed(format!("it was written, and reads {value:?}")),
        State::Unsupported(reason) | State::Unreadable(reason) => {
            Outcome::Failed(format!("it was written, and cannot be read back: {reason}"))
        }
    }
}
