//! systemd's units: which files are in force, and which units would be started, told from links and from what presets
//! would link at first boot, as systemd.unit(5) and systemctl(1) describe them.

mod presets;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use hardpan_image::{Entry, EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, escape};

use self::presets::{Preset, Presets, presets};
pub(crate) use self::settings::{Setting, list, settings, word};

use crate::place::Place;
use crate::{Context, TextFile};

/// Where units are, the strongest first. `/lib` is a link on systems with a merged `/usr`.
const UNIT_DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A unit that another one pulls in by a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnabledUnit {
    /// Its name: `sshd.service`, `getty@tty1.service`.
    pub(crate) name: Vec<u8>,
    /// The link; for a unit that first boot enables, its file.
    pub(crate) link: EntryId,
    /// The unit that pulls it in: `multi-user.target`.
    pub(crate) by: Vec<u8>,
    /// Other units that pull it in by weaker links.
    pub(crate) also_by: Vec<Vec<u8>>,
    /// Why first boot links it, if nothing links it yet.
    pub(crate) preset: Option<Preset>,
}

impl EnabledUnit {
    /// The fact that it is enabled, and how.
    pub(crate) fn evidence(&self, context: &Context<'_>) -> Evidence {
        let by = escape(&self.by);
        match &self.preset {
            None => Evidence::new("pulled in by", by, "not enabled").at(context.location(self.link)),
            Some(preset) => {
                let seen = format!("{by}, from first boot on: {}", preset.why);
                Evidence::new("pulled in by", seen, "not enabled").at(preset.location.clone())
            }
        }
    }
}

/// The units that are enabled, by name, and what kept some from being judged.
#[derive(Debug, Default)]
pub(crate) struct EnabledUnits {
    /// Each once, with the strongest link.
    pub(crate) units: Vec<EnabledUnit>,
    /// What could not be read, the directories of units included.
    pub(crate) troubles: Vec<Finding>,
}

/// A unit's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitFile {
    /// It can be started.
    At(EntryId),
    /// A link to `/dev/null` or an empty file forbids it.
    Masked,
    /// There is none.
    Absent,
}

/// The units linked from `*.wants`, `*.requires` and `*.upholds` directories, in `/etc` and in `/usr`, and those that
/// presets would link at first boot, that have a file and are not masked. Units pulled in by `Wants=` in another unit's
/// text are part of that unit.
pub(crate) fn enabled_units(context: &Context<'_>) -> EnabledUnits {
    let mut search = Search { presets: presets(context), ..Search::default() };
    for directory in unit_directories(context) {
        for wants in context.index.children(directory) {
            let Some(by) = wanting_unit(wants.name) else { continue };
            // The directory of links may itself be a link.
            match context.index.resolve_from(directory, wants.name) {
                Ok(links) => {
                    context.index.children(links).for_each(|link| search.add_link(context, by, link));
                }
                Err(ResolveError::NotFound | ResolveError::NotADirectory) => {}
                Err(error) => search.troubles.push(unread(context, wants.id, &error)),
            }
        }
    }
    search.add_presets(context);
    search.troubles.extend(search.presets.troubles);
    search.troubles.extend(blindness(context));
    EnabledUnits { units: search.found.into_values().collect(), troubles: search.troubles }
}

/// What is found on the way.
#[derive(Default)]
struct Search {
    presets: Presets,
    found: BTreeMap<Vec<u8>, EnabledUnit>,
    /// Links that lead to nothing on purpose: who would pull in what.
    masked: BTreeSet<(Vec<u8>, Vec<u8>)>,
    troubles: Vec<Finding>,
}

impl Search {
    fn add_link(&mut self, context: &Context<'_>, by: &[u8], link: Entry<'_>) {
        let dependency = (by.to_vec(), link.name.to_vec());
        if is_masking(context, link.id) {
            self.masked.insert(dependency);
            return;
        }
        if self.masked.contains(&dependency) {
            return;
        }
        match unit_file(context, link.name) {
            Ok(UnitFile::At(_)) => self.add(link.name, link.id, by, None),
            Ok(UnitFile::Absent) => {
                // First boot may give a unit this name.
                if let Some((unit, preset)) = self.presets.aliases.get(link.name).cloned() {
                    self.add(&unit, link.id, by, Some(preset));
                }
            }
            Ok(UnitFile::Masked) => {}
            Err(error) => self.troubles.push(unread(context, link.id, &error)),
        }
    }

    fn add_presets(&mut self, context: &Context<'_>) {
        for (name, by, preset) in std::mem::take(&mut self.presets.links) {
            if self.masked.contains(&(by.clone(), name.clone())) {
                continue;
            }
            if let Ok(UnitFile::At(id)) = unit_file(context, &name) {
                self.add(&name, id, &by, Some(preset));
            }
        }
    }

    fn add(&mut self, name: &[u8], link: EntryId, by: &[u8], preset: Option<Preset>) {
        if let Some(known) = self.found.get_mut(name) {
            known.also_by.push(by.to_vec());
            return;
        }
        let (name, by) = (name.to_vec(), by.to_vec());
        self.found.insert(name.clone(), EnabledUnit { name, link, by, also_by: Vec::new(), preset });
    }
}

/// The file that systemd would load for a unit: the first by directory; for an instance, the template's after its own.
pub(crate) fn unit_file(context: &Context<'_>, name: &[u8]) -> Result<UnitFile, ResolveError> {
    for name in [Some(name.to_vec()), template_of(name)].into_iter().flatten() {
        for directory in unit_directories(context) {
            let entry =
                context.index.children(directory).find(|entry| entry.name == name).map(|entry| entry.id);
            let Some(entry) = entry else { continue };
            if is_masking(context, entry) {
                return Ok(UnitFile::Masked);
            }
            match context.index.resolve_from(directory, &name) {
                Ok(id) if context.index.entry(id).metadata.kind == FileKind::File => {
                    return Ok(UnitFile::At(id));
                }
                Ok(_) | Err(ResolveError::NotFound | ResolveError::NotADirectory) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(UnitFile::Absent)
}

/// The first drop-in of a unit: a file whose settings outweigh those of the unit's own.
pub(crate) fn drop_in(context: &Context<'_>, name: &[u8]) -> Option<EntryId> {
    let directory = [name, b".d"].concat();
    unit_directories(context).into_iter().find_map(|units| {
        let drop_ins = context.index.resolve_from(units, &directory).ok()?;
        let mut files = context.index.children(drop_ins).filter(|entry| entry.name.ends_with(b".conf"));
        files.find(|entry| !is_masking(context, entry.id)).map(|entry| entry.id)
    })
}

/// The last value of a key in a section, with its line. Continued lines are not put together: no key that the rules
/// look at is written so.
pub(crate) fn unit_value(text: &TextFile, section: &str, key: &str) -> Option<(u32, String)> {
    let mut inside = false;
    let mut found = None;
    for (number, line) in text.statements(b"#;") {
        let line = String::from_utf8_lossy(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name == section;
        } else if let Some((name, value)) = line.split_once('=')
            && inside
            && name.trim_end() == key
        {
            found = Some((number, value.trim_start().to_owned()));
        }
    }
    found
}

/// One unknown finding if units or links may have been missed.
pub(crate) fn blindness(context: &Context<'_>) -> Option<Finding> {
    UNIT_DIRECTORIES.iter().find_map(|path| match context.place(path) {
        Place::Listed(_) | Place::Absent => None,
        Place::Unread(finding) => Some(*finding),
    })
}

/// The directories of units that exist, each once; also those of which only a part was read.
fn unit_directories(context: &Context<'_>) -> Vec<EntryId> {
    let mut directories = Vec::new();
    for path in UNIT_DIRECTORIES {
        if let Ok(id) = context.index.resolve(path.as_bytes())
            && !directories.contains(&id)
        {
            directories.push(id);
        }
    }
    directories
}

/// `getty@.service` for `getty@tty1.service`.
fn template_of(name: &[u8]) -> Option<Vec<u8>> {
    let at = name.iter().position(|byte| *byte == b'@')?;
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > at + 1)?;
    Some([&name[..=at], &name[dot..]].concat())
}

fn wanting_unit(directory: &[u8]) -> Option<&[u8]> {
    let endings = [b".wants".as_slice(), b".requires", b".upholds"];
    endings.iter().find_map(|ending| directory.strip_suffix(*ending))
}

/// A link to `/dev/null`, by its text since an image has no such device, or an empty file.
fn is_masking(context: &Context<'_>, id: EntryId) -> bool {
    match context.index.entry(id).metadata.kind {
        FileKind::File => context.index.entry(id).metadata.size == 0,
        FileKind::Symlink => context.index.read_link(id).is_ok_and(|target| target == b"/dev/null"),
        _ => false,
    }
}

fn unread(context: &Context<'_>, link: EntryId, error: &ResolveError) -> Finding {
    let path = escape(&context.index.path(link));
    let reason = format!("whether {path} starts a unit cannot be told: it {error}");
    Finding::unknown(Cause::Unreadable, Some(context.location(link)), "unit", reason)
}

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

    use super::*;
    use crate::Text;

    fn enabled(tree: &MemoryTree) -> Vec<String> {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let enabled = enabled_units(&Context::new(&index));
        assert!(enabled.troubles.is_empty(), "{:?}", enabled.troubles);
        enabled.units.iter().map(|unit| format!("{} by {}", escape(&unit.name), escape(&unit.by))).collect()
    }

    #[test]
    fn links_in_etc_and_in_usr_count_once_each() {
        let tree = MemoryTree::new()
            .file("/usr/lib/systemd/system/a.service", 0o644, "[Service]\n")
            .file("/usr/lib/systemd/system/getty@.service", 0o644, "[Service]\n")
            .symlink("/lib", "usr/lib")
            .symlink("/etc/systemd/system/multi-user.target.wants/a.service", "/lib/systemd/system/a.service")
            .symlink("/usr/lib/systemd/system/sysinit.target.wants/a.service", "../a.service")
            .symlink("/usr/lib/systemd/system/getty.target.requires/getty@tty1.service", "../getty@.service");
        assert_eq!(enabled(&tree), ["a.service by multi-user.target", "getty@tty1.service by getty.target"]);
    }

    #[test]
    fn what_is_masked_or_missing_is_not_started() {
        let tree = MemoryTree::new()
            .file("/usr/lib/systemd/system/a.service", 0o644, "[Service]\n")
            .symlink("/etc/systemd/system/a.service", "/dev/null")
            .symlink("/etc/systemd/system/x.target.wants/a.service", "/usr/lib/systemd/system/a.service")
            .symlink(
                "/etc/systemd/system/x.target.wants/gone.service",
                "/usr/lib/systemd/system/gone.service",
            )
            .file("/usr/lib/systemd/system/b.service", 0o644, "[Service]\n")
            .symlink("/usr/lib/systemd/system/x.target.wants/b.service", "../b.service")
            .symlink("/etc/systemd/system/x.target.wants/b.service", "/dev/null");
        assert!(enabled(&tree).is_empty());
    }

    const TIMER: &str = "[Unit]\nDescription=x\n[Timer]\n# OnCalendar=never\nOnCalendar = daily\n";

    #[test]
    fn etc_masks_and_overrides() {
        let tree = MemoryTree::new()
            .file("/usr/lib/systemd/system/a.timer", 0o644, TIMER)
            .file("/usr/lib/systemd/system/b.timer", 0o644, TIMER)
            .symlink("/etc/systemd/system/b.timer", "/dev/null")
            .symlink("/lib", "usr/lib")
            .symlink("/etc/systemd/system/timers.target.wants/a.timer", "/lib/systemd/system/a.timer");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let context = Context::new(&index);
        let Ok(UnitFile::At(id)) = unit_file(&context, b"a.timer") else { panic!("a.timer") };
        let Text::Present(text) = context.text_of(id) else { panic!("a.timer") };
        assert_eq!(unit_value(&text, "Timer", "OnCalendar"), Some((5, "daily".into())));
        assert_eq!(unit_file(&context, b"b.timer"), Ok(UnitFile::Masked));
        assert_eq!(unit_file(&context, b"c.timer"), Ok(UnitFile::Absent));
        assert_eq!(enabled(&tree), ["a.timer by timers.target"]);
    }

    #[test]
    fn a_directory_of_links_may_be_a_link_and_a_unit_may_be_upheld() {
        let tree = MemoryTree::new()
            .file("/usr/lib/systemd/system/a.service", 0o644, "[Service]\n")
            .file("/run/systemd/system/b.service", 0o644, "[Service]\n")
            .symlink("/usr/share/wants/a.service", "/usr/lib/systemd/system/a.service")
            .symlink("/etc/systemd/system/multi-user.target.wants", "/usr/share/wants")
            .symlink("/usr/lib/systemd/system/a.service.upholds/b.service", "../b.service");
        assert_eq!(enabled(&tree), ["a.service by multi-user.target", "b.service by a.service"]);
    }

    #[test]
    fn a_unit_behind_what_was_not_read_is_a_trouble() {
        let tree = MemoryTree::new()
            .symlink("/etc/systemd/system/a.service", "/opt/a.service")
            .symlink("/etc/systemd/system/x.target.wants/a.service", "/opt/a.service")
            .directory("/opt", 0o755)
            .unreadable("/opt");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let reasons: Vec<Finding> = enabled_units(&Context::new(&index)).troubles;
        assert_eq!(reasons.len(), 1, "{reasons:?}");
    }
}
