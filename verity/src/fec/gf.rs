//! Arithmetic in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), where x (2) generates the multiplicative group.

/// How many elements are not zero, and how long a codeword is.
pub(super) const ORDER: usize = 255;

/// The product of two elements.
pub(super) const fn mul(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    // The table has the powers twice, so that the sum needs no reduction.
    EXP[LOG[a as usize] as usize + LOG[b as usize] as usize]
}

/// The inverse; that of zero, which has none, is zero.
pub(super) const fn inverse(a: u8) -> u8 {
    if a == 0 { 0 } else { EXP[ORDER - LOG[a as usize] as usize] }
}

/// The power of the generator with this exponent.
pub(super) const fn power(exponent: usize) -> u8 {
    EXP[exponent % ORDER]
}

/// The powers of the generator, twice over.
const EXP: [u8; 2 * ORDER] = {
    let mut table = [0; 2 * ORDER];
    let mut value: u8 = 1;
    let mut exponent = 0;
    while exponent < 2 * ORDER {
        table[exponent] = value;
        let carry = value & 0x80 != 0;
        value <<= 1;
        if carry {
            value ^= REDUCTION;
        }
        exponent += 1;
    }
    table
};

/// The exponent of each element; that of zero is never used.
const LOG: [u8; 256] = {
    let mut table = [0; 256];
    let mut exponent: u8 = 0;
    while exponent < 255 {
        table[EXP[exponent as usize] as usize] = exponent;
        exponent += 1;
    }
    table
};

/// The polynomial without its highest term.
const REDUCTION: u8 = 0x1d;

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication as it is defined: shift, add, reduce.
    fn slow(mut a: u8, mut b: u8) -> u8 {
        let mut product = 0;
        while b != 0 {
            if b & 1 != 0 {
                product ^= a;
            }
            a = if a & 0x80 == 0 { a << 1 } else { (a << 1) ^ REDUCTION };
            b >>= 1;
        }
        product
    }

    #[test]
    fn products_and_inverses_are_those_of_the_definition() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(mul(a, b), slow(a, b), "{a} {b}");
            }
            assert_eq!(mul(a, inverse(a)), u8::from(a != 0));
        }
    }

    #[test]
    fn powers_repeat_after_255() {
        assert_eq!((power(0), power(1), power(8), power(255)), (1, 2, 0x1d, 1));
        assert_eq!((1..ORDER).find(|exponent| power(*exponent) == 1), None);
    }
}
