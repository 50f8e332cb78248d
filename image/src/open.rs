//! Whatever holds a file system, told by its content.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error as ThisError;

use crate::archive::{ArchiveTree, Builder};
use crate::compression::{Compression, unpack};
use crate::read_at::{OpenFile, Stream};
use crate::{DirTree, Error, ReadAt, Tree, TreeKind, cpio, deb, read_exact_at, rpm, tar};

/// Why something cannot be opened as a tree.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system refused or failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It is compressed in a way that is not read here.
    #[error("it is compressed with {0}, which is not supported; decompress it first")]
    Compression(&'static str),
    /// It begins with nothing that is known.
    #[error("it is in no format that is read here, and does not begin with a tar header ({0})")]
    Unrecognized(String),
    /// It is an archive of image layers.
    #[error(
        "it holds image layers and not a file system; use `docker export` of a container instead of `docker save`"
    )]
    ImageLayers,
    /// It is in a known format, and damaged, or makes use of what is not read here.
    #[error(transparent)]
    Unusable(#[from] Error),
}

/// Opens a directory, a tar or cpio archive, plain or compressed, or a package, told by the first bytes.
pub fn open(path: &Path) -> Result<Box<dyn Tree>, OpenError> {
    let file = File::open(path).map_err(io("open"))?;
    let metadata = file.metadata().map_err(io("stat"))?;
    if metadata.is_dir() {
        return Ok(Box::new(DirTree::open(path)?));
    }
    if !metadata.is_file() {
        return open_stream(file);
    }
    open_source(Box::new(OpenFile { file, len: metadata.len() }))
}

/// Opens what comes from a stream, such as standard input.
pub fn open_stream(mut stream: impl Read) -> Result<Box<dyn Tree>, OpenError> {
    let mut head = Vec::new();
    (&mut stream).take(HEAD as u64).read_to_end(&mut head).map_err(io("read"))?;
    let is_package = deb::is_package(&head) || rpm::is_package(&head);
    let compression = compression(&head)?;
    let stream = io::Cursor::new(head).chain(stream);
    if is_package {
        let unpacked = unpack(None, stream, MAX_UNPACKED).map_err(io("write a temporary file"))?;
        return match unpacked.damage {
            Some(damage) => Err(damage.into()),
            None => open_source(Box::new(unpacked.bytes)),
        };
    }
    spooled(compression, stream)
}

fn open_source(source: Box<dyn ReadAt>) -> Result<Box<dyn Tree>, OpenError> {
    let head = head(&*source)?;
    if deb::is_package(&head) {
        return Ok(Box::new(deb::open(source, MAX_UNPACKED)?));
    }
    if rpm::is_package(&head) {
        return Ok(Box::new(rpm::open(&*source, MAX_UNPACKED)?));
    }
    match compression(&head)? {
        None => plain(source, None, None),
        compression => spooled(compression, Stream::new(&*source)),
    }
}

/// Writes what comes out to a temporary file first, since files are read by position. Whatever was unpacked before an
/// error is used.
fn spooled(compression: Option<Compression>, stream: impl Read) -> Result<Box<dyn Tree>, OpenError> {
    let unpacked = unpack(compression, stream, MAX_UNPACKED).map_err(io("write a temporary file"))?;
    plain(Box::new(unpacked.bytes), compression, unpacked.damage)
}

/// What is compressed no more.
fn plain(
    source: Box<dyn ReadAt>,
    compression: Option<Compression>,
    damage: Option<Error>,
) -> Result<Box<dyn Tree>, OpenError> {
    let mut builder = Builder::new();
    let is_cut = damage.is_some();
    if let Some(damage) = damage {
        builder.odd(b"", damage.to_string(), true);
    }
    if cpio::is_archive(&head(&*source)?) {
        cpio::read(source, &mut builder, is_cut, MAX_UNPACKED);
        return not_empty(builder.finish(TreeKind::Cpio));
    }
    tar::read(source, &mut builder, is_cut);
    let tree = builder.finish(match compression {
        None => TreeKind::Tar,
        Some(Compression::Gzip) => TreeKind::TarGzip,
        Some(Compression::Xz) => TreeKind::TarXz,
        Some(Compression::Zstd) => TreeKind::TarZstd,
    });
    if holds_layers(&tree) {
        return Err(OpenError::ImageLayers);
    }
    not_empty(tree)
}

/// What is odd from the first byte on is no archive.
fn not_empty(tree: ArchiveTree) -> Result<Box<dyn Tree>, OpenError> {
    match tree.odd().first() {
        Some(first) if tree.is_empty() => Err(OpenError::Unrecognized(first.what.clone())),
        _ => Ok(Box::new(tree)),
    }
}

/// What `docker save` and OCI writers make: a manifest beside blobs, and nothing of a file system.
fn holds_layers(tree: &ArchiveTree) -> bool {
    let has_system = ["usr", "etc", "bin"].iter().any(|name| tree.has(name));
    (tree.has("manifest.json") || tree.has("oci-layout")) && !has_system
}

fn compression(head: &[u8]) -> Result<Option<Compression>, OpenError> {
    match Compression::refused(head) {
        Some(name) => Err(OpenError::Compression(name)),
        None => Ok(Compression::of(head)),
    }
}

fn head(source: &dyn ReadAt) -> Result<Vec<u8>, OpenError> {
    let mut head = vec![0; usize::try_from(source.len()).unwrap_or(HEAD).min(HEAD)];
    read_exact_at(source, &mut head, 0).map_err(io("read"))?;
    Ok(head)
}

fn io(operation: &'static str) -> impl Fn(io::Error) -> OpenError {
    move |source| OpenError::Io { operation, source }
}

/// Enough for the magic number of every format.
const HEAD: usize = 512;
/// Larger than any root file system of the kind this is for, and small enough that a bomb ends before most disks do.
const MAX_UNPACKED: u64 = 64 << 30;
