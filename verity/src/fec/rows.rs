//! The encoder over rows: blocks of many codewords, one symbol of each at a time.
//!
//! Each codeword has a shift register of `roots` bytes. Registers that work on neighbouring bytes are kept as rows, so
//! that a step reads and writes straight through memory, and a kernel can do many bytes at once.

use hardpan_simd::gf256::{Encoder, interleave};

use super::code::generator;

/// Shift registers for `width` neighbouring codewords.
pub(super) struct Registers {
    /// Row `j` holds the coefficients of degree `roots - 1 - j`.
    state: Vec<u8>,
    width: usize,
    roots: usize,
    encoder: Encoder,
}

impl Registers {
    /// Registers for up to `width` codewords of 2 to 24 roots.
    pub(super) fn new(roots: usize, width: usize) -> Self {
        let encoder =
            Encoder::new(&generator(roots)).expect("`Roots` has no other numbers than an encoder takes");
        Self { state: vec![0; roots * width], width, roots, encoder }
    }

    /// Empties the registers, for `width` codewords from now on, not more than at the beginning.
    pub(super) fn reset(&mut self, width: usize) {
        self.width = width;
        self.state.truncate(self.roots * width);
        self.state.resize(self.roots * width, 0);
        self.state.fill(0);
    }

    /// Feeds the rows of `rows`, one after the other, each of `width` bytes.
    pub(super) fn feed(&mut self, rows: &[u8]) {
        let rows: Vec<&[u8]> = rows.chunks_exact(self.width).collect();
        self.encoder.advance(&rows, &mut self.state);
    }

    /// The remainders as they are stored: all parity bytes of a codeword, highest order first, then those of the next.
    pub(super) fn write_parity(&self, parity: &mut [u8]) {
        interleave(&self.state, self.roots, parity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fec::gf::{ORDER, mul, power};

    /// A word by word oracle: the parity that makes the word zero at all roots.
    #[test]
    fn every_column_becomes_a_codeword() {
        const WIDTH: usize = 5;
        for roots in [2, 3, 24] {
            let rows: Vec<u8> = (0..(ORDER - roots) * WIDTH)
                .map(|index| (index * 7 + index / 256).to_le_bytes()[0])
                .collect();
            let mut registers = Registers::new(roots, WIDTH + 3);
            registers.feed(&[9; WIDTH + 3]);
            registers.reset(WIDTH);
            // In steps of any number of rows.
            rows.chunks(WIDTH * 8).for_each(|rows| registers.feed(rows));
            let mut parity = vec![0; WIDTH * roots];
            registers.write_parity(&mut parity);
            for column in 0..WIDTH {
                let message = rows.iter().skip(column).step_by(WIDTH);
                let word: Vec<u8> = message.chain(&parity[column * roots..][..roots]).copied().collect();
                for exponent in 0..roots {
                    let at = power(exponent);
                    assert_eq!(word.iter().fold(0, |value, symbol| mul(value, at) ^ symbol), 0);
                }
            }
        }
    }
}
