//! Binary policies that are damaged where they are whole otherwise: what is still read is written to the same bytes. Bytes at
//! random never get as far into a policy as a change of a few of its numbers does.

use std::sync::OnceLock;

use hardpan_selinux_policy::policydb::read;

use crate::common::{policy, take::Take};

/// The first byte chooses a policy of the generator; each five bytes that follow put a number somewhere into it.
pub fn check(bytes: &[u8]) {
    static BINARIES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let binaries = BINARIES.get_or_init(|| policy::binaries(COUNT));
    let mut input = Take(bytes);
    let mut binary = binaries[usize::from(input.byte()) % COUNT].clone();
    while !input.is_empty() {
        damage(&mut binary, &mut input);
    }
    match read(&binary) {
        Ok(policy) => policy::holds(&policy, &binary),
        Err(error) => assert!(error.offset <= binary.len(), "{error}"),
    }
}

/// How many policies there are to damage.
const COUNT: usize = 24;

/// Where, then what: a number that is put there, added to what is there, left out or put in.
fn damage(binary: &mut Vec<u8>, input: &mut Take<'_>) {
    let (place, kind, value) = (usize::from(input.short()), input.byte(), input.short());
    let place = place % (binary.len() + 1);
    let Some(word) = binary.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<4>()) else { return };
    let there = u32::from_le_bytes(*word);
    match kind % 6 {
        0 => *word = u32::from(value).to_le_bytes(),
        1 => *word = there.wrapping_add(u32::from(value)).to_le_bytes(),
        2 => *word = u32::MAX.to_le_bytes(),
        3 => word[0] ^= value.to_le_bytes()[0],
        4 => drop(binary.drain(place..place + 4)),
        _ => drop(binary.splice(place..place, u32::from(value).to_le_bytes())),
    }
}

/// Every policy whole, and one number of it changed.
pub fn seeds() -> Vec<Vec<u8>> {
    let whole = (0..24_u8).map(|policy| vec![policy]);
    let changed = (0..24_u8).map(|policy| vec![policy, policy.wrapping_mul(40), 1, 1, 1, 0]);
    whole.chain(changed).collect()
}
