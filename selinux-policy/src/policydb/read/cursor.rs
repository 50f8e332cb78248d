//! Bounds-checked little-endian input.

use crate::policydb::bitmap::WORD_BITS;
use crate::policydb::values::HighestValues;
use crate::policydb::{Bitmap, Name, PolicyError, Problem};

pub(super) type Result<T> = std::result::Result<T, PolicyError>;

/// Bytes of a policy that is being read.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is being read, for errors.
    structure: &'static str,
    /// The version of the format.
    pub(super) version: u32,
    /// Whether contexts have levels that matter.
    pub(super) mls: bool,
    /// What the tables of symbols say of themselves; all ones as long as that is not known.
    pub(super) highest: HighestValues,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let unknown = u32::MAX;
        let highest = HighestValues {
            commons: unknown,
            classes: unknown,
            roles: unknown,
            types: unknown,
            users: unknown,
            bools: unknown,
            sensitivities: unknown,
            categories: unknown,
        };
        Self { bytes, at: 0, structure: "header", version: 0, mls: false, highest }
    }

    /// Says what follows.
    pub(super) fn enter(&mut self, structure: &'static str) {
        self.structure = structure;
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// An error here.
    pub(super) fn error(&self, problem: Problem) -> PolicyError {
        self.error_at(self.at, problem)
    }

    pub(super) fn error_at(&self, offset: usize, problem: Problem) -> PolicyError {
        PolicyError { structure: self.structure, offset, problem }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<()> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            rest => Err(self.error(Problem::Trailing(rest))),
        }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..count) else {
            return Err(self.error(Problem::Truncated(count - rest.len())));
        };
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const BYTES: usize>(&mut self) -> Result<[u8; BYTES]> {
        let mut array = [0; BYTES];
        array.copy_from_slice(self.take(BYTES)?);
        Ok(array)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u32s<const COUNT: usize>(&mut self) -> Result<[u32; COUNT]> {
        let mut numbers = [0; COUNT];
        numbers.iter_mut().try_for_each(|number| self.u32().map(|it| *number = it))?;
        Ok(numbers)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many elements follow, each of at least so many bytes. What is reserved for them is thus bounded by the file.
    pub(super) fn count(&mut self, smallest: usize) -> Result<usize> {
        let count = self.u32()?;
        self.check_count(count, smallest)
    }

    pub(super) fn check_count(&self, count: u32, smallest: usize) -> Result<usize> {
        let (count, rest) = (count as usize, self.bytes.len() - self.at);
        if count > rest / smallest {
            return Err(self.error(Problem::Truncated(count.saturating_mul(smallest) - rest)));
        }
        Ok(count)
    }

    /// As many elements as the count before them says.
    pub(super) fn list<T>(
        &mut self,
        smallest: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(smallest)?;
        (0..count).map(|_| element(self)).collect()
    }

    /// A name of that many bytes.
    pub(super) fn name(&mut self, length: u32) -> Result<Name> {
        let name = self.take(length as usize)?;
        let start = self.at - name.len();
        if name.is_empty() {
            return Err(self.error_at(start, Problem::Name("empty")));
        }
        if name.contains(&0) {
            return Err(self.error_at(start, Problem::Name("cut short by a zero byte")));
        }
        Ok(name.into())
    }

    /// A name after its length.
    pub(super) fn counted_name(&mut self) -> Result<Name> {
        let length = self.u32()?;
        self.name(length)
    }

    /// A number that is 0 or 1.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.code(what, other.into())),
        }
    }

    /// An error about the number before.
    pub(super) fn code(&self, what: &'static str, value: u64) -> PolicyError {
        self.error(Problem::Code { what, value })
    }

    /// A value, which must be one of 1 to `highest`.
    pub(super) fn value(&mut self, what: &'static str, highest: u32) -> Result<u32> {
        let value = self.u32()?;
        self.check_value(what, value, highest)
    }

    pub(super) fn check_value(&self, what: &'static str, value: u32, highest: u32) -> Result<u32> {
        if value == 0 || value > highest {
            return Err(self.error(Problem::Value { what, value, highest }));
        }
        Ok(value)
    }

    /// A value, or 0 for none.
    pub(super) fn value_or_none(&mut self, what: &'static str, highest: u32) -> Result<u32> {
        match self.u32()? {
            0 => Ok(0),
            value => self.check_value(what, value, highest),
        }
    }

    /// A set of values.
    pub(super) fn values(&mut self, what: &'static str, highest: u32) -> Result<Bitmap> {
        let bitmap = self.bitmap()?;
        if let Some(bit) = bitmap.last().filter(|bit| *bit >= highest) {
            return Err(self.error(Problem::Value { what, value: bit.saturating_add(1), highest }));
        }
        Ok(bitmap)
    }

    /// A set of bits. It must be as libsepol and the kernel write it, so that each set has one form: words of 64 bits, none
    /// of them zero, and the end of the last one as the set's size.
    pub(super) fn bitmap(&mut self) -> Result<Bitmap> {
        let start = self.at;
        let wrong = |reason| self.error_at(start, Problem::Bitmap(reason));
        let mut ahead = self.clone();
        let [unit, size] = ahead.u32s()?;
        if unit != WORD_BITS {
            return Err(wrong("has words of another size than 64 bits"));
        }
        let words = ahead.list(12, |it| Ok((it.u32()?, it.u64()?)))?;
        if words.iter().any(|(bit, _)| bit % WORD_BITS != 0) {
            return Err(wrong("has a word that does not begin at a multiple of 64"));
        }
        let words = words.into_iter().map(|(bit, word)| (bit / WORD_BITS, word)).collect();
        let Some(bitmap) = Bitmap::from_sparse(words) else {
            return Err(wrong("has words that are empty or out of order"));
        };
        if bitmap.high_bit() != size {
            return Err(wrong("does not end with its last word"));
        }
        self.at = ahead.at;
        Ok(bitmap)
    }
}
