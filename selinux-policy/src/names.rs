//! Names, each kept once.

use std::hash::{Hash as _, Hasher as _};

use rustc_hash::{FxHashMap, FxHasher};

/// A name, as its place in [`Names`]. Equal names have equal symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

impl Symbol {
    /// The symbol at a place of tables that are indexed by it.
    pub(crate) fn from_index(index: u32) -> Self {
        Self(index)
    }

    /// Its place in such tables.
    pub(crate) fn as_u32(self) -> u32 {
        self.0
    }

    /// For tables that are indexed by it.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Longer names are not told whole: messages come by the thousand, and a name can be as long as its file. Names that blocks
/// in blocks declare have up to 200 bytes in real policies.
const MAX_TEXT: usize = 1024;

/// All names of a policy: of declarations, but also paths and other strings. CIL's strings are bytes of any value.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bytes: Vec<u8>,
    /// Where each name ends; it begins where the one before ends.
    ends: Vec<u32>,
    /// The symbols of each hash, nearly always one.
    places: FxHashMap<u64, Vec<u32>>,
}

impl Names {
    /// The symbol of a name, which is kept from now on.
    ///
    /// # Panics
    ///
    /// If all names together have 4 GiB. They are bounded by the sources, which are limited to less.
    pub fn intern(&mut self, name: &[u8]) -> Symbol {
        if let Some(known) = self.find(name) {
            return known;
        }
        let symbol = u32::try_from(self.ends.len()).expect("there are fewer names than bytes of source");
        self.bytes.extend_from_slice(name);
        self.ends.push(u32::try_from(self.bytes.len()).expect("names are bounded by the sources"));
        self.places.entry(hash(name)).or_default().push(symbol);
        Symbol(symbol)
    }

    /// The symbol of a name if it is kept.
    pub fn find(&self, name: &[u8]) -> Option<Symbol> {
        let known = self.places.get(&hash(name))?;
        known.iter().map(|known| Symbol(*known)).find(|known| self.get(*known) == name)
    }

    /// The bytes of a name.
    pub fn get(&self, symbol: Symbol) -> &[u8] {
        let start = symbol.index().checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[symbol.index()] as usize]
    }

    /// A name for people, without the middle of those that nobody would read.
    pub fn text(&self, symbol: Symbol) -> String {
        let name = self.get(symbol);
        if name.len() <= MAX_TEXT {
            return String::from_utf8_lossy(name).into_owned();
        }
        let (start, end) = (&name[..MAX_TEXT / 2], &name[name.len() - MAX_TEXT / 2..]);
        format!("{}...{}", String::from_utf8_lossy(start), String::from_utf8_lossy(end))
    }

    /// How many bytes they have together.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_have_equal_symbols() {
        let mut names = Names::default();
        let (a, b, empty) = (names.intern(b"a"), names.intern(b"b"), names.intern(b""));
        assert_eq!((names.intern(b"a"), names.find(b"b"), names.find(b"c")), (a, Some(b), None));
        assert_eq!((names.get(a), names.get(b), names.get(empty)), (&b"a"[..], &b"b"[..], &b""[..]));
        assert_eq!(names.len(), 3);
    }
}
