//! How much is compared. Promises and rules are both written by who may mean harm, and what is compared is their product.

use rayon::prelude::*;

use super::Broken;

/// As many words of sets may be compared for all promises: some seconds. A mobile platform's policy, the largest that is
/// known in this respect, needs a thousandth of it.
const MAX_WORDS: u64 = 1 << 31;
/// As many may be compared for one promise, so that the sum is never far above the limit.
const MAX_WORDS_OF_ONE: u64 = MAX_WORDS / 8;
/// As many promises are judged at once. What is left is looked at in between, so that where it ends does not depend on
/// threads.
const AT_ONCE: usize = 32;

/// What may still be compared.
#[derive(Debug)]
pub(super) struct Work {
    left: u64,
    /// How many promises were not judged, or not to their end.
    pub(super) unchecked: usize,
}

impl Work {
    pub(super) fn new() -> Self {
        Self { left: MAX_WORDS, unchecked: 0 }
    }

    /// Judges promises in their order, as long as there is work left.
    pub(super) fn judge<P: Sync, V: Send>(
        &mut self,
        promises: &[P],
        judge: impl Fn(&P) -> Broken<V> + Sync,
    ) -> Vec<Broken<V>> {
        let mut all = Vec::with_capacity(promises.len());
        for promises in promises.chunks(AT_ONCE) {
            if self.left == 0 {
                self.unchecked += promises.len();
                continue;
            }
            let judged: Vec<Broken<V>> = promises.par_iter().map(&judge).collect();
            for broken in &judged {
                self.left = self.left.saturating_sub(broken.compared);
                self.unchecked += usize::from(broken.compared > MAX_WORDS_OF_ONE);
            }
            all.extend(judged);
        }
        all
    }
}

impl<V> Broken<V> {
    /// Counts words that are about to be compared for this promise; whether they may be.
    pub(super) fn may_compare(&mut self, words: usize) -> bool {
        if self.compared <= MAX_WORDS_OF_ONE {
            self.compared += words as u64;
        }
        self.compared <= MAX_WORDS_OF_ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_counted_as_unchecked() {
        let judge = |words: &usize| {
            let mut broken: Broken<()> = Broken::new(1);
            while broken.may_compare(*words) && *words > 0 {}
            broken
        };
        let mut work = Work::new();
        assert_eq!(work.judge(&[0; 100], judge).len(), 100);
        assert_eq!(work.unchecked, 0);
        let large = usize::try_from(MAX_WORDS_OF_ONE / 2).unwrap();
        // None comes to its end, and after the first that are judged at once nothing is left.
        let judged = work.judge(&[large; 100], judge);
        assert_eq!((judged.len(), work.unchecked), (AT_ONCE, 100));
    }
}
