//! Keys and certificates that are not what they should be.

use std::fmt;

use thiserror::Error;

use super::super::pem::MAX_FILE;

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
