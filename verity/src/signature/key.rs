//! Private keys.

use der::Decode;
use der::oid::db::rfc5912;
use pkcs8::PrivateKeyInfoRef;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _};
use sec1::{EcParameters, EcPrivateKey};

use super::algorithm::{Digest, KeyKind, PublicKey, curve, oid_name};
use super::error::KeyError;
use super::pem::{Block, blocks};

/// A private key that can sign: RSA of 2048 to 4096 bits, or ECDSA on P-256 or P-384.
///
/// Those are what ring signs with. The bytes of the file are overwritten after use; ring does not do so with its own.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// The one private key of a PEM file: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC1).
    /// Other blocks, such as certificates, are passed over.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let blocks = blocks(file)?;
        let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
        let key = keys.next().ok_or(KeyError::None)?;
        if keys.next().is_some() {
            return Err(KeyError::Several);
        }
        Self::from_block(key)
    }

    fn from_block(block: &Block) -> Result<Self, KeyError> {
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.der),
            "RSA PRIVATE KEY" => Self::rsa(&block.der),
            "EC PRIVATE KEY" => Self::ec(&block.der, None),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            label => Err(KeyError::Unsupported { name: label.to_owned() }),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(malformed)?;
        match info.algorithm.oid {
            rfc5912::RSA_ENCRYPTION => Self::rsa(info.private_key.as_bytes()),
            rfc5912::ID_EC_PUBLIC_KEY => {
                let oid = info.algorithm.parameters_oid().map_err(|_| KeyError::CurveNotNamed)?;
                Self::ec(info.private_key.as_bytes(), Some(curve(oid)?))
            }
            other => Err(KeyError::Unsupported { name: oid_name(other) }),
        }
    }

    fn rsa(der: &[u8]) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::from_der(der)
            .map_err(|rejected| KeyError::Rejected { kind: "RSA", reason: rejected.to_string() })?;
        let bits = pair.public().modulus_len() * 8;
        let public = PublicKey { kind: KeyKind::Rsa { bits }, bytes: pair.public().as_ref().to_vec() };
        Ok(Self { pair: Pair::Rsa(Box::new(pair)), public })
    }

    /// `outer` is the curve that PKCS#8 names, where the key itself need not.
    fn ec(der: &[u8], outer: Option<KeyKind>) -> Result<Self, KeyError> {
        let key = EcPrivateKey::from_der(der).map_err(malformed)?;
        let inner = match key.parameters {
            Some(EcParameters::NamedCurve(oid)) => Some(curve(oid)?),
            None => None,
        };
        let kind = match (outer, inner) {
            (Some(outer), Some(inner)) if outer != inner => return Err(KeyError::CurvesDiffer),
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => return Err(KeyError::CurveNotNamed),
        };
        let point = key.public_key.ok_or(KeyError::NoPublicKey)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            ecdsa(kind),
            key.private_key,
            point,
            &SystemRandom::new(),
        )
        .map_err(|rejected| KeyError::Rejected { kind: "ECDSA", reason: rejected.to_string() })?;
        let public = PublicKey { kind, bytes: pair.public_key().as_ref().to_vec() };
        Ok(Self { pair: Pair::Ecdsa(Box::new(pair)), public })
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.public.kind
    }

    /// The digest that it signs with if none is asked for.
    pub fn default_digest(&self) -> Digest {
        if self.public.kind == KeyKind::P384 { Digest::Sha384 } else { Digest::Sha256 }
    }

    pub(super) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The digest that this key signs with, if it can be the one that is wanted. On curves ring has only the default.
    pub(super) fn digest(&self, wanted: Option<Digest>) -> Option<Digest> {
        let default = self.default_digest();
        match self.public.kind {
            KeyKind::Rsa { .. } => Some(wanted.unwrap_or(default)),
            KeyKind::P256 | KeyKind::P384 => wanted.is_none_or(|wanted| wanted == default).then_some(default),
        }
    }

    /// Signs `message`. `digest` must come from [`digest`](Self::digest).
    pub(super) fn sign(&self, digest: Digest, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match digest {
                    Digest::Sha256 => &signature::RSA_PKCS1_SHA256,
                    Digest::Sha384 => &signature::RSA_PKCS1_SHA384,
                    Digest::Sha512 => &signature::RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

fn ecdsa(kind: KeyKind) -> &'static EcdsaSigningAlgorithm {
    match kind {
        KeyKind::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        _ => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

fn malformed(error: der::Error) -> KeyError {
    KeyError::Malformed { reason: error.to_string() }
}
