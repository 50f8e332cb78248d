//! Why a boot configuration is refused.

use thiserror::Error;

/// Where a boot configuration is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: u32,
    /// The byte in the line, from 1.
    pub column: u32,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong in a boot configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// There are more of something than a configuration can have.
    #[error("there are more than {limit} {what}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there can be.
        limit: usize,
    },
    /// A directive that there is not.
    #[error("there is no directive `{0}`")]
    Directive(String),
    /// The first line is another.
    #[error(
        "the first line is not `hardpan-boot 1`: this is no boot configuration, or one of another version"
    )]
    Header,
    /// A directive that must be there is not.
    #[error("the directive `{0}` is missing")]
    Missing(&'static str),
    /// A name or key that another line has already, or a directive that comes once comes again.
    #[error("`{0}` is there already")]
    Repeated(String),
    /// The file is larger than a configuration can be.
    #[error("there are {len} bytes, more than {limit}")]
    Size {
        /// How many there are.
        len: usize,
        /// How many there can be.
        limit: usize,
    },
    /// The parameters of a verity target are refused.
    #[error("{0}")]
    Table(String),
    /// A character that no text has.
    #[error("the bytes from here are no UTF-8, or the character is a control character")]
    Text,
    /// A word more than the directive has.
    #[error("`{0}` is more than the directive has")]
    TrailingWord(String),
    /// The values cannot be told apart in a text.
    #[error("no text stands for this configuration: its parts would be read as other ones")]
    Unwritable,
    /// Two directives exclude each other, or one needs another.
    #[error("{0}")]
    Disagree(String),
    /// A quote where none can be.
    #[error(
        "a word is in double quotes from its first to its last character or not at all, and ends in its line"
    )]
    Quote,
    /// A value that the word cannot have.
    #[error("`{word}` is not {wanted}")]
    Value {
        /// The word.
        word: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A word is missing at the end of the line.
    #[error("{0} is missing")]
    WordMissing(&'static str),
}
