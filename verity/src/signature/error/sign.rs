//! Signatures that cannot be made.

use thiserror::Error;

use super::super::algorithm::{Digest, KeyKind};
use super::super::message::MAX_MESSAGE;
use super::check::SignerError;

/// Why no signature was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The certificate's key is of no use.
    #[error("the certificate cannot be used: {0}")]
    Certificate(Box<SignerError>),
    /// The key does not sign with that digest.
    #[error("{key} does not sign with {digest}; leave the digest out, or use an RSA key")]
    Digest {
        /// The key.
        key: KeyKind,
        /// The digest that was asked for.
        digest: Digest,
    },
    /// The message could not be written.
    #[error("cannot encode the message: {reason}")]
    Encoding {
        /// What is wrong.
        reason: String,
    },
    /// The key did not sign.
    #[error("signing with the {key} key failed")]
    Failed {
        /// The key.
        key: KeyKind,
    },
    /// The certificate is that of another key.
    #[error("the certificate of {subject} does not belong to the private key: their public keys differ")]
    OtherKey {
        /// The subject of the certificate.
        subject: String,
    },
    /// The message was made and is wrong.
    #[error("the signature that was made does not pass its own check, and is not given away: {reason}")]
    ReadBack {
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate is so long that the kernel would not take the message.
    #[error(
        "with this certificate the message has {len} bytes, more than the {MAX_MESSAGE} that the kernel takes"
    )]
    TooLong {
        /// How many bytes it would have.
        len: usize,
    },
}
