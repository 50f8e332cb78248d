//! Why nothing was generated.

use hardpan_verity::GeometryError;
use hardpan_verity::table::TableError;
use thiserror::Error;

use crate::boot::config::{ConfigError, Slot};
use crate::newc::NewcError;

/// Why nothing was generated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A word of the command line works against what the profile wants.
    #[error("[kernel] command-line: `{word}` {reason}")]
    CommandLine {
        /// The word.
        word: String,
        /// What it would do.
        reason: &'static str,
    },
    /// What the profile says cannot be said in a boot configuration.
    #[error("the boot configuration that follows from the profile is refused: {error}{}", line_of(.text, .error))]
    Config {
        /// Why, and where in the text.
        error: ConfigError,
        /// The text, as it would have been written.
        text: String,
    },
    /// A device has no name for who should use it.
    #[error("slot {slot}: {reason}")]
    Device {
        /// The slot.
        slot: String,
        /// Why not.
        reason: String,
    },
    /// Block sizes and numbers that cannot go together.
    #[error("slot {slot}: {error}")]
    Geometry {
        /// The slot.
        slot: String,
        /// What is wrong.
        error: GeometryError,
    },
    /// Something cannot be in an initramfs.
    #[error(transparent)]
    Initramfs(#[from] NewcError),
    /// The profile lacks a section or a key.
    #[error("the profile has no {what}, without which nothing boots")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A table would not be read back as it is meant.
    #[error("slot {slot}: {error}")]
    Table {
        /// The slot.
        slot: String,
        /// What is wrong.
        error: TableError,
    },
}

impl GenerateError {
    pub(super) fn too_long(slot: &Slot) -> Self {
        Self::Device { slot: slot.name.clone(), reason: "no device is as long as its image".to_owned() }
    }
}

/// The line that is refused: the profile has no such line.
fn line_of(text: &str, error: &ConfigError) -> String {
    let line = usize::try_from(error.line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
    line.map(|line| format!(", in the line `{line}`")).unwrap_or_default()
}
