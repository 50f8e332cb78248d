//! SHA-256 of many blocks at once: salt, lengths and padding around the kernels of `hardpan-simd`.
//!
//! What is hashed for a block is the salt before it, the block, the salt after it, and the padding of FIPS 180-4, section
//! 5.1.1. The compression function takes it in units of 64 bytes: whole units of the salt are hashed once, a unit that
//! has both salt and data is copied together, and most of the block is hashed where it lies.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use hardpan_simd::sha256::{BLOCK as UNIT, INITIAL, Kernel, State};
use hardpan_simd::shared;

use super::BlockHasher;
use crate::params::{HashType, Params};

/// The hasher for the type and salt of `params`.
pub(super) fn hasher(params: &Params) -> Arc<dyn BlockHasher> {
    let salt = params.salt.as_bytes();
    let (before, after) = match params.hash_type {
        HashType::V0 => (&[][..], salt),
        HashType::V1 => (salt, &[][..]),
    };
    Arc::new(Salted::new(Kernel::best(), before, after))
}

struct Salted {
    kernel: Kernel,
    /// The state after the whole units of the salt before the block.
    state: State,
    /// The rest of that salt, less than a unit.
    before: Vec<u8>,
    /// How many bytes of salt there are before and after the block.
    salt_len: usize,
    /// The salt after the block.
    after: Vec<u8>,
}

impl Salted {
    fn new(kernel: Kernel, before: &[u8], after: &[u8]) -> Self {
        let mut state = [INITIAL];
        let (units, rest) = before.split_at(before.len() / UNIT * UNIT);
        kernel.compress(&mut state, &[units]);
        let [state] = state;
        let salt_len = before.len() + after.len();
        Self { kernel, state, before: rest.to_vec(), salt_len, after: after.to_vec() }
    }

    /// Hashes up to [`GROUP`] blocks, of which each has an entry.
    fn digest_group<T: Byte>(
        &self,
        blocks: &[&[T]],
        scratch: &mut Scratch,
        entries: &mut [u8],
        entry_size: usize,
    ) {
        let mut states = [self.state; GROUP];
        let states = &mut states[..blocks.len()];
        let Scratch { heads, tails, from_block, tail_from, tail_at, tail_len } = scratch;
        if *from_block > 0 {
            for (head, block) in heads.iter_mut().zip(blocks) {
                T::copy(&block[..*from_block], &mut head[self.before.len()..]);
            }
            self.compress(states, |lane| &heads[lane][..]);
        }
        self.compress(states, |lane| &blocks[lane][*from_block..*tail_from]);
        for (tail, block) in tails.iter_mut().zip(blocks) {
            let rest = &block[*tail_from..];
            T::copy(rest, &mut tail[*tail_at..][..rest.len()]);
        }
        self.compress(states, |lane| &tails[lane][..*tail_len]);
        for (state, entry) in states.iter().zip(entries.chunks_mut(entry_size)) {
            for (word, bytes) in state.iter().zip(entry.as_chunks_mut().0) {
                *bytes = word.to_be_bytes();
            }
        }
    }

    fn compress<'a, T: Byte + 'a>(&self, states: &mut [State], message: impl Fn(usize) -> &'a [T]) {
        let mut messages = [<&[T]>::default(); GROUP];
        let messages = &mut messages[..states.len()];
        messages.iter_mut().enumerate().for_each(|(lane, place)| *place = message(lane));
        T::compress(self.kernel, states, messages);
    }

    fn digest<T: Byte>(&self, blocks: &[T], block_size: usize, entries: &mut [u8], entry_size: usize) {
        let mut scratch = Scratch::new(self, block_size);
        let groups = blocks.chunks(block_size * GROUP).zip(entries.chunks_mut(entry_size * GROUP));
        for (group, entries) in groups {
            let mut blocks = [<&[T]>::default(); GROUP];
            let mut count = 0;
            for (place, block) in blocks.iter_mut().zip(group.chunks_exact(block_size)) {
                *place = block;
                count += 1;
            }
            self.digest_group(&blocks[..count], &mut scratch, entries, entry_size);
        }
    }
}

impl BlockHasher for Salted {
    fn digest_blocks(&self, blocks: &[u8], block_size: usize, entries: &mut [u8], entry_size: usize) {
        self.digest(blocks, block_size, entries, entry_size);
    }

    fn takes_shared(&self) -> bool {
        self.kernel.takes_shared()
    }

    fn digest_shared(&self, blocks: &[AtomicU8], block_size: usize, entries: &mut [u8], entry_size: usize) {
        self.digest(blocks, block_size, entries, entry_size);
    }
}

/// A byte of our own, or one that somebody else may change meanwhile.
trait Byte: Sized {
    fn copy(from: &[Self], to: &mut [u8]);
    fn compress(kernel: Kernel, states: &mut [State], messages: &[&[Self]]);
}

impl Byte for u8 {
    fn copy(from: &[Self], to: &mut [u8]) {
        to.copy_from_slice(from);
    }

    fn compress(kernel: Kernel, states: &mut [State], messages: &[&[Self]]) {
        kernel.compress(states, messages);
    }
}

impl Byte for AtomicU8 {
    fn copy(from: &[Self], to: &mut [u8]) {
        shared::copy(from, to);
    }

    fn compress(kernel: Kernel, states: &mut [State], messages: &[&[Self]]) {
        kernel.compress_shared(states, messages);
    }
}

/// What a group of blocks is copied to, with all that is the same for each of them written once.
struct Scratch {
    /// Where salt and data share a unit: what is left of the salt, then the first `from_block` bytes of the block.
    heads: [[u8; UNIT]; GROUP],
    /// The bytes of the block from `tail_from` on, at `tail_at`, then the salt after it and the padding: whole units.
    tails: [[u8; TAIL]; GROUP],
    from_block: usize,
    tail_from: usize,
    /// Where in a tail the bytes of the block go.
    tail_at: usize,
    tail_len: usize,
}

impl Scratch {
    fn new(salted: &Salted, block_size: usize) -> Self {
        let before = &salted.before[..];
        let mut head = [0; UNIT];
        head[..before.len()].copy_from_slice(before);
        let mut tail = [0; TAIL];
        // A block that does not fill the unit of the salt is in the tail, all of it, with what is left of the salt.
        let is_short = before.len() + block_size < UNIT;
        let from_block = if before.is_empty() || is_short { 0 } else { UNIT - before.len() };
        let tail_at = if is_short { before.len() } else { 0 };
        tail[..tail_at].copy_from_slice(&before[..tail_at]);
        let rest = (block_size - from_block) % UNIT;
        let data_end = tail_at + rest;
        let unpadded = data_end + salted.after.len();
        let tail_len = (unpadded + PADDING).next_multiple_of(UNIT);
        tail[data_end..unpadded].copy_from_slice(&salted.after);
        tail[unpadded] = 0x80;
        let bits = (salted.salt_len + block_size) as u64 * 8;
        tail[tail_len - 8..tail_len].copy_from_slice(&bits.to_be_bytes());
        let tail_from = block_size - rest;
        Self { heads: [head; GROUP], tails: [tail; GROUP], from_block, tail_from, tail_at, tail_len }
    }
}

/// How many blocks go to the kernel in one call: a multiple of what any kernel takes at once.
const GROUP: usize = 32;
/// A bit, and the length in 64 bits.
const PADDING: usize = 9;
/// The longest tail: less than a unit of the block, the longest salt, and the padding.
const TAIL: usize = (UNIT - 1 + crate::params::Salt::MAX_LEN + PADDING).next_multiple_of(UNIT);

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::params::Salt;

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0]).collect()
    }

    fn check(salted: &Salted, before: &[u8], after: &[u8], block_size: usize, count: usize) {
        let blocks = noise(count * block_size);
        // Entries are longer than digests, and what they have besides is left alone.
        let mut entries = vec![0xa5; count * 48];
        salted.digest_blocks(&blocks, block_size, &mut entries, 48);
        for (block, entry) in blocks.chunks(block_size).zip(entries.chunks(48)) {
            let wanted = Sha256::new_with_prefix(before).chain_update(block).chain_update(after).finalize();
            let place = format!(
                "{:?}, salts of {} and {}, {count} blocks of {block_size}",
                salted.kernel,
                before.len(),
                after.len()
            );
            assert_eq!(entry[..32], wanted[..], "{place}");
            assert_eq!(entry[32..], [0xa5; 16], "{place}");
        }
    }

    #[test]
    fn every_salt_before_and_after_blocks() {
        let salt = noise(Salt::MAX_LEN);
        for kernel in Kernel::available() {
            for len in 0..=Salt::MAX_LEN {
                let salt = &salt[..len];
                check(&Salted::new(*kernel, salt, &[]), salt, &[], 512, 3);
                check(&Salted::new(*kernel, &[], salt), &[], salt, 512, 3);
            }
        }
    }

    #[test]
    fn every_number_of_blocks_and_block_size() {
        let salt = noise(45);
        for kernel in Kernel::available() {
            for count in 0..=2 * GROUP + 1 {
                check(&Salted::new(*kernel, &salt, &[]), &salt, &[], 512, count);
            }
            // No format has blocks so short, but nothing here minds.
            for size in 1..130 {
                check(&Salted::new(*kernel, &salt, &[]), &salt, &[], size, 5);
            }
            for shift in 9..=19 {
                check(&Salted::new(*kernel, &[], &salt), &[], &salt, 1 << shift, 2);
                check(&Salted::new(*kernel, &[], &[]), &[], &[], 1 << shift, 3);
            }
        }
    }

    #[test]
    fn types_put_the_salt_where_it_belongs() {
        let salt = Salt::new(b"salt").unwrap();
        let mut params = Params::new(NonZeroU64::MIN, salt);
        for (hash_type, text) in [
            (HashType::V1, [b"salt".to_vec(), vec![7; 512]]),
            (HashType::V0, [vec![7; 512], b"salt".to_vec()]),
        ] {
            params.hash_type = hash_type;
            let mut digest = [0; 32];
            hasher(&params).digest_blocks(&[7; 512], 512, &mut digest, 32);
            assert_eq!(digest, Sha256::digest(text.concat())[..], "{hash_type:?}");
        }
    }
}
