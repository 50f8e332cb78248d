//! An index as the surroundings of its files.

use hardpan_image::{EntryId, FileKind, Index, ResolveError};

use crate::facts::{Directory, Environment};

/// Looks directories up in an index; links stay inside the image.
pub struct IndexEnvironment<'i, 't>(pub &'i Index<'t>);

impl Environment for IndexEnvironment<'_, '_> {
    /// Each prefix of the path is looked at and each directory above what it leads to, because whoever can write to any
    /// of them can replace what comes next. Where the path ends early, whoever can write to the last directory that
    /// exists can make the rest.
    fn directory(&self, path: &[u8]) -> Directory {
        let mut last = self.0.root();
        for end in prefixes(path) {
            if self.is_open(last) {
                break;
            }
            match self.0.resolve(&path[..end]) {
                Ok(next) if self.0.entry(next).metadata.kind == FileKind::Directory => last = next,
                // A file in place of a directory cannot be searched, and neither can what a loop of links names.
                Ok(_)
                | Err(ResolveError::NotFound | ResolveError::NotADirectory | ResolveError::TooManyLinks) => {
                    break;
                }
                Err(error) => return Directory::NotRead(error.to_string()),
            }
            if let Some(open) = self.open_above(last) {
                return Directory::WorldWritable(self.0.path(open));
            }
        }
        if self.is_world_writable(last) {
            return Directory::WorldWritable(self.0.path(last));
        }
        Directory::Sound
    }
}

impl IndexEnvironment<'_, '_> {
    /// The nearest directory above in which anybody can replace what is there.
    fn open_above(&self, directory: EntryId) -> Option<EntryId> {
        let mut at = directory;
        while at != self.0.root() {
            at = self.0.parent(at);
            if self.is_open(at) {
                return Some(at);
            }
        }
        None
    }

    /// A sticky directory protects what exists in it, though not what does not exist yet.
    fn is_open(&self, directory: EntryId) -> bool {
        self.is_world_writable(directory) && self.0.entry(directory).metadata.mode & STICKY == 0
    }

    fn is_world_writable(&self, directory: EntryId) -> bool {
        self.0.entry(directory).metadata.mode & OTHERS_WRITE != 0
    }
}

/// The ends of each component of a path.
fn prefixes(path: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let is_end = |at: &usize| path[*at - 1] != b'/' && path.get(*at).is_none_or(|next| *next == b'/');
    (1..=path.len()).filter(is_end)
}

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
