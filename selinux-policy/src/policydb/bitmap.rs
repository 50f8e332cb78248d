//! Sets of values, as the binary format has them: words of 64 bits, those without a bit left out (`ebitmap`).

/// How many bits a word has; the only size of units that libsepol and the kernel write.
pub(super) const WORD_BITS: u32 = 64;

/// A set of numbers. A value of the policy, which begins at 1, is bit `value - 1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitmap {
    /// Ascending by the word's place; no word is zero. Places are in words, not in bits.
    words: Vec<(u32, u64)>,
}

impl Bitmap {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bits of a dense array, whose first word has the bits 0 to 63.
    pub fn from_words(words: impl IntoIterator<Item = u64>) -> Self {
        Self { words: (0..).zip(words).filter(|(_, word)| *word != 0).collect() }
    }

    /// The set of the values 1 to `count`.
    pub fn first(count: u32) -> Self {
        let (full, rest) = (count / WORD_BITS, count % WORD_BITS);
        let mut words: Vec<(u32, u64)> = (0..full).map(|place| (place, u64::MAX)).collect();
        if rest != 0 {
            words.push((full, (1 << rest) - 1));
        }
        Self { words }
    }

    /// Adds a bit.
    pub fn insert(&mut self, bit: u32) {
        let (place, mask) = position(bit);
        match self.words.last_mut() {
            Some((last, word)) if *last == place => *word |= mask,
            Some((last, _)) if *last > place => match self.find(place) {
                Ok(index) => self.words[index].1 |= mask,
                Err(index) => self.words.insert(index, (place, mask)),
            },
            _ => self.words.push((place, mask)),
        }
    }

    /// Takes a bit away.
    pub fn remove(&mut self, bit: u32) {
        let (place, mask) = position(bit);
        let Ok(index) = self.find(place) else { return };
        self.words[index].1 &= !mask;
        if self.words[index].1 == 0 {
            self.words.remove(index);
        }
    }

    /// Whether a bit is set.
    pub fn contains(&self, bit: u32) -> bool {
        let (place, mask) = position(bit);
        self.find(place).is_ok_and(|index| self.words[index].1 & mask != 0)
    }

    /// Adds a value of the policy.
    ///
    /// # Panics
    ///
    /// If the value is 0, which no symbol has.
    pub fn insert_value(&mut self, value: u32) {
        self.insert(value.checked_sub(1).expect("values begin at 1"));
    }

    /// Whether the set holds a value of the policy. It never holds 0.
    pub fn contains_value(&self, value: u32) -> bool {
        value.checked_sub(1).is_some_and(|bit| self.contains(bit))
    }

    /// The bits, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().flat_map(|(place, word)| Bits(*word).map(move |bit| place * WORD_BITS + bit))
    }

    /// The values of the policy, ascending: each bit's number plus 1.
    pub fn values(&self) -> impl Iterator<Item = u32> + '_ {
        self.iter().map(|bit| bit + 1)
    }

    /// How many bits are set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|(_, word)| word.count_ones() as usize).sum()
    }

    /// Whether no bit is set.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The highest bit that is set.
    pub fn last(&self) -> Option<u32> {
        let (place, word) = self.words.last()?;
        Some(place * WORD_BITS + (WORD_BITS - 1 - word.leading_zeros()))
    }

    /// The first bit after the last word (`highbit`), 0 if no bit is set. It saturates where 2^32 would come.
    pub(crate) fn high_bit(&self) -> u32 {
        self.words.last().map_or(0, |(place, _)| (place * WORD_BITS).saturating_add(WORD_BITS))
    }

    /// Adds all bits of another set.
    pub fn union_with(&mut self, other: &Self) {
        if other.words.iter().all(|(place, word)| self.word(*place) & word == *word) {
            return;
        }
        let (mut mine, mut theirs) = (self.words.iter().peekable(), other.words.iter().peekable());
        let mut words = Vec::with_capacity(self.words.len() + other.words.len());
        while let (Some((a, first)), Some((b, second))) = (mine.peek(), theirs.peek()) {
            words.push((*a.min(b), if a <= b { *first } else { 0 } | if b <= a { *second } else { 0 }));
            let (take_mine, take_theirs) = (a <= b, b <= a);
            mine.next_if(|_| take_mine);
            theirs.next_if(|_| take_theirs);
        }
        words.extend(mine.chain(theirs));
        self.words = words;
    }

    /// Keeps only the bits that another set has too.
    pub fn intersect_with(&mut self, other: &Self) {
        for (place, word) in &mut self.words {
            *word &= other.word(*place);
        }
        self.words.retain(|(_, word)| *word != 0);
    }

    /// Whether all bits of this set are in another.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words.iter().all(|(place, word)| word & !other.word(*place) == 0)
    }

    /// The words that are not zero, ascending, each with its place in words.
    pub fn words(&self) -> &[(u32, u64)] {
        &self.words
    }

    /// A set of words as they lie in a file; `None` unless their places ascend and none is zero.
    pub(crate) fn from_sparse(words: Vec<(u32, u64)>) -> Option<Self> {
        let ascends = words.is_sorted_by(|(a, _), (b, _)| a < b);
        (ascends && words.iter().all(|(_, word)| *word != 0)).then_some(Self { words })
    }

    fn word(&self, place: u32) -> u64 {
        self.find(place).map_or(0, |index| self.words[index].1)
    }

    fn find(&self, place: u32) -> Result<usize, usize> {
        self.words.binary_search_by_key(&place, |(place, _)| *place)
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(bits: I) -> Self {
        let mut bitmap = Self::new();
        bits.into_iter().for_each(|bit| bitmap.insert(bit));
        bitmap
    }
}

fn position(bit: u32) -> (u32, u64) {
    (bit / WORD_BITS, 1 << (bit % WORD_BITS))
}

/// The numbers of the bits of a word, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bits: &[u32]) -> Bitmap {
        bits.iter().copied().collect()
    }

    #[test]
    fn bits_come_back_in_order_and_zero_words_vanish() {
        let mut bits = set(&[200, 3, 64, 3, 63]);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 63, 64, 200]);
        assert_eq!(bits.values().collect::<Vec<_>>(), [4, 64, 65, 201]);
        assert_eq!((bits.len(), bits.last()), (4, Some(200)));
        assert!(bits.contains(64) && !bits.contains(65) && bits.contains_value(4) && !bits.contains_value(0));
        bits.remove(64);
        bits.remove(64);
        assert_eq!(bits.words(), [(0, 1 << 3 | 1 << 63), (3, 1 << 8)]);
        assert_eq!(Bitmap::from_words([1 << 3 | 1 << 63, 0, 0, 1 << 8]), bits);
        assert_eq!(Bitmap::from_words([0, 0]), Bitmap::new());
    }

    #[test]
    fn the_first_values() {
        for count in [0, 1, 63, 64, 65, 128] {
            assert_eq!(Bitmap::first(count), (0..count).collect(), "{count}");
        }
    }

    #[test]
    fn unions_intersections_and_subsets() {
        let (a, b) = (set(&[1, 70, 300]), set(&[2, 70, 150, 400]));
        let mut union = a.clone();
        union.union_with(&b);
        assert_eq!(union, set(&[1, 2, 70, 150, 300, 400]));
        assert!(a.is_subset(&union) && b.is_subset(&union) && !union.is_subset(&a));
        let mut both = a.clone();
        both.intersect_with(&b);
        assert_eq!(both, set(&[70]));
        let before = union.clone();
        union.union_with(&b);
        assert_eq!(union, before);
    }

    #[test]
    fn words_of_a_file_ascend_and_are_not_zero() {
        assert_eq!(Bitmap::from_sparse(vec![(0, 2), (5, 1)]), Some(set(&[1, 320])));
        assert_eq!(Bitmap::from_sparse(vec![(5, 1), (0, 2)]), None);
        assert_eq!(Bitmap::from_sparse(vec![(5, 1), (5, 2)]), None);
        assert_eq!(Bitmap::from_sparse(vec![(0, 0)]), None);
    }
}
