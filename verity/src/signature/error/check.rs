//! Signatures that are not valid, or cannot be judged.

use std::fmt;

use thiserror::Error;

use super::super::algorithm::{Digest, KeyKind};
use super::super::message::{MAX_CERTIFICATES, MAX_MESSAGE};
use super::input::{CertificateError, PublicKeyError};

/// Why content is not proved to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The message is not what it should be.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The message is, but its signer is not.
    #[error("signer ({signer}): {error}")]
    Signer {
        /// Which signer.
        signer: SignerId,
        /// What is wrong.
        error: Box<SignerError>,
    },
}

impl CheckError {
    /// Whether it cannot be told if the signature is good, since it is made in a way that is not supported. Otherwise it is
    /// proved not to be.
    pub fn is_unsupported(&self) -> bool {
        let Self::Signer { error, .. } = self else { return false };
        matches!(
            **error,
            SignerError::UnsupportedCombination { .. }
                | SignerError::UnsupportedDigest { .. }
                | SignerError::PublicKey(PublicKeyError::Unsupported { .. })
                | SignerError::Certificate(CertificateError::Critical { .. })
                | SignerError::Path(PathError::Unsupported { .. })
        )
    }
}

/// Why a message is not one of a single detached signature in DER. Offsets are in bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// A certificate in the message is malformed.
    #[error("the certificate at offset {offset} of the message: {error}")]
    Certificate {
        /// Where it starts.
        offset: usize,
        /// What is wrong.
        error: Box<CertificateError>,
    },
    /// The same certificate again.
    #[error("the certificate at offset {offset} of the message is there twice")]
    CertificateTwice {
        /// Where the second starts.
        offset: usize,
    },
    /// The list of digests is not the signer's.
    #[error("SignedData.digestAlgorithms is not the signer's digest alone")]
    DigestAlgorithms,
    /// A structure breaks its definition.
    #[error("malformed {structure} at offset {offset}: {reason}")]
    Malformed {
        /// The name in RFC 5652.
        structure: &'static str,
        /// Where.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// Signed attributes that are there, but empty.
    #[error("SignerInfo.signedAttrs is there but empty")]
    NoAttributes,
    /// A set of certificates that is there, but empty.
    #[error("SignedData.certificates is there but empty")]
    NoCertificates,
    /// The message signs something else than plain data.
    #[error("the content is of type {found}, not data")]
    NotData {
        /// The number of the type.
        found: String,
    },
    /// Not the one way in which DER writes this.
    #[error("the message is not DER: what is at offset {offset} can be written in another way")]
    NotDer {
        /// Where it begins to differ.
        offset: usize,
    },
    /// The message brings its content, which would be another than what is checked.
    #[error(
        "the message brings its own content; a detached signature is wanted (`-binary`, without `-nodetach`)"
    )]
    NotDetached,
    /// Another kind of message.
    #[error("the message is of type {found}, not signedData")]
    NotSignedData {
        /// The number of the type.
        found: String,
    },
    /// Revocation lists, which nothing here looks at.
    #[error("the message brings revocation lists, which nothing would look at")]
    RevocationLists,
    /// None or several.
    #[error("the message has {count} signers; one is wanted")]
    Signers {
        /// How many.
        count: usize,
    },
    /// More than the kernel could be given.
    #[error("the message has {len} bytes, more than the {MAX_MESSAGE} that the kernel takes")]
    TooLong {
        /// How many bytes there are, as far as they were read.
        len: usize,
    },
    /// More than a path needs.
    #[error("the message brings {count} certificates, more than {MAX_CERTIFICATES}")]
    TooManyCertificates {
        /// How many.
        count: usize,
    },
    /// Attributes that nothing signs.
    #[error("SignerInfo.unsignedAttrs is there, which no signature covers")]
    UnsignedAttributes,
    /// A version that does not go with how the signer is named.
    #[error("{structure} has version {found}; {wanted} goes with how the signer is named")]
    Version {
        /// `SignedData` or `SignerInfo`.
        structure: &'static str,
        /// The version that it has.
        found: u8,
        /// The version that it should have.
        wanted: u8,
    },
}

/// What is wrong with the signer of a well-formed message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Two certificates of one issuer have one number.
    #[error("two different certificates are the signer's")]
    Ambiguous,
    /// The signed attributes are wrong.
    #[error(transparent)]
    Attributes(AttributeError),
    /// The signer's certificate is not good for signing.
    #[error(transparent)]
    Certificate(CertificateError),
    /// The message brings another certificate of the signer than the trusted one.
    #[error("the message brings another certificate of the signer than the trusted one")]
    CertificateDiffers,
    /// There is no certificate of the signer.
    #[error(
        "{}",
        if *trusted { "none of the trusted certificates is the signer's" }
        else { "the message does not bring the signer's certificate; give it, or have it included when signing" }
    )]
    NoCertificate {
        /// Whether there are trusted signers to be among.
        trusted: bool,
    },
    /// An algorithm has parameters that it should not have.
    #[error("the digest {name} has parameters")]
    Parameters {
        /// The name of the digest.
        name: String,
    },
    /// Nobody who is trusted vouches for the signer.
    #[error(transparent)]
    Path(PathError),
    /// The signer's key cannot be checked with.
    #[error(transparent)]
    PublicKey(PublicKeyError),
    /// The signature is not one of this content by this key.
    #[error("the signature is not one of this content by this signer")]
    Signature,
    /// The signature algorithm is not the one that goes with key and digest.
    #[error("the signature algorithm is {found}; with this key and digest the kernel wants {wanted}")]
    SignatureAlgorithm {
        /// The one in the message.
        found: String,
        /// The one that it should be.
        wanted: String,
    },
    /// The caller trusts nobody.
    #[error("nobody is trusted: give certificates of signers or of authorities")]
    Untrusted,
    /// Key and digest are both supported, but not together.
    #[error("{key} with {digest} is not supported")]
    UnsupportedCombination {
        /// The key.
        key: KeyKind,
        /// The digest.
        digest: Digest,
    },
    /// A digest that is not supported.
    #[error("the digest {name} is not supported (sha256, sha384 and sha512 are)")]
    UnsupportedDigest {
        /// Name and number of the digest.
        name: String,
    },
    /// A digest that proves nothing.
    #[error("the digest {name} is broken: other content can have the same")]
    WeakDigest {
        /// Name and number of the digest.
        name: String,
    },
}

/// How a message names its signer. The name may hold any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerId {
    /// By who issued the certificate, and its number.
    IssuerAndSerial {
        /// The issuer's name, as RFC 4514 writes it.
        issuer: String,
        /// The serial number in hexadecimal digits.
        serial: String,
    },
    /// By the certificate's subject key identifier.
    KeyId {
        /// Its bytes in hexadecimal digits.
        id: String,
    },
}

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial { issuer, serial } => write!(f, "serial {serial} of issuer {issuer}"),
            Self::KeyId { id } => write!(f, "key identifier {id}"),
        }
    }
}

/// Signed attributes that do not say what they must.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// contentType is not data.
    #[error("the signed attribute contentType does not say data")]
    ContentType,
    /// messageDigest is not the digest of the content.
    #[error(
        "the content is not what was signed: its digest is not that of the signed attribute messageDigest"
    )]
    MessageDigest,
    /// An attribute is missing, or not of its type.
    #[error("the signed attribute {name} is missing or malformed")]
    Missing {
        /// The name of the attribute.
        name: &'static str,
    },
    /// An attribute is there twice, or has no value or several.
    #[error("the signed attribute {name} has not exactly one value")]
    NotOneValue {
        /// Name and number of the attribute.
        name: String,
    },
}

/// Why nobody who is trusted vouches for a signer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The issuer may not issue certificates.
    #[error("authority {subject}: {error}")]
    Authority {
        /// The issuer's name.
        subject: String,
        /// Why not.
        error: Box<CertificateError>,
    },
    /// Nobody by that name.
    #[error("no trusted authority, and none in the message, is the issuer {issuer}")]
    NoIssuer {
        /// The name of the signer's issuer.
        issuer: String,
    },
    /// The issuer of that name did not sign the certificate.
    #[error("the certificate of {subject} is not signed by {issuer}")]
    Signature {
        /// The subject of the certificate.
        subject: String,
        /// The subject of the one that should have signed it.
        issuer: String,
    },
    /// The certificate is signed in a way that cannot be checked.
    #[error("the certificate of {subject} is signed with {name}, which is not supported")]
    Unsupported {
        /// The subject of the certificate.
        subject: String,
        /// The algorithm.
        name: String,
    },
}
