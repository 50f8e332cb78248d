//! Sets of small numbers as bits.

/// A set of numbers below a bound that is given when it is made. All sets that meet in an operation have the same bound.
///
/// It is dense: the sets of a policy hold types by the hundred out of a few thousand, and whole words at a time is how they
/// are joined and held against each other. Compressed forms were slower at that size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitset {
    words: Vec<u64>,
}

impl Bitset {
    /// An empty set of numbers below `bound`.
    pub fn new(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(64)] }
    }

    /// The bytes that a set with this bound needs.
    pub fn size(bound: usize) -> usize {
        bound.div_ceil(64) * 8
    }

    /// The bound, rounded up to whole words.
    pub fn bound(&self) -> usize {
        self.words.len() * 64
    }

    /// Adds a number and tells whether it is new.
    ///
    /// # Panics
    ///
    /// If the number is far above the bound.
    pub fn insert(&mut self, number: usize) -> bool {
        let (word, bit) = (&mut self.words[number / 64], 1 << (number % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes a number away.
    pub fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether it holds a number.
    pub fn contains(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many numbers it holds.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| Bits(*word).map(move |bit| index * 64 + bit))
    }

    /// Adds what another holds.
    pub fn or_with(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine | theirs);
    }

    /// Keeps what another holds too.
    pub fn and_with(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine & theirs);
    }

    /// Keeps what another does not hold.
    pub fn and_not_with(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine & !theirs);
    }

    /// Keeps and adds what only one of both holds.
    pub fn xor_with(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine ^ theirs);
    }

    /// Becomes what `all` holds and it did not.
    pub fn complement_in(&mut self, all: &Self) {
        self.combine(all, |mine, theirs| !mine & theirs);
    }

    /// Whether both hold a number.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(mine, theirs)| mine & theirs != 0)
    }

    /// The numbers that both hold, ascending.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let words = self.words.iter().zip(&other.words).enumerate();
        words.flat_map(|(index, (mine, theirs))| Bits(mine & theirs).map(move |bit| index * 64 + bit))
    }

    /// Whether another holds all that it holds.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// The bits, 64 to a word, the lowest number in the lowest bit of the first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    fn combine(&mut self, other: &Self, combine: impl Fn(u64, u64) -> u64) {
        debug_assert_eq!(self.words.len(), other.words.len(), "sets of one bound");
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine = combine(*mine, *theirs);
        }
    }
}

/// The places of a word's bits, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[usize]) -> Bitset {
        let mut set = Bitset::new(130);
        for number in numbers {
            set.insert(*number);
        }
        set
    }

    fn after(mut left: Bitset, operation: fn(&mut Bitset, &Bitset), right: &[usize]) -> Vec<usize> {
        operation(&mut left, &set(right));
        left.iter().collect()
    }

    #[test]
    fn numbers_come_ascending_and_once() {
        let mut numbers = set(&[129, 0, 64, 63]);
        assert!(!numbers.insert(64) && numbers.insert(65));
        numbers.remove(63);
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [0, 64, 65, 129]);
        assert_eq!((numbers.count(), numbers.is_empty(), set(&[]).is_empty()), (4, false, true));
        assert!(numbers.contains(129) && !numbers.contains(63) && !numbers.contains(5000));
    }

    #[test]
    fn operations_are_those_of_sets() {
        let left = || set(&[1, 70, 128]);
        assert_eq!(after(left(), Bitset::or_with, &[2, 70]), [1, 2, 70, 128]);
        assert_eq!(after(left(), Bitset::and_with, &[2, 70]), [70]);
        assert_eq!(after(left(), Bitset::and_not_with, &[2, 70]), [1, 128]);
        assert_eq!(after(left(), Bitset::xor_with, &[2, 70]), [1, 2, 128]);
        assert_eq!(after(left(), Bitset::complement_in, &[0, 1, 129]), [0, 129]);
        assert!(left().intersects(&set(&[128])) && !left().intersects(&set(&[0, 127])));
        assert_eq!(left().intersection(&set(&[0, 70, 128])).collect::<Vec<_>>(), [70, 128]);
        assert!(set(&[70]).is_subset(&left()) && !left().is_subset(&set(&[70])));
    }
}
