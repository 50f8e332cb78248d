//! Whatever holds a file system, told by its content.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error as ThisError;

use crate::archive::{ArchiveTree, Builder};
use crate::compression::{Compression, unpack};
use crate::read_at::{OpenFile, Stream};
use crate::{DirTree, Error, ReadAt, Tree, TreeKind, cpio, deb, oci, read_exact_at, rpm, tar};

/// How to open.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions<'o> {
    /// Which image of a layout or archive of several: a platform such as `linux/arm64`, a name, or a digest.
    pub image: Option<&'o str>,
    /// How many bytes may come out of compressed input.
    pub limit: u64,
}

impl Default for OpenOptions<'_> {
    fn default() -> Self {
        Self { image: None, limit: MAX_UNPACKED }
    }
}

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
    /// There are several images, or none that is called as it should be.
    #[error("{}; there are: {}", self.problem(), .choices.join(", "))]
    Choice {
        /// What was asked for.
        wanted: Option<String>,
        /// What each image can be called.
        choices: Vec<String>,
    },
    /// It is in a known format, and damaged, or makes use of what is not read here.
    #[error(transparent)]
    Unusable(#[from] Error),
}

impl OpenError {
    fn problem(&self) -> String {
        match self {
            Self::Choice { wanted: Some(wanted), .. } => {
                format!("not exactly one image is called `{wanted}`")
            }
            Self::Choice { choices, .. } if choices.is_empty() => "it holds no image".into(),
            _ => "it holds several images, and one must be chosen".into(),
        }
    }
}

/// Opens a directory, a tar or cpio archive (plain or compressed), a package, or a container image, told by what is in it.
pub fn open(path: &Path) -> Result<Box<dyn Tree>, OpenError> {
    open_with(path, OpenOptions::default())
}

/// [`open`] with options.
pub fn open_with(path: &Path, options: OpenOptions<'_>) -> Result<Box<dyn Tree>, OpenError> {
    let metadata = path.metadata().map_err(io("open"))?;
    if metadata.is_dir() {
        let tree = DirTree::open(path)?;
        if is_layout(path) {
            return Ok(Box::new(oci::open_layout(&tree, options.image, options.limit)?));
        }
        return Ok(Box::new(tree));
    }
    let file = File::open(path).map_err(io("open"))?;
    if !metadata.is_file() {
        return open_stream_with(file, options);
    }
    open_source(Box::new(OpenFile { file, len: metadata.len() }), options)
}

/// Opens what comes from a stream, such as standard input.
pub fn open_stream(stream: impl Read) -> Result<Box<dyn Tree>, OpenError> {
    open_stream_with(stream, OpenOptions::default())
}

/// [`open_stream`] with options.
pub fn open_stream_with(mut stream: impl Read, options: OpenOptions<'_>) -> Result<Box<dyn Tree>, OpenError> {
    let mut head = Vec::new();
    (&mut stream).take(HEAD as u64).read_to_end(&mut head).map_err(io("read"))?;
    let is_package = deb::is_package(&head) || rpm::is_package(&head);
    let compression = compression(&head)?;
    let stream = io::Cursor::new(head).chain(stream);
    if !is_package {
        return spooled(compression, stream, options);
    }
    let unpacked = unpack(None, stream, options.limit).map_err(io("write a temporary file"))?;
    match unpacked.damage {
        Some(damage) => Err(damage.into()),
        None => open_source(Box::new(unpacked.bytes), options),
    }
}

/// Whether a directory is an OCI image layout.
pub fn is_layout(directory: &Path) -> bool {
    oci::is_layout(|name| directory.join(name).is_file())
}

/// Whether a file that begins with these bytes, of which there should be 512, holds files of its own. Anything compressed
/// may.
pub fn holds_tree(head: &[u8]) -> bool {
    deb::is_package(head)
        || rpm::is_package(head)
        || cpio::is_archive(head)
        || tar::is_archive(head)
        || Compression::of(head).is_some()
        || Compression::refused(head).is_some()
}

fn open_source(source: Box<dyn ReadAt>, options: OpenOptions<'_>) -> Result<Box<dyn Tree>, OpenError> {
    let head = head(&*source)?;
    if deb::is_package(&head) {
        return Ok(Box::new(deb::open(source, options.limit)?));
    }
    if rpm::is_package(&head) {
        return Ok(Box::new(rpm::open(&*source, options.limit)?));
    }
    match compression(&head)? {
        None => plain(source, None, None, options),
        compression => spooled(compression, Stream::new(&*source), options),
    }
}

/// Writes what comes out to a temporary file first, since files are read by position. Whatever was unpacked before an
/// error is used.
fn spooled(
    compression: Option<Compression>,
    stream: impl Read,
    options: OpenOptions<'_>,
) -> Result<Box<dyn Tree>, OpenError> {
    let unpacked = unpack(compression, stream, options.limit).map_err(io("write a temporary file"))?;
    plain(Box::new(unpacked.bytes), compression, unpacked.damage, options)
}

/// What is compressed no more.
fn plain(
    source: Box<dyn ReadAt>,
    compression: Option<Compression>,
    damage: Option<Error>,
    options: OpenOptions<'_>,
) -> Result<Box<dyn Tree>, OpenError> {
    let mut builder = Builder::new();
    let is_cut = damage.is_some();
    if let Some(damage) = damage {
        builder.odd(b"", damage.to_string(), true);
    }
    if cpio::is_archive(&head(&*source)?) {
        cpio::read(source, &mut builder, is_cut, options.limit);
        return not_empty(builder.finish(TreeKind::Cpio));
    }
    tar::read(source, &mut builder, is_cut);
    let tree = builder.finish(match compression {
        None => TreeKind::Tar,
        Some(Compression::Gzip) => TreeKind::TarGzip,
        Some(Compression::Xz) => TreeKind::TarXz,
        Some(Compression::Zstd) => TreeKind::TarZstd,
    });
    if oci::is_layout(|name| tree.has(name)) {
        return Ok(Box::new(oci::open_layout(&tree, options.image, options.limit)?));
    }
    if oci::is_saved(|name| tree.has(name)) {
        return Ok(Box::new(oci::open_saved(&tree, options.image, options.limit)?));
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
