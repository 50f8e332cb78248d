//! GFNI in 512-bit registers: a product is one instruction.

use std::arch::x86_64::{
    __m512i, _mm512_gf2p8affine_epi64_epi8, _mm512_loadu_si512, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512, _mm512_xor_si512,
};

use crate::gf256::strips::strips_at_once;
use crate::gf256::{Multiplier, portable};

type Vector = __m512i;
const SIZE: usize = 64;
const REGISTERS: usize = 32;

define_kernel!("avx512f,gfni");

#[inline]
#[target_feature(enable = "avx512f,gfni")]
fn times(vector: Vector, multiplier: &Multiplier) -> Vector {
    _mm512_gf2p8affine_epi64_epi8::<0>(vector, _mm512_set1_epi64(multiplier.matrix.cast_signed()))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a load")]
fn load(bytes: &[u8; SIZE]) -> Vector {
    // SAFETY: the reference is to as many bytes as the vector has, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "a store")]
fn store(vector: Vector, bytes: &mut [u8; SIZE]) {
    // SAFETY: as above, and the reference is the only one.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), vector) };
}
