//! Decoding one round: `block size` codewords whose symbols lie in the same blocks.

use super::code::{self, Correction, Erasures, MAX_ROOTS};
use super::encode::FEC;
use super::gf::{mul, power};
use super::layout::Covered;
use super::rows::Registers;
use crate::error::Error;
use crate::source::BlockSource;
use crate::tree::blocks::to_usize;

/// What a thread needs to decode rounds, and the round that it looks at.
///
/// Only the difference between the parity stored and that of the blocks is kept, from which the syndromes of each word
/// come; the blocks pass through a small buffer, so that memory stays bounded with blocks of any size.
pub(super) struct Round<'a> {
    covered: Covered<'a>,
    fec: &'a dyn BlockSource,
    registers: Registers,
    row: Vec<u8>,
    /// For each word of the round `roots` bytes, highest order first.
    remainders: Vec<u8>,
}

impl<'a> Round<'a> {
    pub(super) fn new(covered: Covered<'a>, fec: &'a dyn BlockSource) -> Self {
        let width = to_usize(covered.layout.block_size);
        let registers = Registers::new(covered.layout.roots.get(), width);
        let remainders = vec![0; to_usize(covered.layout.parity_per_round())];
        Self { covered, fec, registers, row: vec![0; width], remainders }
    }

    /// Reads the round `number`.
    pub(super) fn load(&mut self, number: u64) -> Result<(), Error> {
        let layout = self.covered.layout;
        self.registers.reset(self.row.len());
        for row in 0..layout.roots.message_len() as u64 {
            self.covered.read(row * layout.rounds + number, &mut self.row)?;
            self.registers.feed(&self.row);
        }
        self.registers.write_parity(&mut self.remainders);
        let at = layout.parity_start + number * layout.parity_per_round();
        let mut stored = vec![0; self.remainders.len()];
        self.fec.read_exact_at(&mut stored, at).map_err(Error::read(FEC, at))?;
        for (remainder, stored) in self.remainders.iter_mut().zip(&stored) {
            *remainder ^= stored;
        }
        Ok(())
    }

    /// Decodes all words with these erasures. For each of `wanted`, a position in the words, the result has a block of
    /// what is to be added to the one stored.
    ///
    /// Where a word cannot be decoded, or only with a symbol changed for which `may_change` is false, nothing is added:
    /// the digest of the block then tells whether anything had to be.
    pub(super) fn decode(
        &self,
        erasures: &Erasures,
        wanted: &[u8],
        may_change: impl Fn(u8) -> bool,
    ) -> Vec<Vec<u8>> {
        let roots = self.covered.layout.roots.get();
        let mut deltas = vec![vec![0; self.row.len()]; wanted.len()];
        let mut corrections: Vec<Correction> = Vec::new();
        let mut syndromes = [0; MAX_ROOTS];
        for (word, remainder) in self.remainders.chunks_exact(roots).enumerate() {
            if remainder.iter().all(|byte| *byte == 0) {
                continue;
            }
            set_syndromes(&mut syndromes[..roots], remainder);
            let decoded = code::decode(&syndromes[..roots], erasures, &mut corrections);
            if decoded.is_none() || !corrections.iter().all(|correction| may_change(correction.position)) {
                continue;
            }
            for correction in &corrections {
                if let Some(index) = wanted.iter().position(|position| *position == correction.position) {
                    deltas[index][word] = correction.magnitude;
                }
            }
        }
        deltas
    }
}

/// The received word differs from a codeword by the remainder, which therefore has the same syndromes.
fn set_syndromes(syndromes: &mut [u8], remainder: &[u8]) {
    for (exponent, syndrome) in syndromes.iter_mut().enumerate() {
        let root = power(exponent);
        *syndrome = remainder.iter().fold(0, |value, byte| mul(value, root) ^ byte);
    }
}
