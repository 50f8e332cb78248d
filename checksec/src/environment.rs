//! The surroundings of files: an index, or the running host.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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

/// Looks directories up on the host that this process runs on: for single files of it, whose surroundings no index has.
#[derive(Clone, Copy, Debug)]
pub struct HostEnvironment;

impl Environment for HostEnvironment {
    /// By the same rules as in an index; the kernel resolves the links.
    fn directory(&self, path: &[u8]) -> Directory {
        let mut last = Path::new("/").to_owned();
        for end in prefixes(path) {
            match Path::new(OsStr::from_bytes(&path[..end])).canonicalize() {
                Ok(next) if next.is_dir() => last = next,
                Ok(_) => break,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => break,
                Err(error) => return Directory::NotRead(error.to_string()),
            }
            for above in last.ancestors().skip(1) {
                match mode(above) {
                    Ok(mode) if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 => {
                        return Directory::WorldWritable(above.as_os_str().as_bytes().to_vec());
                    }
                    Ok(_) => {}
                    Err(error) => return Directory::NotRead(error.to_string()),
                }
            }
        }
        match mode(&last) {
            Ok(mode) if mode & OTHERS_WRITE != 0 => {
                Directory::WorldWritable(last.as_os_str().as_bytes().to_vec())
            }
            Ok(_) => Directory::Sound,
            Err(error) => Directory::NotRead(error.to_string()),
        }
    }
}

fn mode(path: &Path) -> std::io::Result<u32> {
    Ok(path.symlink_metadata()?.permissions().mode())
}

/// The ends of each component of a path.
fn prefixes(path: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let is_end = |at: &usize| path[*at - 1] != b'/' && path.get(*at).is_none_or(|next| *next == b'/');
    (1..=path.len()).filter(is_end)
}

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;

#[cfg(test)]
mod tests {
    use hardpan_image::DirTree;

    use super::*;

    #[test]
    fn the_host_is_judged_as_its_index_is() {
        let tree = DirTree::open(Path::new("/")).unwrap();
        let index = Index::build_only(&tree, &[b"/usr/lib/none".to_vec(), b"/tmp/none".to_vec()], &|_| true);
        let index = index.unwrap().unwrap();
        for path in [&b"/usr/lib"[..], b"/usr/lib/none", b"/tmp", b"/tmp/none", b"/"] {
            let (host, image) = (HostEnvironment.directory(path), IndexEnvironment(&index).directory(path));
            assert_eq!(format!("{host:?}"), format!("{image:?}"), "{}", path.escape_ascii());
        }
    }
}
