//! The vector instructions of x86-64.

pub(super) mod avx2;
pub(super) mod gfni256;
pub(super) mod gfni512;
