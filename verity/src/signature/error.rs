//! What can go wrong with signatures, grouped by what is at fault: a file, a key, a certificate, the message, the signer.

use std::fmt;

use thiserror::Error;

use super::algorithm::{Digest, KeyKind};
use super::message::{MAX_CERTIFICATES, MAX_MESSAGE};
use super::pem::MAX_FILE;

/// Content that cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContentError {
    /// fs-verity has no such algorithm.
    #[error("fs-verity has no algorithm {algorithm} (1 is sha256, 2 is sha512)")]
    Algorithm {
        /// The number given.
        algorithm: u16,
    },
    /// The digest is not as long as the algorithm's are.
    #[error("a digest of fs-verity's algorithm {algorithm} has {wanted} bytes, this has {len}")]
    Length {
        /// The number of the algorithm.
        algorithm: u16,
        /// How many bytes its digests have.
        wanted: u16,
        /// How many this has.
        len: usize,
    },
}

/// A PEM file that is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PemError {
    /// A private key is encrypted.
    #[error(
        "the private key is encrypted: decrypt it to a place that only you can read, with `openssl pkey`"
    )]
    Encrypted,
    /// A block breaks RFC 7468.
    #[error("the PEM block at offset {offset} is malformed: {reason}")]
    Malformed {
        /// Where the block starts.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// More than any file of keys or certificates has.
    #[error(
        "the file has {len} bytes, more than the {MAX_FILE} that a file of keys or certificates can have"
    )]
    TooLong {
        /// How many bytes there are, as far as they were read.
        len: usize,
    },
    /// A block has no end.
    #[error("the PEM block at offset {offset} has no end")]
    Unclosed {
        /// Where the block starts.
        offset: usize,
    },
}

/// A private key that cannot sign.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The curve is not named: it is missing or spelt out.
    #[error(
        "the elliptic curve of the private key is not named: convert it with `openssl pkey -param_enc named_curve`"
    )]
    CurveNotNamed,
    /// PKCS#8 names one curve and the key within another.
    #[error("the private key names two different elliptic curves")]
    CurvesDiffer,
    /// PKCS#8, encrypted.
    #[error(
        "the private key is encrypted: decrypt it to a place that only you can read, with `openssl pkey`"
    )]
    Encrypted,
    /// A structure of the key is malformed.
    #[error("the private key is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// There is no private key in the file.
    #[error("there is no private key in PEM (`-----BEGIN PRIVATE KEY-----`)")]
    None,
    /// Only half of a key on a curve.
    #[error("the private key comes without its public key: add it with `openssl pkey`")]
    NoPublicKey,
    /// The file is no PEM file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The public part cannot be used.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// ring does not take it.
    #[error(
        "the {kind} private key is not usable ({reason}); RSA keys must have 2048 to 4096 bits and be consistent"
    )]
    Rejected {
        /// `RSA` or `ECDSA`.
        kind: &'static str,
        /// ring's word for it.
        reason: String,
    },
    /// More than one private key: which of them is meant is not for us to guess.
    #[error("there are several private keys in the file: keep the one that is to sign")]
    Several,
    /// Another kind of key.
    #[error(
        "a private key of kind {name} cannot sign here: use RSA (2048 to 4096 bits) or ECDSA on P-256 or P-384"
    )]
    Unsupported {
        /// The label or the algorithm.
        name: String,
    },
}

/// A public key that signatures cannot be checked with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The key is malformed.
    #[error("the public key is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Too short to be safe, or longer than is supported.
    #[error("an RSA key of {bits} bits is not supported (2048 to 8192 are)")]
    RsaLength {
        /// The length of the modulus.
        bits: usize,
    },
    /// Another kind of key.
    #[error("keys of kind {name} are not supported (RSA, ECDSA P-256 and ECDSA P-384 are)")]
    Unsupported {
        /// The algorithm or curve.
        name: String,
    },
}

/// A use that a certificate is not for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Usage {
    /// keyUsage without keyCertSign.
    CertificateSign,
    /// keyUsage without digitalSignature and nonRepudiation.
    DigitalSignature,
    /// extKeyUsage without codeSigning, emailProtection and anyExtendedKeyUsage.
    Purpose,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificateSign => "signing certificates: its keyUsage has no keyCertSign",
            Self::DigitalSignature => "signing: its keyUsage has neither digitalSignature nor nonRepudiation",
            Self::Purpose => {
                "signing images: its extKeyUsage has neither codeSigning nor emailProtection nor anyExtendedKeyUsage"
            }
        })
    }
}

/// A certificate that is malformed or not good for what it is to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A critical extension that is not supported, or name constraints.
    #[error("the certificate has the extension {name}, which is not supported")]
    Critical {
        /// Name and number of the extension.
        name: String,
    },
    /// The time is after the period of validity.
    #[error("the certificate expired at {until}")]
    Expired {
        /// The end of the period.
        until: String,
    },
    /// An extension is malformed, or there twice.
    #[error("the certificate's extension {name} is malformed: {reason}")]
    Extension {
        /// The name of the extension.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Not a certificate.
    #[error("the certificate is malformed: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// There is none in the file.
    #[error("there is no certificate in the file, neither in PEM (`-----BEGIN CERTIFICATE-----`) nor in DER")]
    None,
    /// No basicConstraints, or they say so.
    #[error("the certificate is not that of an authority: its basicConstraints do not say CA")]
    NotAuthority,
    /// The time is before the period of validity.
    #[error("the certificate is not valid before {from}")]
    NotYetValid {
        /// The start of the period.
        from: String,
    },
    /// The authority limits how many there may be below it.
    #[error("the authority allows fewer than the {below} authorities below it (pathLenConstraint)")]
    PathLength {
        /// How many there are.
        below: usize,
    },
    /// The file is no PEM file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// An extension is there twice.
    #[error("the certificate has the extension {name} twice")]
    Repeated {
        /// Name and number of the extension.
        name: String,
    },
    /// A DER file that is longer than a certificate is.
    #[error("the file has more than the {MAX_FILE} bytes that a file of certificates can have")]
    TooLong,
    /// Not made for this use.
    #[error("the certificate is not for {0}")]
    Usage(Usage),
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
