//! Digests and public keys, and which of their combinations can be checked.

use std::fmt;
use std::str::FromStr;

use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::oid::db::{DB, rfc5912};
use der::{Decode, Sequence};
use ring::{digest, signature};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::error::{PublicKeyError, SignerError};

/// A digest that content is hashed with before it is signed. The kernel knows more, of which none is wanted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// All of them, shortest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(super) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => rfc5912::ID_SHA_256,
            Self::Sha384 => rfc5912::ID_SHA_384,
            Self::Sha512 => rfc5912::ID_SHA_512,
        }
    }

    /// The digest that an identifier in a message names. Parameters are absent, as RFC 5754 wants it, or NULL, as OpenSSL
    /// writes it for PKCS#7.
    pub(super) fn of_identifier(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Self, SignerError> {
        let known = Self::ALL.into_iter().find(|digest| digest.oid() == identifier.oid);
        let name = || oid_name(identifier.oid);
        let digest = known.ok_or_else(|| {
            if is_broken(identifier.oid) {
                SignerError::WeakDigest { name: name() }
            } else {
                SignerError::UnsupportedDigest { name: name() }
            }
        })?;
        let parameters = identifier.parameters;
        if parameters.is_none_or(AnyRef::is_null) {
            Ok(digest)
        } else {
            Err(SignerError::Parameters { name: digest.name().to_owned() })
        }
    }

    pub(super) fn hash(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|digest| digest.name() == name);
        known.ok_or_else(|| "use sha256, sha384 or sha512".to_owned())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What kind of key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on the curve P-256.
    P256,
    /// ECDSA on the curve P-384.
    P384,
    /// RSA with PKCS#1 v1.5 padding.
    Rsa {
        /// The length of the modulus.
        bits: usize,
    },
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("ECDSA P-256"),
            Self::P384 => f.write_str("ECDSA P-384"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
        }
    }
}

/// A public key that ring can check signatures with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub(super) kind: KeyKind,
    /// A DER `RSAPublicKey`, or an uncompressed point.
    pub(super) bytes: Vec<u8>,
}

/// The shortest and longest RSA moduli that ring checks signatures with. Shorter ones are broken, longer ones take time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// RFC 8017, appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl PublicKey {
    pub(super) fn read(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, PublicKeyError> {
        let bytes = info.subject_public_key.as_bytes();
        let bytes = bytes
            .ok_or_else(|| PublicKeyError::Malformed { reason: "it does not end at a byte".to_owned() })?;
        let kind = match info.algorithm.oid {
            rfc5912::RSA_ENCRYPTION => Self::rsa(bytes)?,
            rfc5912::ID_EC_PUBLIC_KEY => curve(info.algorithm.parameters_oid().map_err(|error| {
                PublicKeyError::Malformed { reason: format!("the curve is not named: {error}") }
            })?)?,
            other => return Err(PublicKeyError::Unsupported { name: oid_name(other) }),
        };
        // The first byte of a point tells whether it is compressed, which ring does not read.
        if kind.family() == Family::Ecdsa && bytes.first() != Some(&4) {
            return Err(PublicKeyError::Unsupported { name: format!("{kind} with a compressed point") });
        }
        Ok(Self { kind, bytes: bytes.to_vec() })
    }

    fn rsa(bytes: &[u8]) -> Result<KeyKind, PublicKeyError> {
        let key = RsaPublicKey::from_der(bytes)
            .map_err(|error| PublicKeyError::Malformed { reason: error.to_string() })?;
        let modulus = key.modulus.as_bytes();
        let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        let bits = modulus.len() * 8 - unused;
        if RSA_BITS.contains(&bits) {
            return Ok(KeyKind::Rsa { bits });
        }
        Err(PublicKeyError::RsaLength { bits })
    }

    /// The identifier that the kernel wants as a signer's signature algorithm: for RSA the bare one, without the digest.
    pub(super) fn signer_algorithm(&self, digest: Digest) -> (ObjectIdentifier, Option<AnyRef<'static>>) {
        match self.kind {
            KeyKind::Rsa { .. } => (rfc5912::RSA_ENCRYPTION, Some(AnyRef::NULL)),
            KeyKind::P256 | KeyKind::P384 => (ecdsa_with(digest), None),
        }
    }

    /// Whether `signature` is one of `message` by this key; `None` if ring cannot tell for this combination.
    pub(super) fn verifies(&self, digest: Digest, message: &[u8], signature: &[u8]) -> Option<bool> {
        let algorithm: &dyn signature::VerificationAlgorithm = match (self.kind, digest) {
            (KeyKind::Rsa { .. }, Digest::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (KeyKind::Rsa { .. }, Digest::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (KeyKind::Rsa { .. }, Digest::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (KeyKind::P256, Digest::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (KeyKind::P256, Digest::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (KeyKind::P384, Digest::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (KeyKind::P384, Digest::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
            (KeyKind::P256 | KeyKind::P384, Digest::Sha512) => return None,
        };
        let key = signature::UnparsedPublicKey::new(algorithm, &self.bytes);
        Some(key.verify(message, signature).is_ok())
    }
}

/// What an algorithm identifier of a certificate's own signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Ecdsa,
    Rsa,
}

/// Family and digest of a certificate's signature; the name of the algorithm if it is another.
pub(super) fn certificate_algorithm(
    identifier: &AlgorithmIdentifierRef<'_>,
) -> Result<(Family, Digest), String> {
    let (family, digest) = match identifier.oid {
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION => (Family::Rsa, Digest::Sha256),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION => (Family::Rsa, Digest::Sha384),
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION => (Family::Rsa, Digest::Sha512),
        rfc5912::ECDSA_WITH_SHA_256 => (Family::Ecdsa, Digest::Sha256),
        rfc5912::ECDSA_WITH_SHA_384 => (Family::Ecdsa, Digest::Sha384),
        rfc5912::ECDSA_WITH_SHA_512 => (Family::Ecdsa, Digest::Sha512),
        other => return Err(oid_name(other)),
    };
    let wanted = if family == Family::Rsa { Some(AnyRef::NULL) } else { None };
    if identifier.parameters == wanted {
        Ok((family, digest))
    } else {
        Err(format!("{} with unusual parameters", oid_name(identifier.oid)))
    }
}

impl KeyKind {
    pub(super) fn family(self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::P256 | Self::P384 => Family::Ecdsa,
        }
    }
}

/// The curve of that name, if ring has it.
pub(super) fn curve(oid: ObjectIdentifier) -> Result<KeyKind, PublicKeyError> {
    match oid {
        rfc5912::SECP_256_R_1 => Ok(KeyKind::P256),
        rfc5912::SECP_384_R_1 => Ok(KeyKind::P384),
        rfc5912::SECP_521_R_1 => Err(PublicKeyError::Unsupported { name: "ECDSA P-521".to_owned() }),
        other => Err(PublicKeyError::Unsupported { name: format!("ECDSA {}", oid_name(other)) }),
    }
}

fn ecdsa_with(digest: Digest) -> ObjectIdentifier {
    match digest {
        Digest::Sha256 => rfc5912::ECDSA_WITH_SHA_256,
        Digest::Sha384 => rfc5912::ECDSA_WITH_SHA_384,
        Digest::Sha512 => rfc5912::ECDSA_WITH_SHA_512,
    }
}

/// Whether two contents with one digest can be made, or soon will be.
fn is_broken(oid: ObjectIdentifier) -> bool {
    // The database has no MD4.
    const MD4: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.4");
    [MD4, rfc5912::ID_MD_5, rfc5912::ID_SHA_1].contains(&oid)
}

/// The name in the standards and the number, or the number alone.
pub(super) fn oid_name(oid: ObjectIdentifier) -> String {
    DB.by_oid(&oid).map_or_else(|| oid.to_string(), |name| format!("{name} ({oid})"))
}
