//! Directories that rules list, and what keeps them from it.

use hardpan_image::{EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Finding, Location, escape};

use crate::Context;

/// What came of looking for a directory.
pub(crate) enum Place {
    /// It is there, and its names were read.
    Listed(EntryId),
    /// There is no such directory.
    Absent,
    /// Whether it exists, or what it holds, is not known.
    Unread(Box<Finding>),
}

impl Context<'_> {
    /// Looks for a directory, following links inside the tree. One that was not entered (a mount of another file system)
    /// or not read in full is [`Place::Unread`]: its emptiness would prove nothing.
    pub(crate) fn place(&self, path: &str) -> Place {
        match self.index.resolve(path.as_bytes()) {
            Ok(id) if self.index.entry(id).metadata.kind != FileKind::Directory => Place::Absent,
            Ok(id) => self.listed(id),
            Err(ResolveError::NotFound | ResolveError::NotADirectory) => {
                match self.blindness(path.as_bytes()) {
                    None => Place::Absent,
                    Some(finding) => Place::Unread(Box::new(finding)),
                }
            }
            Err(error) => Place::Unread(Box::new(self.unresolved(path.as_bytes(), &error))),
        }
    }

    fn listed(&self, id: EntryId) -> Place {
        let path = self.index.path(id);
        if let Some(skipped) = self.index.not_entered().iter().find(|skipped| skipped.path == path) {
            let reason = format!("{} was not entered: {}", escape(&path), escape(skipped.reason.as_bytes()));
            let location = Some(Location::file(path));
            return Place::Unread(Box::new(Finding::unknown(Cause::NoFacts, location, "not-read", reason)));
        }
        match self.blindness(&path) {
            None => Place::Listed(id),
            Some(finding) => Place::Unread(Box::new(finding)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hardpan_image::{Anomaly, Index, MemoryTree};

    use super::*;

    fn place(tree: &MemoryTree, path: &str) -> &'static str {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        match Context::new(&index).place(path) {
            Place::Listed(_) => "listed",
            Place::Absent => "absent",
            Place::Unread(_) => "unread",
        }
    }

    #[test]
    fn directories_are_listed_absent_or_unread() {
        let tree = MemoryTree::new()
            .directory("/etc/cron.d", 0o755)
            .directory("/srv", 0o755)
            .unreadable("/srv")
            .symlink("/link", "/srv/a")
            .anomaly(Anomaly { path: b"/var/lost".to_vec(), what: "inode 9".into(), hides_entries: true })
            .file("/file", 0o644, "");
        assert_eq!(place(&tree, "/etc/cron.d"), "listed");
        assert_eq!(place(&tree, "/etc/gone"), "absent");
        assert_eq!(place(&tree, "/file"), "absent");
        assert_eq!(place(&tree, "/srv"), "unread");
        assert_eq!(place(&tree, "/srv/a"), "unread");
        assert_eq!(place(&tree, "/link"), "unread");
        assert_eq!(place(&tree, "/var/lost"), "unread");
        assert_eq!(place(&tree.symlink("/broken", "/etc").unreadable("/broken"), "/broken/x"), "unread");
    }
}
