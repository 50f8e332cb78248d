//! Which units systemd enables at first boot, as systemd.preset(5) and machine-id(5) describe it.

mod first_boot;
mod policy;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hardpan_image::{Entry, FileKind};
use hardpan_report::{Cause, Finding, Location, escape};

use self::first_boot::is_first_boot;
use self::policy::Policy;
use super::settings::{Setting, list, settings, words};
use super::{UnitFile, template_of, unit_directories, unit_file};
use crate::Context;

/// Why a unit is enabled at first boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// In words: `a preset says: enable *`.
    pub(crate) why: String,
    /// The line of the preset file, or the unit if no line names it.
    pub(crate) location: Location,
}

/// What first boot enables.
#[derive(Debug, Default)]
pub(super) struct Presets {
    /// Units and the unit that would pull each in, in order.
    pub(super) links: Vec<(Vec<u8>, Vec<u8>, Preset)>,
    /// Second names that units would get, with the unit and the reason.
    pub(super) aliases: BTreeMap<Vec<u8>, (Vec<u8>, Preset)>,
    /// What could not be read. Then nothing is said to be enabled: what was not read may disable it.
    pub(super) troubles: Vec<Finding>,
}

/// What `preset-all` would add at first boot: nothing on a running host, or if the boot is not the first one.
pub(super) fn presets(context: &Context<'_>) -> Presets {
    let mut presets = Presets::default();
    match is_first_boot(context) {
        Ok(false) => return presets,
        Ok(true) => {}
        Err(finding) => presets.troubles.push(*finding),
    }
    let policy = Policy::read(context);
    presets.troubles.extend(policy.troubles.iter().cloned());
    if presets.troubles.is_empty() {
        presets.add_all(context, wanted(context, &policy));
    }
    presets
}

/// The units that the policy enables, with the reason for each. Second names are passed over, as `preset-all` does.
fn wanted(context: &Context<'_>, policy: &Policy) -> VecDeque<(Vec<u8>, Preset)> {
    let mut seen = BTreeSet::new();
    let mut wanted = VecDeque::new();
    for directory in unit_directories(context) {
        for entry in context.index.children(directory) {
            let is_file = matches!(entry.metadata.kind, FileKind::File | FileKind::Symlink);
            if !is_file || !is_unit_name(entry.name) || !seen.insert(entry.name) || is_alias(context, entry) {
                continue;
            }
            let Some((instances, rule)) = policy.enables(entry.name) else { continue };
            let preset = rule.unwrap_or_else(|| Preset {
                why: "no preset names it, which enables it".into(),
                location: context.location(entry.id),
            });
            if instances.is_empty() {
                wanted.push_back((entry.name.to_vec(), preset));
            } else {
                let instances = instances.iter().map(|instance| instance_of(entry.name, instance));
                wanted.extend(instances.map(|name| (name, preset.clone())));
            }
        }
    }
    wanted
}

impl Presets {
    /// Units may bring others along by `Also=`, whatever the policy says of those.
    fn add_all(&mut self, context: &Context<'_>, mut wanted: VecDeque<(Vec<u8>, Preset)>) {
        let mut seen = BTreeSet::new();
        while let Some((name, preset)) = wanted.pop_front() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let read = match unit_file(context, &name) {
                Ok(UnitFile::At(id)) => settings(context, &name, id),
                Ok(UnitFile::Masked | UnitFile::Absent) => continue,
                Err(error) => {
                    let reason =
                        format!("whether {} is enabled at first boot: its file {error}", escape(&name));
                    let key = format!("unit:{}", escape(&name));
                    Err(Box::new(Finding::unknown(Cause::Unreadable, None, key, reason)))
                }
            };
            match read {
                Ok(settings) => wanted.extend(self.add(&name, &settings, &preset)),
                Err(finding) => self.troubles.push(*finding),
            }
        }
    }

    /// Adds one unit and gives those of its `Also=`.
    fn add(&mut self, name: &[u8], settings: &[Setting], preset: &Preset) -> Vec<(Vec<u8>, Preset)> {
        let mut values = |key: &str| {
            let mut values = Vec::new();
            for setting in list(settings, "Install", key) {
                match words(&setting.value) {
                    Some(words) => values.extend(words),
                    None => self.troubles.push(unsplit(setting)),
                }
            }
            values
        };
        let [also, aliases, instances] = ["Also", "Alias", "DefaultInstance"].map(&mut values);
        let by = ["WantedBy", "RequiredBy", "UpheldBy"].map(&mut values).concat();
        for alias in aliases {
            self.aliases.entry(alias).or_insert_with(|| (name.to_vec(), preset.clone()));
        }
        let instance = instances.last().filter(|_| is_template(name));
        let started = instance.map_or_else(|| name.to_vec(), |instance| instance_of(name, instance));
        // A template without an instance cannot be started but by another template, whose instance it takes.
        let by = by.into_iter().filter(|by| !is_template(&started) || is_template(by));
        self.links.extend(by.map(|by| (started.clone(), by, preset.clone())));
        let why = format!("{}, by Also= of {}", preset.why, escape(name));
        let preset = Preset { why, location: preset.location.clone() };
        also.into_iter().map(|also| (also, preset.clone())).collect()
    }
}

fn unsplit(setting: &Setting) -> Finding {
    let key = escape(&setting.key);
    let reason = format!("{key}= cannot be split into words: {}", escape(&setting.value));
    Finding::unknown(Cause::Malformed, Some(setting.location.clone()), format!("install:{key}"), reason)
}

/// A link whose target has another name, unless that is the template of an instance.
fn is_alias(context: &Context<'_>, entry: Entry<'_>) -> bool {
    if entry.metadata.kind != FileKind::Symlink {
        return false;
    }
    let target = context.index.read_link(entry.id).unwrap_or_default();
    let target = target.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    target != entry.name && template_of(entry.name).as_deref() != Some(target) && target != b"null"
}

fn is_unit_name(name: &[u8]) -> bool {
    const KINDS: [&[u8]; 11] = [
        b"service",
        b"socket",
        b"device",
        b"mount",
        b"automount",
        b"swap",
        b"target",
        b"path",
        b"timer",
        b"slice",
        b"scope",
    ];
    let dot = name.iter().rposition(|byte| *byte == b'.').unwrap_or(0);
    dot > 0 && KINDS.contains(&&name[dot + 1..])
}

fn is_template(name: &[u8]) -> bool {
    name.windows(2).any(|pair| pair == b"@.")
}

/// `getty@tty1.service` for `getty@.service` and `tty1`.
fn instance_of(template: &[u8], instance: &[u8]) -> Vec<u8> {
    let at = template.iter().position(|byte| *byte == b'@').map_or(template.len(), |at| at + 1);
    [&template[..at], instance, &template[at..]].concat()
}

#[cfg(test)]
mod tests;
