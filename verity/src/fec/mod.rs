//! Forward error correction: Reed-Solomon parity over data and tree, as the kernel's dm-verity reads it.
//!
//! Parity is not authenticated. Nothing that it yields counts before its digest is what the tree, from the root hash down,
//! says.

mod code;
mod encode;
mod error;
mod gf;
mod journal;
mod layout;
mod overlay;
mod repair;
mod round;
mod rows;
mod suspects;
mod words;

pub use encode::{check_parity, encode};
pub use error::{FecError, JournalError, RepairError};
pub use journal::{JOURNAL_CONTENTS, Journal, SealedJournal};
pub use layout::{FecArea, FecLayout, FecShape, Roots};
pub use overlay::Part;
pub use repair::{Damaged, Found, Repairs, find_repairs};
