//! Scans of several roots as one.

use crate::Scan;

impl Scan {
    /// Takes in the scan of another root. Its paths are shown behind the name of that root: `pkg.deb:/usr/bin/tool`. Its
    /// entries are of another index, so that the files no longer have one.
    pub fn adopt(&mut self, root: &[u8], other: Self) {
        let named = |path: Vec<u8>| [root, b":", &path].concat();
        self.elves.extend(other.elves.into_iter().map(|mut elf| {
            (elf.id, elf.path) = (None, named(elf.path));
            elf
        }));
        self.unreadable.extend(other.unreadable.into_iter().map(|mut file| {
            file.path = named(file.path);
            file
        }));
        self.files_opened += other.files_opened;
        self.closed_libraries += other.closed_libraries;
        self.hidden_places += other.hidden_places;
        self.elves.sort_by(|a, b| a.path.cmp(&b.path));
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    }
}
