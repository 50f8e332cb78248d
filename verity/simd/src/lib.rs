//! The kernels of `hardpan-verity`: SHA-256 of many messages of one length at once, and the arithmetic of Reed-Solomon
//! codes over rows of bytes.
//!
//! A hash tree hashes millions of blocks of one length. One stream of SHA instructions waits for itself half of the
//! time; several streams side by side do not. The fastest kernel is chosen when the program runs, by what the processor
//! has, and every kernel gives the same bytes. This crate and `hardpan-sys` are the only ones with unsafe code.

pub mod gf256;
pub mod sha256;
pub mod shared;
