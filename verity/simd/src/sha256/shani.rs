//! The SHA instructions of x86-64, over several messages side by side.
//!
//! `sha256rnds2` gives its result after four cycles, but another can begin after two: one message leaves half of the
//! unit's time unused.

#![expect(clippy::many_single_char_names, reason = "the names of FIPS 180-4")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_loadu_si128, _mm_set_epi32, _mm_setr_epi8,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    _mm_storeu_si128,
};

use super::{BLOCK, K, State, blocks_of};
use crate::shared::Byte;

/// Enough to fill the unit while schedules of messages are computed.
pub(super) const LANES: usize = 4;

/// How far ahead of a message memory is announced: the next group of messages, if they are blocks of 4096 bytes that follow
/// each other. The processor looks ahead by itself, but not beyond a page.
const AHEAD: usize = LANES * 4096;

#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn compress<T: Byte>(states: &mut [State], messages: &[&[T]]) {
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

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress_group<T: Byte, const N: usize>(states: &mut [State; N], messages: &[&[T]; N]) {
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
#[derive(Clone, Copy)]
pub(super) struct Streams<const N: usize> {
    /// For each message what the instructions want: the words f, e, b, a and h, g, d, c, lowest first.
    pub(super) state: [[__m128i; 2]; N],
    /// For each message the last sixteen words of its schedule.
    words: [[__m128i; 4]; N],
}

impl<const N: usize> Streams<N> {
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn load(states: &[State; N]) -> Self {
        let state = states.map(|state| {
            let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
            [_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h)]
        });
        Self { state, words: [[_mm_set_epi32(0, 0, 0, 0); 4]; N] }
    }

    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn store(&self, states: &mut [State; N]) {
        for (state, [abef, cdgh]) in states.iter_mut().zip(&self.state) {
            let ([f, e, b, a], [h, g, d, c]) = (to_words(*abef), to_words(*cdgh));
            *state = [a, b, c, d, e, f, g, h];
        }
    }

    /// Takes up the block `index` of each message.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn begin<T: Byte>(&mut self, messages: &[&[[T; BLOCK]]; N], index: usize) {
        let big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        for (words, message) in self.words.iter_mut().zip(messages) {
            T::announce(message[index].as_ptr().wrapping_add(AHEAD));
            for (words, bytes) in words.iter_mut().zip(message[index].as_chunks().0) {
                *words = _mm_shuffle_epi8(T::load_vector(bytes), big_endian);
            }
        }
    }

    /// Rounds `16 * quarter + 4 * G` and the three after it, and the words for the same rounds of the next quarter.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn four_rounds<const G: usize, const SCHEDULE: bool>(&mut self, quarter: usize) {
        let k = load_words(&K.as_chunks().0[4 * quarter + G]);
        for (state, words) in self.state.iter_mut().zip(&mut self.words) {
            let [abef, cdgh] = *state;
            let kw = _mm_add_epi32(words[G], k);
            let efab = _mm_sha256rnds2_epu32(cdgh, abef, kw);
            // The instruction takes two words; the other two are in the upper half.
            let next = _mm_sha256rnds2_epu32(abef, efab, _mm_shuffle_epi32::<0x0e>(kw));
            // After four rounds all old words of one half have moved to the other.
            *state = [next, efab];
            if SCHEDULE {
                let [w1, w2, w3] = [words[(G + 1) % 4], words[(G + 2) % 4], words[(G + 3) % 4]];
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[G], w1), _mm_alignr_epi8::<4>(w3, w2));
                words[G] = _mm_sha256msg2_epu32(sum, w3);
            }
        }
    }

    /// Adds the states from before the block.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn add(&mut self, before: &[[__m128i; 2]; N]) {
        for (state, before) in self.state.iter_mut().zip(before) {
            *state = [_mm_add_epi32(state[0], before[0]), _mm_add_epi32(state[1], before[1])];
        }
    }
}

#[inline]
#[target_feature(enable = "sse2")]
#[expect(unsafe_code, reason = "a load")]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: the reference is to sixteen bytes, and the instruction asks for no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
#[expect(unsafe_code, reason = "a store")]
fn to_words(vector: __m128i) -> [u32; 4] {
    let mut words = [0; 4];
    // SAFETY: as above, and the words are ours alone.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), vector) };
    words
}
