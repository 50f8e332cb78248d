//! Every kind of key, in every form, with every digest, made by one and checked by the other.

use hardpan_verity::signature::{CheckError, Digest, KeyKind, Options, Remark, SignError, SigningKey, sign};

use crate::openssl::{KINDS, ROOT, check_by, needs_openssl, with_key};

/// The forms of a private key that openssl writes: PKCS#8, and PKCS#1 or SEC1.
const FORMS: [&str; 2] = ["", " -traditional"];

fn digests(name: &str) -> Vec<Digest> {
    match name {
        "p256" => vec![Digest::Sha256],
        "p384" => vec![Digest::Sha384],
        _ => Digest::ALL.to_vec(),
    }
}

#[test]
fn ours_pass_openssl_and_are_its_bytes_where_those_are_fixed() {
    needs_openssl!("ours_pass_openssl_and_are_its_bytes_where_those_are_fixed");
    for (name, _) in KINDS {
        let dir = with_key(name);
        let certificate = dir.certificate(name);
        for form in FORMS {
            dir.openssl(&format!("pkey -in {name}.key -out form{form}"));
            let key = SigningKey::from_pem(&dir.read("form")).unwrap();
            for digest in digests(name) {
                for include_certificate in [false, true] {
                    let options = Options { digest: Some(digest), include_certificate };
                    let message = sign(ROOT.as_bytes(), &key, &certificate, options).unwrap();
                    let case = format!("{name}{form} {options:?}");
                    assert!(dir.verifies("smime", name, &message), "{case}");
                    assert!(dir.verifies("cms", name, &message), "{case}");
                    assert_eq!(check_by(&certificate, &message).unwrap().digest(), digest, "{case}");
                    if matches!(key.kind(), KeyKind::Rsa { .. }) {
                        let certs = if include_certificate { "" } else { " -nocerts" };
                        let theirs = dir.smime(name, &format!("-noattr -md {digest}{certs}"));
                        assert!(message == theirs, "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn theirs_pass_ours() {
    needs_openssl!("theirs_pass_ours");
    for (name, _) in KINDS {
        let dir = with_key(name);
        let certificate = dir.certificate(name);
        for tool in ["smime", "cms", "cms -keyid"] {
            for digest in ["sha256", "sha384", "sha512"] {
                for options in ["-noattr -nocerts", "-noattr", "-nosmimecap -nocerts", "-nocerts"] {
                    let message = dir.message(tool, name, &format!("-md {digest} {options}"));
                    let case = format!("{name} {tool} {digest} {options}");
                    if digest == "sha512" && name.starts_with('p') {
                        let error = check_by(&certificate, &message).unwrap_err();
                        assert!(error.is_unsupported(), "{case}: {error}");
                        continue;
                    }
                    let signed =
                        check_by(&certificate, &message).unwrap_or_else(|error| panic!("{case}: {error}"));
                    assert_eq!(signed.remarks(), remarks(options), "{case}");
                    assert_eq!(signed.digest().name(), digest);
                    assert_eq!(signed.content(), ROOT.as_bytes());
                    assert_eq!(signed.certificate(), &certificate);
                }
            }
        }
    }
}

fn remarks(options: &str) -> &'static [Remark] {
    match options {
        "-nosmimecap -nocerts" => &[Remark::SignedAttributes],
        "-nocerts" => &[Remark::SignedAttributes, Remark::SmimeCapabilities],
        _ => &[],
    }
}

#[test]
fn the_fingerprint_is_openssls() {
    needs_openssl!("the_fingerprint_is_openssls");
    let dir = with_key("p256");
    let theirs = dir.openssl("x509 -in p256.pem -noout -fingerprint -sha256");
    let theirs = String::from_utf8(theirs).unwrap().replace(':', "").to_lowercase();
    let ours = dir.certificate("p256").fingerprint().to_string();
    assert_eq!(theirs.trim().rsplit('=').next(), Some(&ours[..]));
    dir.openssl("x509 -in p256.pem -outform der -out der");
    let certificates = hardpan_verity::signature::Certificate::read_all(&dir.read("der")).unwrap();
    assert_eq!(certificates, [dir.certificate("p256")]);
}

#[test]
fn other_content_is_refused() {
    needs_openssl!("other_content_is_refused");
    for options in ["-noattr", "-nosmimecap"] {
        let dir = with_key("p256");
        let certificate = dir.certificate("p256");
        for content in [format!("{ROOT}\n"), ROOT.to_uppercase(), ROOT.replace('c', "d"), String::new()] {
            dir.write("content", content.as_bytes());
            let message = dir.smime("p256", options);
            let error = check_by(&certificate, &message).unwrap_err();
            assert!(matches!(error, CheckError::Signer { .. }) && !error.is_unsupported(), "{error}");
        }
    }
}

#[test]
fn a_key_on_a_curve_signs_with_its_digest_only() {
    needs_openssl!("a_key_on_a_curve_signs_with_its_digest_only");
    let dir = with_key("p256");
    let options = Options { digest: Some(Digest::Sha512), include_certificate: false };
    let refused = sign(b"content", &dir.signing_key("p256"), &dir.certificate("p256"), options);
    assert_eq!(refused, Err(SignError::Digest { key: KeyKind::P256, digest: Digest::Sha512 }));
}

#[test]
fn the_certificate_must_be_that_of_the_key() {
    needs_openssl!("the_certificate_must_be_that_of_the_key");
    for (name, other) in [("rsa2048", "rsa3072"), ("p256", "p384"), ("p256", "rsa2048")] {
        let (key, certificate) = (with_key(name).signing_key(name), with_key(other).certificate(other));
        let refused = sign(b"content", &key, &certificate, Options::default());
        assert_eq!(refused, Err(SignError::OtherKey { subject: format!("CN={other}") }));
    }
}
