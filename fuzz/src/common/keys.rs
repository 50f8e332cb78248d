//! Keys that nobody could take for secret, and certificates for them.
//!
//! The private keys are the numbers 1 and 2; so the public keys are the generator of P-256 (FIPS 186-4, D.1.2.3) and its
//! double. Certificates are signed by the library itself: a message without attributes ends with a signature that is over
//! nothing but the content, which can just as well be a certificate's.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use hardpan_verity::signature::{Certificate, Options, SigningKey, sign};
use pem_rfc7468::{LineEnding, encode_string};

/// A key with its certificate.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) certificate: Certificate,
}

/// The authority, whose key is 1.
pub(crate) static AUTHORITY: LazyLock<Identity> = LazyLock::new(|| identity(1, None));

/// A signer, whose key is 2 and whose certificate is the authority's.
pub(crate) static SIGNER: LazyLock<Identity> = LazyLock::new(|| identity(2, Some(&AUTHORITY)));

/// A time at which both certificates are valid.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

/// The private key in PEM, as SEC1 (RFC 5915) has it.
pub(crate) fn pem(number: u8) -> String {
    let mut scalar = [0; 32];
    scalar[31] = number;
    let public = tlv(0xa1, &tlv(3, &[&[0], &point(number)[..]].concat()));
    let parts = [tlv(2, &[1]), tlv(4, &scalar), tlv(0xa0, P256), public];
    encode_string("EC PRIVATE KEY", LineEnding::LF, &tlv(SEQUENCE, &parts.concat())).expect("it is short")
}

/// A certificate in PEM.
pub(crate) fn certificate_pem(certificate: &Certificate) -> String {
    encode_string("CERTIFICATE", LineEnding::LF, certificate.as_der()).expect("it is short")
}

fn identity(number: u8, issuer: Option<&Identity>) -> Identity {
    let key = SigningKey::from_pem(pem(number).as_bytes()).expect("it is a key");
    let body = body(number, issuer.is_none());
    // An authority signs for itself; until then its certificate has the signature of something else.
    let unsigned = certificate(&body, &[0; 70]);
    let (by, certified) = issuer.map_or((&key, &unsigned), |issuer| (&issuer.key, &issuer.certificate));
    let message = sign(&body, by, certified, Options::default()).expect("the key is whole");
    let certificate = certificate(&body, &signature_of(&message));
    Identity { key, certificate }
}

/// What a message ends with: an OCTET STRING, whose length is the only one that fits.
pub(crate) fn signature_of(message: &[u8]) -> Vec<u8> {
    let fits = |len: &usize| {
        let at = message.len() - len;
        message[at - 2..at] == [4, u8::try_from(*len).unwrap_or_default()] && message[at] == SEQUENCE
    };
    let len = (8..=72).find(fits).expect("it ends with a signature");
    message[message.len() - len..].to_vec()
}

fn certificate(body: &[u8], signature: &[u8]) -> Certificate {
    let signature = tlv(3, &[&[0], signature].concat());
    let der = tlv(SEQUENCE, &[body, &tlv(SEQUENCE, ECDSA_SHA256), &signature].concat());
    Certificate::from_der(&der).expect("it is a certificate")
}

/// RFC 5280, section 4.1: what is signed of a certificate that the authority issued.
fn body(number: u8, authority: bool) -> Vec<u8> {
    let name = |number| {
        let attribute = [tlv(6, &[0x55, 4, 3]), tlv(0x0c, format!("key {number}").as_bytes())].concat();
        tlv(SEQUENCE, &tlv(0x31, &tlv(SEQUENCE, &attribute)))
    };
    let validity = [tlv(0x17, b"250101000000Z"), tlv(0x17, b"400101000000Z")].concat();
    let key_kind = [tlv(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), P256.to_vec()].concat();
    let public = [tlv(SEQUENCE, &key_kind), tlv(3, &[&[0], &point(number)[..]].concat())].concat();
    let constraints = tlv(SEQUENCE, &if authority { tlv(1, &[0xff]) } else { Vec::new() });
    let extension = [tlv(6, &[0x55, 0x1d, 0x13]), tlv(1, &[0xff]), tlv(4, &constraints)].concat();
    let parts = [
        tlv(0xa0, &tlv(2, &[2])),
        tlv(2, &[number]),
        tlv(SEQUENCE, ECDSA_SHA256),
        name(1),
        tlv(SEQUENCE, &validity),
        name(number),
        tlv(SEQUENCE, &public),
        tlv(0xa3, &tlv(SEQUENCE, &tlv(SEQUENCE, &extension))),
    ];
    tlv(SEQUENCE, &parts.concat())
}

/// The public key as an uncompressed point.
fn point(number: u8) -> Vec<u8> {
    let digits = if number == 1 { GENERATOR } else { DOUBLE };
    let pairs = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok());
    std::iter::once(4).chain(bytes).collect()
}

/// DER of one value.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let len = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &len[..], content].concat()
}

pub(crate) const SEQUENCE: u8 = 0x30;
/// The curve's object identifier, DER.
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// `ecdsa-with-SHA256`, DER.
const ECDSA_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const GENERATOR: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                         4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
const DOUBLE: &str = "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978\
                      07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1";
