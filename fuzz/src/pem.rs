//! Files of keys and certificates.

use hardpan_verity::signature::{Certificate, Options, SigningKey, Trust, check as check_signature, sign};

use crate::common::keys::{AUTHORITY, SIGNER, certificate_pem, now, pem};

/// A certificate that is accepted keeps its bytes, and reads back the same from PEM. A key that is accepted signs, and
/// what it signs is good by a certificate in the same file, if that is the key's and valid.
pub fn check(bytes: &[u8]) {
    let certificates = Certificate::read_all(bytes).unwrap_or_default();
    for certificate in &certificates {
        assert_eq!(Certificate::from_der(certificate.as_der()).as_ref(), Ok(certificate));
        assert_eq!(
            Certificate::read_all(certificate_pem(certificate).as_bytes()).as_deref(),
            Ok(std::slice::from_ref(certificate))
        );
        let _ = (certificate.subject(), certificate.issuer(), certificate.serial());
        if certificate.check_signer(now()).is_ok() {
            assert!(certificate.not_before() <= now());
        }
    }
    let Ok(key) = SigningKey::from_pem(bytes) else { return };
    let owner = certificates.into_iter().find(|certificate| certificate.belongs_to(&key));
    let Some(owner) = owner else { return };
    let message = sign(b"content", &key, &owner, Options::default()).expect("key and certificate agree");
    let trust = Trust { signers: vec![owner.clone()], authorities: Vec::new() };
    let checked = check_signature(b"content", &message, &trust, now());
    assert_eq!(checked.is_ok(), owner.check_signer(now()).is_ok());
}

/// Keys, certificates, and both in one file.
pub fn seeds() -> Vec<Vec<u8>> {
    let certificates = [&AUTHORITY, &SIGNER].map(|identity| certificate_pem(&identity.certificate));
    let both = format!("a comment\n{}{}", pem(2), certificates[1]);
    let texts = [pem(1), both, certificates.concat()].map(String::into_bytes);
    texts.into_iter().chain([SIGNER.certificate.as_der().to_vec()]).collect()
}
