//! Sixteen messages in the lanes of AVX-512 registers: vector `i` holds word `i` of every message.

#![expect(clippy::many_single_char_names, reason = "the names of FIPS 180-4")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set4_epi32,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::{BLOCK, K, State, blocks_of, portable};

pub(super) const LANES: usize = 16;

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn compress(states: &mut [State], messages: &[&[u8]]) {
    let (states, rest) = states.as_chunks_mut::<LANES>();
    let (messages, rest_messages) = messages.as_chunks::<LANES>();
    for (states, messages) in states.iter_mut().zip(messages) {
        compress_group(states, messages);
    }
    match rest.len() {
        0 => {}
        1 => portable::compress(rest, rest_messages),
        // Lanes that nobody asked for cost nothing.
        few => {
            let mut all_states = [State::default(); LANES];
            let mut all_messages = [rest_messages[0]; LANES];
            all_states[..few].copy_from_slice(rest);
            all_messages[..few].copy_from_slice(rest_messages);
            compress_group(&mut all_states, &all_messages);
            rest.copy_from_slice(&all_states[..few]);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress_group(states: &mut [State; LANES], messages: &[&[u8]; LANES]) {
    let messages = blocks_of(messages);
    let mut lanes = Lanes::load(states);
    for index in 0..messages[0].len() {
        lanes.begin(&messages, index);
        let before = lanes.state;
        sixteen_rounds!(lanes, 0, false);
        for quarter in 1..4 {
            sixteen_rounds!(lanes, quarter, true);
        }
        lanes.add(&before);
    }
    lanes.store(states);
}

/// A quarter of the rounds. After sixteen, the words of the state are where they were.
macro_rules! sixteen_rounds {
    ($lanes:ident, $quarter:expr, $schedule:literal) => {
        sixteen_rounds!($lanes, $quarter, $schedule, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($lanes:ident, $quarter:expr, $schedule:literal, $($index:literal)*) => {
        $($lanes.round::<$index, $schedule>($quarter);)*
    };
}
use sixteen_rounds;

/// Sixteen messages on their way.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    pub(super) state: [__m512i; 8],
    /// The last sixteen words of the schedule.
    words: [__m512i; 16],
}

impl Lanes {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn load(states: &[State; LANES]) -> Self {
        let mut state = [_mm512_setzero_si512(); 8];
        for (word, vector) in state.iter_mut().enumerate() {
            *vector = load_words(&states.map(|state| state[word]));
        }
        Self { state, words: [_mm512_setzero_si512(); 16] }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn store(&self, states: &mut [State; LANES]) {
        for (word, vector) in self.state.iter().enumerate() {
            for (state, value) in states.iter_mut().zip(to_words(*vector)) {
                state[word] = value;
            }
        }
    }

    /// Takes up the block `index` of each message.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn begin(&mut self, messages: &[&[[u8; BLOCK]]; LANES], index: usize) {
        let big_endian = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
        for (vector, message) in self.words.iter_mut().zip(messages) {
            *vector = _mm512_shuffle_epi8(load(&message[index]), big_endian);
        }
        transpose(&mut self.words);
    }

    /// Round `16 * quarter + I`, with the word for it if that is not one of the block.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn round<const I: usize, const SCHEDULE: bool>(&mut self, quarter: usize) {
        if SCHEDULE {
            self.schedule::<I>();
        }
        // Instead of moving all words on, each round takes them one place further back.
        let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|word| (word + 16 - I) % 8);
        let s = &mut self.state;
        let k = _mm512_set1_epi32(K[16 * quarter + I].cast_signed());
        let kw = _mm512_add_epi32(self.words[I], k);
        let big_1 =
            xor(_mm512_ror_epi32::<6>(s[e]), _mm512_ror_epi32::<11>(s[e]), _mm512_ror_epi32::<25>(s[e]));
        let choice = _mm512_ternarylogic_epi32::<CHOOSE>(s[e], s[f], s[g]);
        let t1 = _mm512_add_epi32(_mm512_add_epi32(s[h], kw), _mm512_add_epi32(choice, big_1));
        let big_0 =
            xor(_mm512_ror_epi32::<2>(s[a]), _mm512_ror_epi32::<13>(s[a]), _mm512_ror_epi32::<22>(s[a]));
        let majority = _mm512_ternarylogic_epi32::<MAJORITY>(s[a], s[b], s[c]);
        s[d] = _mm512_add_epi32(s[d], t1);
        s[h] = _mm512_add_epi32(t1, _mm512_add_epi32(big_0, majority));
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn schedule<const I: usize>(&mut self) {
        let w = &mut self.words;
        let [near, far] = [w[(I + 14) % 16], w[(I + 1) % 16]];
        let small_1 =
            xor(_mm512_ror_epi32::<17>(near), _mm512_ror_epi32::<19>(near), _mm512_srli_epi32::<10>(near));
        let small_0 =
            xor(_mm512_ror_epi32::<7>(far), _mm512_ror_epi32::<18>(far), _mm512_srli_epi32::<3>(far));
        let older = _mm512_add_epi32(w[I], w[(I + 9) % 16]);
        w[I] = _mm512_add_epi32(older, _mm512_add_epi32(small_0, small_1));
    }

    /// Adds the states from before the block.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn add(&mut self, before: &[__m512i; 8]) {
        for (state, before) in self.state.iter_mut().zip(before) {
            *state = _mm512_add_epi32(*state, *before);
        }
    }
}

/// Turns one vector for each message into one for each word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(v: &mut [__m512i; 16]) {
    let mut pairs = [_mm512_setzero_si512(); 16];
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    let mut quads = [_mm512_setzero_si512(); 16];
    for i in 0..4 {
        for half in 0..2 {
            let [low, high] = [pairs[4 * i + half], pairs[4 * i + 2 + half]];
            quads[4 * i + 2 * half] = _mm512_unpacklo_epi64(low, high);
            quads[4 * i + 2 * half + 1] = _mm512_unpackhi_epi64(low, high);
        }
    }
    // Quarter `q` of `quads[4 * i + j]` now has word `4 * q + j` of the messages `4 * i` to `4 * i + 3`.
    for j in 0..4 {
        let even_0 = _mm512_shuffle_i32x4::<0x88>(quads[j], quads[4 + j]);
        let odd_0 = _mm512_shuffle_i32x4::<0xdd>(quads[j], quads[4 + j]);
        let even_1 = _mm512_shuffle_i32x4::<0x88>(quads[8 + j], quads[12 + j]);
        let odd_1 = _mm512_shuffle_i32x4::<0xdd>(quads[8 + j], quads[12 + j]);
        v[j] = _mm512_shuffle_i32x4::<0x88>(even_0, even_1);
        v[8 + j] = _mm512_shuffle_i32x4::<0xdd>(even_0, even_1);
        v[4 + j] = _mm512_shuffle_i32x4::<0x88>(odd_0, odd_1);
        v[12 + j] = _mm512_shuffle_i32x4::<0xdd>(odd_0, odd_1);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a load")]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a load")]
fn load_words(words: &[u32; LANES]) -> __m512i {
    // SAFETY: as above; sixteen words are 64 bytes.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a store")]
fn to_words(vector: __m512i) -> [u32; LANES] {
    let mut words = [0; LANES];
    // SAFETY: as above, and the words are ours alone.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
    words
}

/// The truth table of `(x & y) ^ (!x & z)`.
const CHOOSE: i32 = 0xca;
/// The truth table of `(x & y) ^ (x & z) ^ (y & z)`.
const MAJORITY: i32 = 0xe8;
