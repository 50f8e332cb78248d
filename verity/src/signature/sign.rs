//! Making a message.

use x509_cert::spki::AlgorithmIdentifierRef;

use der::asn1::AnyRef;

use super::algorithm::Digest;
use super::certificate::Certificate;
use super::check::verify;
use super::error::SignError;
use super::key::SigningKey;
use super::message::{MAX_MESSAGE, Message, Parts, encode};

/// How to sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The digest; by default SHA-256, and SHA-384 for keys on P-384. Keys on curves sign with no other.
    pub digest: Option<Digest>,
    /// Put the certificate into the message, for those who check signatures against authorities only. The kernel needs it
    /// only then.
    pub include_certificate: bool,
}

/// Signs `content`, and returns a detached PKCS#7 message in DER.
///
/// The message is read back and its signature checked before it is returned. Whether the certificate is valid now and for
/// this use is not looked at, since the kernel does not; [`Certificate::check_signer`] tells.
pub fn sign(
    content: &[u8],
    key: &SigningKey,
    certificate: &Certificate,
    options: Options,
) -> Result<Vec<u8>, SignError> {
    // A certificate whose key cannot be checked with would make the comparison below say something else.
    certificate.public_key().map_err(|error| SignError::Certificate(Box::new(error)))?;
    if !certificate.belongs_to(key) {
        return Err(SignError::OtherKey { subject: certificate.subject() });
    }
    let unsupported = SignError::Digest { key: key.kind(), digest: options.digest.unwrap_or(Digest::Sha256) };
    let digest = key.digest(options.digest).ok_or(unsupported)?;
    let signature = key.sign(digest, content).map_err(|_| SignError::Failed { key: key.kind() })?;
    let (oid, parameters) = key.public().signer_algorithm(digest);
    let message = encode(&Parts {
        signer: certificate,
        // NULL, as OpenSSL's PKCS#7 has it; RFC 5754 would rather have nothing, and everybody reads both.
        digest_algorithm: AlgorithmIdentifierRef { oid: digest.oid(), parameters: Some(AnyRef::NULL) },
        signature_algorithm: AlgorithmIdentifierRef { oid, parameters },
        signature: &signature,
        include_certificate: options.include_certificate,
    })
    .map_err(|error| SignError::Encoding { reason: error.to_string() })?;
    read_back(content, &message, certificate)?;
    Ok(message)
}

/// A message that cannot be read back, or is not a signature, is not given away: a fault of memory or hardware while a
/// signature is made can also give the key away.
fn read_back(content: &[u8], message: &[u8], certificate: &Certificate) -> Result<(), SignError> {
    if message.len() > MAX_MESSAGE {
        return Err(SignError::TooLong { len: message.len() });
    }
    let read = Message::parse(message).map_err(|error| SignError::ReadBack { reason: error.to_string() })?;
    if !read.signer.id.names(certificate) {
        return Err(SignError::ReadBack { reason: "it names another signer".to_owned() });
    }
    verify(content, &read.signer, certificate)
        .map_err(|error| SignError::ReadBack { reason: error.to_string() })?;
    Ok(())
}
