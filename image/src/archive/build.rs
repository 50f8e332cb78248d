//! Putting members together to a tree, as extracting them one after another would.

use super::{ArchiveTree, Content};
use crate::namespace::{Namespace, Refusal};
use crate::tree::MAX_LINK_TARGET;
use crate::{Anomaly, FileKind, ReadAt, TreeKind, Xattr};

/// A tree in the making.
pub(crate) struct Builder {
    sources: Vec<Box<dyn ReadAt>>,
    names: Namespace<Content>,
    anomalies: Vec<Anomaly>,
    /// The first node of the current layer; what came before may be removed.
    layer: usize,
}

/// A member that is no hard link.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) kind: FileKind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) rdev: Option<(u32, u32)>,
    pub(crate) content: Content,
    pub(crate) xattrs: Vec<Xattr>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { sources: Vec::new(), names: Namespace::new(), anomalies: Vec::new(), layer: 0 }
    }

    /// The number that the next source will have.
    pub(crate) fn next_source(&self) -> usize {
        self.sources.len()
    }

    /// Adds what members have their bytes in.
    pub(crate) fn add_source(&mut self, source: Box<dyn ReadAt>) {
        self.sources.push(source);
    }

    /// Begins a layer: what came before it may be replaced and removed by it.
    pub(crate) fn begin_layer(&mut self) {
        self.layer = self.names.count();
    }

    /// Records that something is odd at a path (no slash in front; empty for the whole archive).
    pub(crate) fn odd(&mut self, path: &[u8], what: impl Into<String>, hides_entries: bool) {
        let path = if path.is_empty() { Vec::new() } else { [b"/", path].concat() };
        self.anomalies.push(Anomaly { path, what: what.into(), hides_entries });
    }

    /// Puts a member at a path that [`clean`] made, and returns its node.
    pub(crate) fn put(&mut self, path: &[u8], member: Member) -> Result<usize, String> {
        if path.is_empty() && member.kind != FileKind::Directory {
            return Err("a member without a name".into());
        }
        if matches!(&member.content, Content::Target(target) if target.len() > MAX_LINK_TARGET) {
            return Err("a link target over 4096 bytes".into());
        }
        let at = self.place(path, member.kind)?;
        let node = self.names.at_mut(at);
        node.metadata.kind = member.kind;
        node.metadata.mode = member.mode & 0o7777;
        node.metadata.uid = member.uid;
        node.metadata.gid = member.gid;
        node.metadata.mtime = member.mtime;
        node.metadata.rdev = member.rdev;
        node.metadata.size = member.content.size();
        node.content = member.content;
        node.xattrs = member.xattrs;
        node.xattrs.sort();
        Ok(at)
    }

    /// Gives a node another name.
    pub(crate) fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), String> {
        let at = self.names.find(target).ok_or("a hard link to a member that did not come before it")?;
        self.link_node(path, at)
    }

    /// [`Builder::hard_link`] to a node that [`Builder::put`] made.
    pub(crate) fn link_node(&mut self, path: &[u8], at: usize) -> Result<(), String> {
        if path.is_empty() {
            return Err("a member without a name".into());
        }
        let kind = self.names.at(at).metadata.kind;
        if kind == FileKind::Directory {
            return Err("a hard link to a directory".into());
        }
        match self.names.find(path) {
            Some(same) if same == at => return Ok(()),
            Some(old) => self.make_room(path, old, kind)?,
            None => {}
        }
        self.names.link(path, at).map_err(refused)
    }

    /// Gives a node that [`Builder::put`] made its bytes, which some formats store with its last name.
    pub(crate) fn fill(&mut self, at: usize, content: Content) -> Result<(), String> {
        let node = self.names.at_mut(at);
        if node.content.size() != 0 {
            return Err("a file whose bytes came before with another of its names".into());
        }
        node.metadata.size = content.size();
        node.content = content;
        Ok(())
    }

    /// Whether a directory on the way to a path is a link, or with `whole` the path itself.
    pub(crate) fn passes_link(&self, path: &[u8], whole: bool) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut ends = slashes.chain(whole.then_some(path.len()));
        ends.any(|end| {
            let node = self.names.find(&path[..end]);
            node.is_some_and(|node| self.names.at(node).metadata.kind == FileKind::Symlink)
        })
    }

    /// Removes a name, and everything below it, if an earlier layer has it.
    pub(crate) fn remove(&mut self, path: &[u8]) {
        if !path.is_empty() {
            self.names.remove(path);
        }
    }

    /// Removes everything below a directory of an earlier layer.
    pub(crate) fn clear(&mut self, path: &[u8]) {
        self.names.clear(path);
    }

    pub(crate) fn finish(self, kind: TreeKind) -> ArchiveTree {
        ArchiveTree { kind, sources: self.sources, names: self.names, anomalies: self.anomalies }
    }

    /// Where a member goes. A later member replaces an earlier one of the same name, as extracting does; a directory
    /// keeps what is in it.
    fn place(&mut self, path: &[u8], kind: FileKind) -> Result<usize, String> {
        let Some(at) = self.names.find(path) else { return self.names.make(path).map_err(refused) };
        self.make_room(path, at, kind)?;
        let stays = self.names.at(at).metadata.kind == FileKind::Directory && kind == FileKind::Directory;
        if stays || path.is_empty() { Ok(at) } else { self.names.replace(path).map_err(refused) }
    }

    /// Some tools remove a directory with all that is in it to make room for another member, and some keep it: what such
    /// an archive holds depends on who unpacks it. What an earlier layer left there goes, which all agree on.
    fn make_room(&mut self, path: &[u8], at: usize, kind: FileKind) -> Result<(), String> {
        let is_full = self.names.at(at).metadata.kind == FileKind::Directory && self.names.has_children(at);
        if !is_full || kind == FileKind::Directory {
            return Ok(());
        }
        if self.layer == 0 || self.names.has_node_since(at, self.layer) {
            return Err("it takes the place of a directory that is not empty".into());
        }
        self.names.clear(path);
        Ok(())
    }
}

/// The components of a member's name, joined, without `.`; a name that leaves the root is refused.
pub(crate) fn clean(name: &[u8]) -> Result<Vec<u8>, String> {
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

fn refused(refusal: Refusal) -> String {
    match refusal {
        // Extracting would go through the link, and where that leads is the archive's choice.
        Refusal::NotADirectory => "its name passes through something that is no directory".into(),
        Refusal::TooMany => "too many members".into(),
    }
}

/// `NAME_MAX` of Linux.
const MAX_NAME: usize = 255;
