//! Messages of which a bit is flipped or the end is cut.

use std::time::SystemTime;

use hardpan_verity::signature::{CheckError, Signed, Trust, check};

use crate::openssl::{ROOT, needs_openssl, trust, with_key};
use crate::path::Authority;

fn check_now(message: &[u8], trust: &Trust) -> Result<Signed, CheckError> {
    check(ROOT.as_bytes(), message, trust, SystemTime::now())
}

/// Flips every bit and cuts at every byte. Returns the bytes of which a flip went unnoticed.
fn unnoticed(message: &[u8], trust: &Trust) -> Vec<usize> {
    let signed = check_now(message, trust).unwrap();
    assert_eq!(signed.content(), ROOT.as_bytes());
    for len in 0..message.len() {
        assert!(check_now(&message[..len], trust).is_err(), "cut at {len}");
    }
    for more in [0, 0x30, 0xff] {
        assert!(check_now(&[message, &[more]].concat(), trust).is_err(), "more: {more}");
    }
    let mut places = Vec::new();
    for place in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.to_vec();
            flipped[place] ^= 1 << bit;
            if check_now(&flipped, trust).is_ok() {
                places.push(place);
            }
        }
    }
    places.dedup();
    places
}

const NONE: [usize; 0] = [];

#[test]
fn every_flip_of_a_signature_is_noticed() {
    needs_openssl!("every_flip_of_a_signature_is_noticed");
    for name in ["rsa2048", "p256", "p384"] {
        let dir = with_key(name);
        let trusted = trust(&[&dir.certificate(name)], &[]);
        let shapes = [
            ("smime", "-noattr -nocerts"),
            ("smime", "-noattr"),
            ("smime", "-nocerts"),
            ("cms", "-keyid -noattr -nocerts"),
        ];
        // The curve makes no difference to the rest of the message, and P-384 takes its time.
        let shapes = if name == "p384" { &shapes[..1] } else { &shapes[..] };
        for (tool, options) in shapes {
            let options = format!("-md sha256 {options}");
            let message = dir.message(tool, name, &options);
            assert_eq!(unnoticed(&message, &trusted), NONE, "{name} {tool} {options}");
        }
    }
}

#[test]
fn every_flip_of_a_path_is_noticed() {
    needs_openssl!("every_flip_of_a_path_is_noticed");
    let authority = Authority::new();
    let message = authority.message();
    let trusted = trust(&[], &[&authority.dir.certificate("root")]);
    assert_eq!(unnoticed(&message, &trusted), NONE);
}

/// Certificates that play no part are the one thing that can change, as long as they stay certificates.
#[test]
fn flips_of_certificates_without_a_part_are_all_that_goes_unnoticed() {
    needs_openssl!("flips_of_certificates_without_a_part_are_all_that_goes_unnoticed");
    let authority = Authority::new();
    let message = authority.message();
    let trusted = trust(&[&authority.dir.certificate("leaf")], &[]);
    let unused = authority.dir.certificate("between");
    let start = message.windows(unused.as_der().len()).position(|window| window == unused.as_der()).unwrap();
    let places = unnoticed(&message, &trusted);
    let range = start..start + unused.as_der().len();
    assert!(!places.is_empty());
    assert!(places.iter().all(|place| range.contains(place)), "{range:?} {places:?}");
}
