//! A whole tree walked once, and the look-ups that rules make in it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use rayon::prelude::*;
use thiserror::Error as ThisError;

use crate::{Error, Fault, FileKind, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, read_to_vec};

/// An entry of an [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

/// Every entry of a tree, with metadata.
///
/// Entries are numbered breadth first and by name within a directory, whatever order the tree listed them in, so that
/// everything made from an index is the same for any number of threads.
pub struct Index<'t> {
    tree: &'t dyn Tree,
    records: Vec<Record>,
    /// What is known of the entries. Those of which little is known, see [`DirTree::briefly`](crate::DirTree::briefly),
    /// share one.
    metadata: Vec<Metadata>,
    /// The last that was shared.
    shared: Option<u32>,
    /// All names, end to end: a box for each would cost more than the names.
    names: Vec<u8>,
    not_entered: Vec<NotEntered>,
    troubles: Vec<Trouble>,
}

/// A view of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'i> {
    /// Its number.
    pub id: EntryId,
    /// Its name; empty for the root.
    pub name: &'i [u8],
    /// What is known without reading it.
    pub metadata: &'i Metadata,
}

/// A directory that was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEntered {
    /// Where.
    pub path: Vec<u8>,
    /// Why.
    pub reason: String,
    /// Whether there may be files of the host in it that are nowhere else in the index.
    pub hides_files: bool,
}

/// Something that could not be read, or that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where; empty if it concerns the whole tree.
    pub path: Vec<u8>,
    /// Who is at fault.
    pub fault: Fault,
    /// What went wrong.
    pub reason: String,
    /// Whether there may be entries that the index lacks because of it.
    pub hides_entries: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ResolveError {
    /// A component does not exist.
    #[error("does not exist")]
    NotFound,
    /// A component is no directory.
    #[error("passes through something that is no directory")]
    NotADirectory,
    /// More than [`MAX_LINKS`] symbolic links.
    #[error("passes through more than {MAX_LINKS} symbolic links")]
    TooManyLinks,
    /// It leads where the walk did not go, so whether it exists is not known.
    #[error("leads into a part of the tree that was not read")]
    NotRead,
    /// A link on the way could not be read.
    #[error("passes through a link that cannot be read: {0}")]
    Unreadable(String),
}

/// `MAXSYMLINKS` of Linux.
pub const MAX_LINKS: usize = 40;

struct Record {
    parent: u32,
    name_start: u32,
    name_len: u32,
    /// Into [`Index::metadata`].
    metadata: u32,
    node: NodeId,
    children: Range<u32>,
}

struct Found {
    name: Box<[u8]>,
    node: NodeId,
    metadata: Result<Metadata, Error>,
}

/// A directory's entries, or why there are none.
enum Listed {
    Found(Vec<Found>),
    Not { reason: String, hides_files: bool },
}

impl Listed {
    fn len(&self) -> usize {
        match self {
            Self::Found(found) => found.len(),
            Self::Not { .. } => 0,
        }
    }
}

impl<'t> Index<'t> {
    /// Walks the tree. `progress` is told of entries as they are found and stops the walk by returning false; the
    /// result is `None` then.
    pub fn build(tree: &'t dyn Tree, progress: &(dyn Fn(u64) -> bool + Sync)) -> Result<Option<Self>, Error> {
        Self::build_only(tree, &[], progress)
    }

    /// [`Index::build`] for parts of the tree: the given paths, everything below them, and the directories above. With no
    /// path it is the whole tree.
    pub fn build_only(
        tree: &'t dyn Tree,
        paths: &[Vec<u8>],
        progress: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Option<Self>, Error> {
        let root =
            Record { parent: 0, name_start: 0, name_len: 0, node: tree.root(), metadata: 0, children: 0..0 };
        let mut index = Self {
            tree,
            records: vec![root],
            metadata: vec![tree.metadata(tree.root())?],
            shared: None,
            names: Vec::new(),
            not_entered: Vec::new(),
            troubles: Vec::new(),
        };
        if !index.walk(paths, progress) {
            return Ok(None);
        }
        index.adopt_anomalies();
        Ok(Some(index))
    }

    /// The tree that was walked.
    pub fn tree(&self) -> &'t dyn Tree {
        self.tree
    }

    /// How many entries there are, the root included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Never: an index has its root.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Every entry, the root first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + '_ {
        (0..self.count()).map(|at| self.entry(EntryId(at)))
    }

    /// Every entry, in parallel and in the same order.
    pub fn par_entries(&self) -> impl IndexedParallelIterator<Item = Entry<'_>> + '_ {
        (0..self.count()).into_par_iter().map(|at| self.entry(EntryId(at)))
    }

    /// One entry.
    pub fn entry(&self, id: EntryId) -> Entry<'_> {
        let record = &self.records[id.0 as usize];
        let start = record.name_start as usize;
        let metadata = &self.metadata[record.metadata as usize];
        Entry { id, name: &self.names[start..start + record.name_len as usize], metadata }
    }

    /// The root.
    pub fn root(&self) -> EntryId {
        EntryId(0)
    }

    /// The directory that holds the entry; the root holds itself.
    pub fn parent(&self, id: EntryId) -> EntryId {
        EntryId(self.records[id.0 as usize].parent)
    }

    /// The entries of a directory, by name; none for anything else.
    pub fn children(&self, id: EntryId) -> impl ExactSizeIterator<Item = Entry<'_>> + '_ {
        self.records[id.0 as usize].children.clone().map(|at| self.entry(EntryId(at)))
    }

    /// The absolute path.
    pub fn path(&self, id: EntryId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = id;
        while at.0 != 0 {
            names.push(self.entry(at).name);
            at = self.parent(at);
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() { b"/".to_vec() } else { path }
    }

    /// The entry with exactly this absolute path; symbolic links are not followed.
    pub fn lookup(&self, path: &[u8]) -> Option<EntryId> {
        components(path).try_fold(self.root(), |at, name| self.child(at, name))
    }

    /// The entry that a process whose root this tree is would open: links are followed, and stay inside.
    pub fn resolve(&self, path: &[u8]) -> Result<EntryId, ResolveError> {
        self.resolve_from(self.root(), path)
    }

    /// [`Index::resolve`] for a path relative to a directory.
    pub fn resolve_from(&self, directory: EntryId, path: &[u8]) -> Result<EntryId, ResolveError> {
        let mut at = if path.first() == Some(&b'/') { self.root() } else { directory };
        let mut rest = steps(path);
        rest.reverse();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            let next = self.step(at, &name)?;
            if self.entry(next).metadata.kind != FileKind::Symlink {
                at = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(ResolveError::TooManyLinks);
            }
            let target = self.read_link(next).map_err(|error| ResolveError::Unreadable(error.to_string()))?;
            if target.is_empty() {
                return Err(ResolveError::NotFound);
            }
            if target.first() == Some(&b'/') {
                at = self.root();
            }
            rest.extend(steps(&target).into_iter().rev());
        }
        Ok(at)
    }

    /// The target of a symbolic link.
    pub fn read_link(&self, id: EntryId) -> Result<Vec<u8>, Error> {
        self.tree.read_link(self.records[id.0 as usize].node)
    }

    /// The extended attributes, ordered by name.
    pub fn xattrs(&self, id: EntryId) -> Result<Vec<crate::Xattr>, Error> {
        self.tree.xattrs(self.records[id.0 as usize].node)
    }

    /// The bytes of a regular file.
    pub fn open(&self, id: EntryId) -> Result<Box<dyn ReadAt + '_>, Error> {
        self.tree.open(self.records[id.0 as usize].node)
    }

    /// The first bytes of a regular file, as [`Tree::peek`] tells them.
    pub fn peek(&self, id: EntryId, start: &mut [u8]) -> Result<usize, Error> {
        self.tree.peek(self.records[id.0 as usize].node, start)
    }

    /// The whole of a regular file, if it has no more than `limit` bytes.
    pub fn read(&self, id: EntryId, limit: u64) -> Result<Vec<u8>, Error> {
        let source = self.open(id)?;
        read_to_vec(&*source, limit).map_err(Error::io("read"))
    }

    /// What was left out on purpose, by path.
    pub fn not_entered(&self) -> &[NotEntered] {
        &self.not_entered
    }

    /// What could not be read, by path.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// The reasons why an entry at or below `path` may exist without being in the index.
    pub fn blind_spots<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = &'a Trouble> + 'a {
        self.troubles.iter().filter(move |trouble| trouble.hides_entries && may_concern(&trouble.path, path))
    }

    fn count(&self) -> u32 {
        // `append` refuses to grow past it.
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    fn child(&self, directory: EntryId, name: &[u8]) -> Option<EntryId> {
        let children = self.records[directory.0 as usize].children.clone();
        let (mut low, mut high) = (children.start, children.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(EntryId(middle)).name.cmp(name) {
                std::cmp::Ordering::Equal => return Some(EntryId(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn step(&self, at: EntryId, name: &[u8]) -> Result<EntryId, ResolveError> {
        if self.entry(at).metadata.kind != FileKind::Directory {
            return Err(ResolveError::NotADirectory);
        }
        match name {
            b"." => Ok(at),
            b".." => Ok(self.parent(at)),
            name => self.child(at, name).ok_or_else(|| self.missing(at, name)),
        }
    }

    /// A name that the index lacks either is not there or lies where the walk did not go.
    fn missing(&self, directory: EntryId, name: &[u8]) -> ResolveError {
        let path = self.path(directory);
        let whole = [path.strip_suffix(b"/").unwrap_or(&path), b"/", name].concat();
        let unread = self.not_entered.iter().any(|skipped| skipped.path == path)
            || self.blind_spots(&whole).next().is_some();
        if unread { ResolveError::NotRead } else { ResolveError::NotFound }
    }

    /// One level of directories at a time: a level's directories are independent, and appending them in order keeps
    /// the numbering independent of the threads.
    fn walk(&mut self, paths: &[Vec<u8>], progress: &(dyn Fn(u64) -> bool + Sync)) -> bool {
        let wanted = Wanted::of(paths);
        let mut seen: HashMap<(u64, u64), u32> = HashMap::new();
        let mut level: Vec<u32> = vec![0];
        while !level.is_empty() {
            let mut next = Vec::new();
            for part in level.chunks(LISTED_AT_ONCE) {
                for (at, listing) in part.iter().zip(self.listings(part, progress)) {
                    let Some(listing) = listing else { return false };
                    self.adopt(*at, listing, &wanted, &mut seen, &mut next);
                }
            }
            level = next;
        }
        self.not_entered.sort_by(|a, b| a.path.cmp(&b.path));
        true
    }

    /// The directories' entries; `None` where `progress` stopped the walk.
    fn listings(
        &self,
        directories: &[u32],
        progress: &(dyn Fn(u64) -> bool + Sync),
    ) -> Vec<Option<Result<Listed, Error>>> {
        let list = |at: &u32| {
            let listing = list(self.tree, self.records[*at as usize].node);
            let count = listing.as_ref().map_or(0, Listed::len);
            progress(count as u64).then_some(listing)
        };
        directories.par_iter().map(list).collect()
    }

    fn adopt(
        &mut self,
        directory: u32,
        listing: Result<Listed, Error>,
        wanted: &Wanted<'_>,
        seen: &mut HashMap<(u64, u64), u32>,
        next: &mut Vec<u32>,
    ) {
        let path = self.path(EntryId(directory));
        let found = match listing {
            Ok(Listed::Found(found)) => found,
            Ok(Listed::Not { reason, hides_files }) => {
                return self.not_entered.push(NotEntered { path, reason, hides_files });
            }
            // It is as if it had been removed before the walk began.
            Err(error) if error.fault() == Fault::Gone => return,
            Err(error) => return self.trouble(path, &error, true),
        };
        let start = self.count();
        for found in found {
            let path = [path.strip_suffix(b"/").unwrap_or(&path), b"/", &found.name].concat();
            if !wanted.concerns(&path) {
                continue;
            }
            if let Err(error) = self.append(directory, found) {
                self.trouble(path, &error, true);
            }
        }
        self.records[directory as usize].children = start..self.count();
        next.extend((start..self.count()).filter(|child| self.is_new_directory(*child, seen)));
    }

    fn append(&mut self, parent: u32, found: Found) -> Result<(), Error> {
        let too_many = || Error::Limit { what: "entries in a tree", limit: MAX_ENTRIES as u64 };
        let metadata = found.metadata?;
        let name_start = u32::try_from(self.names.len()).map_err(|_| too_many())?;
        let name_len = u32::try_from(found.name.len()).map_err(|_| too_many())?;
        if self.records.len() >= MAX_ENTRIES {
            return Err(too_many());
        }
        self.names.extend_from_slice(&found.name);
        let metadata = self.keep(metadata);
        self.records.push(Record {
            parent,
            name_start,
            name_len,
            node: found.node,
            metadata,
            children: 0..0,
        });
        Ok(())
    }

    /// Only what tells no file from others can be equal.
    fn keep(&mut self, metadata: Metadata) -> u32 {
        if let Some(shared) = self.shared
            && self.metadata[shared as usize] == metadata
        {
            return shared;
        }
        let at = u32::try_from(self.metadata.len()).expect("there are no more than entries");
        if metadata.inode == 0 {
            self.shared = Some(at);
        }
        self.metadata.push(metadata);
        at
    }

    /// Whether to list it. A directory that was met before is either a bind mount or, in an image, a loop that no
    /// sound file system has; neither is entered twice.
    fn is_new_directory(&mut self, at: u32, seen: &mut HashMap<(u64, u64), u32>) -> bool {
        let metadata = self.entry(EntryId(at)).metadata;
        if metadata.kind != FileKind::Directory {
            return false;
        }
        let first = *seen.entry((metadata.device, metadata.inode)).or_insert(at);
        if first == at {
            return true;
        }
        let path = self.path(EntryId(at));
        let reason = format!("the same directory as {}", self.path(EntryId(first)).escape_ascii());
        if self.tree.kind() == TreeKind::Directory {
            self.not_entered.push(NotEntered { path, reason, hides_files: false });
        } else {
            self.troubles.push(Trouble { path, fault: Fault::Input, reason, hides_entries: false });
        }
        false
    }

    fn trouble(&mut self, path: Vec<u8>, error: &Error, hides_entries: bool) {
        self.troubles.push(Trouble { path, fault: error.fault(), reason: error.to_string(), hides_entries });
    }

    fn adopt_anomalies(&mut self) {
        self.troubles.extend(self.tree.anomalies().into_iter().map(|anomaly| Trouble {
            path: anomaly.path,
            fault: Fault::Input,
            reason: anomaly.what,
            hides_entries: anomaly.hides_entries,
        }));
        self.troubles.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
    }
}

/// The parts of a tree that are asked for. Thousands of paths may be named, and each entry that is met is held against
/// them, so both questions are look-ups.
struct Wanted<'p> {
    named: HashSet<&'p [u8]>,
    above: HashSet<&'p [u8]>,
}

impl<'p> Wanted<'p> {
    fn of(paths: &'p [Vec<u8>]) -> Self {
        let without_slash = |path: &'p Vec<u8>| path.strip_suffix(b"/").unwrap_or(path);
        let named: HashSet<&[u8]> = paths.iter().map(without_slash).collect();
        Self { above: named.iter().copied().flat_map(ancestors).collect(), named }
    }

    /// Whether an entry is one of the paths, below one or above one; everything is where no path is named.
    fn concerns(&self, path: &[u8]) -> bool {
        self.named.is_empty()
            || self.named.contains(path)
            || self.above.contains(path)
            || ancestors(path).any(|above| self.named.contains(above))
    }
}

/// The directories above a path, the root, which is empty, included.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..path.len()).filter(|at| path[*at] == b'/').map(|at| &path[..at])
}

fn list(tree: &dyn Tree, directory: NodeId) -> Result<Listed, Error> {
    let mut entries = match tree.read_dir(directory)? {
        Listing::Entries(entries) => entries,
        Listing::NotEntered { reason, hides_files } => return Ok(Listed::Not { reason, hides_files }),
    };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let found = entries.into_iter().map(|entry| Found {
        metadata: entry.metadata.map_or_else(|| tree.metadata(entry.node), Ok),
        name: entry.name,
        node: entry.node,
    });
    Ok(Listed::Found(found.collect()))
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
}

/// The components that a look-up goes through. A slash at the end asks for a directory, as `/.` does.
fn steps(path: &[u8]) -> Vec<Vec<u8>> {
    let mut steps: Vec<Vec<u8>> = components(path).map(<[u8]>::to_vec).collect();
    if path.ends_with(b"/") {
        steps.push(b".".to_vec());
    }
    steps
}

/// Whether trouble at one path may hide something at or below another.
fn may_concern(trouble: &[u8], path: &[u8]) -> bool {
    is_at_or_below(trouble, path) || is_at_or_below(path, trouble)
}

fn is_at_or_below(path: &[u8], ancestor: &[u8]) -> bool {
    let ancestor = ancestor.strip_suffix(b"/").unwrap_or(ancestor);
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Listings wait in memory until those before them are in: enough to keep many threads busy, and a few megabytes.
const LISTED_AT_ONCE: usize = 512;

/// A hundred bytes each: the largest image seen in practice has a hundredth of it, and the index stays below 4 GiB.
const MAX_ENTRIES: usize = 40_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_asks_for_a_directory() {
        let tree = crate::MemoryTree::new()
            .file("/file", 0o644, "")
            .directory("/dir", 0o755)
            .symlink("/to-file", "file/")
            .symlink("/to-dir", "dir/")
            .symlink("/to-nothing", "");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        assert_eq!(index.resolve(b"/file/"), Err(ResolveError::NotADirectory));
        assert_eq!(index.resolve(b"/to-file"), Err(ResolveError::NotADirectory));
        assert_eq!(index.resolve(b"/to-dir//"), Ok(index.lookup(b"/dir").unwrap()));
        assert_eq!(index.resolve(b"/to-nothing"), Err(ResolveError::NotFound));
    }

    #[test]
    fn what_is_asked_for_is_what_may_concern_a_path() {
        let paths = ["/usr/bin/sh", "/opt/", "/usr/lib"].map(|path| path.as_bytes().to_vec());
        let wanted = Wanted::of(&paths);
        for path in [
            "/usr",
            "/usr/bin",
            "/usr/bin/sh",
            "/usr/bin/sh2",
            "/usr/lib/x/y",
            "/opt",
            "/opt/a",
            "/optional",
            "/x",
        ] {
            let by_definition = paths.iter().any(|wanted| may_concern(path.as_bytes(), wanted));
            assert_eq!(wanted.concerns(path.as_bytes()), by_definition, "{path}");
        }
        assert!(Wanted::of(&[]).concerns(b"/x"));
        assert!(Wanted::of(&[b"/".to_vec()]).concerns(b"/x"));
    }

    #[test]
    fn blind_spots_above_and_below_count() {
        assert!(may_concern(b"", b"/usr"));
        assert!(may_concern(b"/usr/bin", b"/usr"));
        assert!(may_concern(b"/usr", b"/usr/bin/sh"));
        assert!(!may_concern(b"/usr/bin", b"/usr/binary"));
        assert!(may_concern(b"/x", b"/"));
    }
}
