//! The message: CMS `SignedData` in DER, one signer, no content.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::oid::db::rfc5911;
use der::{
    Decode, DecodeValue, Encode, EncodeValue, FixedTag, Header, Length, Reader, Sequence, SliceReader, Tag,
    TagNumber, Writer,
};
use x509_cert::spki::AlgorithmIdentifierRef;

use super::certificate::{Certificate, hex, serial_digits};
use super::error::{MessageError, SignerId};

/// The longest message that is read, in bytes: the kernel takes the signature of a root hash from a key of type `user`, which
/// holds no more.
pub const MAX_MESSAGE: usize = 32_767;

/// The longest message that fs-verity takes, in bytes: its descriptor and the signature behind it have 16 KiB together.
pub const MAX_FSVERITY_MESSAGE: usize = 16_384 - 256;

/// The most certificates that a message may bring. A path from a signer to an authority has two or three.
pub const MAX_CERTIFICATES: usize = 16;

/// RFC 5652, section 3.
#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData<'a>,
}

/// RFC 5652, section 5.1.
#[derive(Sequence)]
struct SignedData<'a> {
    version: u8,
    digest_algorithms: RawSet<'a>,
    content: EncapsulatedContentInfo<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    certificates: Option<RawSet<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    revocation: Option<RawSet<'a>>,
    signers: RawSet<'a>,
}

/// RFC 5652, section 5.2.
#[derive(Sequence)]
struct EncapsulatedContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    content: Option<AnyRef<'a>>,
}

/// RFC 5652, section 5.3.
#[derive(Sequence)]
struct SignerInfo<'a> {
    version: u8,
    id: AnyRef<'a>,
    digest_algorithm: AlgorithmIdentifierRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    signed_attributes: Option<RawSet<'a>>,
    signature_algorithm: AlgorithmIdentifierRef<'a>,
    signature: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    unsigned_attributes: Option<RawSet<'a>>,
}

/// RFC 5652, section 10.2.4.
#[derive(Sequence)]
struct IssuerAndSerialNumber<'a> {
    issuer: AnyRef<'a>,
    serial: AnyRef<'a>,
}

/// A message that is one: detached, of one signer, nothing in it that the signer could not have meant.
pub(super) struct Message<'a> {
    /// The certificates that it brings, in its order.
    pub(super) certificates: Vec<Certificate>,
    pub(super) signer: Signer<'a>,
}

/// The signer's part of a message.
pub(super) struct Signer<'a> {
    pub(super) id: Id<'a>,
    pub(super) digest_algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) signature_algorithm: AlgorithmIdentifierRef<'a>,
    /// The content of the SET OF signed attributes, with the elements within.
    pub(super) signed_attributes: Option<Attributes<'a>>,
    pub(super) signature: &'a [u8],
}

/// How the signer is named.
pub(super) enum Id<'a> {
    /// DER of the issuer's name and of the serial number.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    Key(&'a [u8]),
}

/// Signed attributes.
pub(super) struct Attributes<'a> {
    /// What is signed: the attributes as a SET OF, although the message has another tag in its place.
    pub(super) signed: Vec<u8>,
    pub(super) list: Vec<Attribute<'a>>,
}

/// RFC 5652, section 5.3. Which values there are is for those to judge who know the attribute.
pub(super) struct Attribute<'a> {
    pub(super) kind: ObjectIdentifier,
    pub(super) values: Vec<AnyRef<'a>>,
}

#[derive(Sequence)]
struct RawAttribute<'a> {
    kind: ObjectIdentifier,
    values: RawSet<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message. Whatever has more than one reading is refused: BER, trailing bytes, default values that are written
    /// out, unsorted sets (but for certificates, which OpenSSL's PKCS#7 leaves as they come).
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(MessageError::TooLong { len: bytes.len() });
        }
        if bytes.starts_with(b"-----BEGIN ") {
            let reason =
                "it is PEM, and DER is wanted, which `openssl pkcs7 -outform der` makes of it".to_owned();
            return Err(MessageError::Malformed { structure: "ContentInfo", offset: 0, reason });
        }
        let at = Place { message: bytes };
        let info = ContentInfo::from_der(bytes).map_err(at.malformed("ContentInfo", bytes))?;
        // der reads nothing today that it would write in another way; this keeps it so, whatever it learns to read.
        let again = info.to_der().map_err(at.malformed("ContentInfo", bytes))?;
        if again != bytes {
            let same = again.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
            return Err(MessageError::NotDer { offset: same });
        }
        if info.content_type != rfc5911::ID_SIGNED_DATA {
            return Err(MessageError::NotSignedData { found: info.content_type.to_string() });
        }
        Self::from_signed_data(&info.content, &at)
    }

    fn from_signed_data(data: &SignedData<'a>, at: &Place<'_>) -> Result<Self, MessageError> {
        if data.content.content_type != rfc5911::ID_DATA {
            return Err(MessageError::NotData { found: data.content.content_type.to_string() });
        }
        if data.content.content.is_some() {
            return Err(MessageError::NotDetached);
        }
        if data.revocation.is_some() {
            return Err(MessageError::RevocationLists);
        }
        let (signer, version) = Signer::parse(&data.signers, at)?;
        if data.version != version {
            return Err(MessageError::Version {
                structure: "SignedData",
                found: data.version,
                wanted: version,
            });
        }
        let mut digests = data.digest_algorithms.elements("digestAlgorithms", at)?.into_iter();
        let signers = signer.digest_algorithm.to_der().map_err(at.malformed("SignerInfo", &[]))?;
        if digests.next() != Some(&signers[..]) || digests.next().is_some() {
            return Err(MessageError::DigestAlgorithms);
        }
        let certificates = certificates(data.certificates.as_ref(), at)?;
        Ok(Self { certificates, signer })
    }
}

fn certificates(set: Option<&RawSet<'_>>, at: &Place<'_>) -> Result<Vec<Certificate>, MessageError> {
    let Some(set) = set else { return Ok(Vec::new()) };
    let elements = set.elements("certificates", at)?;
    if elements.is_empty() {
        return Err(MessageError::NoCertificates);
    }
    if elements.len() > MAX_CERTIFICATES {
        return Err(MessageError::TooManyCertificates { count: elements.len() });
    }
    let read = |(index, der): (usize, &&[u8])| {
        let offset = at.of(der);
        if elements[..index].contains(der) {
            return Err(MessageError::CertificateTwice { offset });
        }
        Certificate::from_der(der)
            .map_err(|error| MessageError::Certificate { offset, error: Box::new(error) })
    };
    elements.iter().enumerate().map(read).collect()
}

impl<'a> Signer<'a> {
    /// The one signer, and the version that the message must have because of how it names that signer.
    fn parse(signers: &RawSet<'a>, at: &Place<'_>) -> Result<(Self, u8), MessageError> {
        let signers = signers.elements("signerInfos", at)?;
        let [der] = signers[..] else { return Err(MessageError::Signers { count: signers.len() }) };
        let info = SignerInfo::from_der(der).map_err(at.malformed("SignerInfo", der))?;
        if info.to_der().map_err(at.malformed("SignerInfo", der))? != der {
            return Err(MessageError::NotDer { offset: at.of(der) });
        }
        if info.unsigned_attributes.is_some() {
            return Err(MessageError::UnsignedAttributes);
        }
        let (id, version) = Id::parse(info.id, at, der)?;
        if info.version != version {
            return Err(MessageError::Version {
                structure: "SignerInfo",
                found: info.version,
                wanted: version,
            });
        }
        let signed_attributes = match info.signed_attributes {
            Some(set) => Some(Attributes::parse(set, at)?),
            None => None,
        };
        let signer = Self {
            id,
            digest_algorithm: info.digest_algorithm,
            signature_algorithm: info.signature_algorithm,
            signed_attributes,
            signature: info.signature.as_bytes(),
        };
        Ok((signer, version))
    }
}

impl<'a> Id<'a> {
    fn parse(id: AnyRef<'a>, at: &Place<'_>, der: &[u8]) -> Result<(Self, u8), MessageError> {
        const KEY: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(0) };
        let name = "issuerAndSerialNumber";
        match der::Tagged::tag(&id) {
            Tag::Sequence => {
                let mut reader = SliceReader::new(id.value()).map_err(at.malformed(name, id.value()))?;
                let mut next = || reader.tlv_bytes().map_err(at.malformed(name, id.value()));
                let (issuer, serial) = (next()?, next()?);
                reader.finish().map_err(at.malformed(name, id.value()))?;
                Ok((Self::IssuerAndSerial(issuer, serial), 1))
            }
            KEY => Ok((Self::Key(id.value()), 3)),
            tag => Err(at.malformed("SignerIdentifier", der)(tag.unexpected_error(None).to_error())),
        }
    }

    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(issuer, serial) => certificate.issuer_and_serial() == (*issuer, *serial),
            Self::Key(id) => certificate.key_id().is_some_and(|own| own == *id),
        }
    }

    /// The same, to be shown.
    pub(super) fn describe(&self) -> SignerId {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                let name = x509_cert::name::Name::from_der(issuer).map(|name| name.to_string());
                let number = SliceReader::new(serial)
                    .and_then(|mut reader| AnyRef::decode(&mut reader))
                    .map(|serial| serial_digits(serial.value()));
                SignerId::IssuerAndSerial {
                    issuer: name.unwrap_or_else(|_| format!("#{}", hex(issuer))),
                    serial: number.unwrap_or_else(|_| format!("#{}", hex(serial))),
                }
            }
            Self::Key(id) => SignerId::KeyId { id: hex(id) },
        }
    }
}

impl<'a> Attributes<'a> {
    fn parse(set: RawSet<'a>, at: &Place<'_>) -> Result<Self, MessageError> {
        let name = "signedAttrs";
        let elements = set.elements(name, at)?;
        if elements.is_empty() {
            return Err(MessageError::NoAttributes);
        }
        if let Some(pair) = elements.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(MessageError::NotDer { offset: at.of(pair[1]) });
        }
        let read = |der: &&'a [u8]| {
            let attribute = RawAttribute::from_der(der).map_err(at.malformed("Attribute", der))?;
            let values = attribute.values.elements("attrValues", at)?.into_iter();
            let values = values.map(|der| AnyRef::from_der(der).map_err(at.malformed("AttributeValue", der)));
            Ok(Attribute { kind: attribute.kind, values: values.collect::<Result<_, _>>()? })
        };
        let list = elements.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { signed: set.to_der().map_err(at.malformed(name, set.0))?, list })
    }
}

/// What goes into a new message.
pub(super) struct Parts<'a> {
    pub(super) signer: &'a Certificate,
    pub(super) digest_algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) signature_algorithm: AlgorithmIdentifierRef<'a>,
    pub(super) signature: &'a [u8],
    pub(super) include_certificate: bool,
}

/// Writes a message of version 1, whose signer is named by issuer and serial number.
pub(super) fn encode(parts: &Parts<'_>) -> der::Result<Vec<u8>> {
    let (issuer, serial) = parts.signer.issuer_and_serial();
    let id = IssuerAndSerialNumber { issuer: AnyRef::from_der(issuer)?, serial: AnyRef::from_der(serial)? }
        .to_der()?;
    let signer = SignerInfo {
        version: 1,
        id: AnyRef::from_der(&id)?,
        digest_algorithm: parts.digest_algorithm,
        signed_attributes: None,
        signature_algorithm: parts.signature_algorithm,
        signature: OctetStringRef::new(parts.signature)?,
        unsigned_attributes: None,
    }
    .to_der()?;
    let data = SignedData {
        version: 1,
        digest_algorithms: RawSet(&parts.digest_algorithm.to_der()?),
        content: EncapsulatedContentInfo { content_type: rfc5911::ID_DATA, content: None },
        certificates: parts.include_certificate.then(|| RawSet(parts.signer.as_der())),
        revocation: None,
        signers: RawSet(&signer),
    };
    ContentInfo { content_type: rfc5911::ID_SIGNED_DATA, content: data }.to_der()
}

/// A SET OF whose elements are read one by one, since what reads them all sorts them too.
#[derive(Clone, Copy)]
struct RawSet<'a>(&'a [u8]);

impl<'a> RawSet<'a> {
    /// The DER of each element, in the order of the message.
    fn elements(self, structure: &'static str, at: &Place<'_>) -> Result<Vec<&'a [u8]>, MessageError> {
        let mut reader = SliceReader::new(self.0).map_err(at.malformed(structure, self.0))?;
        let mut elements = Vec::new();
        while !reader.is_finished() {
            elements.push(reader.tlv_bytes().map_err(at.malformed(structure, self.0))?);
        }
        Ok(elements)
    }
}

impl FixedTag for RawSet<'_> {
    const TAG: Tag = Tag::Set;
}

impl<'a> DecodeValue<'a> for RawSet<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length()).map(Self)
    }
}

impl EncodeValue for RawSet<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// Finds out where in the message something is, for errors.
struct Place<'a> {
    message: &'a [u8],
}

impl Place<'_> {
    /// The offset of `part`, which is a slice of the message; 0 if it is not.
    fn of(&self, part: &[u8]) -> usize {
        let offset = part.as_ptr().addr().saturating_sub(self.message.as_ptr().addr());
        if offset <= self.message.len() { offset } else { 0 }
    }

    /// For `map_err`: what is wrong in `structure`, which was read from `part`.
    fn malformed(&self, structure: &'static str, part: &[u8]) -> impl Fn(der::Error) -> MessageError {
        let start = self.of(part);
        move |error| {
            let within = error.position().map_or(0, |position| usize::try_from(position).unwrap_or(0));
            MessageError::Malformed { structure, offset: start + within, reason: error.kind().to_string() }
        }
    }
}
