//! The inputs that are roots of their own, so that a policy can mean the paths inside of them.

use crate::BytePath;

/// Names of inputs that are roots of their own, of which there are several: what is in one is shown as `NAME:/usr/bin/x`.
///
/// Which part of a path is the name cannot be told by a colon, since a directory's name may have one; a file could take
/// itself out of its place so.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<Vec<u8>>);

impl Roots {
    /// Adds the name of one.
    pub fn add(&mut self, name: &[u8]) {
        self.0.push(name.to_owned());
    }

    /// Whether the path is meant: as it is shown, or as it is inside of its root, as if that were the only one.
    pub(crate) fn means(&self, path: &BytePath, is_meant: impl Fn(&[u8]) -> bool) -> bool {
        is_meant(path.as_bytes()) || self.inside(path.as_bytes()).any(is_meant)
    }

    fn inside<'p>(&self, path: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        self.0.iter().filter_map(|name| {
            let inside = path.strip_prefix(&name[..])?.strip_prefix(b":")?;
            inside.starts_with(b"/").then_some(inside)
        })
    }
}
