//! A tree that is held in memory: what rules are tested on, without root, disk or clean-up.

use crate::namespace::{Namespace, Node};
use crate::{Anomaly, Error, FileKind, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr};

/// A tree in memory. Parents are made on the way, with mode 0755 and owner root.
#[derive(Debug)]
pub struct MemoryTree {
    names: Namespace<Content>,
    anomalies: Vec<Anomaly>,
}

#[derive(Debug, Default)]
struct Content {
    /// A file's bytes or a link's target.
    bytes: Vec<u8>,
    /// Reading it fails, as it would on a damaged disk.
    unreadable: bool,
}

impl MemoryTree {
    /// A tree with an empty root.
    pub fn new() -> Self {
        Self { names: Namespace::new(), anomalies: Vec::new() }
    }

    /// Adds a regular file of root's.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.node(path.as_bytes(), FileKind::File, mode, content.into())
    }

    /// Adds a directory, or changes the mode of one.
    #[must_use]
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.node(path.as_bytes(), FileKind::Directory, mode, Vec::new())
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.node(path.as_bytes(), FileKind::Symlink, 0o777, target.into())
    }

    /// Adds a node of any kind, with a name of any bytes.
    #[must_use]
    pub fn node(self, path: &[u8], kind: FileKind, mode: u32, content: Vec<u8>) -> Self {
        self.change(path, |node| {
            node.metadata.kind = kind;
            node.metadata.mode = mode;
            node.metadata.size = content.len() as u64;
            node.content.bytes = content;
        })
    }

    /// Gives a node to a user and a group.
    #[must_use]
    pub fn owned(self, path: &str, uid: u32, gid: u32) -> Self {
        self.change(path.as_bytes(), |node| (node.metadata.uid, node.metadata.gid) = (uid, gid))
    }

    /// Adds an extended attribute.
    #[must_use]
    pub fn xattr(self, path: &str, name: &str, value: &[u8]) -> Self {
        self.change(path.as_bytes(), |node| {
            node.xattrs.push(Xattr { name: name.as_bytes().into(), value: value.into() });
            node.xattrs.sort();
        })
    }

    /// Makes every read of a file, a link or a directory's names fail.
    #[must_use]
    pub fn unreadable(self, path: &str) -> Self {
        self.change(path.as_bytes(), |node| node.content.unreadable = true)
    }

    /// Records an anomaly.
    #[must_use]
    pub fn anomaly(mut self, anomaly: Anomaly) -> Self {
        self.anomalies.push(anomaly);
        self
    }

    /// A path through something that is no directory leaves the tree as it is.
    fn change(mut self, path: &[u8], change: impl FnOnce(&mut Node<Content>)) -> Self {
        if let Ok(at) = self.names.make(path) {
            change(self.names.at_mut(at));
        }
        self
    }

    fn readable(&self, node: NodeId) -> Result<&Content, Error> {
        let content = &self.names.get(node)?.content;
        if content.unreadable {
            return Err(Error::Io { operation: "read", source: std::io::ErrorKind::PermissionDenied.into() });
        }
        Ok(content)
    }
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree for MemoryTree {
    fn kind(&self) -> TreeKind {
        TreeKind::Memory
    }

    fn root(&self) -> NodeId {
        NodeId(0)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
        Ok(self.names.get(node)?.metadata)
    }

    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
        self.readable(directory)?;
        self.names.listing(directory)
    }

    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
        Ok(self.readable(symlink)?.bytes.clone())
    }

    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
        Ok(self.names.get(node)?.xattrs.clone())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
        Ok(Box::new(Bytes(&self.readable(file)?.bytes)))
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        self.anomalies.clone()
    }
}

struct Bytes<'a>(&'a [u8]);

impl ReadAt for Bytes<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
