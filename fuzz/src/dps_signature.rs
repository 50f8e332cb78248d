//! Signature partitions.

use hardpan_verity::dps::SignaturePartition;

use crate::common::keys::SIGNER;

/// What is accepted is written so that it reads back the same, with and without padding.
pub fn check(bytes: &[u8]) {
    let Ok(partition) = SignaturePartition::parse(bytes) else { return };
    assert!(partition.root.len() >= 16);
    let json = partition.to_json().expect("it was read");
    assert_eq!(SignaturePartition::parse(json.as_bytes()).as_ref(), Ok(&partition), "{json}");
    let encoded = partition.encode(None).expect("it is no longer than what was read");
    assert!(encoded.len().is_multiple_of(SignaturePartition::UNIT));
    assert_eq!(SignaturePartition::parse(&encoded).as_ref(), Ok(&partition));
}

/// A partition of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let partition = |fingerprint: bool, len: usize| SignaturePartition {
        root: vec![0xab; 32],
        fingerprint: fingerprint.then(|| *SIGNER.certificate.fingerprint().as_bytes()),
        signature: crate::common::keys::tlv(0x30, &vec![7; len]),
    };
    let all = [(true, 3), (false, 3), (true, 200)].map(|(fingerprint, len)| partition(fingerprint, len));
    let texts = all.iter().filter_map(|partition| Some(partition.to_json().ok()?.into_bytes()));
    texts.chain(all.iter().filter_map(|partition| partition.encode(None).ok())).collect()
}
