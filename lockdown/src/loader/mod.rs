//! What boot loaders pass to kernels, by their configuration.
//!
//! GRUB's scripts are a language; only what sets variables and starts kernels is read, in the order in which it stands. What
//! cannot be decided so, such as which branch is gone through, becomes several command lines; what is malformed is told with
//! its line and column.

mod entry;
mod grub;
mod variables;

use thiserror::Error;

pub use entry::{Entry, entry};
pub use grub::{GrubLine, environment, grub, settings};
pub use variables::Variables;

/// A line that a boot loader would not take. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct LoaderError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: usize,
    /// What is wrong there.
    pub fault: LoaderFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoaderFault {
    /// A word of a loader entry that stands alone.
    #[error("a line of a loader entry is a key, blanks and a value")]
    NoValue,
    /// A quote of a script that the file's end leaves open.
    #[error("the quote is not closed")]
    Quote,
    /// A command that starts a kernel, without the kernel.
    #[error("the command that starts a kernel does not name one")]
    NoKernel,
    /// The first line of GRUB's environment block is another.
    #[error("this is no environment block of GRUB, which begins with `# GRUB Environment Block`")]
    NoBlock,
}
