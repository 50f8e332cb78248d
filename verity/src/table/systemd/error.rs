//! What can be wrong with a description that systemd reads.

use thiserror::Error;

/// Why a description could not be read, or could not be written so that systemd reads it back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SystemdError {
    /// A line has too few fields.
    #[error(
        "{count} fields are there; NAME DATA-DEVICE HASH-DEVICE ROOT-HASH and perhaps OPTIONS are needed"
    )]
    FieldCount {
        /// How many there are.
        count: usize,
    },
    /// A line of veritytab is wrong.
    #[error("line {line}: {error}")]
    Line {
        /// The number of the line; the first is 1.
        line: usize,
        /// What is wrong with it.
        error: Box<SystemdError>,
    },
    /// A parameter or option comes a second time with something else to say, or with one that it excludes.
    #[error("`{name}` comes again, or with one that it excludes")]
    Repeated {
        /// Its name.
        name: String,
    },
    /// An option that is not in veritytab(5): what it would do is unknown, and systemd would ignore it.
    #[error("unknown option `{name}`")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A value that cannot be.
    #[error("{field}: `{value}` {reason}")]
    Value {
        /// The field, parameter or option.
        field: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl SystemdError {
    pub(super) fn value(field: &str, value: &str, reason: &'static str) -> Self {
        Self::Value { field: field.to_owned(), value: value.to_owned(), reason }
    }

    pub(super) fn repeated(name: &str) -> Self {
        Self::Repeated { name: name.to_owned() }
    }

    pub(super) fn in_line(self, line: usize) -> Self {
        Self::Line { line, error: Box::new(self) }
    }
}
