//! Extended attributes of the whole tree.

use std::sync::atomic::{AtomicBool, Ordering};

use hardpan_image::{EntryId, Fault, Index};
use hardpan_report::{Finding, Location};
use rayon::prelude::*;

use super::Progress;
use crate::Attributes;
use hardpan_checksec::cause_of;

/// What one entry's attributes say.
struct Seen {
    id: EntryId,
    labelled: bool,
    capability: Option<Vec<u8>>,
    unread: Option<Finding>,
    /// It was removed after it was listed.
    gone: bool,
}

/// Reads the attributes of every entry; `None` if stopped.
pub(super) fn read(index: &Index<'_>, progress: Progress<'_>) -> Option<Attributes> {
    let any = AtomicBool::new(false);
    let seen: Option<Vec<Seen>> = index
        .par_entries()
        .map(|entry| if progress(0) { Some(look(index, entry.id, &any)) } else { None })
        .filter(|seen| !matches!(seen, Some(Seen { labelled: true, capability: None, unread: None, .. })))
        .collect();
    let seen = seen?;
    let mut attributes = Attributes { any: any.into_inner(), ..Attributes::default() };
    let mut gone = 0;
    for seen in seen {
        if seen.gone {
            gone += 1;
            continue;
        }
        if !seen.labelled && seen.unread.is_none() {
            attributes.unlabelled += 1;
            if attributes.unlabelled_examples.len() < EXAMPLES {
                attributes.unlabelled_examples.push(seen.id);
            }
        }
        attributes.capabilities.extend(seen.capability.map(|capability| (seen.id, capability)));
        attributes.unread.extend(seen.unread);
    }
    let others = attributes.unlabelled + attributes.unread.len() as u64 + gone;
    attributes.labelled = index.len() as u64 - others;
    attributes.capabilities.sort_by_cached_key(|(id, _)| index.path(*id));
    Some(attributes)
}

fn look(index: &Index<'_>, id: EntryId, any: &AtomicBool) -> Seen {
    let mut seen = Seen { id, labelled: false, capability: None, unread: None, gone: false };
    match index.xattrs(id) {
        Ok(xattrs) => {
            if !xattrs.is_empty() {
                any.store(true, Ordering::Relaxed);
            }
            for xattr in xattrs {
                match &*xattr.name {
                    b"security.selinux" => seen.labelled = true,
                    b"security.capability" => seen.capability = Some(xattr.value.to_vec()),
                    _ => {}
                }
            }
        }
        // On a live host files come and go; one that went has no attributes to judge, not even missing ones.
        Err(error) if error.fault() == Fault::Gone => seen.gone = true,
        Err(error) => {
            let location = Location::file(index.path(id));
            let reason = format!("its extended attributes cannot be read: {error}");
            seen.unread = Some(Finding::unknown(cause_of(error.fault()), Some(location), "xattrs", reason));
        }
    }
    seen
}

/// Enough to see what kind of files they are.
const EXAMPLES: usize = 5;

#[cfg(test)]
mod tests {
    use hardpan_image::{
        Anomaly, Error, Listing, MemoryTree, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr,
    };

    use super::*;

    /// A tree whose nodes without attributes cannot be asked for them.
    struct Failing(MemoryTree, std::io::ErrorKind);

    impl Tree for Failing {
        fn kind(&self) -> TreeKind {
            self.0.kind()
        }
        fn root(&self) -> NodeId {
            self.0.root()
        }
        fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
            self.0.metadata(node)
        }
        fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
            self.0.read_dir(directory)
        }
        fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
            self.0.read_link(symlink)
        }
        fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
            let xattrs = self.0.xattrs(node)?;
            if xattrs.is_empty() {
                return Err(Error::Io { operation: "llistxattr", source: self.1.into() });
            }
            Ok(xattrs)
        }
        fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
            self.0.open(file)
        }
        fn anomalies(&self) -> Vec<Anomaly> {
            self.0.anomalies()
        }
    }

    /// Labelled, unlabelled and unread entries of a root and two files, one of which fails.
    fn counts(failure: std::io::ErrorKind) -> (u64, u64, usize) {
        let tree = MemoryTree::new()
            .xattr("/", "security.selinux", b"a")
            .file("/kept", 0o644, "")
            .xattr("/kept", "user.b", b"b")
            .file("/failing", 0o644, "");
        let tree = Failing(tree, failure);
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let attributes = read(&index, &|_| true).unwrap();
        (attributes.labelled, attributes.unlabelled, attributes.unread.len())
    }

    #[test]
    fn a_file_that_went_is_neither_labelled_nor_unlabelled_nor_unread() {
        assert_eq!(counts(std::io::ErrorKind::NotFound), (1, 1, 0));
        assert_eq!(counts(std::io::ErrorKind::PermissionDenied), (1, 1, 1));
    }
}
