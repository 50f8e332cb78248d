//! Memory that others may change while it is read, such as a file that is mapped.
//!
//! It is lent as `&[AtomicU8]`, not as `&[u8]`: the compiler may take for granted that nobody changes what is behind the
//! latter, and read a byte twice or not at all. Vectors of atomic bytes are not in the language. So the one instruction that
//! loads sixteen of them at once is written as such, which the compiler neither repeats nor leaves out.

use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m128i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch};

/// Copies what is there now. Every byte is read once.
///
/// # Panics
///
/// If there are not as many bytes on both sides.
pub fn copy(from: &[AtomicU8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "as many bytes");
    let (from, rest) = from.as_chunks::<VECTOR>();
    let (to, to_rest) = to.as_chunks_mut::<VECTOR>();
    for (from, to) in from.iter().zip(to) {
        copy_vector(from, to);
    }
    copy_bytes(rest, to_rest);
}

fn copy_bytes(from: &[AtomicU8], to: &mut [u8]) {
    from.iter().zip(to).for_each(|(from, to)| *to = from.load(Ordering::Relaxed));
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a store")]
fn copy_vector(from: &[AtomicU8; VECTOR], to: &mut [u8; VECTOR]) {
    // SAFETY: the reference is to sixteen bytes of our own, and the instruction asks for no alignment.
    unsafe { std::arch::x86_64::_mm_storeu_si128(to.as_mut_ptr().cast(), AtomicU8::load_vector(from)) }
}

#[cfg(not(target_arch = "x86_64"))]
fn copy_vector(from: &[AtomicU8; VECTOR], to: &mut [u8; VECTOR]) {
    copy_bytes(from, to);
}

/// A byte of our own or a shared one.
#[cfg(target_arch = "x86_64")]
pub(crate) trait Byte: Sized {
    /// Sixteen of them.
    fn load_vector(bytes: &[Self; VECTOR]) -> __m128i;

    /// Says that what lies at an address may be wanted soon, if that is worth telling. Nothing need be there.
    fn announce(address: *const Self);
}

#[cfg(target_arch = "x86_64")]
impl Byte for u8 {
    #[inline]
    #[expect(unsafe_code, reason = "a load")]
    fn load_vector(bytes: &[Self; VECTOR]) -> __m128i {
        // SAFETY: the reference is to sixteen bytes, and the instruction asks for no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    /// It was written not long ago.
    #[inline]
    fn announce(_: *const Self) {}
}

#[cfg(target_arch = "x86_64")]
impl Byte for AtomicU8 {
    #[inline]
    #[expect(unsafe_code, reason = "a load of memory that others may change")]
    fn load_vector(bytes: &[Self; VECTOR]) -> __m128i {
        let vector;
        // SAFETY: the reference is to sixteen bytes that may be read, and the instruction asks for no alignment. Others may
        // write to them meanwhile; this is not a load of the language's, for which that would be a race, but the processor's,
        // and not said to be pure, so that it is done once, here. It touches no flags and no stack.
        unsafe {
            std::arch::asm!(
                "movdqu {vector}, xmmword ptr [{bytes}]",
                vector = out(xmm_reg) vector,
                bytes = in(reg) bytes.as_ptr(),
                options(nostack, preserves_flags, readonly),
            );
        }
        vector
    }

    /// Nothing has brought it into the cache.
    #[inline]
    #[expect(unsafe_code, reason = "a hint about memory that need not be there")]
    fn announce(address: *const Self) {
        // SAFETY: a hint reads nothing, and means nothing where no memory is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}

/// The bytes of a vector register that every x86-64 has.
const VECTOR: usize = 16;
