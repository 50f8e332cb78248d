//! X.509 certificates.

use std::fmt;
use std::time::{Duration, SystemTime};

use der::asn1::AnyRef;
use der::oid::db::rfc5912;
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag};
use ring::digest;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::time::Time;

use super::algorithm::{Digest, Family, PublicKey, certificate_algorithm};
use super::error::{CertificateError, PublicKeyError, SignerError, SignerId, Usage};
use super::key::SigningKey;
use super::pem::{MAX_FILE, blocks};

/// A certificate, parsed, with the bytes that it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
    raw: Raw,
    key: Result<PublicKey, PublicKeyError>,
}

/// The parts that are compared or hashed as they are. The parsed certificate would give them back sorted and normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    to_be_signed: Vec<u8>,
    serial: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

/// The SHA-256 of a certificate's DER encoding, as `openssl x509 -fingerprint -sha256` prints it, but for the colons.
/// Signature partitions name their certificate by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Certificate {
    /// Reads one DER certificate, with nothing after it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |error: der::Error| CertificateError::Malformed { reason: error.to_string() };
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let (raw, key) = Raw::read(der).map_err(malformed)?;
        Ok(Self { der: der.to_vec(), parsed, raw, key })
    }

    /// Reads all certificates of a file: the `CERTIFICATE` blocks of PEM, or one in DER. There is at least one.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, CertificateError> {
        // The first byte of a SEQUENCE, and of no PEM file but one that begins with a comment in digits.
        if file.first() == Some(&0x30) && !file.is_ascii() {
            let fits = file.len() <= MAX_FILE;
            return if fits { Ok(vec![Self::from_der(file)?]) } else { Err(CertificateError::TooLong) };
        }
        let blocks = blocks(file)?;
        let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
        let certificates =
            certificates.map(|block| Self::from_der(&block.der)).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() { Err(CertificateError::None) } else { Ok(certificates) }
    }

    /// The DER encoding.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the DER encoding.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, &self.der).as_ref());
        Fingerprint(bytes)
    }

    /// The subject's name, as RFC 4514 writes it. It may hold any characters.
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// The issuer's name, as RFC 4514 writes it. It may hold any characters.
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// The serial number in lower-case hexadecimal digits.
    pub fn serial(&self) -> String {
        serial_digits(self.parsed.tbs_certificate().serial_number().as_bytes())
    }

    /// From when it is valid.
    pub fn not_before(&self) -> SystemTime {
        system_time(self.parsed.tbs_certificate().validity().not_before)
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> SystemTime {
        system_time(self.parsed.tbs_certificate().validity().not_after)
    }

    /// Whether it has the public key that belongs to `key`.
    pub fn belongs_to(&self, key: &SigningKey) -> bool {
        self.key.as_ref().is_ok_and(|public| public.bytes == key.public().bytes)
    }

    /// Whether both have the same public key, as far as it can be read.
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        self.key.is_ok() && self.key == other.key
    }

    /// Whether its holder may sign root hashes at that time, as far as the certificate says.
    pub fn check_signer(&self, at: SystemTime) -> Result<(), CertificateError> {
        self.check_period(at)?;
        self.check_extensions()?;
        let usage = self.extension::<KeyUsage>("keyUsage")?;
        // Either will do for OpenSSL as well, when it looks for somebody who may sign messages.
        if usage.is_some_and(|usage| !usage.digital_signature() && !usage.non_repudiation()) {
            return Err(CertificateError::Usage(Usage::DigitalSignature));
        }
        let purposes = self.extension::<ExtendedKeyUsage>("extKeyUsage")?;
        let suits = |purposes: &ExtendedKeyUsage| SIGNING.iter().any(|purpose| purposes.0.contains(purpose));
        match purposes {
            Some(purposes) if !suits(&purposes) => Err(CertificateError::Usage(Usage::Purpose)),
            _ => Ok(()),
        }
    }

    /// Whether it may issue certificates at that time, with `below` authorities between it and the signer.
    pub(super) fn check_authority(&self, at: SystemTime, below: usize) -> Result<(), CertificateError> {
        self.check_period(at)?;
        self.check_extensions()?;
        let constraints = self.extension::<BasicConstraints>("basicConstraints")?;
        let constraints =
            constraints.filter(|constraints| constraints.ca).ok_or(CertificateError::NotAuthority)?;
        if constraints.path_len_constraint.is_some_and(|most| below > usize::from(most)) {
            return Err(CertificateError::PathLength { below });
        }
        let usage = self.extension::<KeyUsage>("keyUsage")?;
        if usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(CertificateError::Usage(Usage::CertificateSign));
        }
        Ok(())
    }

    /// Whether `issuer` signed it. `None` if that cannot be told, with the name of what is not supported.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> Result<bool, String> {
        let (family, digest) = self.own_algorithm()?;
        let key = issuer.key.as_ref().map_err(ToString::to_string)?;
        let signature = self.parsed.signature().as_bytes().unwrap_or_default();
        if key.kind.family() != family {
            return Ok(false);
        }
        let verified = key.verifies(digest, &self.raw.to_be_signed, signature);
        verified.ok_or_else(|| format!("{} with {digest}", key.kind))
    }

    /// The algorithm of its signature, which is named twice, once where the signature covers it.
    fn own_algorithm(&self) -> Result<(Family, Digest), String> {
        let (outer, inner) = (self.parsed.signature_algorithm(), self.parsed.tbs_certificate().signature());
        if outer != inner {
            return Err("two different signature algorithms".to_owned());
        }
        let der = outer.to_der().map_err(|error| error.to_string())?;
        certificate_algorithm(&AlgorithmIdentifierRef::from_der(&der).map_err(|error| error.to_string())?)
    }

    pub(super) fn is_issued_by_name_of(&self, issuer: &Self) -> bool {
        self.raw.issuer == issuer.raw.subject
    }

    pub(super) fn public_key(&self) -> Result<&PublicKey, SignerError> {
        self.key.as_ref().map_err(|error| SignerError::PublicKey(error.clone()))
    }

    /// DER of issuer and serial number, by which a message names its signer.
    pub(super) fn issuer_and_serial(&self) -> (&[u8], &[u8]) {
        (&self.raw.issuer, &self.raw.serial)
    }

    /// The subject key identifier, if there is one that can be read.
    pub(super) fn key_id(&self) -> Option<Vec<u8>> {
        let id = self.extension::<SubjectKeyIdentifier>("subjectKeyIdentifier").ok()??;
        Some(id.0.as_bytes().to_vec())
    }

    /// How a message that is signed by its holder names it.
    pub fn signer_id(&self) -> SignerId {
        SignerId::IssuerAndSerial { issuer: self.issuer(), serial: self.serial() }
    }

    fn check_period(&self, at: SystemTime) -> Result<(), CertificateError> {
        let (from, until) = (self.not_before(), self.not_after());
        if at < from {
            return Err(CertificateError::NotYetValid { from: self.time_text().0 });
        }
        // The last second counts in full.
        if at >= until + Duration::from_secs(1) {
            return Err(CertificateError::Expired { until: self.time_text().1 });
        }
        Ok(())
    }

    fn time_text(&self) -> (String, String) {
        let validity = self.parsed.tbs_certificate().validity();
        (validity.not_before.to_string(), validity.not_after.to_string())
    }

    /// Refuses critical extensions that are not looked at, twice the same extension, and name constraints.
    fn check_extensions(&self) -> Result<(), CertificateError> {
        let extensions = self.parsed.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
        for (index, extension) in extensions.iter().enumerate() {
            let name = || super::algorithm::oid_name(extension.extn_id);
            if extensions[..index].iter().any(|earlier| earlier.extn_id == extension.extn_id) {
                return Err(CertificateError::Repeated { name: name() });
            }
            let ignored = !LOOKED_AT.contains(&extension.extn_id);
            if extension.extn_id == rfc5912::ID_CE_NAME_CONSTRAINTS || (ignored && extension.critical) {
                return Err(CertificateError::Critical { name: name() });
            }
        }
        Ok(())
    }

    fn extension<T>(&self, name: &'static str) -> Result<Option<T>, CertificateError>
    where
        T: for<'a> Decode<'a, Error = der::Error> + der::oid::AssociatedOid,
    {
        let found = self.parsed.tbs_certificate().get_extension::<T>();
        let found = found.map_err(|error| CertificateError::Extension { name, reason: error.to_string() })?;
        Ok(found.map(|(_, extension)| extension))
    }
}

/// Extensions that are looked at, or say nothing about who may sign.
const LOOKED_AT: [der::asn1::ObjectIdentifier; 5] = [
    rfc5912::ID_CE_BASIC_CONSTRAINTS,
    rfc5912::ID_CE_EXT_KEY_USAGE,
    rfc5912::ID_CE_KEY_USAGE,
    rfc5912::ID_CE_SUBJECT_ALT_NAME,
    rfc5912::ID_CE_SUBJECT_KEY_IDENTIFIER,
];

/// Purposes of which a signer's certificate must have one, if it is limited to purposes: code, as the kernel's own keys
/// have it; S/MIME messages, which is what OpenSSL asks for; or any.
const SIGNING: [der::asn1::ObjectIdentifier; 3] =
    [rfc5912::ID_KP_CODE_SIGNING, rfc5912::ID_KP_EMAIL_PROTECTION, rfc5912::ANY_EXTENDED_KEY_USAGE];

/// RFC 5280, section 4.1, as far as it is needed as bytes.
#[derive(Sequence)]
struct RawCertificate<'a> {
    to_be_signed: AnyRef<'a>,
    signature_algorithm: AnyRef<'a>,
    signature: AnyRef<'a>,
}

impl Raw {
    fn read(der: &[u8]) -> der::Result<(Self, Result<PublicKey, PublicKeyError>)> {
        let certificate = RawCertificate::from_der(der)?;
        let mut fields = SliceReader::new(certificate.to_be_signed.value())?;
        if Tag::peek(&fields)?.is_context_specific() {
            fields.tlv_bytes()?; // version
        }
        let serial = fields.tlv_bytes()?.to_vec();
        fields.tlv_bytes()?; // signature algorithm
        let issuer = fields.tlv_bytes()?.to_vec();
        fields.tlv_bytes()?; // validity
        let subject = fields.tlv_bytes()?.to_vec();
        let key = PublicKey::read(&SubjectPublicKeyInfoRef::from_der(fields.tlv_bytes()?)?);
        Ok((Self { to_be_signed: certificate.to_be_signed.to_der()?, serial, issuer, subject }, key))
    }
}

fn system_time(time: Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + time.to_unix_duration()
}

impl Fingerprint {
    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    /// Lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A serial number as it is usually shown: without the byte that only says that it is not negative.
pub(super) fn serial_digits(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        bytes => hex(bytes),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    struct Digits<'a>(&'a [u8]);
    impl fmt::Display for Digits<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            crate::hex::write(f, self.0)
        }
    }
    Digits(bytes).to_string()
}
