//! What can go wrong in reading a tree, grouped by who is at fault.

use std::io;

use thiserror::Error as ThisError;

/// A failed read.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused or failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was tried: `open`, `readlink`.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes break their format.
    #[error("{structure} at offset {offset}: {reason}")]
    Malformed {
        /// The structure, in its specification's words.
        structure: &'static str,
        /// Where in the image.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is not the one that was listed, or was cut while it was read.
    #[error("changed while it was read: {what}")]
    Changed {
        /// What differs.
        what: String,
    },
    /// A limit of ours.
    #[error("over the limit of {limit} for {what}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A node was asked for what its kind does not have.
    #[error("not a {wanted}")]
    WrongKind {
        /// What it would have to be.
        wanted: &'static str,
    },
}

/// Who is at fault for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The environment: the operating system, the disk, permissions.
    Environment,
    /// The input's bytes.
    Input,
    /// The input changed underneath.
    Changed,
    /// The name is gone: somebody removed the file after it was listed.
    Gone,
    /// Our own limits.
    Limit,
}

impl Error {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => Fault::Changed,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Fault::Gone,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => Fault::Limit,
            Self::Io { .. } => Fault::Environment,
            Self::Malformed { .. } | Self::WrongKind { .. } => Fault::Input,
            Self::Changed { .. } => Fault::Changed,
            Self::Limit { .. } => Fault::Limit,
        }
    }

    /// For `map_err`: an I/O error with what was tried.
    pub fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }
}
