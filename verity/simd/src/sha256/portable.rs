//! One message after the other, in the words of FIPS 180-4.

use super::{BLOCK, K, State};

pub(super) fn compress(states: &mut [State], messages: &[&[u8]]) {
    for (state, message) in states.iter_mut().zip(messages) {
        for block in message.as_chunks::<BLOCK>().0 {
            compress_block(state, block);
        }
    }
}

fn compress_block(state: &mut State, block: &[u8; BLOCK]) {
    let mut w = [0; 16];
    for (word, bytes) in w.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let mut s = *state;
    for (t, k) in K.iter().enumerate() {
        if t >= 16 {
            let [near, far] = [w[(t + 14) % 16], w[(t + 1) % 16]];
            let small_1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
            let small_0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
            let sum = small_1.wrapping_add(w[(t + 9) % 16]).wrapping_add(small_0);
            w[t % 16] = w[t % 16].wrapping_add(sum);
        }
        s = round(s, k.wrapping_add(w[t % 16]));
    }
    for (word, new) in state.iter_mut().zip(s) {
        *word = word.wrapping_add(new);
    }
}

/// One round, with the sum of constant and word of the message.
#[expect(clippy::many_single_char_names, reason = "the standard's names")]
fn round([a, b, c, d, e, f, g, h]: State, kw: u32) -> State {
    let big_1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let t1 = h.wrapping_add(big_1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(kw);
    let big_0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let t2 = big_0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}
