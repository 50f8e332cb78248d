//! A tree that is held in memory: what rules are tested on, without root, disk or clean-up.

use std::collections::BTreeMap;

use crate::{Anomaly, DirEntry, Error, FileKind, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr};

/// A tree in memory. Parents are made on the way, with mode 0755 and owner root.
#[derive(Debug)]
pub struct MemoryTree {
    nodes: Vec<Node>,
    anomalies: Vec<Anomaly>,
}

#[derive(Debug)]
struct Node {
    metadata: Metadata,
    children: BTreeMap<Box<[u8]>, usize>,
    /// A file's bytes or a link's target.
    content: Vec<u8>,
    xattrs: Vec<Xattr>,
    /// Reading it fails, as it would on a damaged disk.
    unreadable: bool,
}

impl MemoryTree {
    /// A tree with an empty root.
    pub fn new() -> Self {
        Self { nodes: vec![Node::new(FileKind::Directory, 0o755, Vec::new(), 0)], anomalies: Vec::new() }
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
    pub fn node(mut self, path: &[u8], kind: FileKind, mode: u32, content: Vec<u8>) -> Self {
        let at = self.make(path, kind);
        let node = &mut self.nodes[at];
        node.metadata.kind = kind;
        node.metadata.mode = mode;
        node.metadata.size = content.len() as u64;
        node.content = content;
        self
    }

    /// Gives a node to a user and a group.
    #[must_use]
    pub fn owned(mut self, path: &str, uid: u32, gid: u32) -> Self {
        let at = self.make(path.as_bytes(), FileKind::File);
        self.nodes[at].metadata.uid = uid;
        self.nodes[at].metadata.gid = gid;
        self
    }

    /// Adds an extended attribute.
    #[must_use]
    pub fn xattr(mut self, path: &str, name: &str, value: &[u8]) -> Self {
        let at = self.make(path.as_bytes(), FileKind::File);
        self.nodes[at].xattrs.push(Xattr { name: name.as_bytes().into(), value: value.into() });
        self.nodes[at].xattrs.sort();
        self
    }

    /// Makes every read of a file, a link or a directory's names fail.
    #[must_use]
    pub fn unreadable(mut self, path: &str) -> Self {
        let at = self.make(path.as_bytes(), FileKind::File);
        self.nodes[at].unreadable = true;
        self
    }

    /// Records an anomaly.
    #[must_use]
    pub fn anomaly(mut self, anomaly: Anomaly) -> Self {
        self.anomalies.push(anomaly);
        self
    }

    fn make(&mut self, path: &[u8], kind: FileKind) -> usize {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let mut at = 0;
        for (depth, name) in names.iter().enumerate() {
            if let Some(next) = self.nodes[at].children.get(*name) {
                at = *next;
                continue;
            }
            let last = depth + 1 == names.len();
            let new = self.nodes.len();
            let (kind, mode) = if last { (kind, 0o644) } else { (FileKind::Directory, 0o755) };
            self.nodes.push(Node::new(kind, mode, Vec::new(), new as u64));
            self.nodes[at].children.insert((*name).into(), new);
            at = new;
        }
        at
    }

    fn get(&self, node: NodeId) -> Result<&Node, Error> {
        usize::try_from(node.0)
            .ok()
            .and_then(|at| self.nodes.get(at))
            .ok_or(Error::WrongKind { wanted: "node of this tree" })
    }

    fn readable(&self, node: NodeId) -> Result<&Node, Error> {
        let node = self.get(node)?;
        if node.unreadable {
            return Err(Error::Io { operation: "read", source: std::io::ErrorKind::PermissionDenied.into() });
        }
        Ok(node)
    }
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    fn new(kind: FileKind, mode: u32, content: Vec<u8>, inode: u64) -> Self {
        let metadata = Metadata {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: content.len() as u64,
            links: 1,
            device: 1,
            inode,
            rdev: None,
            mtime: 0,
        };
        Self { metadata, children: BTreeMap::new(), content, xattrs: Vec::new(), unreadable: false }
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
        Ok(self.get(node)?.metadata)
    }

    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
        let children = &self.readable(directory)?.children;
        let entry = |(name, at): (_, &usize)| DirEntry { name: Box::clone(name), node: NodeId(*at as u64) };
        Ok(Listing::Entries(children.iter().map(entry).collect()))
    }

    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
        Ok(self.readable(symlink)?.content.clone())
    }

    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
        Ok(self.get(node)?.xattrs.clone())
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
        Ok(Box::new(Bytes(&self.readable(file)?.content)))
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
