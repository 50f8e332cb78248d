//! NEON: a product is two look-ups of sixteen products each, one for each nibble.

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, veorq_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u8,
};

use crate::gf256::strips::strips_at_once;
use crate::gf256::{Multiplier, portable};

type Vector = uint8x16_t;
const SIZE: usize = 16;
const REGISTERS: usize = 32;

define_kernel!("neon");

#[inline]
#[target_feature(enable = "neon")]
fn times(vector: Vector, multiplier: &Multiplier) -> Vector {
    let low = vandq_u8(vector, vdupq_n_u8(15));
    let high = vshrq_n_u8::<4>(vector);
    xor(vqtbl1q_u8(load(&multiplier.low), low), vqtbl1q_u8(load(&multiplier.high), high))
}

#[inline]
#[target_feature(enable = "neon")]
fn xor(a: Vector, b: Vector) -> Vector {
    veorq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Vector {
    vdupq_n_u8(0)
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "a load")]
fn load(bytes: &[u8; SIZE]) -> Vector {
    // SAFETY: the reference is to as many bytes as the vector has, and the instruction asks for no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "a store")]
fn store(vector: Vector, bytes: &mut [u8; SIZE]) {
    // SAFETY: as above, and the reference is the only one.
    unsafe { vst1q_u8(bytes.as_mut_ptr(), vector) };
}
