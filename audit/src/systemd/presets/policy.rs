//! The lines of preset files.

use std::collections::BTreeMap;

use hardpan_image::{EntryId, ResolveError};
use hardpan_report::{Finding, Location, escape};

use super::Preset;
use crate::place::Place;
use crate::systemd::template_of;
use crate::{Context, Text, TextFile};

/// What the preset files say.
#[derive(Debug, Default)]
pub(super) struct Policy {
    rules: Vec<Rule>,
    /// Files and directories that could not be read.
    pub(super) troubles: Vec<Finding>,
}

#[derive(Debug)]
struct Rule {
    enable: bool,
    pattern: Vec<u8>,
    /// The instances that a rule for a template names.
    instances: Vec<Vec<u8>>,
    preset: Preset,
}

impl Policy {
    /// Files in the order of their names, each from the first directory that has it.
    pub(super) fn read(context: &Context<'_>) -> Self {
        let mut policy = Self::default();
        let mut files: BTreeMap<Vec<u8>, (EntryId, Vec<u8>)> = BTreeMap::new();
        for path in DIRECTORIES {
            match context.place(path) {
                Place::Listed(directory) => {
                    let children = context.index.children(directory);
                    for entry in children.filter(|entry| entry.name.ends_with(b".preset")) {
                        let path = context.index.path(entry.id);
                        files.entry(entry.name.to_vec()).or_insert((directory, path));
                    }
                }
                Place::Absent => {}
                Place::Unread(finding) => policy.troubles.push(*finding),
            }
        }
        for (name, (directory, path)) in files {
            policy.add(context, &path, context.index.resolve_from(directory, &name));
        }
        policy
    }

    /// Whether a unit is enabled, by the first rule that names it; with the instances to enable, and the rule. A unit
    /// that no rule names is enabled.
    pub(super) fn enables(&self, unit: &[u8]) -> Option<(&[Vec<u8>], Option<Preset>)> {
        match self.rules.iter().find(|rule| rule.names(unit)) {
            None => Some((&[], None)),
            Some(rule) if !rule.enable => None,
            Some(rule) if template_of(unit).is_some() => Some((&[], Some(rule.preset.clone()))),
            Some(rule) => Some((&rule.instances, Some(rule.preset.clone()))),
        }
    }

    fn add(&mut self, context: &Context<'_>, path: &[u8], file: Result<EntryId, ResolveError>) {
        match file.map(|id| context.text_of(id)) {
            Ok(Text::Present(text)) => self.rules.extend(rules(&text)),
            // A link to nothing, or to a device, masks the files of its name.
            Ok(Text::Absent) | Err(ResolveError::NotFound | ResolveError::NotADirectory) => {}
            Ok(Text::Unread(finding)) => self.troubles.push(*finding),
            Err(error) => {
                self.troubles.push(context.unresolved(path, &error));
            }
        }
    }
}

impl Rule {
    fn names(&self, unit: &[u8]) -> bool {
        if self.instances.is_empty() {
            return matches(&self.pattern, unit);
        }
        match template_of(unit) {
            None => self.pattern == unit,
            Some(template) => {
                let instance = &unit[template.iter().position(|byte| *byte == b'@').map_or(0, |at| at + 1)..];
                let is_instance = |name: &Vec<u8>| {
                    instance.strip_prefix(name.as_slice()).is_some_and(|rest| rest.starts_with(b"."))
                };
                self.pattern == template && self.instances.iter().any(is_instance)
            }
        }
    }
}

/// Lines that are none of systemd's directives are passed over with a warning there, and so they are here.
fn rules(text: &TextFile) -> Vec<Rule> {
    text.statements(b"#;").filter_map(|(number, line)| rule(line, text.line(number))).collect()
}

fn rule(line: &[u8], location: Location) -> Option<Rule> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let enable = match words.next()? {
        b"enable" => true,
        b"disable" | b"ignore" => false,
        _ => return None,
    };
    let pattern = words.next()?.to_vec();
    let instances: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
    let is_template = pattern.windows(2).any(|pair| pair == b"@.");
    let takes_instances = enable && is_template;
    if !takes_instances && !instances.is_empty() {
        return None;
    }
    let why = format!("a preset says `{}`", escape(line));
    Some(Rule { enable, pattern, instances, preset: Preset { why, location } })
}

/// fnmatch(3) without escapes: `*`, `?` and `[…]`. Only the last `*` is tried again, so the time is bounded by the
/// product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star = None;
    loop {
        let step = match (pattern.get(at), name.get(in_name)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((at + 1, in_name));
                at += 1;
                continue;
            }
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(byte)) => match set(&pattern[at + 1..], *byte) {
                Some((length, is_in)) => is_in.then_some(length + 1),
                None => (*byte == b'[').then_some(1),
            },
            (Some(literal), Some(byte)) => (literal == byte).then_some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => (at, in_name) = (at + length, in_name + 1),
            (None, Some((after, from))) if from < name.len() => {
                star = Some((after, from + 1));
                (at, in_name) = (after, from + 1);
            }
            (None, _) => return false,
        }
    }
}

/// A bracket expression behind its `[`: its length, and whether it has the byte. `None` if it is not closed.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    // A bracket right at the start is a member.
    let end = pattern.iter().skip(start + 1).position(|byte| *byte == b']')? + start + 1;
    let mut members = &pattern[start..end];
    let mut is_in = false;
    while let Some((first, rest)) = members.split_first() {
        members = match rest {
            [b'-', last, rest @ ..] => {
                is_in |= (*first..=*last).contains(&byte);
                rest
            }
            rest => {
                is_in |= *first == byte;
                rest
            }
        };
    }
    Some((end + 1, is_in != negated))
}

/// Where preset files are, the strongest first.
const DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system-preset",
    "/run/systemd/system-preset",
    "/usr/local/lib/systemd/system-preset",
    "/usr/lib/systemd/system-preset",
    "/lib/systemd/system-preset",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        let matching = [("*", "a.service"), ("a*.s?rvice", "ab.service"), ("[a-c!]x", "bx"), ("[!a]x", "bx")];
        for (pattern, name) in matching.into_iter().chain([("[]a]", "]"), ("a[", "a["), ("*a*b", "xaxab")]) {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("[!a]x", "ax"), ("?", ""), ("*a*b", "ab."), ("\\*", "*")] {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }
}
