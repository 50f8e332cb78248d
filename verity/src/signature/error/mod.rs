//! What can go wrong with signatures, grouped by what is at fault: what is read, the signature, or what is asked for.

mod check;
mod input;
mod sign;

pub use check::{AttributeError, CheckError, MessageError, PathError, SignerError, SignerId};
pub use input::{CertificateError, KeyError, PemError, PublicKeyError, Usage};
pub use sign::SignError;
