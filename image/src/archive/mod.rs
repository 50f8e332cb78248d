//! What archives, packages and container images have in common: they are read from end to end for their names, and file
//! contents by position when asked for.

mod build;
mod content;

use crate::namespace::Namespace;
use crate::read_at::Section;
use crate::{Anomaly, Error, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr};
pub(crate) use build::{Builder, Member, clean};
use content::SparseFile;
pub(crate) use content::{Content, Extent, Segment, SparseMap};

/// A tree out of one or several archives.
///
/// Damage does not stop it: what came before is there, and an [`Anomaly`] that hides entries says where it ended.
pub(crate) struct ArchiveTree {
    kind: TreeKind,
    sources: Vec<Box<dyn ReadAt>>,
    names: Namespace<Content>,
    anomalies: Vec<Anomaly>,
}

impl ArchiveTree {
    /// Whether there is a node with this path; no slash in front.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.names.find(path.as_bytes()).is_some()
    }

    /// Whether nothing but the root is in it.
    pub(crate) fn is_empty(&self) -> bool {
        !self.names.has_children(0)
    }

    /// What was odd about the archive.
    pub(crate) fn odd(&self) -> &[Anomaly] {
        &self.anomalies
    }

    fn section(&self, extent: Extent) -> Result<Section<&dyn ReadAt>, Error> {
        let source =
            self.sources.get(extent.source).ok_or(Error::WrongKind { wanted: "node of this tree" })?;
        Ok(Section { source: &**source, start: extent.start, len: extent.len })
    }
}

impl Tree for ArchiveTree {
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
        match &self.names.get(file)?.content {
            Content::Bytes(extent) => Ok(Box::new(self.section(*extent)?)),
            Content::Sparse(extent, map) => Ok(Box::new(SparseFile { stored: self.section(*extent)?, map })),
            Content::Empty | Content::Target(_) => Err(Error::WrongKind { wanted: "regular file" }),
        }
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        self.anomalies.clone()
    }
}
