//! GFNI in 256-bit registers: a product is one instruction.

use std::arch::x86_64::{
    __m256i, _mm256_gf2p8affine_epi64_epi8, _mm256_loadu_si256, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use crate::gf256::strips::strips_at_once;
use crate::gf256::{Multiplier, portable};

type Vector = __m256i;
const SIZE: usize = 32;
const REGISTERS: usize = 16;

define_kernel!("avx2,gfni");

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn times(vector: Vector, multiplier: &Multiplier) -> Vector {
    _mm256_gf2p8affine_epi64_epi8::<0>(vector, _mm256_set1_epi64x(multiplier.matrix.cast_signed()))
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
