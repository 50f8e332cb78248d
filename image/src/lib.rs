//! One read-only tree over everything that can hold a root file system.
//!
//! A [`Tree`] answers by node, as file systems do: list a directory, read an inode's metadata, its extended attributes,
//! its link target, its bytes. Names are bytes. Readers are `Send + Sync` and read by position, so that many threads may
//! use one. [`Index`] walks a tree once and is what rules look things up in; it alone follows symbolic links, and never
//! out of the tree.

mod ar;
mod archive;
mod compression;
mod cpio;
mod deb;
mod digest;
mod dir;
mod error;
mod index;
mod memory;
mod namespace;
mod oci;
mod open;
mod pinned;
mod read_at;
mod rpm;
mod tar;
mod tree;

pub use ar::{Ar, ArMember};
pub use compression::{Compression, decompress};
pub use dir::DirTree;
pub use error::{Error, Fault};
pub use index::{Entry, EntryId, Index, MAX_LINKS, NotEntered, ResolveError, Trouble};
pub use memory::MemoryTree;
pub use open::{
    OpenError, OpenOptions, holds_tree, is_layout, open, open_stream, open_stream_with, open_with,
};
pub use pinned::Pinned;
pub use read_at::{ReadAt, Section, read_exact_at, read_to_vec};
pub use tree::{
    Anomaly, DirEntry, FileKind, Listing, MAX_LINK_TARGET, Metadata, NodeId, Tree, TreeKind, Xattr,
};
