//! Every kernel of this machine against `sha2` and `ring`.

use std::sync::atomic::{AtomicU8, Ordering};

use hardpan_simd::sha256::{BLOCK, INITIAL, Kernel};
use hardpan_simd::shared::copy;
use sha2::Digest as _;

const MOST_LANES: usize = 40;

#[test]
fn every_kernel_gives_the_digests_of_sha2_and_ring() {
    for len in 0..=300 {
        for count in 0..=MOST_LANES {
            check_all(count, len);
        }
    }
    check_all(MOST_LANES, 4096 + 32);
}

#[test]
fn messages_may_begin_anywhere_and_states_go_on() {
    let bytes = noise(MOST_LANES * 300, 7);
    for kernel in Kernel::available() {
        for offset in 0..65 {
            let message = |lane: usize| &bytes[lane * 131 + offset..][..3 * BLOCK];
            let messages: Vec<&[u8]> = (0..23).map(message).collect();
            let mut states = vec![INITIAL; messages.len()];
            kernel.compress(&mut states, &messages);
            // The same in two steps.
            let mut again = vec![INITIAL; messages.len()];
            let (first, rest): (Vec<_>, Vec<_>) =
                messages.iter().map(|message| message.split_at(BLOCK)).unzip();
            kernel.compress(&mut again, &first);
            kernel.compress(&mut again, &rest);
            assert_eq!(states, again, "{kernel:?} at {offset}");
            assert_eq!(digest(*kernel, messages[22]), sha2::Sha256::digest(messages[22])[..]);
        }
    }
}

#[test]
fn shared_messages_have_the_states_of_messages_of_our_own() {
    let bytes = noise(MOST_LANES * 300, 11);
    let shared: Vec<AtomicU8> = bytes.iter().copied().map(AtomicU8::new).collect();
    for kernel in Kernel::available() {
        for (count, offset) in (0..=MOST_LANES).flat_map(|count| [0, 1, 16, 33].map(|offset| (count, offset)))
        {
            let range = |lane: usize| lane * 131 + offset..lane * 131 + offset + 3 * BLOCK;
            let own: Vec<&[u8]> = (0..count).map(|lane| &bytes[range(lane)]).collect();
            let lent: Vec<&[AtomicU8]> = (0..count).map(|lane| &shared[range(lane)]).collect();
            let (mut wanted, mut states) = (vec![INITIAL; count], vec![INITIAL; count]);
            kernel.compress(&mut wanted, &own);
            kernel.compress_shared(&mut states, &lent);
            assert_eq!(states, wanted, "{kernel:?}, {count} messages at {offset}");
        }
    }
}

#[test]
#[should_panic(expected = "messages of one length")]
fn lengths_of_shared_messages_must_agree() {
    let bytes = [const { AtomicU8::new(0) }; 128];
    Kernel::best().compress_shared(&mut [INITIAL; 2], &[&bytes[..64], &bytes]);
}

#[test]
fn shared_bytes_are_copied_as_they_are() {
    let bytes = noise(100, 13);
    let shared: Vec<AtomicU8> = bytes.iter().copied().map(AtomicU8::new).collect();
    for (from, len) in (0..20).flat_map(|from| (0..70).map(move |len| (from, len))) {
        let mut place = vec![0; len];
        copy(&shared[from..from + len], &mut place);
        assert_eq!(place, bytes[from..from + len]);
    }
    shared[3].store(!bytes[3], Ordering::Relaxed);
    let mut place = [0; 16];
    copy(&shared[..16], &mut place);
    assert_eq!(place[3], !bytes[3]);
}

#[test]
fn the_last_kernel_is_portable_and_the_first_the_best() {
    let names: Vec<&str> = Kernel::available().iter().map(|kernel| kernel.name()).collect();
    assert_eq!(names.last(), Some(&"portable"));
    assert_eq!(names.first(), Some(&Kernel::best().name()));
}

#[test]
#[should_panic(expected = "messages of one length")]
fn lengths_must_agree() {
    Kernel::best().compress(&mut [INITIAL; 2], &[&[0; 64], &[0; 128]]);
}

#[test]
#[should_panic(expected = "one state for each message")]
fn every_message_needs_a_state() {
    Kernel::best().compress(&mut [INITIAL; 1], &[&[0; 64], &[0; 64]]);
}

#[test]
#[should_panic(expected = "not whole blocks")]
fn lengths_must_be_whole_blocks() {
    Kernel::best().compress(&mut [INITIAL; 1], &[&[0; 63]]);
}

/// Hashes `count` messages of `len` bytes with every kernel.
fn check_all(count: usize, len: usize) {
    let bytes = noise(count * len, len as u64);
    let messages: Vec<&[u8]> = (0..count).map(|lane| &bytes[lane * len..(lane + 1) * len]).collect();
    let padded: Vec<Vec<u8>> = messages.iter().map(|message| pad(message)).collect();
    let padded: Vec<&[u8]> = padded.iter().map(Vec::as_slice).collect();
    for kernel in Kernel::available() {
        let mut states = vec![INITIAL; count];
        kernel.compress(&mut states, &padded);
        for (lane, (message, state)) in messages.iter().zip(&states).enumerate() {
            let place = format!("{kernel:?}, lane {lane} of {count}, {len} bytes");
            let digest: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(digest, sha2::Sha256::digest(message)[..], "{place}");
            assert_eq!(digest, ring::digest::digest(&ring::digest::SHA256, message).as_ref(), "{place}");
        }
    }
}

fn digest(kernel: Kernel, message: &[u8]) -> Vec<u8> {
    let mut states = [INITIAL];
    kernel.compress(&mut states, &[&pad(message)]);
    states[0].iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The padding of FIPS 180-4, section 5.1.1.
fn pad(message: &[u8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(BLOCK) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    padded
}

/// SplitMix64.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}
