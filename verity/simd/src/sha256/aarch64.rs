//! The SHA2 instructions of AArch64, over several messages side by side.

use std::arch::aarch64::{
    uint32x4_t, vaddq_u32, vld1q_u8, vld1q_u32, vreinterpretq_u32_u8, vrev32q_u8, vsha256h2q_u32,
    vsha256hq_u32, vsha256su0q_u32, vsha256su1q_u32, vst1q_u32,
};

use super::{BLOCK, K, State, blocks_of};

/// The instructions give their result after four or five cycles on the cores of Arm, and another can begin after one or
/// two. There are 32 registers: enough for four messages of six each, and the constants.
pub(super) const LANES: usize = 4;

#[target_feature(enable = "sha2")]
pub(super) fn compress(states: &mut [State], messages: &[&[u8]]) {
    let (states, rest) = states.as_chunks_mut::<LANES>();
    let (messages, rest_messages) = messages.as_chunks::<LANES>();
    for (states, messages) in states.iter_mut().zip(messages) {
        compress_group(states, messages);
    }
    let (states, rest) = rest.as_chunks_mut::<2>();
    let (messages, rest_messages) = rest_messages.as_chunks::<2>();
    for (states, messages) in states.iter_mut().zip(messages) {
        compress_group(states, messages);
    }
    let (states, messages) = (rest.as_chunks_mut::<1>().0, rest_messages.as_chunks::<1>().0);
    for (states, messages) in states.iter_mut().zip(messages) {
        compress_group(states, messages);
    }
}

#[target_feature(enable = "sha2")]
fn compress_group<const N: usize>(states: &mut [State; N], messages: &[&[u8]; N]) {
    let messages = blocks_of(messages);
    let mut streams = Streams::load(states);
    for index in 0..messages[0].len() {
        streams.begin(&messages, index);
        let before = streams.state;
        for quarter in 0..3 {
            streams.four_rounds::<0, true>(quarter);
            streams.four_rounds::<1, true>(quarter);
            streams.four_rounds::<2, true>(quarter);
            streams.four_rounds::<3, true>(quarter);
        }
        streams.four_rounds::<0, false>(3);
        streams.four_rounds::<1, false>(3);
        streams.four_rounds::<2, false>(3);
        streams.four_rounds::<3, false>(3);
        streams.add(&before);
    }
    streams.store(states);
}

/// `N` messages on their way.
struct Streams<const N: usize> {
    /// For each message the words a to d and e to h.
    state: [[uint32x4_t; 2]; N],
    /// For each message the last sixteen words of its schedule.
    words: [[uint32x4_t; 4]; N],
}

impl<const N: usize> Streams<N> {
    #[inline]
    #[target_feature(enable = "sha2")]
    fn load(states: &[State; N]) -> Self {
        let zero = load_words(&[0; 4]);
        let mut streams = Self { state: [[zero; 2]; N], words: [[zero; 4]; N] };
        for (vectors, state) in streams.state.iter_mut().zip(states) {
            for (vector, words) in vectors.iter_mut().zip(state.as_chunks().0) {
                *vector = load_words(words);
            }
        }
        streams
    }

    #[inline]
    #[target_feature(enable = "sha2")]
    fn store(&self, states: &mut [State; N]) {
        for (vectors, state) in self.state.iter().zip(states) {
            for (vector, words) in vectors.iter().zip(state.as_chunks_mut().0) {
                store_words(words, *vector);
            }
        }
    }

    /// Takes up the block `index` of each message.
    #[inline]
    #[target_feature(enable = "sha2")]
    fn begin(&mut self, messages: &[&[[u8; BLOCK]]; N], index: usize) {
        for (words, message) in self.words.iter_mut().zip(messages) {
            for (words, bytes) in words.iter_mut().zip(message[index].as_chunks().0) {
                *words = load_big_endian(bytes);
            }
        }
    }

    /// Rounds `16 * quarter + 4 * G` and the three after it, and the words for the same rounds of the next quarter.
    #[inline]
    #[target_feature(enable = "sha2")]
    fn four_rounds<const G: usize, const SCHEDULE: bool>(&mut self, quarter: usize) {
        let k = load_words(&K.as_chunks().0[4 * quarter + G]);
        for (state, words) in self.state.iter_mut().zip(&mut self.words) {
            let [abcd, efgh] = *state;
            let kw = vaddq_u32(words[G], k);
            *state = [vsha256hq_u32(abcd, efgh, kw), vsha256h2q_u32(efgh, abcd, kw)];
            if SCHEDULE {
                let [w1, w2, w3] = [words[(G + 1) % 4], words[(G + 2) % 4], words[(G + 3) % 4]];
                words[G] = vsha256su1q_u32(vsha256su0q_u32(words[G], w1), w2, w3);
            }
        }
    }

    /// Adds the states from before the block.
    #[inline]
    #[target_feature(enable = "sha2")]
    fn add(&mut self, before: &[[uint32x4_t; 2]; N]) {
        for (state, before) in self.state.iter_mut().zip(before) {
            *state = [vaddq_u32(state[0], before[0]), vaddq_u32(state[1], before[1])];
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "a load")]
fn load_big_endian(bytes: &[u8; 16]) -> uint32x4_t {
    // SAFETY: the reference is to sixteen bytes, and the instruction asks for no alignment.
    vreinterpretq_u32_u8(vrev32q_u8(unsafe { vld1q_u8(bytes.as_ptr()) }))
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "a load")]
fn load_words(words: &[u32; 4]) -> uint32x4_t {
    // SAFETY: as above, of four words.
    unsafe { vld1q_u32(words.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "a store")]
fn store_words(words: &mut [u32; 4], vector: uint32x4_t) {
    // SAFETY: as above, and the reference is the only one.
    unsafe { vst1q_u32(words.as_mut_ptr(), vector) };
}
