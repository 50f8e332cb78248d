//! A tar archive of a root file system as a tree: what `docker export`, `tar` and `mkosi` write.
//!
//! The archive is read once from end to end for its names; file contents are read by position when asked for. An archive
//! that is compressed, or that comes through a pipe, is written to an unnamed temporary file first, since none of the
//! compressions allows reading by position.

mod header;
mod member;
mod sparse;
mod unpack;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;

use thiserror::Error as ThisError;

use crate::namespace::{Namespace, Refusal};
use crate::read_at::OpenFile;
use crate::tree::MAX_LINK_TARGET;
use crate::{Anomaly, Error, FileKind, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr};
use member::{Member, Members};
use sparse::{SparseFile, SparseMap};

/// A tar archive, read-only.
///
/// Damage does not stop it: what came before is there, and an [`Anomaly`] that hides entries says where it ended.
pub struct TarTree {
    kind: TreeKind,
    archive: OpenFile,
    names: Namespace<Content>,
    anomalies: Vec<Anomaly>,
}

/// Why something is no archive that can be read.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TarError {
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
    /// It begins with something else.
    #[error("it does not begin with a tar header ({0})")]
    NotTar(String),
    /// It is an archive of image layers.
    #[error(
        "it holds image layers and not a file system; use `docker export` of a container instead of `docker save`"
    )]
    ImageLayers,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    /// A regular file's bytes in the archive.
    Bytes { data: u64, len: u64 },
    /// A regular file with holes.
    Sparse { data: u64, map: SparseMap },
    /// A link's target.
    Target(Box<[u8]>),
}

impl TarTree {
    /// Opens an archive: plain, in gzip or in Zstandard, told by its first bytes.
    pub fn open(path: &Path) -> Result<Self, TarError> {
        let io = |operation| move |source| TarError::Io { operation, source };
        let mut file = File::open(path).map_err(io("open"))?;
        let metadata = file.metadata().map_err(io("stat"))?;
        if !metadata.is_file() {
            return Self::from_stream(file);
        }
        let kind = sniff(&mut (&file).take(HEAD))?;
        file.rewind().map_err(io("seek"))?;
        match kind {
            TreeKind::Tar => Self::index(kind, OpenFile { file, len: metadata.len() }, None),
            _ => Self::spool(kind, file),
        }
    }

    /// Reads an archive from a stream, such as standard input.
    pub fn from_stream(mut stream: impl Read) -> Result<Self, TarError> {
        let mut head = Vec::new();
        (&mut stream)
            .take(HEAD)
            .read_to_end(&mut head)
            .map_err(|source| TarError::Io { operation: "read", source })?;
        let kind = sniff(&mut &head[..])?;
        Self::spool(kind, io::Cursor::new(head).chain(stream))
    }

    /// Writes the plain archive to an unnamed temporary file. Whatever was unpacked before an error is used.
    fn spool(kind: TreeKind, stream: impl Read) -> Result<Self, TarError> {
        let io = |operation| move |source| TarError::Io { operation, source };
        let mut file = tempfile::tempfile().map_err(io("make a temporary file"))?;
        let mut reader = BufReader::with_capacity(1 << 16, stream);
        let (unpacked, error) = match kind {
            TreeKind::TarGzip => unpack::gzip(&mut reader, &mut file),
            TreeKind::TarZstd => unpack::zstd(&mut reader, &mut file),
            _ => unpack::plain(&mut reader, &mut file),
        }
        .map_err(io("write a temporary file"))?;
        let damage = error.map(|error| Anomaly {
            path: Vec::new(),
            what: format!("the {} stream is damaged after {unpacked} unpacked bytes: {error}", kind.as_str()),
            hides_entries: true,
        });
        Self::index(kind, OpenFile { file, len: unpacked }, damage)
    }

    fn index(kind: TreeKind, archive: OpenFile, damage: Option<Anomaly>) -> Result<Self, TarError> {
        let mut tree = Self { kind, archive, names: Namespace::new(), anomalies: Vec::new() };
        let damaged = damage.is_some();
        tree.anomalies.extend(damage);
        if let Err(error) = tree.read_members()
            // A cut stream leaves a cut archive; saying so twice helps nobody.
            && !damaged
        {
            tree.anomalies.push(Anomaly { path: Vec::new(), what: error.to_string(), hides_entries: true });
        }
        if !tree.names.has_children(0)
            && let Some(first) = tree.anomalies.first()
        {
            return Err(TarError::NotTar(first.what.clone()));
        }
        if tree.holds_layers() {
            return Err(TarError::ImageLayers);
        }
        Ok(tree)
    }

    fn read_members(&mut self) -> Result<(), Error> {
        let file = self.archive.file.try_clone().map_err(Error::io("open"))?;
        let archive = OpenFile { file, len: self.archive.len };
        let mut members = Members::new(&archive);
        while let Some(member) = members.next()? {
            self.adopt(member);
        }
        Ok(())
    }

    fn adopt(&mut self, member: Member) {
        let (offset, name) = (member.offset, member.name.clone());
        if let Err(reason) = self.try_adopt(member) {
            self.anomalies.push(Anomaly {
                // A name that means no place in the tree may stand for any.
                path: clean(&name).map_or(Vec::new(), |path| [b"/", &path[..]].concat()),
                what: format!("tar header at offset {offset}, `{}`: {reason}", name.escape_ascii()),
                hides_entries: true,
            });
        }
    }

    fn try_adopt(&mut self, member: Member) -> Result<(), String> {
        let path = clean(&member.name)?;
        if path.is_empty() && member.header.kind != b'5' {
            return Err("a member without a name".into());
        }
        if member.header.kind == b'1' {
            return self.hard_link(&path, &member.link);
        }
        let (kind, content) = content(&member)?;
        let at = self.place(&path, kind)?;
        let node = self.names.at_mut(at);
        node.metadata.kind = kind;
        node.metadata.mode = u32::try_from(member.header.mode & 0o7777).unwrap_or(0);
        node.metadata.uid = u32::try_from(member.header.uid).map_err(|_| "a user id over 32 bits")?;
        node.metadata.gid = u32::try_from(member.header.gid).map_err(|_| "a group id over 32 bits")?;
        node.metadata.mtime = member.header.mtime;
        node.metadata.size = size(&content);
        node.metadata.rdev = device(&member, kind);
        node.content = content;
        node.xattrs = member.xattrs;
        node.xattrs.sort();
        Ok(())
    }

    /// Where a member goes. A later member replaces an earlier one of the same name, as extracting does; a directory
    /// keeps what is in it.
    fn place(&mut self, path: &[u8], kind: FileKind) -> Result<usize, String> {
        let Some(at) = self.names.find(path) else { return self.names.make(path).map_err(refused) };
        self.check_replaceable(at, kind)?;
        let stays = self.names.at(at).metadata.kind == FileKind::Directory && kind == FileKind::Directory;
        if stays || path.is_empty() { Ok(at) } else { self.names.replace(path).map_err(refused) }
    }

    /// Some tools remove a directory with all that is in it to make room for another member, and some keep it: what such
    /// an archive holds depends on who unpacks it.
    fn check_replaceable(&self, at: usize, kind: FileKind) -> Result<(), String> {
        let is_full = self.names.at(at).metadata.kind == FileKind::Directory && self.names.has_children(at);
        if is_full && kind != FileKind::Directory {
            return Err("it takes the place of a directory that is not empty".into());
        }
        Ok(())
    }

    fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), String> {
        let target = clean(target)?;
        let at = self.names.find(&target).ok_or("a hard link to a member that did not come before it")?;
        if self.names.at(at).metadata.kind == FileKind::Directory {
            return Err("a hard link to a directory".into());
        }
        match self.names.find(path) {
            Some(same) if same == at => return Ok(()),
            Some(old) => self.check_replaceable(old, self.names.at(at).metadata.kind)?,
            None => {}
        }
        self.names.link(path, at).map_err(refused)
    }

    /// What `docker save` and OCI writers make: a manifest beside blobs, and nothing of a file system.
    fn holds_layers(&self) -> bool {
        let has = |path: &str| self.names.find(path.as_bytes()).is_some();
        (has("manifest.json") || has("oci-layout")) && !has("usr") && !has("etc") && !has("bin")
    }
}

impl Tree for TarTree {
    fn kind(&self) -> TreeKind {
        self.kind
    }

    fn root(&self) -> NodeId {
        NodeId(0)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
        Ok(self.names.get(node)?.metadata)
    }

    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
        self.names.listing(directory)
    }

    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
        match &self.names.get(symlink)?.content {
            Content::Target(target) => Ok(target.to_vec()),
            _ => Err(Error::WrongKind { wanted: "symbolic link" }),
        }
    }

    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
        Ok(self.names.get(node)?.xattrs.clone())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
        let node = self.names.get(file)?;
        match &node.content {
            Content::Sparse { data, map } => {
                Ok(Box::new(SparseFile { archive: &self.archive, data: *data, map }))
            }
            Content::Bytes { data, len } => {
                Ok(Box::new(Window { archive: &self.archive, start: *data, len: *len }))
            }
            Content::Empty | Content::Target(_) => Err(Error::WrongKind { wanted: "regular file" }),
        }
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        self.anomalies.clone()
    }
}

/// A member's bytes.
struct Window<'a> {
    archive: &'a OpenFile,
    start: u64,
    len: u64,
}

impl ReadAt for Window<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.len.saturating_sub(offset).min(buffer.len() as u64);
        let rest = usize::try_from(rest).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.archive.read_at(&mut buffer[..rest], self.start.saturating_add(offset))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// The components of a member's name, joined, without `.`; a name that leaves the root is refused.
fn clean(name: &[u8]) -> Result<Vec<u8>, String> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("a name with `..` in it".into()),
            part if part.contains(&0) => return Err("a name with a NUL in it".into()),
            part if part.len() > MAX_NAME => return Err(format!("a name of more than {MAX_NAME} bytes")),
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

fn content(member: &Member) -> Result<(FileKind, Content), String> {
    let bytes = || Content::Bytes { data: member.data, len: member.stored };
    Ok(match (member.header.kind, &member.sparse) {
        (_, Some(map)) => (FileKind::File, Content::Sparse { data: member.data, map: map.clone() }),
        // Before ustar a directory was a file whose name ended with a slash.
        (b'\0', None) if member.name.ends_with(b"/") => (FileKind::Directory, Content::Empty),
        // GNU tar makes a directory of it, others a file.
        (b'0' | b'7', None) if member.name.ends_with(b"/") => {
            return Err("a regular file whose name ends with a slash".into());
        }
        (b'0' | b'\0' | b'7', None) => (FileKind::File, bytes()),
        (b'2', None) if member.link.len() > MAX_LINK_TARGET => {
            return Err("a link target over 4096 bytes".into());
        }
        (b'2', None) => (FileKind::Symlink, Content::Target(member.link.clone().into())),
        (b'3', None) => (FileKind::CharDevice, Content::Empty),
        (b'4', None) => (FileKind::BlockDevice, Content::Empty),
        (b'5', None) => (FileKind::Directory, Content::Empty),
        (b'6', None) => (FileKind::Fifo, Content::Empty),
        (kind, None) => {
            return Err(format!("a member of unknown type `{}`", char::from(kind).escape_default()));
        }
    })
}

fn size(content: &Content) -> u64 {
    match content {
        Content::Empty => 0,
        Content::Bytes { len, .. } => *len,
        Content::Sparse { map, .. } => map.size,
        Content::Target(target) => target.len() as u64,
    }
}

fn device(member: &Member, kind: FileKind) -> Option<(u32, u32)> {
    if !matches!(kind, FileKind::CharDevice | FileKind::BlockDevice) {
        return None;
    }
    let (major, minor) = member.header.device;
    Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
}

fn refused(refusal: Refusal) -> String {
    match refusal {
        // Extracting would go through the link, and where that leads is the archive's choice.
        Refusal::NotADirectory => "its name passes through something that is no directory".into(),
        Refusal::TooMany => "too many members".into(),
    }
}

fn sniff(source: &mut impl Read) -> Result<TreeKind, TarError> {
    let mut head = Vec::new();
    source.read_to_end(&mut head).map_err(|source| TarError::Io { operation: "read", source })?;
    for (magic, name) in OTHER_COMPRESSIONS {
        if head.starts_with(magic) {
            return Err(TarError::Compression(name));
        }
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(TreeKind::TarGzip);
    }
    if head.starts_with(&unpack::ZSTD_MAGIC) || unpack::is_skippable(&head) {
        return Ok(TreeKind::TarZstd);
    }
    Ok(TreeKind::Tar)
}

/// Enough for the magic number of every compression.
const HEAD: u64 = 512;
/// `NAME_MAX` of Linux.
const MAX_NAME: usize = 255;

const OTHER_COMPRESSIONS: [(&[u8], &str); 4] =
    [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4"), (b"\x1f\x9d", "compress")];
