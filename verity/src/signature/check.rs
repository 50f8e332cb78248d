//! Checking a message against content and trusted certificates.

use std::time::SystemTime;

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::oid::db::rfc5911;

use super::algorithm::{Digest, KeyKind};
use super::certificate::{Certificate, Fingerprint};
use super::error::{AttributeError, CheckError, SignerError};
use super::message::{Attribute, Attributes, Message, Signer};
use super::path;

/// Whom the caller trusts.
///
/// Trust in a signer's certificate itself is what a keyring with that certificate is. Trust in authorities is trust in
/// everybody to whom they gave a certificate for signing. With both, the signer must be one of the signers and also come
/// from one of the authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates of signers. If there are none, whoever the authorities vouch for may sign.
    pub signers: Vec<Certificate>,
    /// Certificates of authorities. If there are none, the signers need no other's word.
    pub authorities: Vec<Certificate>,
}

/// The content was signed by somebody who is trusted.
///
/// Only [`check()`] makes one, so that what needs signed content can ask for it in its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    content: Vec<u8>,
    certificate: Certificate,
    key: KeyKind,
    digest: Digest,
    path: Vec<Certificate>,
    remarks: Vec<Remark>,
}

/// What is no fault of a signature, but good to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// There are signed attributes: the signature is over them, and over the content by way of a digest in them. The kernel
    /// takes that for root hashes, not for modules.
    SignedAttributes,
    /// The signed attributes list S/MIME capabilities, as OpenSSL writes them when it is not told `-noattr` or
    /// `-nosmimecap`. The kernel refuses such a message, unless it is for Authenticode.
    SmimeCapabilities,
    /// The message brings certificates that play no part. They can be exchanged without notice.
    UnusedCertificates {
        /// How many.
        count: usize,
    },
}

/// Checks that `message`, a detached PKCS#7 signature in DER, is one of `content` by a signer that is trusted at that time.
///
/// See [the module](crate::signature) for what is checked and what is not. The time is that at which certificates must be valid; a
/// signing time in the message is the signer's own claim, and is not believed.
pub fn check(content: &[u8], message: &[u8], trust: &Trust, at: SystemTime) -> Result<Signed, CheckError> {
    let message = Message::parse(message)?;
    let id = message.signer.id.describe();
    let blame = |error: SignerError| CheckError::Signer { signer: id.clone(), error: Box::new(error) };
    let certificate = find_signer(&message, trust).map_err(blame)?;
    let digest = verify(content, &message.signer, certificate).map_err(blame)?;
    certificate.check_signer(at).map_err(|error| blame(SignerError::Certificate(error)))?;
    let path = match &trust.authorities[..] {
        [] => Vec::new(),
        authorities => path::find(certificate, &message.certificates, authorities, at)
            .map_err(|error| blame(SignerError::Path(error)))?,
    };
    let key = certificate.public_key().map_err(blame)?.kind;
    let remarks = remarks(&message, certificate, &path);
    Ok(Signed {
        content: content.to_vec(),
        certificate: certificate.clone(),
        key,
        digest,
        path: path.into_iter().cloned().collect(),
        remarks,
    })
}

impl Signed {
    /// What was signed.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The signer's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The fingerprint of the signer's certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// What kind of key signed.
    pub fn key(&self) -> KeyKind {
        self.key
    }

    /// The digest that was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The authorities from the signer's issuer to the one that is trusted; none if the signer itself is trusted.
    pub fn path(&self) -> &[Certificate] {
        &self.path
    }

    /// What is good to know.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }
}

/// The one certificate that the message can mean, from the places where it may come from.
fn find_signer<'a>(message: &'a Message<'_>, trust: &'a Trust) -> Result<&'a Certificate, SignerError> {
    if *trust == Trust::default() {
        return Err(SignerError::Untrusted);
    }
    let names = |certificate: &&Certificate| message.signer.id.names(certificate);
    let brought = message.certificates.iter().filter(names);
    let mut candidates: Vec<&Certificate> = match &trust.signers[..] {
        [] => brought.chain(trust.authorities.iter().filter(names)).collect(),
        signers => signers.iter().filter(names).collect(),
    };
    candidates.dedup();
    let [first, others @ ..] = &candidates[..] else {
        return Err(SignerError::NoCertificate { trusted: !trust.signers.is_empty() });
    };
    if others.iter().any(|other| other != first) {
        return Err(SignerError::Ambiguous);
    }
    // Otherwise the message would show one certificate to whoever looks at it, and mean another. One of the same key would
    // pass for one that plays no part, as soon as a bit of its number is flipped.
    let is_signers = |other: &&Certificate| names(other) || other.has_key_of(first);
    if message.certificates.iter().filter(is_signers).any(|certificate| certificate != *first) {
        return Err(SignerError::CertificateDiffers);
    }
    Ok(first)
}

/// Checks the signature alone, and returns the digest that it is over.
pub(super) fn verify(
    content: &[u8],
    signer: &Signer<'_>,
    certificate: &Certificate,
) -> Result<Digest, SignerError> {
    let digest = Digest::of_identifier(&signer.digest_algorithm)?;
    let key = certificate.public_key()?;
    let found = &signer.signature_algorithm;
    let wanted = key.signer_algorithm(digest);
    if (found.oid, found.parameters) != wanted {
        return Err(SignerError::SignatureAlgorithm {
            found: super::algorithm::oid_name(found.oid),
            wanted: super::algorithm::oid_name(wanted.0),
        });
    }
    let signed = match &signer.signed_attributes {
        Some(attributes) => {
            check_attributes(attributes, digest, content)?;
            &attributes.signed[..]
        }
        None => content,
    };
    match key.verifies(digest, signed, signer.signature) {
        Some(true) => Ok(digest),
        Some(false) => Err(SignerError::Signature),
        None => Err(SignerError::UnsupportedCombination { key: key.kind, digest }),
    }
}

/// RFC 5652, sections 5.3, 11.1 and 11.2: what must be among the attributes, and what it must say.
fn check_attributes(attributes: &Attributes<'_>, digest: Digest, content: &[u8]) -> Result<(), SignerError> {
    for (index, attribute) in attributes.list.iter().enumerate() {
        let repeated = attributes.list[..index].iter().any(|earlier| earlier.kind == attribute.kind);
        if repeated || attribute.values.len() != 1 {
            let name = super::algorithm::oid_name(attribute.kind);
            return Err(SignerError::Attributes(AttributeError::NotOneValue { name }));
        }
    }
    let value = |kind: ObjectIdentifier, name: &'static str| {
        let found = attributes.list.iter().find(|attribute| attribute.kind == kind);
        let value = found.and_then(|attribute| attribute.values.first());
        value.ok_or(SignerError::Attributes(AttributeError::Missing { name }))
    };
    let content_type = value(rfc5911::ID_CONTENT_TYPE, "contentType")?;
    if content_type.decode_as::<ObjectIdentifier>() != Ok(rfc5911::ID_DATA) {
        return Err(SignerError::Attributes(AttributeError::ContentType));
    }
    let stated = value(rfc5911::ID_MESSAGE_DIGEST, "messageDigest")?;
    let stated = stated.decode_as::<&OctetStringRef>();
    let actual = digest.hash(content);
    match stated {
        Ok(stated) if stated.as_bytes() == actual.as_ref() => Ok(()),
        Ok(_) => Err(SignerError::Attributes(AttributeError::MessageDigest)),
        Err(_) => Err(SignerError::Attributes(AttributeError::Missing { name: "messageDigest" })),
    }
}

fn remarks(message: &Message<'_>, signer: &Certificate, path: &[&Certificate]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if let Some(attributes) = &message.signer.signed_attributes {
        remarks.push(Remark::SignedAttributes);
        let lists = |attribute: &Attribute<'_>| attribute.kind == rfc5911::SMIME_CAPABILITIES;
        if attributes.list.iter().any(lists) {
            remarks.push(Remark::SmimeCapabilities);
        }
    }
    let used = |certificate: &&Certificate| *certificate == signer || path.contains(certificate);
    let unused = message.certificates.iter().filter(|certificate| !used(certificate)).count();
    if unused > 0 {
        remarks.push(Remark::UnusedCertificates { count: unused });
    }
    remarks
}
