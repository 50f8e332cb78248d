//! Without instructions of a certain processor: 64 bytes at a time in words, which compilers turn into the vectors that
//! every processor of the architecture has.

use super::{Multiplier, POLYNOMIAL};

/// Takes the rows into the parity rows, from byte `from` of each on.
pub(super) fn advance(generator: &[Multiplier], rows: &[&[u8]], parity: &mut [u8], from: usize) {
    let roots = generator.len();
    let width = parity.len() / roots;
    let mut column = vec![[0; 8]; roots];
    let mut at = from;
    while at < width {
        // The last column may be of less, and is computed with zeros in place of the rest.
        let len = STRIP.min(width - at);
        for (row, strip) in column.iter_mut().enumerate() {
            *strip = load(&parity[row * width + at..][..len]);
        }
        for row in rows {
            step(generator, load(&row[at..at + len]), &mut column);
        }
        for (row, strip) in column.iter().enumerate() {
            store(strip, &mut parity[row * width + at..][..len]);
        }
        at += len;
    }
}

pub(super) fn mul_add(multiplier: &Multiplier, src: &[u8], dst: &mut [u8]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst ^= multiplier.times(*src);
    }
}

/// Takes one strip of a data row into the same strip of the parity rows.
fn step(generator: &[Multiplier], data: Strip, column: &mut [Strip]) {
    let feedback = xor(&data, &column[0]);
    // A product is a sum of the feedback times powers of x, and those are the same for all rows.
    let mut powers = [feedback; 8];
    for bit in 1..8 {
        powers[bit] = powers[bit - 1].map(times_x);
    }
    for (j, multiplier) in generator.iter().enumerate() {
        let mut next = column.get(j + 1).copied().unwrap_or_default();
        for (bit, power) in powers.iter().enumerate() {
            if multiplier.coefficient >> bit & 1 == 1 {
                next = xor(&next, power);
            }
        }
        column[j] = next;
    }
}

/// Multiplies each byte of a word by x.
fn times_x(word: u64) -> u64 {
    let carries = word >> 7 & ONES;
    // No byte of the product exceeds a byte, so that nothing is carried into the next.
    ((word & !(ONES << 7)) << 1) ^ (carries * u64::from(POLYNOMIAL))
}

fn xor(a: &Strip, b: &Strip) -> Strip {
    std::array::from_fn(|i| a[i] ^ b[i])
}

fn load(bytes: &[u8]) -> Strip {
    let mut whole = [0; STRIP];
    whole[..bytes.len()].copy_from_slice(bytes);
    let mut strip = Strip::default();
    for (word, bytes) in strip.iter_mut().zip(whole.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    strip
}

fn store(strip: &Strip, bytes: &mut [u8]) {
    for (bytes, word) in bytes.chunks_mut(8).zip(strip) {
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
}

type Strip = [u64; 8];
/// The bytes of a strip.
const STRIP: usize = 64;
/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
