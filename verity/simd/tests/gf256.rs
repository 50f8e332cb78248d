//! Every kernel of this machine against arithmetic bit by bit.

use hardpan_simd::gf256::{Encoder, Kernel, MAX_ROOTS, interleave, mul_add, multiply};

/// The product by the definition: polynomials over bits, then the remainder by 0x11d.
fn product(a: u8, b: u8) -> u8 {
    let mut wide = 0_u32;
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            wide ^= u32::from(a) << bit;
        }
    }
    for bit in (8..15).rev() {
        if wide >> bit & 1 == 1 {
            wide ^= 0x11d << (bit - 8);
        }
    }
    u8::try_from(wide).expect("a remainder has eight bits")
}

#[test]
fn products_are_remainders_of_polynomials() {
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(multiply(a, b), product(a, b), "{a} * {b}");
        }
    }
}

#[test]
fn every_kernel_multiplies_every_byte_by_every_coefficient() {
    // Every byte, at changing places within a vector, and a rest.
    let src: Vec<u8> = (0..=255).chain(0..=255).chain(7..70).collect();
    for kernel in Kernel::available() {
        for coefficient in 0..=255 {
            for from in [0, 1, 200] {
                let src = &src[from..];
                let old: Vec<u8> = src.iter().map(|byte| byte.wrapping_mul(91).wrapping_add(3)).collect();
                let mut dst = old.clone();
                mul_add(*kernel, coefficient, src, &mut dst);
                let expected: Vec<u8> =
                    src.iter().zip(&old).map(|(src, old)| old ^ product(coefficient, *src)).collect();
                assert_eq!(dst, expected, "{kernel:?}, {coefficient}");
            }
        }
    }
}

#[test]
fn every_kernel_encodes_as_a_shift_register() {
    for roots in 1..=MAX_ROOTS {
        for width in [1, 15, 64, 65, 300, 512] {
            check(roots, width, 9);
        }
    }
    for width in 0..=600 {
        check(2, width, 3);
        check(7, width, 2);
    }
    check(24, 4096, 231);
}

#[test]
fn rows_may_come_some_at_a_time() {
    let bytes = noise(100 * 300, 1);
    let rows: Vec<&[u8]> = bytes.chunks(300).collect();
    for kernel in Kernel::available() {
        let encoder = Encoder::with_kernel(*kernel, &[7, 0, 255, 1]).unwrap();
        let (mut whole, mut parts) = (vec![0; 4 * 300], vec![0; 4 * 300]);
        encoder.advance(&rows, &mut whole);
        rows.chunks(7).for_each(|rows| encoder.advance(rows, &mut parts));
        assert_eq!(whole, parts, "{kernel:?}");
    }
}

#[test]
fn a_code_word_of_the_field_is_divisible_by_its_generator() {
    // The generator of dm-verity for two roots: (x - 1)(x - 2) = x^2 + 3 x + 2. Both roots are roots of a code word.
    let encoder = Encoder::new(&[3, 2]).unwrap();
    let bytes = noise(253 * 64, 9);
    let mut parity = vec![0; 2 * 64];
    encoder.advance(&bytes.chunks(64).collect::<Vec<_>>(), &mut parity);
    for byte in 0..64 {
        for root in [1, 2] {
            let word = (0..253).map(|row| bytes[row * 64 + byte]).chain([parity[byte], parity[64 + byte]]);
            assert_eq!(word.fold(0, |sum, symbol| product(sum, root) ^ symbol), 0);
        }
    }
}

#[test]
fn parity_is_stored_byte_by_byte() {
    for roots in [1, 2, 3, 24] {
        for width in [0, 1, 2, 5, 64] {
            let parity = noise(roots * width, 4);
            let mut out = vec![0; parity.len()];
            interleave(&parity, roots, &mut out);
            for (at, byte) in out.iter().enumerate() {
                assert_eq!(*byte, parity[at % roots * width + at / roots], "{roots} {width} {at}");
            }
        }
    }
}

#[test]
fn the_number_of_roots_is_bounded() {
    assert!(Encoder::new(&[]).is_none());
    assert!(Encoder::new(&[1; MAX_ROOTS]).is_some());
    assert!(Encoder::new(&[1; MAX_ROOTS + 1]).is_none());
}

#[test]
#[should_panic(expected = "rows of one length")]
fn rows_must_have_the_length_of_parity() {
    Encoder::new(&[1, 2]).unwrap().advance(&[&[0; 64]], &mut [0; 64]);
}

/// Encodes `count` rows of `width` bytes with every kernel, into parity that is not zero before.
fn check(roots: usize, width: usize, count: usize) {
    let generator = noise(roots, 5);
    let bytes = noise(count * width + 1, 2);
    // Not aligned.
    let rows: Vec<&[u8]> = (0..count).map(|row| &bytes[1 + row * width..][..width]).collect();
    let before = noise(roots * width, 3);
    let expected = shift_register(&generator, &rows, &before);
    for kernel in Kernel::available() {
        let mut parity = before.clone();
        let encoder = Encoder::with_kernel(*kernel, &generator).expect("1 to 24 roots");
        encoder.advance(&rows, &mut parity);
        assert_eq!(parity, expected, "{kernel:?}, {roots} roots, {width} bytes");
    }
}

/// The documentation of `Encoder`, one byte at a time.
fn shift_register(generator: &[u8], rows: &[&[u8]], before: &[u8]) -> Vec<u8> {
    let width = before.len() / generator.len();
    let mut parity = before.to_vec();
    for byte in 0..width {
        for row in rows {
            let feedback = row[byte] ^ parity[byte];
            for (j, g) in generator.iter().enumerate() {
                let next = parity.get((j + 1) * width + byte).copied().unwrap_or(0);
                parity[j * width + byte] = next ^ product(*g, feedback);
            }
        }
    }
    parity
}

/// SplitMix64.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}
