//! AVX2: a product is two look-ups of sixteen products each, one for each nibble.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
    _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi64, _mm256_storeu_si256,
    _mm256_xor_si256,
};

use crate::gf256::strips::strips_at_once;
use crate::gf256::{Multiplier, portable};

type Vector = __m256i;
const SIZE: usize = 32;
const REGISTERS: usize = 16;

define_kernel!("avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn times(vector: Vector, multiplier: &Multiplier) -> Vector {
    let nibbles = _mm256_set1_epi8(15);
    let low = _mm256_and_si256(vector, nibbles);
    let high = _mm256_and_si256(_mm256_srli_epi64::<4>(vector), nibbles);
    let of_low = _mm256_broadcastsi128_si256(table(&multiplier.low));
    let of_high = _mm256_broadcastsi128_si256(table(&multiplier.high));
    xor(_mm256_shuffle_epi8(of_low, low), _mm256_shuffle_epi8(of_high, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "a load")]
fn load(bytes: &[u8; SIZE]) -> Vector {
    // SAFETY: the reference is to as many bytes as the vector has, and the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "a store")]
fn store(vector: Vector, bytes: &mut [u8; SIZE]) {
    // SAFETY: as above, and the reference is the only one.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) };
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "a load")]
fn table(products: &[u8; 16]) -> __m128i {
    // SAFETY: as above.
    unsafe { _mm_loadu_si128(products.as_ptr().cast()) }
}
