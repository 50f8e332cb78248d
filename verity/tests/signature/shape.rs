//! Messages of a shape that openssl makes when asked, or nobody makes.

use hardpan_verity::signature::{
    AttributeError, CheckError, MAX_CERTIFICATES, MAX_MESSAGE, MessageError, Options, SignerError, sign,
};

use crate::openssl::{Dir, check_by, needs_openssl, with_key};

/// The fault that is found in a message by `p256`.
fn fault(dir: &Dir, message: &[u8]) -> CheckError {
    check_by(&dir.certificate("p256"), message).unwrap_err()
}

#[test]
fn other_messages_of_openssl_are_refused() {
    needs_openssl!("other_messages_of_openssl_are_refused");
    let dir = with_key("p256");
    let message = |error: CheckError| match error {
        CheckError::Message(error) => error,
        other => panic!("{other}"),
    };
    let attached = dir.smime("p256", "-noattr -nodetach");
    assert_eq!(message(fault(&dir, &attached)), MessageError::NotDetached);
    let typed = dir.message("cms", "p256", "-noattr -econtent_type 1.2.3.4");
    assert_eq!(message(fault(&dir, &typed)), MessageError::NotData { found: "1.2.3.4".to_owned() });
    dir.openssl("crl2pkcs7 -nocrl -certfile p256.pem -outform der -out none");
    assert_eq!(message(fault(&dir, &dir.read("none"))), MessageError::Signers { count: 0 });
    dir.key("second", "P-256");
    let two = dir.smime("p256", "-noattr -signer second.pem -inkey second.key");
    assert_eq!(message(fault(&dir, &two)), MessageError::Signers { count: 2 });
    dir.openssl("cms -data_create -in content -outform der -out data");
    assert!(matches!(
        message(fault(&dir, &dir.read("data"))),
        MessageError::NotSignedData { .. } | MessageError::Malformed { .. }
    ));
    for wrong in [&b""[..], b"\0", b"0", b"\x30\x80\0\0", b"-----BEGIN PKCS7-----\n"] {
        assert!(matches!(message(fault(&dir, wrong)), MessageError::Malformed { .. }), "{wrong:?}");
    }
    // What openssl makes when it is not told otherwise is named.
    assert!(fault(&dir, b"-----BEGIN PKCS7-----\n").to_string().contains("-outform der"));
    let long = vec![0; MAX_MESSAGE + 1];
    assert_eq!(message(fault(&dir, &long)), MessageError::TooLong { len: MAX_MESSAGE + 1 });
}

#[test]
fn broken_digests_are_refused() {
    needs_openssl!("broken_digests_are_refused");
    let dir = with_key("rsa2048");
    let certificate = dir.certificate("rsa2048");
    for digest in ["md5", "sha1", "sha224", "sha3-256"] {
        let error =
            check_by(&certificate, &dir.smime("rsa2048", &format!("-noattr -md {digest}"))).unwrap_err();
        let weak = matches!(&error, CheckError::Signer { error, .. } if matches!(**error, SignerError::WeakDigest { .. }));
        assert_eq!(weak, digest.starts_with("md") || digest == "sha1", "{error}");
        assert_eq!(error.is_unsupported(), !weak, "{error}");
    }
    let pss = dir.message("cms", "rsa2048", "-noattr -md sha256 -keyopt rsa_padding_mode:pss");
    let error = check_by(&certificate, &pss).unwrap_err();
    assert!(error.to_string().contains("RSASSA-PSS"), "{error}");
}

/// One element of DER: its tag, and its content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = content.len();
    let header = match len {
        0..128 => vec![tag, u8::try_from(len).unwrap()],
        128..256 => vec![tag, 0x81, u8::try_from(len).unwrap()],
        _ => vec![tag, 0x82, u8::try_from(len >> 8).unwrap(), len.to_le_bytes()[0]],
    };
    [header, content].concat()
}

/// The elements in the content of an element.
fn parts(element: &[u8]) -> Vec<Vec<u8>> {
    let (content, _) = split(element);
    let mut parts = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let (_, len) = split(rest);
        parts.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    parts
}

/// The content of the first element, and how long that element is.
fn split(bytes: &[u8]) -> (&[u8], usize) {
    let (header, len) = match bytes[1] {
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        len => (2, usize::from(len)),
    };
    (&bytes[header..header + len], header + len)
}

/// A message in its parts.
#[derive(Clone)]
struct Parts {
    /// version, digestAlgorithms, encapContentInfo, perhaps certificates
    data: Vec<Vec<u8>>,
    /// version, sid, digestAlgorithm, signatureAlgorithm, signature
    signer: Vec<Vec<u8>>,
}

impl Parts {
    fn of(message: &[u8]) -> Self {
        let info = parts(message);
        let mut data = parts(&parts(&info[1])[0]);
        let signer = parts(&parts(&data.pop().unwrap())[0]);
        Self { data, signer }
    }

    fn join(&self) -> Vec<u8> {
        let list = |parts: &[Vec<u8>]| parts.concat();
        let signers = tlv(0x31, &[&tlv(0x30, &[&list(&self.signer)])]);
        let data = tlv(0x30, &[&list(&self.data), &signers]);
        tlv(0x30, &[SIGNED_DATA, &tlv(0xa0, &[&data])])
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut changed = self.clone();
        change(&mut changed);
        changed.join()
    }
}

const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

/// The message of `p256` that is taken, in its parts.
fn good(dir: &Dir) -> Parts {
    let message = dir.smime("p256", "-noattr -nocerts");
    let parts = Parts::of(&message);
    assert_eq!(parts.join(), message);
    parts
}

#[test]
fn every_part_is_as_it_must_be() {
    needs_openssl!("every_part_is_as_it_must_be");
    let dir = with_key("p256");
    let good = good(&dir);
    let found = |change: &dyn Fn(&mut Parts)| match fault(&dir, &good.with(change)) {
        CheckError::Message(error) => error,
        other => panic!("{other}"),
    };
    let version = |structure, found, wanted| MessageError::Version { structure, found, wanted };
    assert_eq!(found(&|parts| parts.data[0] = tlv(2, &[&[3]])), version("SignedData", 3, 1));
    assert_eq!(found(&|parts| parts.signer[0] = tlv(2, &[&[3]])), version("SignerInfo", 3, 1));
    assert_eq!(found(&|parts| parts.data.push(tlv(0xa0, &[]))), MessageError::NoCertificates);
    assert_eq!(found(&|parts| parts.data.push(tlv(0xa1, &[]))), MessageError::RevocationLists);
    assert_eq!(found(&|parts| parts.signer.push(tlv(0xa1, &[]))), MessageError::UnsignedAttributes);
    assert_eq!(found(&|parts| parts.signer.insert(3, tlv(0xa0, &[]))), MessageError::NoAttributes);
    assert_eq!(found(&|parts| parts.data[1] = tlv(0x31, &[])), MessageError::DigestAlgorithms);
    let twice = |parts: &mut Parts| parts.data[1] = tlv(0x31, &[&parts.signer[2], &parts.signer[2]]);
    assert_eq!(found(&twice), MessageError::DigestAlgorithms);
    let der = dir.certificate("p256").as_der().to_vec();
    let again = found(&|parts| parts.data.push(tlv(0xa0, &[&der, &der])));
    assert!(matches!(again, MessageError::CertificateTwice { .. }), "{again}");
    let many = found(&|parts| parts.data.push(tlv(0xa0, &[&tlv(0x30, &[]).repeat(MAX_CERTIFICATES + 1)])));
    assert_eq!(many, MessageError::TooManyCertificates { count: MAX_CERTIFICATES + 1 });
    let none = found(&|parts| parts.data.push(tlv(0xa0, &[&tlv(0x30, &[])])));
    assert!(matches!(none, MessageError::Certificate { .. }), "{none}");
    let named = found(&|parts| parts.signer[1] = tlv(4, &[b"name"]));
    assert!(matches!(named, MessageError::Malformed { structure: "SignerIdentifier", .. }), "{named}");
    let parameters = tlv(0x30, &[&parts(&good.signer[2])[0], b"\x02\x01\x00"]);
    let error = fault(
        &dir,
        &good.with(|parts| {
            parts.signer[2] = parameters.clone();
            parts.data[1] = tlv(0x31, &[&parameters]);
        }),
    );
    assert!(error.to_string().contains("parameters"), "{error}");
}

#[test]
fn what_is_not_der_is_refused() {
    needs_openssl!("what_is_not_der_is_refused");
    let dir = with_key("p256");
    let good = good(&dir);
    let message = good.join();
    // The indefinite length of BER, which the kernel would read.
    let content = &message[split(&message).1 - split(&message).0.len()..];
    let indefinite = [b"\x30\x80", content, b"\0\0"].concat();
    assert!(matches!(fault(&dir, &indefinite), CheckError::Message(MessageError::Malformed { .. })));
    // A length in more bytes than it needs.
    let long = [&[0x30, 0x83, 0][..], &message[2..]].concat();
    let long = if message[1] == 0x82 { long } else { [&[0x30, 0x82, 0][..], &message[2..]].concat() };
    assert!(check_by(&dir.certificate("p256"), &long).is_err());
    // A version with a byte that it does not need.
    let padded = good.with(|parts| parts.data[0] = tlv(2, &[&[0, 1]]));
    assert!(matches!(fault(&dir, &padded), CheckError::Message(_)));
    // An integer in the name of the signer, which is only compared, and so must not match.
    let serial = |parts: &mut Parts| {
        let id = self::parts(&parts.signer[1]);
        parts.signer[1] = tlv(0x30, &[&id[0], &tlv(2, &[&[0], split(&id[1]).0])]);
    };
    assert!(matches!(fault(&dir, &good.with(serial)), CheckError::Signer { .. }));
    let third = |parts: &mut Parts| parts.signer[1] = tlv(0x30, &[split(&parts.signer[1]).0, b"\x05\x00"]);
    assert!(matches!(fault(&dir, &good.with(third)), CheckError::Message(MessageError::Malformed { .. })));
}

/// Signed attributes that are really signed, whatever they say.
fn with_attributes(dir: &Dir, attributes: &[&[u8]]) -> CheckError {
    let set = tlv(0x31, attributes);
    let options = Options::default();
    let message = sign(&set, &dir.signing_key("p256"), &dir.certificate("p256"), options).unwrap();
    fault(dir, &Parts::of(&message).with(|parts| parts.signer.insert(3, tlv(0xa0, attributes))))
}

#[test]
fn signed_attributes_say_what_they_must() {
    needs_openssl!("signed_attributes_say_what_they_must");
    let dir = with_key("p256");
    let attribute = |number: u8, values: &[&[u8]]| {
        let kind = [b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09", &[number][..]].concat();
        tlv(0x30, &[&kind, &tlv(0x31, values)])
    };
    let data = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    dir.openssl("dgst -sha256 -binary -out digest content");
    let digest = tlv(4, &[&dir.read("digest")]);
    let (of_data, of_digest) = (attribute(3, &[data]), attribute(4, &[&digest]));
    let refused = |attributes: &[&[u8]]| {
        let mut sorted = attributes.to_vec();
        sorted.sort_unstable();
        match with_attributes(&dir, &sorted) {
            CheckError::Signer { error, .. } => match *error {
                SignerError::Attributes(error) => error,
                other => panic!("{other}"),
            },
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(&[&of_digest]), AttributeError::Missing { name: "contentType" });
    assert_eq!(refused(&[&of_data]), AttributeError::Missing { name: "messageDigest" });
    assert_eq!(refused(&[&attribute(3, &[SIGNED_DATA]), &of_digest]), AttributeError::ContentType);
    let other = attribute(4, &[&tlv(4, &[&[7; 32]])]);
    assert_eq!(refused(&[&of_data, &other]), AttributeError::MessageDigest);
    let short = attribute(4, &[&tlv(4, &[])]);
    assert_eq!(refused(&[&short, &of_data]), AttributeError::MessageDigest);
    let twice = refused(&[&attribute(3, &[data, data]), &of_digest]);
    assert!(matches!(twice, AttributeError::NotOneValue { .. }), "{twice}");
    let again = refused(&[&of_data, &of_digest, &other]);
    assert!(matches!(again, AttributeError::NotOneValue { .. }), "{again}");
    // In another order than that of DER.
    let unsorted = with_attributes(&dir, &[&of_digest, &of_data]);
    assert!(matches!(unsorted, CheckError::Message(MessageError::NotDer { .. })), "{unsorted}");
    // The digest's bytes are not the content: what is signed with attributes is no signature of their set as content.
    let set = tlv(0x31, &[&of_data, &of_digest]);
    let message = sign(&set, &dir.signing_key("p256"), &dir.certificate("p256"), Options::default()).unwrap();
    let good = Parts::of(&message).with(|parts| parts.signer.insert(3, tlv(0xa0, &[&of_data, &of_digest])));
    assert!(check_by(&dir.certificate("p256"), &good).is_ok());
}
