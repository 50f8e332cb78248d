//! Signatures of root hashes.

use std::time::{Duration, SystemTime};

use hardpan_verity::signature::{Certificate, Options, Trust, check as check_signature, sign};

use crate::common::keys::{AUTHORITY, SIGNER, now};
use crate::common::take::Take;

/// What was signed, and nothing else: no input can hold a signature of anything else, since none can be found by chance.
const CONTENT: &[u8] = b"4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

/// A message that is accepted is one over what was signed, by the one whom the input trusts; and every cut and every byte more
/// makes it bad, as do a bit in the content, the trust of somebody else, and another time.
pub fn check(bytes: &[u8]) {
    let mut input = Take(bytes);
    let (flags, bit) = (input.byte(), input.short());
    let len = usize::from(input.byte());
    let content = input.bytes(len);
    let message = input.0;
    let trust = trust(flags);
    let Ok(signed) = check_signature(content, message, &trust, now()) else { return };
    assert_eq!((content, signed.content()), (CONTENT, CONTENT));
    let named = signed.certificate();
    assert!([&AUTHORITY, &SIGNER].iter().any(|identity| named.belongs_to(&identity.key)));
    let is_bad = |content: &[u8], message: &[u8], trust: &Trust, at| {
        assert!(check_signature(content, message, trust, at).is_err());
    };
    is_bad(content, &message[..usize::from(bit) % message.len()], &trust, now());
    is_bad(content, &[message, &[0]].concat(), &trust, now());
    is_bad(content, message, &Trust::default(), now());
    is_bad(content, message, &trust, SystemTime::UNIX_EPOCH);
    is_bad(content, message, &trust, now() + Duration::from_hours(300_000));
    let mut other = content.to_vec();
    let at = usize::from(bit) % (8 * other.len());
    other[at / 8] ^= 1 << (at % 8);
    is_bad(&other, message, &trust, now());
    // Certificates that play no part may be others.
    if signed.remarks().is_empty() {
        let mut other = message.to_vec();
        let at = usize::from(bit) % (8 * other.len());
        other[at / 8] ^= 1 << (at % 8);
        is_bad(content, &other, &trust, now());
    }
}

/// The signer, the authority, both, or the authority as signer.
fn trust(flags: u8) -> Trust {
    let some = |bit: u8, certificate: &Certificate| {
        if flags & bit == 0 { Vec::new() } else { vec![certificate.clone()] }
    };
    let signers = [some(1, &SIGNER.certificate), some(4, &AUTHORITY.certificate)].concat();
    Trust { signers, authorities: some(2, &AUTHORITY.certificate) }
}

/// A message of each kind, over what is trusted and over something else.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for identity in [&SIGNER, &AUTHORITY] {
        for include_certificate in [false, true] {
            let options = Options { digest: None, include_certificate };
            let message = sign(CONTENT, &identity.key, &identity.certificate, options).expect("it is whole");
            for flags in 1..8 {
                let len = u8::try_from(CONTENT.len()).unwrap_or_default();
                seeds.push([&[flags, 7, 0, len], CONTENT, &message].concat());
            }
        }
    }
    seeds
}
