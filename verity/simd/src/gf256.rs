//! Arithmetic of GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), over rows of bytes.
//!
//! That is the field of the Reed-Solomon codes of dm-verity. A code word there is one byte of each of up to 255 blocks,
//! so that whole blocks can be encoded at once: [`Encoder::advance`] does for every byte of a row what the shift
//! register of a systematic encoder does for one.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[macro_use]
mod strips;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;
use std::sync::LazyLock;

/// The most parity rows of an [`Encoder`]: dm-verity takes 2 to 24 roots.
pub const MAX_ROOTS: usize = 24;

/// The product of two elements, bit by bit.
pub const fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut shifted, mut bit) = (0, a, 0);
    while bit < 8 {
        if b >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = (shifted << 1) ^ (if shifted & 0x80 == 0 { 0 } else { POLYNOMIAL });
        bit += 1;
    }
    product
}

/// Adds `coefficient` times each byte of `src` to the byte of `dst` at the same place: `dst[i] ^= coefficient * src[i]`.
///
/// # Panics
///
/// If the two are not of one length.
pub fn mul_add(kernel: Kernel, coefficient: u8, src: &[u8], dst: &mut [u8]) {
    assert_eq!(src.len(), dst.len(), "rows of one length");
    kernel.mul_add(&Multiplier::new(coefficient), src, dst);
}

/// Writes parity rows in the order in which dm-verity stores them: for each byte of a block, the byte of every row.
/// `out[byte * roots + row] = parity[row * width + byte]`, with `width` the number of bytes divided by `roots`.
///
/// # Panics
///
/// If the two are not of one length, a multiple of `roots`.
pub fn interleave(parity: &[u8], roots: usize, out: &mut [u8]) {
    assert_eq!(parity.len(), out.len(), "as many bytes as there are");
    assert!(roots > 0 && parity.len().is_multiple_of(roots), "whole rows");
    let width = parity.len() / roots;
    if let [first, second] = parity.chunks_exact(width.max(1)).collect::<Vec<_>>()[..] {
        // The usual case, which this form lets the compiler do many bytes at a time.
        for ((pair, first), second) in out.as_chunks_mut::<2>().0.iter_mut().zip(first).zip(second) {
            *pair = [*first, *second];
        }
        return;
    }
    for (byte, word) in out.chunks_exact_mut(roots).enumerate() {
        for (row, place) in word.iter_mut().enumerate() {
            *place = parity[row * width + byte];
        }
    }
}

/// A systematic encoder over rows.
///
/// It stands for one shift register for each byte of a row. With the generator polynomial
/// `x^roots + g[0] x^(roots-1) + … + g[roots-1]`, each data row does this to the parity rows, byte by byte:
///
/// ```text
/// feedback          = data ^ parity[0]
/// parity[j]         = parity[j + 1] ^ g[j] * feedback     for j < roots - 1
/// parity[roots - 1] = g[roots - 1] * feedback
/// ```
///
/// Once all data rows were taken, first symbol first, from parity rows that began as zeros, `parity[0]` has the parity
/// symbols of the highest order: those that follow the data. For dm-verity that are 255 - `roots` rows; rows beyond the end of
/// what is covered are zeros and must be given as such, since they shift the register all the same.
#[derive(Clone, Debug)]
pub struct Encoder {
    kernel: Kernel,
    generator: Vec<Multiplier>,
}

impl Encoder {
    /// An encoder by the fastest kernel, for the coefficients `g` of the generator polynomial without the leading one,
    /// highest order first. `None` unless there are 1 to [`MAX_ROOTS`].
    pub fn new(generator: &[u8]) -> Option<Self> {
        Self::with_kernel(Kernel::best(), generator)
    }

    /// The same by a kernel of choice.
    pub fn with_kernel(kernel: Kernel, generator: &[u8]) -> Option<Self> {
        let fits = (1..=MAX_ROOTS).contains(&generator.len());
        fits.then(|| Self { kernel, generator: generator.iter().copied().map(Multiplier::new).collect() })
    }

    /// How many parity rows there are.
    pub fn roots(&self) -> usize {
        self.generator.len()
    }

    /// Takes data rows, in order, into the parity rows, which lie in `parity` one after the other: row `j` at
    /// `j * width`, with `width` the length of every data row in bytes.
    ///
    /// It may be called with all rows of a code word, or with some at a time. All at once is faster, since then parity
    /// stays in registers from the first row to the last; the width may be anything and is fastest as a multiple of
    /// 256 bytes. Memory is read once: a column of 64 to 256 bytes through all rows, then the next column.
    ///
    /// # Panics
    ///
    /// If `parity` has not `roots` times the bytes of each row.
    pub fn advance(&self, rows: &[&[u8]], parity: &mut [u8]) {
        let roots = self.roots();
        assert!(parity.len().is_multiple_of(roots), "whole parity rows");
        let width = parity.len() / roots;
        assert!(rows.iter().all(|row| row.len() == width), "rows of one length, that of the parity rows");
        self.kernel.advance(&self.generator, rows, parity);
    }
}

/// A way to compute that this machine has. All ways give the same bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

/// Which functions a kernel calls. A value of a kind that needs instructions is made by [`detect`] alone, and only where
/// the processor has them; that is what makes the calls sound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Gfni512,
    #[cfg(target_arch = "x86_64")]
    Gfni256,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Kernel {
    /// The fastest kernel of this machine.
    pub fn best() -> Self {
        Self::available().first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// Every kernel of this machine, best first; the last is portable.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(detect);
        &AVAILABLE
    }

    /// What it is made of.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni512 => "GFNI, 512 bits",
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni256 => "GFNI, 256 bits",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "NEON",
            Kind::Portable => "portable",
        }
    }

    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(unsafe_code, reason = "calls of functions that need instructions")
    )]
    fn advance(self, generator: &[Multiplier], rows: &[&[u8]], parity: &mut [u8]) {
        match self.0 {
            // SAFETY: the kind was made where the processor has what the function needs.
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni512 => unsafe { x86::gfni512::advance(generator, rows, parity) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni256 => unsafe { x86::gfni256::advance(generator, rows, parity) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::avx2::advance(generator, rows, parity) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::advance(generator, rows, parity) },
            Kind::Portable => portable::advance(generator, rows, parity, 0),
        }
    }

    #[cfg_attr(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        expect(unsafe_code, reason = "calls of functions that need instructions")
    )]
    fn mul_add(self, multiplier: &Multiplier, src: &[u8], dst: &mut [u8]) {
        match self.0 {
            // SAFETY: the kind was made where the processor has what the function needs.
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni512 => unsafe { x86::gfni512::mul_add(multiplier, src, dst) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Gfni256 => unsafe { x86::gfni256::mul_add(multiplier, src, dst) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::avx2::mul_add(multiplier, src, dst) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::mul_add(multiplier, src, dst) },
            Kind::Portable => portable::mul_add(multiplier, src, dst),
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Vec<Kernel> {
    let avx2 = is_x86_feature_detected!("avx2");
    let gfni = is_x86_feature_detected!("gfni");
    let kinds = [
        (Kind::Gfni512, gfni && is_x86_feature_detected!("avx512f")),
        (Kind::Gfni256, gfni && avx2),
        (Kind::Avx2, avx2),
        (Kind::Portable, true),
    ];
    kinds.into_iter().filter(|(_, here)| *here).map(|(kind, _)| Kernel(kind)).collect()
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Vec<Kernel> {
    let neon = std::arch::is_aarch64_feature_detected!("neon").then_some(Kernel(Kind::Neon));
    neon.into_iter().chain([Kernel(Kind::Portable)]).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Vec<Kernel> {
    vec![Kernel(Kind::Portable)]
}

/// A coefficient in the forms in which the kernels multiply by it. Multiplying is linear over the bits.
#[derive(Clone, Copy, Debug)]
struct Multiplier {
    coefficient: u8,
    /// The matrix of bits that `gf2p8affineqb` wants: byte `7 - i` has the bits of the input that bit `i` of the output
    /// is the sum of. That instruction works for any polynomial, which `gf2p8mulb` does not.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "for GFNI"))]
    matrix: u64,
    /// The products of the low nibble.
    low: [u8; 16],
    /// The products of the high nibble.
    high: [u8; 16],
}

impl Multiplier {
    fn new(coefficient: u8) -> Self {
        let (mut low, mut high) = ([0; 16], [0; 16]);
        for (nibble, (low, high)) in (0..16).zip(low.iter_mut().zip(&mut high)) {
            *low = multiply(coefficient, nibble);
            *high = multiply(coefficient, nibble << 4);
        }
        let mut rows = [0; 8];
        for input in 0..8 {
            let product = multiply(coefficient, 1 << input);
            for (output, row) in rows.iter_mut().rev().enumerate() {
                *row |= (product >> output & 1) << input;
            }
        }
        Self { coefficient, matrix: u64::from_le_bytes(rows), low, high }
    }

    fn times(&self, value: u8) -> u8 {
        self.low[usize::from(value & 15)] ^ self.high[usize::from(value >> 4)]
    }
}

/// What x^8 is, modulo the polynomial.
const POLYNOMIAL: u8 = 0x1d;
