//! Private keys and certificates that are refused, and what is said about them.

use hardpan_verity::signature::{
    Certificate, CertificateError, KeyError, KeyKind, PublicKeyError, SignError, SigningKey, sign,
};

use crate::openssl::{Dir, ROOT, check_by, needs_openssl, with_key};

fn refused(file: &[u8]) -> KeyError {
    SigningKey::from_pem(file).err().unwrap()
}

#[test]
fn encrypted_keys_are_refused_with_what_to_do() {
    needs_openssl!("encrypted_keys_are_refused_with_what_to_do");
    let dir = with_key("rsa2048");
    for form in ["", " -traditional"] {
        dir.openssl(&format!("pkey -in rsa2048.key -aes256 -passout pass:word -out encrypted{form}"));
        let error = refused(&dir.read("encrypted")).to_string();
        assert!(error.contains("encrypted") && error.contains("openssl pkey"), "{error}");
    }
}

#[test]
fn other_kinds_of_keys_are_refused_by_name() {
    needs_openssl!("other_kinds_of_keys_are_refused_by_name");
    let dir = Dir::new();
    for (kind, name) in
        [("P-521", "ECDSA P-521"), ("secp256k1", "1.3.132.0.10"), ("brainpoolP256r1", "1.3.36.3")]
    {
        dir.bare_key("other", kind);
        for form in ["", " -traditional"] {
            dir.openssl(&format!("pkey -in other.key -out form{form}"));
            let error = refused(&dir.read("form"));
            assert!(matches!(&error, KeyError::PublicKey(PublicKeyError::Unsupported { .. })), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    for (options, name) in [("-algorithm ED25519", "Ed25519"), ("-algorithm RSA-PSS", "RSASSA-PSS")] {
        dir.openssl(&format!("genpkey {options} -out other.key"));
        let error = refused(&dir.read("other.key"));
        assert!(matches!(&error, KeyError::Unsupported { name: found } if found.contains(name)), "{error}");
    }
}

#[test]
fn keys_that_say_too_little_are_refused() {
    needs_openssl!("keys_that_say_too_little_are_refused");
    let dir = with_key("p256");
    dir.openssl("ec -in p256.key -no_public -out half");
    assert_eq!(refused(&dir.read("half")), KeyError::NoPublicKey);
    dir.openssl("pkey -in p256.key -traditional -out sec1");
    dir.openssl("ec -in p256.key -param_enc explicit -out explicit");
    assert!(matches!(refused(&dir.read("explicit")), KeyError::Malformed { .. }));
    dir.openssl("pkcs8 -topk8 -nocrypt -in explicit -out explicit8");
    assert_eq!(refused(&dir.read("explicit8")), KeyError::CurveNotNamed);
}

#[test]
fn short_and_long_rsa_keys_are_refused() {
    needs_openssl!("short_and_long_rsa_keys_are_refused");
    let dir = Dir::new();
    dir.key("short", "RSA:1024");
    assert!(matches!(refused(&dir.read("short.key")), KeyError::Rejected { kind: "RSA", .. }));
    let message = dir.smime("short", "-noattr -md sha256");
    let error = check_by(&dir.certificate("short"), &message).unwrap_err();
    assert!(error.to_string().contains("1024 bits") && !error.is_unsupported(), "{error}");
    let other = with_key("rsa2048").signing_key("rsa2048");
    let error = sign(
        ROOT.as_bytes(),
        &other,
        &dir.certificate("short"),
        hardpan_verity::signature::Options::default(),
    );
    assert!(matches!(error, Err(SignError::Certificate(_))));
}

/// Keys of several primes are made in a fraction of the time, and whoever checks a signature cannot tell.
#[test]
fn long_rsa_keys_are_checked_with_but_do_not_sign() {
    needs_openssl!("long_rsa_keys_are_checked_with_but_do_not_sign");
    let dir = Dir::new();
    dir.openssl(
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:8192 -pkeyopt rsa_keygen_primes:5 -out long.key",
    );
    dir.openssl("req -x509 -new -key long.key -out long.pem -days 30 -subj /CN=long");
    assert!(matches!(refused(&dir.read("long.key")), KeyError::Rejected { kind: "RSA", .. }));
    let signed = check_by(&dir.certificate("long"), &dir.smime("long", "-noattr -md sha256")).unwrap();
    assert_eq!(signed.key(), KeyKind::Rsa { bits: 8192 });
}

#[test]
fn compressed_points_are_refused_by_name() {
    needs_openssl!("compressed_points_are_refused_by_name");
    let dir = with_key("p256");
    dir.openssl("ec -in p256.key -conv_form compressed -out p256.key");
    dir.openssl("req -x509 -new -key p256.key -out p256.pem -days 30 -subj /CN=compressed");
    let error = check_by(&dir.certificate("p256"), &dir.smime("p256", "-noattr -md sha256")).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("compressed"), "{error}");
}

#[test]
fn a_file_has_one_key_among_other_things() {
    needs_openssl!("a_file_has_one_key_among_other_things");
    let dir = with_key("p256");
    let (key, certificate) = (dir.read("p256.key"), dir.read("p256.pem"));
    // As openssl ecparam writes it: parameters in a block of their own.
    dir.openssl("ecparam -name prime256v1 -genkey -out generated");
    assert!(SigningKey::from_pem(&dir.read("generated")).is_ok());
    assert!(SigningKey::from_pem(&[certificate.clone(), key.clone()].concat()).is_ok());
    assert_eq!(refused(&[key.clone(), key].concat()), KeyError::Several);
    assert_eq!(refused(&certificate), KeyError::None);
    assert_eq!(refused(b""), KeyError::None);
}

#[test]
fn a_key_with_a_broken_half_is_refused() {
    needs_openssl!("a_key_with_a_broken_half_is_refused");
    let dir = with_key("p256");
    dir.openssl("pkey -in p256.key -outform der -out der");
    let der = dir.read("der");
    let mut seen = Vec::new();
    for place in 0..der.len() {
        let mut flipped = der.clone();
        flipped[place] ^= 1;
        dir.write("flipped", &flipped);
        if SigningKey::from_pem(&pem("PRIVATE KEY", &flipped)).is_ok() {
            seen.push(place);
        }
    }
    assert_eq!(seen, [] as [usize; 0]);
}

#[test]
fn certificate_files_hold_certificates() {
    needs_openssl!("certificate_files_hold_certificates");
    let dir = with_key("p256");
    let pem_file = dir.read("p256.pem");
    let text = dir.openssl("x509 -in p256.pem -text");
    assert_eq!(Certificate::read_all(&text).unwrap(), [dir.certificate("p256")]);
    assert_eq!(Certificate::read_all(&[pem_file.clone(), pem_file].concat()).unwrap().len(), 2);
    assert_eq!(Certificate::read_all(&dir.read("p256.key")), Err(CertificateError::None));
    assert_eq!(Certificate::read_all(b""), Err(CertificateError::None));
    let der = dir.certificate("p256").as_der().to_vec();
    for wrong in [&der[..der.len() - 1], &[&der[..], b"\0"].concat()] {
        assert!(matches!(Certificate::read_all(wrong), Err(CertificateError::Malformed { .. })));
        let wrong = Certificate::read_all(&pem("CERTIFICATE", wrong));
        assert!(matches!(wrong, Err(CertificateError::Malformed { .. })));
    }
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = Vec::new();
    for chunk in der.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            digits.push(if place <= chunk.len() { digit } else { b'=' });
        }
    }
    let lines: Vec<u8> = digits.chunks(64).flat_map(|line| [line, b"\n"].concat()).collect();
    [
        format!("-----BEGIN {label}-----\n").into_bytes(),
        lines,
        format!("-----END {label}-----\n").into_bytes(),
    ]
    .concat()
}
