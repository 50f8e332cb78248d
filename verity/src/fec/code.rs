//! The code RS(255, 255 - roots): its generator polynomial, and decoding one word with errors and erasures.
//!
//! The first symbol of a word is the coefficient of x^254. The generator has the roots 2^0 to 2^(roots - 1).

use super::gf::{self, inverse, mul, power};

/// The most roots that there can be.
pub(super) const MAX_ROOTS: usize = 24;

/// The coefficients of the generator polynomial below its highest, which is 1; highest first.
pub(super) fn generator(roots: usize) -> Vec<u8> {
    let mut polynomial = vec![1];
    for exponent in 0..roots {
        // Times x plus the root, in place from the lowest coefficient.
        polynomial.push(0);
        for index in (1..polynomial.len()).rev() {
            polynomial[index] ^= mul(polynomial[index - 1], power(exponent));
        }
    }
    polynomial.split_off(1)
}

/// A polynomial with the constant term first. One more coefficient than roots: a locator may have that degree.
type Polynomial = [u8; MAX_ROOTS + 1];

/// What was wrong with one symbol of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    /// Which symbol, from the first of the message.
    pub(super) position: u8,
    /// What to add to it.
    pub(super) magnitude: u8,
}

/// Symbols of a word that are known to be wrong or lost, the same in many words.
pub(super) struct Erasures {
    locator: Polynomial,
    count: usize,
}

impl Erasures {
    /// At most `roots` different positions below 255; `None` if there are more, which cannot be decoded.
    pub(super) fn new(positions: &[u8], roots: usize) -> Option<Self> {
        if positions.len() > roots.min(MAX_ROOTS) {
            return None;
        }
        let mut locator = [0; MAX_ROOTS + 1];
        locator[0] = 1;
        for (degree, position) in positions.iter().enumerate() {
            let x = locator_of(*position);
            for index in (0..=degree).rev() {
                locator[index + 1] ^= mul(locator[index], x);
            }
        }
        Some(Self { locator, count: positions.len() })
    }
}

/// Finds what is to be added to a word with these syndromes, so that all become zero; at most `roots` corrections.
///
/// With `e` erasures and `s` errors beside them, `e + 2 s <= roots` is always found, and right. Beyond that the result is
/// `None` or the distance to another codeword: only a hash can tell.
pub(super) fn decode(syndromes: &[u8], erasures: &Erasures, corrections: &mut Vec<Correction>) -> Option<()> {
    corrections.clear();
    let roots = syndromes.len();
    if roots > MAX_ROOTS {
        return None;
    }
    if syndromes.iter().all(|syndrome| *syndrome == 0) {
        return Some(());
    }
    let (locator, degree) = find_locator(syndromes, erasures)?;
    let evaluator = evaluator(syndromes, &locator);
    for position in 0..=LAST_POSITION {
        let x = locator_of(position);
        let at = inverse(x);
        if evaluate(&locator, at) != 0 {
            continue;
        }
        let slope = slope(&locator, at);
        if slope == 0 || corrections.len() == degree {
            return None;
        }
        let magnitude = mul(x, mul(evaluate(&evaluator, at), inverse(slope)));
        corrections.push(Correction { position, magnitude });
    }
    if corrections.len() != degree || !cancels(syndromes, corrections) {
        return None;
    }
    corrections.retain(|correction| correction.magnitude != 0);
    Some(())
}

/// Berlekamp and Massey's shortest recurrence for the syndromes, begun with the erasures: the locator of all that is
/// wrong, with its degree.
fn find_locator(syndromes: &[u8], erasures: &Erasures) -> Option<(Polynomial, usize)> {
    let mut locator = erasures.locator;
    let mut previous = erasures.locator;
    let mut length = erasures.count;
    for step in erasures.count..syndromes.len() {
        let terms = syndromes[..=step].iter().rev().zip(&locator);
        let discrepancy = terms.fold(0, |sum, (syndrome, coefficient)| sum ^ mul(*syndrome, *coefficient));
        shift(&mut previous);
        if discrepancy == 0 {
            continue;
        }
        let old = locator;
        for (coefficient, previous) in locator.iter_mut().zip(&previous) {
            *coefficient ^= mul(discrepancy, *previous);
        }
        if 2 * length <= step + erasures.count {
            length = step + 1 + erasures.count - length;
            previous = old.map(|coefficient| mul(coefficient, inverse(discrepancy)));
        }
    }
    let degree = locator.iter().rposition(|coefficient| *coefficient != 0)?;
    (degree == length).then_some((locator, degree))
}

/// Syndromes times locator, without the powers from the number of syndromes on.
fn evaluator(syndromes: &[u8], locator: &Polynomial) -> Polynomial {
    let mut product = [0; MAX_ROOTS + 1];
    for (index, coefficient) in product.iter_mut().enumerate().take(syndromes.len()) {
        let terms = syndromes[..=index].iter().rev().zip(locator);
        *coefficient = terms.fold(0, |sum, (syndrome, locator)| sum ^ mul(*syndrome, *locator));
    }
    product
}

/// Whether adding the corrections makes all syndromes zero.
fn cancels(syndromes: &[u8], corrections: &[Correction]) -> bool {
    syndromes.iter().enumerate().all(|(exponent, syndrome)| {
        let terms = corrections.iter().map(|correction| {
            let x = usize::from(LAST_POSITION - correction.position);
            mul(correction.magnitude, power(x * exponent))
        });
        terms.fold(*syndrome, |sum, term| sum ^ term) == 0
    })
}

fn evaluate(polynomial: &Polynomial, at: u8) -> u8 {
    polynomial.iter().rev().fold(0, |value, coefficient| mul(value, at) ^ coefficient)
}

/// The formal derivative at a point: in characteristic 2 the odd powers remain.
fn slope(polynomial: &Polynomial, at: u8) -> u8 {
    let square = mul(at, at);
    polynomial.iter().skip(1).step_by(2).rev().fold(0, |value, coefficient| mul(value, square) ^ coefficient)
}

/// Times x. The highest coefficient is lost; where it mattered, the degree is too large to be decoded.
fn shift(polynomial: &mut Polynomial) {
    polynomial.copy_within(..MAX_ROOTS, 1);
    polynomial[0] = 0;
}

fn locator_of(position: u8) -> u8 {
    power(usize::from(LAST_POSITION - position.min(LAST_POSITION)))
}

/// The position of the last parity symbol.
const LAST_POSITION: u8 = 254;
const _: () = assert!(LAST_POSITION as usize + 1 == gf::ORDER);

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: usize = gf::ORDER;

    /// A generator of test data, seeded, so that a failure repeats.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % end
        }

        fn byte(&mut self) -> u8 {
            u8::try_from(self.below(256)).unwrap()
        }

        fn positions(&mut self, count: usize) -> Vec<u8> {
            let mut positions = Vec::new();
            while positions.len() < count {
                let position = u8::try_from(self.below(WORD)).unwrap();
                if !positions.contains(&position) {
                    positions.push(position);
                }
            }
            positions
        }
    }

    /// By definition: the remainder of the message times x^roots, by long division.
    fn encode(message: &[u8], roots: usize) -> Vec<u8> {
        let generator = generator(roots);
        let mut word = [message, &vec![0; roots]].concat();
        for index in 0..message.len() {
            let factor = word[index];
            for (coefficient, generator) in word[index + 1..].iter_mut().zip(&generator) {
                *coefficient ^= mul(factor, *generator);
            }
        }
        [message, &word[message.len()..]].concat()
    }

    /// By definition: the word at the roots of the generator.
    fn syndromes(word: &[u8], roots: usize) -> Vec<u8> {
        let at = |root| word.iter().fold(0, |value, symbol| mul(value, root) ^ symbol);
        (0..roots).map(|exponent| at(power(exponent))).collect()
    }

    /// The word after decoding, if that says that it succeeded.
    fn decoded(mut word: Vec<u8>, erased: &[u8], roots: usize) -> Option<Vec<u8>> {
        let mut corrections = Vec::new();
        let erasures = Erasures::new(erased, roots)?;
        decode(&syndromes(&word, roots), &erasures, &mut corrections)?;
        assert!(corrections.len() <= roots);
        for correction in corrections {
            word[usize::from(correction.position)] ^= correction.magnitude;
        }
        Some(word)
    }

    #[test]
    fn the_generator_has_its_roots() {
        assert_eq!(generator(2), [3, 2]);
        for roots in 2..=MAX_ROOTS {
            let polynomial = [vec![1], generator(roots)].concat();
            assert!(syndromes(&polynomial, roots).iter().all(|syndrome| *syndrome == 0));
            assert_ne!(syndromes(&polynomial, roots + 1)[roots], 0);
        }
    }

    #[test]
    fn all_within_the_capacity_is_corrected() {
        let mut random = Random(1);
        for roots in 2..=MAX_ROOTS {
            for _ in 0..60 {
                let message: Vec<u8> = (0..WORD - roots).map(|_| random.byte()).collect();
                let word = encode(&message, roots);
                let erasures = random.below(roots + 1);
                let errors = random.below((roots - erasures) / 2 + 1);
                let positions = random.positions(erasures + errors);
                let mut damaged = word.clone();
                for (index, position) in positions.iter().enumerate() {
                    // What is erased may have kept its value, an error not.
                    let change = random.byte();
                    damaged[usize::from(*position)] ^= if index < erasures { change } else { change.max(1) };
                }
                let result = decoded(damaged, &positions[..erasures], roots);
                assert!(
                    result.as_ref() == Some(&word),
                    "{roots} roots, {erasures} erasures, {errors} errors"
                );
            }
        }
    }

    #[test]
    fn the_capacity_is_reached_exactly() {
        let mut random = Random(2);
        for roots in [2, 3, 5, 16, 23, 24] {
            let message: Vec<u8> = (0..WORD - roots).map(|_| random.byte()).collect();
            let word = encode(&message, roots);
            for (erasures, errors) in [(roots, 0), (0, roots / 2), (roots % 2, roots / 2), (roots - 2, 1)] {
                let positions = random.positions(erasures + errors);
                let mut damaged = word.clone();
                for position in &positions {
                    damaged[usize::from(*position)] ^= 0x5a;
                }
                let result = decoded(damaged, &positions[..erasures], roots);
                assert!(
                    result.as_ref() == Some(&word),
                    "{roots} roots, {erasures} erasures, {errors} errors"
                );
            }
            assert!(Erasures::new(&random.positions(roots + 1), roots).is_none());
        }
    }

    #[test]
    fn beyond_the_capacity_nothing_or_another_codeword_comes_out() {
        let mut random = Random(3);
        let mut miscorrected = [0; 2];
        for _ in 0..2000 {
            for (index, roots) in [2, 24].into_iter().enumerate() {
                let word = vec![0; WORD];
                let mut damaged = word.clone();
                // One too many; with as many errors as roots and more, the distance says nothing any more.
                let errors = roots / 2 + 1 + random.below(roots);
                for position in random.positions(errors) {
                    damaged[usize::from(position)] = random.byte().max(1);
                }
                if let Some(result) = decoded(damaged, &[], roots) {
                    assert!(syndromes(&result, roots).iter().all(|syndrome| *syndrome == 0));
                    assert!(result != word, "more errors than can be told apart");
                    miscorrected[index] += 1;
                }
            }
        }
        // With two roots nearly every word is next to a codeword; with 24 hardly any.
        assert!(miscorrected[0] > 1000 && miscorrected[1] < 3, "{miscorrected:?}");
    }

    #[test]
    fn any_syndromes_and_erasures_are_survived() {
        let mut random = Random(4);
        for _ in 0..5000 {
            let roots = 2 + random.below(MAX_ROOTS - 1);
            let syndromes: Vec<u8> = (0..roots).map(|_| random.byte() & random.byte()).collect();
            let count = random.below(roots + 1);
            let erasures = Erasures::new(&random.positions(count), roots).unwrap();
            let mut corrections = Vec::new();
            if decode(&syndromes, &erasures, &mut corrections).is_some() {
                assert!(cancels(&syndromes, &corrections));
            }
        }
    }
}
