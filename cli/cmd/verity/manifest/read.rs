//! The manifest of a tree.

use std::io;

use anyhow::{Context as _, bail};
use hardpan_image::{Entry, FileKind, Index, ReadAt, Tree, read_exact_at};
use hardpan_verity::fsverity::{self, Descriptor, Kind, Manifest, Params};
use hardpan_verity::{BlockSource, Progress};

use super::super::files::for_each_file;
use super::super::with_progress;
use crate::context::{Context, Interrupted};

/// What a tree holds, as far as it could be read.
pub(super) struct Found {
    pub(super) manifest: Manifest,
    /// By path. Nothing is known of these, nor of what is below them where entries may be hidden.
    pub(super) unread: Vec<Unread>,
}

/// A place that could not be read.
pub(super) struct Unread {
    pub(super) path: Vec<u8>,
    pub(super) reason: String,
}

/// Reads everything in `tree`.
pub(super) fn read(
    tree: &dyn Tree,
    params: &Params,
    owner: bool,
    context: &Context,
) -> anyhow::Result<Found> {
    let index = context.counting("listing files", |progress| Index::build(tree, progress))?;
    let index = index.ok_or(Interrupted::NO_DIGEST)?;
    let entries: Vec<Entry<'_>> = index.entries().collect();
    let size = |entry: &Entry<'_>| match entry.metadata.kind {
        FileKind::File => entry.metadata.size,
        _ => 0,
    };
    let total = entries.iter().map(size).fold(0, u64::saturating_add);
    let reader = Reader { index: &index, params, context };
    let kinds = with_progress(context, total, |progress| {
        for_each_file(&entries, size, |entry| reader.kind(entry, progress))
    });
    if !context.goes_on() {
        return Err(Interrupted::NO_DIGEST.into());
    }
    let mut unread = unread(&index);
    let mut listed = Vec::with_capacity(entries.len());
    for (entry, kind) in entries.iter().zip(kinds) {
        let path = index.path(entry.id);
        match kind {
            Ok(kind) => listed.push(listing(path, entry, kind, owner)),
            // Without the causes: errors of the libraries tell them.
            Err(error) => unread.push(Unread { path, reason: error.to_string() }),
        }
    }
    unread.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
    Ok(Found { manifest: Manifest::new(params.clone(), listed)?, unread })
}

/// What the walk could not list.
fn unread(index: &Index<'_>) -> Vec<Unread> {
    let troubles = index.troubles().iter().map(|trouble| (&trouble.path, &trouble.reason));
    let hidden = index.not_entered().iter().filter(|skipped| skipped.hides_files);
    let hidden = hidden.map(|skipped| (&skipped.path, &skipped.reason));
    troubles
        .chain(hidden)
        .map(|(path, reason)| Unread { path: path.clone(), reason: reason.clone() })
        .collect()
}

fn listing(path: Vec<u8>, entry: &Entry<'_>, kind: Kind, owner: bool) -> fsverity::Entry {
    let metadata = entry.metadata;
    // Linux ignores the mode of a link and shows 0777; archives may have any.
    let mode = if metadata.kind == FileKind::Symlink { 0o777 } else { metadata.mode };
    fsverity::Entry { path, mode, owner: owner.then_some((metadata.uid, metadata.gid)), kind }
}

struct Reader<'a> {
    index: &'a Index<'a>,
    params: &'a Params,
    context: &'a Context,
}

impl Reader<'_> {
    fn kind(&self, entry: &Entry<'_>, progress: Progress<'_>) -> anyhow::Result<Kind> {
        if !self.context.goes_on() {
            return Err(Interrupted::NO_DIGEST.into());
        }
        let device = || entry.metadata.rdev.context("a device without numbers");
        Ok(match entry.metadata.kind {
            FileKind::BlockDevice => {
                let (major, minor) = device()?;
                Kind::BlockDevice { major, minor }
            }
            FileKind::CharDevice => {
                let (major, minor) = device()?;
                Kind::CharDevice { major, minor }
            }
            FileKind::Directory => Kind::Directory,
            FileKind::Fifo => Kind::Fifo,
            FileKind::File => {
                let file = self.index.open(entry.id)?;
                let descriptor = digest(&*file, entry.metadata.size, self.params, progress)?;
                Kind::File { size: descriptor.size(), digest: descriptor.digest() }
            }
            FileKind::Socket => Kind::Socket,
            FileKind::Symlink => Kind::Symlink { target: self.index.read_link(entry.id)? },
        })
    }
}

/// The digest of a file that was listed with a length. Nothing tells when a file of a tree was written to, but its length.
fn digest(
    file: &dyn ReadAt,
    listed: u64,
    params: &Params,
    progress: Progress<'_>,
) -> anyhow::Result<Descriptor> {
    let descriptor = fsverity::digest(&Source(file), params, None, progress)?;
    if descriptor.size() != listed || file.read_at(&mut [0], listed)? > 0 {
        bail!("it changed its size while it was read");
    }
    Ok(descriptor)
}

/// A file of a tree, with the length that it had at opening.
struct Source<'a>(&'a dyn ReadAt);

impl BlockSource for Source<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        read_exact_at(self.0, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that has other bytes than it had when it was opened.
    struct Resized {
        bytes: Vec<u8>,
        opened: u64,
    }

    impl ReadAt for Resized {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            self.bytes.read_at(buffer, offset)
        }

        fn len(&self) -> u64 {
            self.opened
        }
    }

    #[test]
    fn a_file_that_changes_its_size_has_no_entry() {
        let digest = |len, opened, listed| {
            let file = Resized { bytes: vec![7; len], opened };
            digest(&file, listed, &Params::default(), &|_| true)
        };
        assert!(digest(10, 10, 10).is_ok());
        // Between listing and opening, while it was read, and both ways.
        for (len, opened, listed) in [(10, 10, 9), (10, 10, 11), (11, 10, 10), (9, 10, 10), (1, 0, 0)] {
            assert!(digest(len, opened, listed).is_err(), "{len} {opened} {listed}");
        }
    }
}
