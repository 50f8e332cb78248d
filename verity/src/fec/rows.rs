//! The encoder over rows: blocks of many codewords, one symbol of each at a time.
//!
//! Each codeword has a shift register of `roots` bytes. Registers that work on neighbouring bytes are kept as rows, so
//! that a step reads and writes straight through memory, and a kernel can do many bytes at once.

use super::code::generator;
use super::gf::mul;

/// Shift registers for `width` neighbouring codewords.
pub(super) struct Registers {
    /// Row `j` holds the coefficients of degree `roots - 1 - j`.
    state: Vec<u8>,
    width: usize,
    roots: usize,
    products: Products,
}

impl Registers {
    /// Registers for up to `width` codewords.
    pub(super) fn new(roots: usize, width: usize) -> Self {
        Self { state: vec![0; roots * width], width, roots, products: Products::new(&generator(roots)) }
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
        for row in rows.chunks_exact(self.width) {
            self.products.step(&mut self.state, row);
        }
    }

    /// The remainders as they are stored: all parity bytes of a codeword, highest order first, then those of the next.
    pub(super) fn write_parity(&self, parity: &mut [u8]) {
        for (row, remainders) in self.state.chunks_exact(self.width).enumerate() {
            for (word, remainder) in parity.chunks_exact_mut(self.roots).zip(remainders) {
                word[row] = *remainder;
            }
        }
    }
}

/// For each element its products with all coefficients of the generator, in the order of the registers.
struct Products {
    table: Vec<u8>,
    roots: usize,
}

impl Products {
    fn new(generator: &[u8]) -> Self {
        let products = |element| generator.iter().map(move |coefficient| mul(element, *coefficient));
        Self { table: (0..=u8::MAX).flat_map(products).collect(), roots: generator.len() }
    }

    /// One step of all registers with the symbols of `row`.
    fn step(&self, state: &mut [u8], row: &[u8]) {
        let width = row.len();
        for (word, symbol) in row.iter().enumerate() {
            let feedback = usize::from(symbol ^ state[word]);
            let products = &self.table[feedback * self.roots..][..self.roots];
            let mut at = word;
            for product in &products[..self.roots - 1] {
                state[at] = state[at + width] ^ product;
                at += width;
            }
            state[at] = products[self.roots - 1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fec::gf::{ORDER, power};

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
