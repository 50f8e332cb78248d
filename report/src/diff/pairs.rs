//! Which file of the new side is which of the old.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::side::{File, Side, name};

/// How a file was found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// It has the same path.
    Path,
    /// Its name is that of one file only that is gone, and of one only that is new.
    FileName,
    /// So is its name up to the version of a shared object, in the same directory.
    LibraryName,
    /// There is one file on either side.
    OnlyFile,
}

/// The files of both sides, found again or left over.
pub(super) struct Pairs<'s> {
    pub(super) both: Vec<(&'s File, &'s File, MatchedBy)>,
    pub(super) gone: Vec<&'s File>,
    pub(super) new: Vec<&'s File>,
}

/// Finds files again by path first; what is left by names that leave no choice, since a wrong pair would hide what got
/// worse. Neither contents nor build ids are looked at: it is another build that a comparison is made for.
pub(super) fn pairs<'s>(old: &'s Side, new: &'s Side) -> Pairs<'s> {
    let mut pairs =
        Pairs { both: Vec::new(), gone: old.files.iter().collect(), new: new.files.iter().collect() };
    // The same place at two times, then two places of one shape.
    pairs.find(MatchedBy::Path, |file| Some(file.path.clone()));
    pairs.find(MatchedBy::Path, |file| Some(file.place.clone()));
    if let ([gone], [new], true) = (&pairs.gone[..], &pairs.new[..], pairs.both.is_empty()) {
        pairs.both.push((gone, new, MatchedBy::OnlyFile));
        (pairs.gone, pairs.new) = (Vec::new(), Vec::new());
    }
    pairs.find(MatchedBy::FileName, |file| Some(name(&file.place).to_owned()));
    pairs.find(MatchedBy::LibraryName, |file| library(&file.place));
    pairs.both.sort_by(|a, b| a.1.place.cmp(&b.1.place));
    pairs
}

impl Pairs<'_> {
    /// Pairs what is left and has a key that one file alone has on either side.
    fn find(&mut self, how: MatchedBy, key: impl Fn(&File) -> Option<String>) {
        let (olds, news) = (by_key(&self.gone, &key), by_key(&self.new, &key));
        for (key, olds) in olds {
            if let ([old], Some([new])) = (&olds[..], news.get(&key).map(Vec::as_slice)) {
                self.both.push((old, new, how));
            }
        }
        // A package can hold a hundred thousand members, so that looking each up in the list would take minutes.
        let found: HashSet<*const File> = self
            .both
            .iter()
            .flat_map(|(old, new, _)| [std::ptr::from_ref(*old), std::ptr::from_ref(*new)])
            .collect();
        self.gone.retain(|file| !found.contains(&std::ptr::from_ref(*file)));
        self.new.retain(|file| !found.contains(&std::ptr::from_ref(*file)));
    }
}

fn by_key<'s>(files: &[&'s File], key: impl Fn(&File) -> Option<String>) -> BTreeMap<String, Vec<&'s File>> {
    let mut keyed: BTreeMap<String, Vec<&File>> = BTreeMap::new();
    for file in files {
        if let Some(key) = key(file) {
            keyed.entry(key).or_default().push(file);
        }
    }
    keyed
}

/// The path of a shared object up to its version: `/usr/lib/libz.so` of `/usr/lib/libz.so.1.3`, and of
/// `/usr/lib/libz-1.3.so` nothing.
fn library(path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/')?;
    let (stem, version) = name.split_once(".so.")?;
    let is_version = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version.then(|| format!("{directory}/{stem}.so"))
}
