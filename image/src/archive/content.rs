//! Where in its archive the content of a node is.

use std::io;

use crate::read_at::Section;
use crate::{ReadAt, read_exact_at};

/// What a node holds.
#[derive(Debug, Default)]
pub(crate) enum Content {
    #[default]
    Empty,
    /// A regular file's bytes.
    Bytes(Extent),
    /// A regular file with holes, of which the archive holds the pieces one after another.
    Sparse(Extent, SparseMap),
    /// A link's target.
    Target(Box<[u8]>),
}

impl Content {
    /// The size of the node.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(extent) => extent.len,
            Self::Sparse(_, map) => map.size,
            Self::Target(target) => target.len() as u64,
        }
    }
}

/// A stretch of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Which of the tree's sources.
    pub(crate) source: usize,
    /// Where in it.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// A piece of a sparse file that the archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it is in the file.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// A sparse file's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SparseMap {
    /// Ordered, without overlaps.
    pub(crate) segments: Vec<Segment>,
    /// The file's size, holes included.
    pub(crate) size: u64,
    /// How many bytes before the data describe the map.
    pub(crate) header_len: u64,
}

/// A sparse file's bytes, holes filled with zeroes.
pub(super) struct SparseFile<'a> {
    pub(super) stored: Section<&'a dyn ReadAt>,
    pub(super) map: &'a SparseMap,
}

impl ReadAt for SparseFile<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.map.size.saturating_sub(offset).min(buffer.len() as u64);
        let Ok(wanted) = usize::try_from(wanted) else { return Err(io::ErrorKind::InvalidInput.into()) };
        buffer[..wanted].fill(0);
        let end = offset + wanted as u64;
        let mut stored = 0;
        for segment in &self.map.segments {
            let (from, to) = (segment.offset.max(offset), (segment.offset + segment.len).min(end));
            if from < to {
                let range = in_buffer(from, offset)?..in_buffer(to, offset)?;
                read_exact_at(&self.stored, &mut buffer[range], stored + (from - segment.offset))?;
            }
            stored += segment.len;
        }
        Ok(wanted)
    }

    fn len(&self) -> u64 {
        self.map.size
    }
}

fn in_buffer(at: u64, start: u64) -> io::Result<usize> {
    usize::try_from(at - start).map_err(|_| io::ErrorKind::InvalidInput.into())
}
