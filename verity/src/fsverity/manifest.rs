//! Manifests: what a directory holds, with the fs-verity digest of every file, so that it can be checked later.
//!
//! The text form is one line per entry, by path:
//!
//! ```text
//! hardpan-manifest 1 sha256 4096 -
//! directory 0755 0:0 /
//! file 0644 0:0 5 0123… /etc/hostname
//! symlink 0777 0:0 usr/bin /bin
//! char 0666 0:0 1:3 /dev/null
//! end 4
//! ```
//!
//! The first line has version, algorithm, block size and salt; the last one the number of entries, so that a cut manifest is
//! none. Fields are separated by one space, and paths and targets are escaped: see [`Manifest::encode`]. There is one text
//! for each manifest, and only that is read: so a signature over it is one over what it says. JSON Lines were rejected for
//! that: many texts say the same, and file names that are no UTF-8 need an escape on top of JSON's.

mod compare;
mod text;

use std::fmt;

use thiserror::Error;

use super::descriptor::FileDigest;
use super::params::Params;

pub use compare::{Difference, compare};

/// What a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    params: Params,
    /// By path, each once, with digests of the parameters' algorithm.
    entries: Vec<Entry>,
}

/// One file, of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the directory, which is `/` itself: bytes, absolute.
    pub path: Vec<u8>,
    /// Permission bits with set-id and sticky: `mode & 0o7777`.
    pub mode: u32,
    /// User and group, if they are recorded.
    pub owner: Option<(u32, u32)>,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is, and what makes it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block device.
    BlockDevice {
        /// The major number.
        major: u32,
        /// The minor number.
        minor: u32,
    },
    /// A character device.
    CharDevice {
        /// The major number.
        major: u32,
        /// The minor number.
        minor: u32,
    },
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A regular file.
    File {
        /// Its length in bytes.
        size: u64,
        /// Its digest.
        digest: FileDigest,
    },
    /// A Unix socket.
    Socket,
    /// A symbolic link.
    Symlink {
        /// Where it leads: any bytes.
        target: Vec<u8>,
    },
}

impl Kind {
    /// The word for it in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BlockDevice { .. } => "block",
            Self::CharDevice { .. } => "char",
            Self::Directory => "directory",
            Self::Fifo => "fifo",
            Self::File { .. } => "file",
            Self::Socket => "socket",
            Self::Symlink { .. } => "symlink",
        }
    }
}

impl Manifest {
    /// A manifest of `entries`, in any order.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for what the text form cannot say: two entries of one path, paths that are not absolute, modes with
    /// other bits, digests of another algorithm.
    pub fn new(params: Params, mut entries: Vec<Entry>) -> Result<Self, ManifestError> {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        for entry in &entries {
            check(entry, &params)?;
        }
        let twice = entries.windows(2).find(|pair| pair[0].path == pair[1].path);
        if let Some(pair) = twice {
            return Err(ManifestError::Twice { path: Escaped(&pair[0].path).to_string() });
        }
        Ok(Self { params, entries })
    }

    /// How the digests were computed.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The entries by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn check(entry: &Entry, params: &Params) -> Result<(), ManifestError> {
    let path = || Escaped(&entry.path).to_string();
    if !is_path(&entry.path) {
        return Err(ManifestError::Path { path: path() });
    }
    if entry.mode > 0o7777 {
        return Err(ManifestError::Mode { path: path(), mode: entry.mode });
    }
    match &entry.kind {
        Kind::File { digest, .. } if digest.algorithm() != params.algorithm => {
            Err(ManifestError::Algorithm { path: path() })
        }
        _ => Ok(()),
    }
}

/// Whether it is absolute and of names that a directory can have.
fn is_path(path: &[u8]) -> bool {
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !name.contains(&0);
    path == b"/"
        || path.strip_prefix(b"/").is_some_and(|names| names.split(|byte| *byte == b'/').all(is_name))
}

/// Why bytes are no manifest, or entries none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A digest is of another algorithm than the manifest's.
    #[error("the digest of {path} is of another algorithm than the manifest's")]
    Algorithm {
        /// The path, escaped.
        path: String,
    },
    /// The last line is missing, or has another number.
    #[error("manifest line {line}: it ends without `end {entries}`: it was cut, or lines were taken out")]
    Cut {
        /// The line, from 1.
        line: usize,
        /// How many entries there are.
        entries: usize,
    },
    /// A line does not start like any.
    #[error("manifest line {line}: {what}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A mode has more than permission bits.
    #[error("the mode {mode:o} of {path} is more than permission bits")]
    Mode {
        /// The path, escaped.
        path: String,
        /// The mode.
        mode: u32,
    },
    /// Not the first line of a manifest.
    #[error("it does not start with `hardpan-manifest 1`: it is no manifest, or of another version")]
    NotOne,
    /// It says something in another way than Hardpan writes it.
    #[error("manifest line {line}: it says something in another way than it is written: wanted `{wanted}`")]
    NotCanonical {
        /// The line, from 1.
        line: usize,
        /// How the line would be written.
        wanted: String,
    },
    /// A path that no directory has.
    #[error("`{path}` is no absolute path of whole names")]
    Path {
        /// The path, escaped.
        path: String,
    },
    /// Two entries are of one path.
    #[error("{path} is there twice")]
    Twice {
        /// The path, escaped.
        path: String,
    },
}

/// Bytes as the text form has them.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    /// Printable ASCII but the space and the backslash as it is, everything else as `\xNN`. So no field has a separator in
    /// it, nothing drives a terminal, and no two names look alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'\\' => f.write_str(r"\x5c"),
            0x21..=0x7e => write!(f, "{}", char::from(*byte)),
            _ => write!(f, r"\x{byte:02x}"),
        })
    }
}
