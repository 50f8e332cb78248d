//! The partition with a root hash and its signature: a JSON object, padded with NULs.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::DpsError;
use crate::{base64, hex};

/// What a signature partition says. Whether the signature is good is for who has the certificate to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SignaturePartition {
    /// The root hash, at least 16 bytes.
    pub root: Vec<u8>,
    /// The SHA-256 digest of the certificate in DER, if it is given.
    pub fingerprint: Option<[u8; 32]>,
    /// The signature of the root hash in lower-case hexadecimal digits: PKCS#7 in DER.
    pub signature: Vec<u8>,
}

impl SignaturePartition {
    /// The size that the specification asks partitions to be a multiple of.
    pub const UNIT: usize = 4096;
    /// The largest size. systemd refuses larger ones, since no signature can need as much.
    pub const MAX_SIZE: usize = 4 << 20;

    /// Reads a partition, or its JSON text without the padding. Fields that are not known are passed over, since the
    /// specification may get more.
    pub fn parse(bytes: &[u8]) -> Result<Self, DpsError> {
        if bytes.len() > Self::MAX_SIZE {
            return Err(DpsError::Size {
                size: bytes.len(),
                reason: "are more than the 4 MiB that systemd reads",
            });
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let (text, padding) = bytes.split_at(end);
        if let Some(at) = padding.iter().position(|byte| *byte != 0) {
            return Err(DpsError::Padding { offset: end + at });
        }
        let json: Json = serde_json::from_slice(text).map_err(|error| json_error(&error))?;
        json.read()
    }

    /// The JSON text, as systemd-repart writes it: no white space, and the fields in this order.
    pub fn to_json(&self) -> Result<String, DpsError> {
        let digits = |bytes| hex::Digits(bytes).to_string();
        let json = Json {
            root_hash: digits(&self.root),
            fingerprint: self.fingerprint.as_ref().map(|fingerprint| digits(fingerprint)),
            signature: base64::encode(&self.signature),
        };
        // What could not be read back is not written.
        json.read()?;
        serde_json::to_string(&json).map_err(|error| json_error(&error))
    }

    /// The partition's bytes: padded to `size`, or to the next multiple of 4096.
    pub fn encode(&self, size: Option<usize>) -> Result<Vec<u8>, DpsError> {
        let mut bytes = self.to_json()?.into_bytes();
        let size = size.unwrap_or(bytes.len().next_multiple_of(Self::UNIT));
        let wrong = |reason| Err(DpsError::Size { size, reason });
        match () {
            () if !size.is_multiple_of(Self::UNIT) => wrong("are no multiple of 4096"),
            () if size < bytes.len() => wrong("are too few for what is to be stored"),
            () if size > Self::MAX_SIZE => wrong("are more than the 4 MiB that systemd reads"),
            () => {
                bytes.resize(size, 0);
                Ok(bytes)
            }
        }
    }
}

/// The SHA-256 digest of a certificate in PEM, over its DER: the first in the text.
pub fn fingerprint(pem: &str) -> Result<[u8; 32], DpsError> {
    let wrong = |reason| DpsError::Certificate { reason };
    let (_, rest) = pem.split_once(PEM_BEGIN).ok_or(wrong("there is no BEGIN CERTIFICATE"))?;
    let (body, _) = rest.split_once(PEM_END).ok_or(wrong("there is no END CERTIFICATE"))?;
    let digits: String = body.split_ascii_whitespace().collect();
    let der = base64::decode(&digits).filter(|der| is_one_sequence(der));
    der.map(|der| Sha256::digest(der).into()).ok_or(wrong("its content is not DER in base64"))
}

/// The object, as it is stored.
#[derive(Deserialize, Serialize)]
struct Json {
    #[serde(rename = "rootHash")]
    root_hash: String,
    #[serde(rename = "certificateFingerprint", default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    signature: String,
}

impl Json {
    fn read(&self) -> Result<SignaturePartition, DpsError> {
        let root = lower_hex("rootHash", &self.root_hash)?;
        if root.len() < 16 {
            return Err(DpsError::Field { field: "rootHash", reason: "has less than 16 bytes" });
        }
        let name = "certificateFingerprint";
        let fingerprint = self.fingerprint.as_deref().map(|text| lower_hex(name, text)).transpose()?;
        let wrong = |_| DpsError::Field { field: name, reason: "is not 64 hexadecimal digits" };
        let fingerprint = fingerprint.map(|bytes| bytes.try_into().map_err(wrong)).transpose()?;
        let wrong = DpsError::Field { field: "signature", reason: "is not DER in base64" };
        let signature = base64::decode(&self.signature).filter(|der| is_one_sequence(der)).ok_or(wrong)?;
        Ok(SignaturePartition { root, fingerprint, signature })
    }
}

/// The specification wants lower case, and the kernel verifies the signature of just these digits.
fn lower_hex(field: &'static str, text: &str) -> Result<Vec<u8>, DpsError> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let wrong = DpsError::Field { field, reason: "is not lower-case hexadecimal digits" };
    lower.then(|| hex::decode(text)).flatten().ok_or(wrong)
}

/// Whether the bytes are one DER sequence from the first to the last, as certificates and signatures are. Their insides
/// are not looked at here.
fn is_one_sequence(der: &[u8]) -> bool {
    // The length of the content: in one byte, or in as few bytes as it needs after one that tells how many.
    let (len, content) = match der {
        [0x30, len @ 0..=0x7f, content @ ..] | [0x30, 0x81, len @ 0x80..=0xff, content @ ..] => {
            (std::slice::from_ref(len), content)
        }
        [0x30, 0x82, rest @ ..] if rest.len() > 2 && rest[0] != 0 => rest.split_at(2),
        [0x30, 0x83, rest @ ..] if rest.len() > 3 && rest[0] != 0 => rest.split_at(3),
        _ => return false,
    };
    len.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) == content.len()
}

fn json_error(error: &serde_json::Error) -> DpsError {
    DpsError::Json { reason: error.to_string() }
}

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn sample() -> SignaturePartition {
        SignaturePartition {
            root: hex::decode(ROOT).unwrap(),
            fingerprint: Some([0xab; 32]),
            signature: vec![0x30, 1, 7],
        }
    }

    #[test]
    fn the_text_is_that_of_systemd() {
        let finger = "ab".repeat(32);
        let text = format!(
            "{{\"rootHash\":\"{ROOT}\",\"certificateFingerprint\":\"{finger}\",\"signature\":\"MAEH\"}}"
        );
        assert_eq!(sample().to_json().unwrap(), text);
        let bytes = sample().encode(None).unwrap();
        assert_eq!((bytes.len(), bytes[text.len()]), (4096, 0));
        assert_eq!(sample().encode(Some(16_384)).unwrap().len(), 16_384);
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            assert_eq!(SignaturePartition::parse(bytes), Ok(sample()));
        }
        let bare = SignaturePartition { fingerprint: None, ..sample() };
        assert_eq!(SignaturePartition::parse(bare.to_json().unwrap().as_bytes()), Ok(bare));
    }

    #[test]
    fn fields_to_come_are_passed_over() {
        let text = format!(" {{\"new\":[{{}},1e9],\"signature\":\"MAEH\",\n\"rootHash\":\"{ROOT}\"}} ");
        assert_eq!(SignaturePartition::parse(text.as_bytes()).unwrap().signature, [0x30, 1, 7]);
    }

    /// Case 10 of the hard cases: what a signature partition may hold in place of its object.
    #[test]
    fn what_is_no_signature_partition_is_refused() {
        let with = |root: &str, signature: &str| {
            format!("{{\"rootHash\":\"{root}\",\"signature\":\"{signature}\"}}")
        };
        let deep = "[".repeat(1 << 20);
        let good = with(ROOT, "MAEH");
        let fields = &good[1..good.len() - 1];
        let wrong = [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            format!("{{\"rootHash\":\"{ROOT}\"}}"),
            "{\"rootHash\":1,\"signature\":\"MAEH\"}".to_owned(),
            with(&ROOT.to_uppercase(), "MAEH"),
            with(&ROOT[1..], "MAEH"),
            with(&ROOT[..30], "MAEH"),
            with("", "MAEH"),
            with(ROOT, ""),
            with(ROOT, "MAEH\\n"),
            with(ROOT, "MAEHBw=="),
            with(ROOT, "MAE="),
            format!("{good}x"),
            format!("{good}{good}"),
            format!("{{\"rootHash\":\"{ROOT}\",{fields}}}"),
            format!("{{{fields},\"certificateFingerprint\":\"ab\"}}"),
            format!("{{{fields},\"x\":{deep}"),
            deep,
        ];
        for text in wrong {
            let read = SignaturePartition::parse(text.as_bytes());
            assert!(read.is_err(), "{}: {read:?}", &text[..text.len().min(100)]);
        }
        let mut bytes = sample().encode(None).unwrap();
        bytes[4095] = b'x';
        assert_eq!(SignaturePartition::parse(&bytes), Err(DpsError::Padding { offset: 4095 }));
        bytes.resize(SignaturePartition::MAX_SIZE + 1, 0);
        assert!(matches!(SignaturePartition::parse(&bytes), Err(DpsError::Size { .. })));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [0, 4095, 4097, 8 << 20] {
            assert!(matches!(sample().encode(Some(size)), Err(DpsError::Size { .. })), "{size}");
        }
        let large = SignaturePartition {
            signature: [vec![0x30, 0x82, 0x20, 0], vec![0; 0x2000]].concat(),
            ..sample()
        };
        assert!(large.encode(Some(4096)).is_err());
        assert_eq!(large.encode(None).unwrap().len(), 12_288);
        let short = SignaturePartition { root: vec![1; 15], ..sample() };
        assert!(short.to_json().is_err());
        let no_signature = SignaturePartition { signature: vec![1], ..sample() };
        assert!(no_signature.encode(None).is_err());
    }

    #[test]
    fn a_sequence_ends_where_its_length_says() {
        for (der, whole) in [
            (vec![0x30, 0], true),
            (vec![0x30, 1], false),
            (vec![0x30, 0, 0], false),
            (vec![0x31, 0], false),
            (vec![0x30, 0x80], false),
            ([vec![0x30, 0x7f], vec![0; 0x7f]].concat(), true),
            ([vec![0x30, 0x81, 0x7f], vec![0; 0x7f]].concat(), false),
            ([vec![0x30, 0x81, 0xff], vec![0; 0xff]].concat(), true),
            ([vec![0x30, 0x82, 1, 0], vec![0; 0x100]].concat(), true),
            ([vec![0x30, 0x82, 0, 0x80], vec![0; 0x80]].concat(), false),
            ([vec![0x30, 0x83, 1, 0, 0], vec![0; 0x1_0000]].concat(), true),
        ] {
            assert_eq!(is_one_sequence(&der), whole, "{:?}", &der[..2]);
        }
    }

    #[test]
    fn a_fingerprint_needs_a_certificate() {
        let pem = format!("text\n{PEM_BEGIN}\nMAE\r\nH\n{PEM_END}\n{PEM_BEGIN}");
        assert_eq!(fingerprint(&pem), Ok(Sha256::digest([0x30, 1, 7]).into()));
        for pem in
            ["", PEM_BEGIN, &format!("{PEM_BEGIN}\n{PEM_END}"), &format!("{PEM_BEGIN}\nMAE\n{PEM_END}")]
        {
            assert!(matches!(fingerprint(pem), Err(DpsError::Certificate { .. })), "{pem}");
        }
    }
}
