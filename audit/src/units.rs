//! systemd's unit files: which one is in force, and which units are pulled in, as systemd.unit(5) describes it.

use hardpan_image::{Entry, EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Finding, Location, escape};

use crate::{Context, Text, TextFile};

/// What came of looking for a unit.
#[derive(Debug)]
pub(crate) enum Unit {
    /// The file that is in force.
    Present(TextFile),
    /// It is masked, so that nothing can start it.
    Masked,
    /// There is no such unit.
    Absent,
    /// It cannot be told.
    Unread(Box<Finding>),
}

/// A name in a `.wants`, `.requires` or `.upholds` directory.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    /// The unit that is pulled in.
    pub(crate) unit: String,
    /// Where.
    pub(crate) location: Location,
}

impl Context<'_> {
    /// The unit's file with the highest precedence.
    pub(crate) fn unit(&self, name: &str) -> Unit {
        for directory in UNIT_DIRECTORIES {
            let path = format!("{directory}/{name}");
            let directory = match self.index.resolve(directory.as_bytes()) {
                Ok(directory) => directory,
                Err(ResolveError::NotFound | ResolveError::NotADirectory) => continue,
                Err(error) => return unread(&path, &error.to_string()),
            };
            let Some(entry) = self.index.children(directory).find(|entry| entry.name == name.as_bytes())
            else {
                if let Some(finding) = self.blindness(path.as_bytes()) {
                    return Unit::Unread(Box::new(finding));
                }
                continue;
            };
            return self.unit_at(&path, &entry);
        }
        Unit::Absent
    }

    fn unit_at(&self, path: &str, entry: &Entry<'_>) -> Unit {
        if self.is_mask(entry) {
            return Unit::Masked;
        }
        match self.text(path) {
            Text::Present(text) => Unit::Present(text),
            Text::Absent => Unit::Absent,
            Text::Unread(finding) => Unit::Unread(finding),
        }
    }

    /// A link to `/dev/null` or an empty file in the place of a unit masks it.
    fn is_mask(&self, entry: &Entry<'_>) -> bool {
        match entry.metadata.kind {
            FileKind::Symlink => self.index.read_link(entry.id).is_ok_and(|target| target == b"/dev/null"),
            FileKind::File => entry.metadata.size == 0,
            _ => false,
        }
    }

    /// Everything that some unit's directory of links pulls in, by path.
    pub(crate) fn pulls(&self) -> Vec<Pull> {
        let mut directories: Vec<EntryId> =
            UNIT_DIRECTORIES.iter().filter_map(|path| self.index.resolve(path.as_bytes()).ok()).collect();
        directories.sort_unstable();
        directories.dedup();
        let pulling = |entry: &Entry<'_>| {
            let name = entry.name;
            [".wants", ".requires", ".upholds"].iter().any(|suffix| name.ends_with(suffix.as_bytes()))
        };
        let mut pulls = Vec::new();
        for directory in directories {
            for links in self.index.children(directory).filter(pulling) {
                pulls.extend(self.index.children(links.id).map(|link| Pull {
                    unit: String::from_utf8_lossy(link.name).into_owned(),
                    location: self.location(link.id),
                }));
            }
        }
        pulls.sort_by(|a, b| a.location.cmp(&b.location));
        pulls
    }

    /// One unknown finding if units or links may have been missed.
    pub(crate) fn unit_blindness(&self) -> Option<Finding> {
        UNIT_DIRECTORIES.iter().find_map(|directory| self.blindness(directory.as_bytes()))
    }
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

fn unread(path: &str, reason: &str) -> Unit {
    let message = format!("{} {reason}", escape(path.as_bytes()));
    Unit::Unread(Box::new(Finding::unknown(Cause::Unreadable, Some(Location::file(path)), "read", message)))
}

/// Where the system manager looks, first match first.
pub(crate) const UNIT_DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

    use super::*;

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
        let Unit::Present(text) = context.unit("a.timer") else { panic!("a.timer") };
        assert_eq!(unit_value(&text, "Timer", "OnCalendar"), Some((5, "daily".into())));
        assert!(matches!(context.unit("b.timer"), Unit::Masked));
        assert!(matches!(context.unit("c.timer"), Unit::Absent));
        assert_eq!(context.pulls().len(), 1);
    }
}
