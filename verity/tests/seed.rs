//! Salts and UUIDs from a seed, against OpenSSL's HMAC.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::process::{Command, Stdio};

use hardpan_verity::Seed;

/// The HMAC-SHA256 of `text` under a key of so many hexadecimal digits, by OpenSSL; `None` where it is missing.
fn openssl(key: &str, text: &str) -> Option<String> {
    let option = format!("hexkey:{key}");
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256", "-r", "-mac", "HMAC", "-macopt", &option]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned())
}

#[test]
fn salt_and_uuid_are_the_codes_of_openssl() {
    for key in ["0123456789abcdef0123456789abcdef", "00000000000000000000000000000000", &"f7".repeat(16)] {
        let seed: Seed = key.parse().unwrap();
        let (Some(salt), Some(uuid)) = (openssl(key, "verity-salt"), openssl(key, "verity-uuid")) else {
            assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "openssl is missing");
            eprintln!("skipped: salt_and_uuid_are_the_codes_of_openssl: openssl missing");
            return;
        };
        assert_eq!(seed.salt().to_string(), salt);
        // All but the digit of the version and the two bits of the variant.
        let ours = seed.uuid().to_string().replace('-', "");
        assert_eq!(ours.len(), 32);
        for (at, (ours, theirs)) in ours.chars().zip(uuid.chars()).enumerate() {
            match at {
                12 => assert_eq!(ours, '4'),
                16 => {
                    assert_eq!(ours.to_digit(16).unwrap(), theirs.to_digit(16).unwrap() & 3 | 8);
                }
                _ => assert_eq!(ours, theirs, "digit {at}"),
            }
        }
    }
}
