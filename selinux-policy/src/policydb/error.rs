//! What can be wrong with a binary policy.

/// Why bytes are not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{structure} at byte {offset}: {problem}")]
pub struct PolicyError {
    /// What was being read.
    pub structure: &'static str,
    /// Where, from the file's begin.
    pub offset: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong at a place of a binary policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is too short.
    #[error("the file ends where {0} more bytes must follow")]
    Truncated(usize),
    /// The file is too long.
    #[error("{0} bytes follow the end of the policy")]
    Trailing(usize),
    /// The file is something else.
    #[error("this is not a binary policy: it begins with {0:#010x}, not with 0xf97cff8c")]
    Magic(u32),
    /// Nobody is known who would enforce it.
    #[error("the policy is for {0:?}, not for \"SE Linux\" or \"XenFlask\"")]
    Target(String),
    /// The version is too old or too new.
    #[error("version {found} of the format is not one of 15 to {newest}")]
    Version {
        /// What the file says.
        found: u32,
        /// The newest that the target has.
        newest: u32,
    },
    /// A number that the version fixes is another.
    #[error("there must be {expected} {what} in this version, not {found}")]
    Fixed {
        /// Of what.
        what: &'static str,
        /// How many.
        expected: u32,
        /// How many the file says.
        found: u32,
    },
    /// There are more than the format can have.
    #[error("there are {found} {what}, but there can be only {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many the file says.
        found: u32,
        /// How many there can be.
        most: u32,
    },
    /// A number has no meaning.
    #[error("{value:#x} is no {what}")]
    Code {
        /// What it should be.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// A number names nothing.
    #[error("there is no {what} {value}: the highest is {highest}")]
    Value {
        /// What it should name.
        what: &'static str,
        /// The number.
        value: u32,
        /// The highest that there is.
        highest: u32,
    },
    /// A table does not have the values that its header promises.
    #[error("no {what} has the value {value}")]
    Missing {
        /// Of what kind.
        what: &'static str,
        /// The value that is left out.
        value: u32,
    },
    /// A table says that it has other values than it has.
    #[error("the highest value of a {what} is said to be {said}, but is {found}")]
    Highest {
        /// Of what kind.
        what: &'static str,
        /// What the header says.
        said: u32,
        /// What the elements have.
        found: u32,
    },
    /// Something is there twice.
    #[error("{what} {name} is there twice")]
    Twice {
        /// What.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// A name that nothing defines.
    #[error("there is no {what} {name}")]
    Undefined {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name is empty or holds a zero byte, so that the kernel would see another one.
    #[error("a name is {0}")]
    Name(&'static str),
    /// A set of bits is not as every writer of the format makes it.
    #[error("a set of bits {0}")]
    Bitmap(&'static str),
    /// An expression does not come to one result, or needs more room than the kernel has.
    #[error("an expression {0}")]
    Expression(&'static str),
    /// A context's parts don't go together.
    #[error("a context is not valid: {0}")]
    Context(&'static str),
    /// What bounds something does not.
    #[error("{what} {name} {reason}")]
    Bounds {
        /// What kind.
        what: &'static str,
        /// Which.
        name: String,
        /// Why.
        reason: &'static str,
    },
}
