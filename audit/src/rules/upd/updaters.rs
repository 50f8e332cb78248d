//! The configuration of image updaters.

use hardpan_image::EntryId;
use hardpan_report::{Evidence, Finding, Location, escape};

use crate::systemd::unit_value;
use crate::{Context, Text, TextFile};

/// What was found in the tree, with what kept it from being complete.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What was found.
    pub(super) facts: Vec<Evidence>,
    /// What could not be read.
    pub(super) unread: Vec<Finding>,
}

impl Found {
    /// Reads a file if it is there.
    pub(super) fn text(&mut self, context: &Context<'_>, path: &str) -> Option<TextFile> {
        self.keep(context.text(path))
    }

    /// Reads the files with this ending in the directories, by path.
    pub(super) fn texts(
        &mut self,
        context: &Context<'_>,
        directories: &[&str],
        ending: &str,
    ) -> Vec<TextFile> {
        let mut files: Vec<EntryId> = Vec::new();
        for path in directories {
            self.unread.extend(context.blindness(path.as_bytes()));
            let Ok(directory) = context.index.resolve(path.as_bytes()) else { continue };
            let named =
                context.index.children(directory).filter(|entry| entry.name.ends_with(ending.as_bytes()));
            files.extend(named.map(|entry| entry.id));
        }
        files.into_iter().filter_map(|id| self.keep(context.text_of(id))).collect()
    }

    fn keep(&mut self, text: Text) -> Option<TextFile> {
        match text {
            Text::Present(text) => Some(text),
            Text::Absent => None,
            Text::Unread(finding) => {
                self.unread.push(*finding);
                None
            }
        }
    }
}

/// RAUC's system.conf, from the first place that has one.
pub(super) fn rauc(context: &Context<'_>, found: &mut Found) -> Option<TextFile> {
    RAUC.iter().find_map(|path| found.text(context, path))
}

/// The transfer definitions of systemd-sysupdate whose target is a partition or a file of the boot, that is, an image.
pub(super) fn sysupdate(context: &Context<'_>, found: &mut Found) -> Vec<TextFile> {
    let mut files = found.texts(context, &SYSUPDATE, ".conf");
    files.extend(found.texts(context, &SYSUPDATE, ".transfer"));
    files.retain(|file| unit_value(file, "Target", "Type").is_some());
    files
}

/// A value of Mender's configuration.
pub(super) fn mender(context: &Context<'_>, found: &mut Found, key: &str) -> Option<(String, Location)> {
    MENDER.iter().find_map(|path| {
        let text = found.text(context, path)?;
        let value: serde_json::Value = serde_json::from_slice(&text.bytes).ok()?;
        let value = value.get(key)?.as_str().filter(|value| !value.is_empty())?;
        Some((escape(value.as_bytes()), Location::file(text.path)))
    })
}

pub(super) const SYSUPDATE: [&str; 4] =
    ["/etc/sysupdate.d", "/run/sysupdate.d", "/usr/local/lib/sysupdate.d", "/usr/lib/sysupdate.d"];
const RAUC: [&str; 3] = ["/etc/rauc/system.conf", "/run/rauc/system.conf", "/usr/lib/rauc/system.conf"];
const MENDER: [&str; 3] =
    ["/etc/mender/mender.conf", "/var/lib/mender/mender.conf", "/usr/share/mender/mender.conf"];
