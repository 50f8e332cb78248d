//! Names, nodes and metadata held in memory: what trees that are read from one end to the other are kept in.

use std::collections::BTreeMap;

use crate::{DirEntry, Error, FileKind, Listing, Metadata, NodeId, Xattr};

/// A hierarchy of nodes, each with a content of type `C`.
#[derive(Debug)]
pub(crate) struct Namespace<C> {
    nodes: Vec<Node<C>>,
}

#[derive(Debug)]
pub(crate) struct Node<C> {
    pub(crate) metadata: Metadata,
    pub(crate) content: C,
    pub(crate) xattrs: Vec<Xattr>,
    children: BTreeMap<Box<[u8]>, usize>,
}

/// Why a name can not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A component on the way is something else than a directory.
    NotADirectory,
    /// There are too many nodes.
    TooMany,
}

impl<C: Default> Namespace<C> {
    /// Only a root, mode 0755.
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::new(FileKind::Directory, 0o755, 0)] }
    }

    /// The index of the node with this path, made as an empty file if it is not there; directories on the way are made
    /// with mode 0755, as extracting does.
    pub(crate) fn make(&mut self, path: &[u8]) -> Result<usize, Refusal> {
        self.make_as(path, FileKind::File, 0o644)
    }

    fn make_as(&mut self, path: &[u8], kind: FileKind, mode: u32) -> Result<usize, Refusal> {
        let mut at = 0;
        let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            if self.nodes[at].metadata.kind != FileKind::Directory {
                return Err(Refusal::NotADirectory);
            }
            at = match self.nodes[at].children.get(name) {
                Some(next) => *next,
                None if names.peek().is_some() => self.add(at, name, FileKind::Directory, 0o755)?,
                None => self.add(at, name, kind, mode)?,
            };
        }
        Ok(at)
    }

    /// Gives the node at `target` another name.
    pub(crate) fn link(&mut self, path: &[u8], target: usize) -> Result<(), Refusal> {
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(at);
        let parent = self.make_as(parent, FileKind::Directory, 0o755)?;
        if self.nodes[parent].metadata.kind != FileKind::Directory {
            return Err(Refusal::NotADirectory);
        }
        self.nodes[parent].children.insert(name.into(), target);
        self.nodes[target].metadata.links += 1;
        Ok(())
    }

    /// A node's directory gets a fresh node under the same name: what it was before keeps its other names.
    pub(crate) fn replace(&mut self, path: &[u8]) -> Result<usize, Refusal> {
        let old = self.make(path)?;
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let parent = self.make(&path[..at])?;
        self.nodes[old].metadata.links = self.nodes[old].metadata.links.saturating_sub(1);
        self.add(parent, &path[at..], FileKind::File, 0o644)
    }

    /// The index of an existing node; links are not followed.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        path.split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
            .try_fold(0, |at, name| self.nodes[at].children.get(name).copied())
    }

    /// How many nodes there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether anything below a directory was made when there were `since` nodes or more.
    pub(crate) fn has_node_since(&self, directory: usize, since: usize) -> bool {
        let mut below = vec![directory];
        while let Some(at) = below.pop() {
            if self.nodes[at].children.values().any(|child| *child >= since) {
                return true;
            }
            below.extend(self.nodes[at].children.values());
        }
        false
    }

    /// Takes a name out of its directory, with everything below it.
    pub(crate) fn remove(&mut self, path: &[u8]) {
        let Some(old) = self.find(path) else { return };
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(at);
        let Some(parent) = self.find(parent) else { return };
        self.nodes[parent].children.remove(name);
        self.unlink(old);
    }

    /// Takes all names out of a directory.
    pub(crate) fn clear(&mut self, path: &[u8]) {
        let Some(at) = self.find(path) else { return };
        for child in std::mem::take(&mut self.nodes[at].children).into_values() {
            self.unlink(child);
        }
    }

    /// One name less for a node, and for all below it.
    fn unlink(&mut self, node: usize) {
        let mut gone = vec![node];
        while let Some(at) = gone.pop() {
            self.nodes[at].metadata.links = self.nodes[at].metadata.links.saturating_sub(1);
            gone.extend(std::mem::take(&mut self.nodes[at].children).into_values());
        }
    }

    /// Whether the node has names below it.
    pub(crate) fn has_children(&self, at: usize) -> bool {
        !self.nodes[at].children.is_empty()
    }

    pub(crate) fn at(&self, at: usize) -> &Node<C> {
        &self.nodes[at]
    }

    pub(crate) fn at_mut(&mut self, at: usize) -> &mut Node<C> {
        &mut self.nodes[at]
    }

    /// The node with this number.
    pub(crate) fn get(&self, node: NodeId) -> Result<&Node<C>, Error> {
        usize::try_from(node.0)
            .ok()
            .and_then(|at| self.nodes.get(at))
            .ok_or(Error::WrongKind { wanted: "node of this tree" })
    }

    /// The names in a directory.
    pub(crate) fn listing(&self, directory: NodeId) -> Result<Listing, Error> {
        let node = self.get(directory)?;
        if node.metadata.kind != FileKind::Directory {
            return Err(Error::WrongKind { wanted: "directory" });
        }
        let entry = |(name, at): (_, &usize)| DirEntry {
            name: Box::clone(name),
            node: NodeId(*at as u64),
            metadata: None,
        };
        Ok(Listing::Entries(node.children.iter().map(entry).collect()))
    }

    fn add(&mut self, parent: usize, name: &[u8], kind: FileKind, mode: u32) -> Result<usize, Refusal> {
        let new = self.nodes.len();
        if new >= MAX_NODES {
            return Err(Refusal::TooMany);
        }
        self.nodes.push(Node::new(kind, mode, new as u64));
        self.nodes[parent].children.insert(name.into(), new);
        Ok(new)
    }
}

impl<C: Default> Node<C> {
    fn new(kind: FileKind, mode: u32, inode: u64) -> Self {
        let metadata = Metadata {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            links: 1,
            device: 0,
            inode,
            rdev: None,
            mtime: 0,
        };
        Self { metadata, content: C::default(), xattrs: Vec::new(), children: BTreeMap::new() }
    }
}

/// About 250 bytes each: an archive of millions of empty names ends below 2 GiB of memory.
const MAX_NODES: usize = 8_000_000;
