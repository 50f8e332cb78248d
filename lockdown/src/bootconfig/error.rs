//! Why a text is no boot configuration.

use thiserror::Error;

/// A fault and its place. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct BootConfigError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: usize,
    /// What is wrong there.
    pub fault: BootConfigFault,
}

/// What is wrong with a boot configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BootConfigFault {
    /// `XBC_DATA_MAX`.
    #[error("it has more than 32767 bytes, which is the most that the kernel takes")]
    TooBig,
    /// There is not a single key.
    #[error("there is no key in it")]
    Empty,
    /// A word of a key is empty or has other characters.
    #[error("a key is words of letters, digits, - and _, with dots between")]
    Key,
    /// The text ends in a key.
    #[error("the last key is not ended by a line's end or ;")]
    Unended,
    /// `+` or `:` without `=`.
    #[error("after + or : there must be =")]
    Operator,
    /// `=` for a key that has a value.
    #[error("the key has a value already; use += or :=")]
    Redefined,
    /// A quote without its other end.
    #[error("the quote is not closed")]
    Quote,
    /// Something behind a closing quote.
    #[error("behind a value in quotes only , ; # }} or the line's end may stand")]
    Behind,
    /// A control character in a value.
    #[error("a value has a character that cannot be printed")]
    NotPrintable,
    /// `}` without `{`.
    #[error("a closing brace that none was opened for")]
    Closing,
    /// `{` without `}`.
    #[error("the brace is not closed")]
    Open,
    /// `XBC_DEPTH_MAX`.
    #[error("a key has more than 16 words, or more than 15 braces are open")]
    TooDeep,
    /// `XBC_KEYLEN_MAX`.
    #[error("a key is longer than 255 bytes")]
    TooLong,
    /// `XBC_NODE_MAX`.
    #[error("there are more than 8192 words and values")]
    TooMany,
}
