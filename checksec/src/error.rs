//! What keeps an ELF file, or a part of one, from being read.

use std::borrow::Cow;
use std::io;

use hardpan_report::Cause;
use thiserror::Error;

/// A part of a file that could not be read, with its name in the gABI's words and its byte offset in the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The bytes break their format.
    #[error("{structure} at offset {offset:#x}: {reason}")]
    Malformed {
        /// The structure.
        structure: &'static str,
        /// Where in the file.
        offset: u64,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The file is shorter than it was when it was opened.
    #[error("{structure} at offset {offset:#x}: the file was cut while it was read")]
    Changed {
        /// The structure.
        structure: &'static str,
        /// Where in the file.
        offset: u64,
    },
    /// The operating system failed the read.
    #[error("{structure} at offset {offset:#x}: {reason}")]
    Unreadable {
        /// The structure.
        structure: &'static str,
        /// Where in the file.
        offset: u64,
        /// What the system said.
        reason: String,
    },
    /// A limit of ours.
    #[error("{structure} at offset {offset:#x}: over the limit of {limit}")]
    Limit {
        /// The structure.
        structure: &'static str,
        /// Where in the file.
        offset: u64,
        /// The limit.
        limit: u64,
    },
}

impl ElfError {
    /// The cause that an [`hardpan_report::Outcome::Unknown`] has because of it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Malformed { .. } => Cause::Malformed,
            Self::Changed { .. } => Cause::Changed,
            Self::Unreadable { .. } => Cause::Unreadable,
            Self::Limit { .. } => Cause::Limit,
        }
    }

    /// Where in the file.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Malformed { offset, .. }
            | Self::Changed { offset, .. }
            | Self::Unreadable { offset, .. }
            | Self::Limit { offset, .. } => *offset,
        }
    }

    pub(crate) fn malformed(
        structure: &'static str,
        offset: u64,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Malformed { structure, offset, reason: reason.into() }
    }

    pub(crate) fn io(structure: &'static str, offset: u64, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Changed { structure, offset },
            _ => Self::Unreadable { structure, offset, reason: error.to_string() },
        }
    }
}
