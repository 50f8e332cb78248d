//! What differs between two manifests.

use std::cmp::Ordering;
use std::fmt;

use super::{Entry, Escaped, Kind, Manifest};

/// One path at which two manifests differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is there and should not be.
    Added(Entry),
    /// It is there and not what it should be.
    Changed {
        /// What it should be.
        expected: Entry,
        /// What it is.
        found: Entry,
    },
    /// It should be there and is not.
    Missing(Entry),
}

impl Difference {
    /// Where it is.
    pub fn path(&self) -> &[u8] {
        match self {
            Self::Added(entry) | Self::Missing(entry) | Self::Changed { found: entry, .. } => &entry.path,
        }
    }

    /// What has another value: `type`, `mode`, `owner`, `size`, `digest`, `target`, `device`, with what it should be and what it is.
    pub fn changes(&self) -> Vec<(&'static str, String, String)> {
        match self {
            Self::Changed { expected, found } => changes(expected, found),
            Self::Added(_) | Self::Missing(_) => Vec::new(),
        }
    }
}

/// What differs, by path. Owners are held against each other where both manifests have them.
pub fn compare(expected: &Manifest, found: &Manifest) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut left, mut right) = (expected.entries().iter().peekable(), found.entries().iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return differences,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(expected), Some(found)) => expected.path.cmp(&found.path),
        };
        let expected = if order.is_le() { left.next() } else { None };
        let found = if order.is_ge() { right.next() } else { None };
        differences.extend(match (expected, found) {
            (Some(expected), Some(found)) if changes(expected, found).is_empty() => None,
            (Some(expected), Some(found)) => {
                Some(Difference::Changed { expected: expected.clone(), found: found.clone() })
            }
            (Some(expected), None) => Some(Difference::Missing(expected.clone())),
            (None, found) => found.cloned().map(Difference::Added),
        });
    }
}

fn changes(expected: &Entry, found: &Entry) -> Vec<(&'static str, String, String)> {
    let mut changes = Vec::new();
    let mut hold = |name, expected: &dyn fmt::Display, found: &dyn fmt::Display| {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            changes.push((name, expected, found));
        }
    };
    hold("type", &expected.kind.name(), &found.kind.name());
    hold("mode", &format_args!("{:04o}", expected.mode), &format_args!("{:04o}", found.mode));
    if let (Some(expected), Some(found)) = (expected.owner, found.owner) {
        hold("owner", &Pair(expected), &Pair(found));
    }
    match (&expected.kind, &found.kind) {
        (Kind::File { size, digest }, Kind::File { size: found_size, digest: found_digest }) => {
            hold("size", size, found_size);
            hold("digest", digest, found_digest);
        }
        (Kind::Symlink { target }, Kind::Symlink { target: found }) => {
            hold("target", &Escaped(target), &Escaped(found));
        }
        (expected, found) => {
            if let (Some(expected), Some(found)) = (device(expected), device(found)) {
                hold("device", &Pair(expected), &Pair(found));
            }
        }
    }
    changes
}

fn device(kind: &Kind) -> Option<(u32, u32)> {
    match kind {
        Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => Some((*major, *minor)),
        _ => None,
    }
}

struct Pair((u32, u32));

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.0, self.0.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 6] = [
        "directory 0755 0:0 /",
        "char 0600 0:0 1:3 /c",
        "directory 0755 0:0 /d",
        "fifo 0600 - /p",
        "symlink 0777 0:0 c /s",
        "file 0600 0:0 3 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a /x",
    ];

    fn manifest(lines: &[&str]) -> Manifest {
        let text = format!("hardpan-manifest 1 sha256 4096 -\n{}\nend {}\n", lines.join("\n"), lines.len());
        Manifest::parse(text.as_bytes()).unwrap()
    }

    /// Every difference as a line: the path, and the names of what changed.
    fn differences(expected: &[&str], found: &[&str]) -> Vec<String> {
        let show = |difference: &Difference| {
            let names: Vec<&str> = difference.changes().iter().map(|(name, ..)| *name).collect();
            let path = String::from_utf8_lossy(difference.path()).into_owned();
            match difference {
                Difference::Added(_) => format!("added {path}"),
                Difference::Missing(_) => format!("missing {path}"),
                Difference::Changed { .. } => format!("changed {path} {}", names.join(",")),
            }
        };
        compare(&manifest(expected), &manifest(found)).iter().map(show).collect()
    }

    #[test]
    fn every_line_that_is_missing_added_or_changed_is_named() {
        assert_eq!(differences(&LINES, &LINES), [""; 0]);
        for (index, line) in LINES.iter().enumerate() {
            let path = line.rsplit_once(' ').unwrap().1;
            let without: Vec<&str> = LINES.iter().filter(|other| *other != line).copied().collect();
            assert_eq!(differences(&LINES, &without), [format!("missing {path}")], "{index}");
            assert_eq!(differences(&without, &LINES), [format!("added {path}")], "{index}");
        }
        for (index, from, to, says) in [
            (0, "0755", "0750", "changed / mode"),
            (1, "1:3", "1:5", "changed /c device"),
            (1, "char", "block", "changed /c type"),
            (2, "directory 0755", "fifo 4755", "changed /d type,mode"),
            (2, "0:0", "0:1", "changed /d owner"),
            (4, " c ", " d ", "changed /s target"),
            (5, "0a0a", "0b0a", "changed /x digest"),
            (5, " 3 ", " 4 ", "changed /x size"),
        ] {
            let mut lines = LINES;
            let changed = lines[index].replacen(from, to, 1);
            lines[index] = &changed;
            assert_eq!(differences(&LINES, &lines), [says]);
        }
        // One of both has no owner.
        let mut lines = LINES;
        lines[3] = "fifo 0600 9:9 /p";
        assert_eq!(differences(&LINES, &lines), [""; 0]);
    }
}
