//! What `sysctl -a` prints: the values that a kernel had.

use std::collections::BTreeMap;

use hardpan_report::{BytePath, Location};
use thiserror::Error;

use super::normal;

/// The sysctls of a kernel, as `sysctl -a` printed them.
#[derive(Clone, Debug)]
pub struct Dump {
    values: BTreeMap<String, (String, u32)>,
    path: BytePath,
    is_whole: bool,
}

/// Why a text is nothing that `sysctl -a` prints. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: this is no line of `sysctl -a`, which are `key = value`")]
pub struct DumpError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: usize,
}

impl Dump {
    /// Reads `key = value` lines. Of a key that has several lines, such as `dev.cdrom.info`, all are its value.
    pub fn parse(text: &str, path: impl Into<BytePath>) -> Result<Self, DumpError> {
        let mut values: BTreeMap<String, (String, u32)> = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() {
                continue;
            }
            let blanks = content.len() - content.trim_start().len();
            // A refused key is told on standard error, which some send to the same file.
            if content.starts_with("sysctl: ") {
                continue;
            }
            let (key, value) = content.split_once('=').ok_or(DumpError { line, column: blanks + 1 })?;
            let key = key.trim();
            if !is_key(key) {
                return Err(DumpError { line, column: blanks + 1 });
            }
            let entry = values.entry(normal(key)).or_insert_with(|| (String::new(), line));
            if !entry.0.is_empty() {
                entry.0.push('\n');
            }
            entry.0.push_str(value.trim());
        }
        let is_whole = ROOT_ONLY.iter().any(|key| values.contains_key(&normal(key)));
        Ok(Self { values, path: path.into(), is_whole })
    }

    /// The same, of which it is known that it lacks no key.
    pub fn whole(text: &str, path: impl Into<BytePath>) -> Result<Self, DumpError> {
        Ok(Self { is_whole: true, ..Self::parse(text, path)? })
    }

    /// Whether a key that is not in it is one that the kernel does not offer. Where all of those that the kernel shows to
    /// root alone are missing, the program was not run by root, and others may be missing for that reason too.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The value of a dotted key, and where it stands.
    pub fn get(&self, key: &str) -> Option<(&str, Location)> {
        let (value, line) = self.values.get(&normal(key))?;
        Some((value, Location::line(self.path.clone(), *line)))
    }

    /// What keys have in the place of the `*` of this one, as dotted keys have it.
    pub fn components(&self, key: &str) -> Vec<String> {
        let key = normal(key);
        let Some((before, after)) = key.split_once('*') else { return Vec::new() };
        let component = |key: &String| {
            let name = key.strip_prefix(before)?.strip_suffix(after)?;
            (!name.contains('/')).then(|| name.replace('.', "/"))
        };
        self.values.keys().filter_map(component).collect()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether a text is a dump and not a file of sysctl.d: it has a key that nobody can set.
    pub fn is_likely(text: &str) -> bool {
        text.lines()
            .any(|line| ["kernel.osrelease = ", "kernel.ostype = "].iter().any(|key| line.starts_with(key)))
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) && key.contains(['.', '/'])
}

/// Keys of mode 0600 in every kernel since 5.0 that has them.
const ROOT_ONLY: [&str; 5] = [
    "kernel.cad_pid",
    "fs.protected_hardlinks",
    "fs.protected_symlinks",
    "kernel.usermodehelper.bset",
    "vm.mmap_rnd_bits",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_what_is_missing_may_have_been_refused() {
        let text =
            "kernel.printk = 4\t4\t1\t7\nnet.ipv4.conf.eth0/1.rp_filter = 2\nkernel.core_pattern = |/x %p\n";
        let dump = Dump::parse(text, "d").unwrap();
        assert_eq!(dump.get("kernel.printk").unwrap().0, "4\t4\t1\t7");
        assert_eq!(dump.get("net.ipv4.conf.eth0/1.rp_filter").unwrap().1, Location::line("d", 2));
        assert_eq!(dump.components("net.ipv4.conf.*.rp_filter"), ["eth0/1"]);
        assert!(!dump.is_whole() && dump.get("kernel.x").is_none());
        assert!(Dump::parse("fs.protected_symlinks = 1\n", "d").unwrap().is_whole());
    }

    #[test]
    fn other_lines_are_told_with_line_and_column() {
        let fault = |text| Dump::parse(text, "d").unwrap_err().to_string();
        assert!(fault("a.b = 1\n  what\n").starts_with("line 2, column 3: "));
        assert!(fault("a b = 1\n").starts_with("line 1, column 1: "));
    }
}
