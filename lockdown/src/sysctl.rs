//! What the files of sysctl.d(5) would set at boot.

mod dump;

use hardpan_report::Location;
use thiserror::Error;

pub use dump::{Dump, DumpError};

/// Settings in the order in which they are applied.
#[derive(Clone, Debug, Default)]
pub struct SysctlConfig {
    settings: Vec<Setting>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key as a path below `/proc/sys`, perhaps with `*` in it.
    key: String,
    /// What is written; `None` excludes the key from patterns.
    pub value: Option<String>,
    /// Where it stands.
    pub at: Location,
}

impl SysctlConfig {
    /// Whether no file set anything.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// Adds a file. Files are added in the order of their names, whatever directory they are in; a name that occurs in
    /// several directories is added once, from the first of [`DIRECTORIES`] that has it.
    pub fn add_file(&mut self, path: &[u8], text: &[u8]) {
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            // What systemd-sysctl complains of and passes over sets nothing.
            if let Ok(Some((key, value))) = setting(line) {
                self.settings.push(Setting { key, value, at: Location::line(path, number) });
            }
        }
    }

    /// The same, but that a line which is none is an error, for a file that somebody means to be right.
    pub fn add_file_strict(&mut self, path: &[u8], text: &[u8]) -> Result<(), SysctlError> {
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let fault = |fault| {
                let blanks = line.len() - line.trim_ascii_start().len();
                SysctlError { line: number, column: blanks + 1, fault }
            };
            if let Some((key, value)) = setting(line).map_err(fault)? {
                self.settings.push(Setting { key, value, at: Location::line(path, number) });
            }
        }
        Ok(())
    }

    /// What lines that name a key have in the place of the `*` of this one: `eth0` for `net.ipv4.conf.*.rp_filter`, as
    /// dotted keys have it.
    pub fn components(&self, key: &str) -> Vec<String> {
        let key = normal(key);
        let Some((before, after)) = key.split_once('*') else { return Vec::new() };
        let component = |setting: &Setting| {
            let name = setting.key.strip_prefix(before)?.strip_suffix(after)?;
            (!name.contains(['/', '*'])).then(|| name.replace('.', "/"))
        };
        self.settings.iter().filter_map(component).collect()
    }

    /// The setting that a dotted key ends up with: the last that names it, otherwise the last pattern that matches,
    /// unless the key is excluded from patterns.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        let key = normal(key);
        let exact = |setting: &&Setting| setting.key == key;
        if let Some(setting) =
            self.settings.iter().rev().find(|setting| exact(setting) && setting.value.is_some())
        {
            return Some(setting);
        }
        if self.settings.iter().any(|setting| exact(&setting)) {
            return None;
        }
        self.settings.iter().rev().find(|setting| setting.value.is_some() && matches(&setting.key, &key))
    }
}

/// A line that sets nothing, although it is no comment. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct SysctlError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: usize,
    /// What is wrong there.
    pub fault: SysctlFault,
}

/// What is wrong with a line of sysctl.d.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SysctlFault {
    /// There is neither `=` nor a `-` at the start.
    #[error("a line is `key = value`, or `-key` to keep a key from patterns")]
    NoAssignment,
    /// Nothing stands before the `=`.
    #[error("there is no key before the =")]
    NoKey,
}

/// The key of a line as a path, and its value; `None` for comments and empty lines.
fn setting(line: &[u8]) -> Result<Option<(String, Option<String>)>, SysctlFault> {
    let line = String::from_utf8_lossy(line.trim_ascii()).into_owned();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(None);
    }
    let (key, value) = match line.split_once('=') {
        // A leading dash only says that a failure to set it does not matter.
        Some((key, value)) => (key.trim().trim_start_matches('-').trim(), Some(value.trim().to_owned())),
        None => (line.strip_prefix('-').ok_or(SysctlFault::NoAssignment)?.trim(), None),
    };
    if key.is_empty() { Err(SysctlFault::NoKey) } else { Ok(Some((normal(key), value))) }
}

/// Where the files are; a file in an earlier directory hides one of the same name in a later.
pub const DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

/// A key as a path. If its first separator is a dot, dots separate and slashes are dots within names.
fn normal(key: &str) -> String {
    match key.find(['.', '/']).map(|at| key.as_bytes()[at]) {
        Some(b'.') => key
            .chars()
            .map(|character| match character {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => key.to_owned(),
    }
}

/// Whether a pattern matches, component by component; `*` stands for any characters of one component.
fn matches(pattern: &str, key: &str) -> bool {
    if !pattern.contains('*') {
        return false;
    }
    let (patterns, names): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), key.split('/').collect());
    patterns.len() == names.len() && patterns.iter().zip(names).all(|(pattern, name)| glob(pattern, name))
}

fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> SysctlConfig {
        let mut config = SysctlConfig::default();
        config.add_file(b"/etc/sysctl.d/x.conf", text.as_bytes());
        config
    }

    fn value(text: &str, key: &str) -> Option<String> {
        config(text).get(key).and_then(|setting| setting.value.clone())
    }

    #[test]
    fn the_last_line_counts_and_separators_are_alike() {
        assert_eq!(value("kernel.a = 1\n# kernel.a = 3\n-kernel/a=2\n", "kernel.a").as_deref(), Some("2"));
        assert_eq!(value("net.ipv4.conf.eth0/1.x=7", "net/ipv4/conf/eth0.1/x").as_deref(), Some("7"));
        assert_eq!(value("; nothing\nword\n", "word"), None);
    }

    #[test]
    fn lines_that_set_nothing_are_told_with_their_place_where_that_is_wanted() {
        let fault = |text: &str| {
            SysctlConfig::default().add_file_strict(b"x", text.as_bytes()).unwrap_err().to_string()
        };
        assert!(fault("a.b=1\n  word\n").starts_with("line 2, column 3: a line is"));
        assert!(fault(" = 1\n").starts_with("line 1, column 2: there is no key"));
        assert!(SysctlConfig::default().add_file_strict(b"x", b"# c\n-a.b\n\n").is_ok());
    }

    #[test]
    fn patterns_yield_to_names_and_to_exclusions() {
        let text =
            "net.ipv4.conf.*.rp_filter = 2\nnet.ipv4.conf.all.rp_filter = 1\n-net.ipv4.conf.lo.rp_filter\n";
        assert_eq!(value(text, "net.ipv4.conf.all.rp_filter").as_deref(), Some("1"));
        assert_eq!(value(text, "net.ipv4.conf.eth0.rp_filter").as_deref(), Some("2"));
        assert_eq!(value(text, "net.ipv4.conf.lo.rp_filter"), None);
        assert_eq!(value(text, "net.ipv4.conf.a.b.rp_filter"), None);
    }

    #[test]
    fn globs_need_their_whole_text() {
        assert!(glob("*", "anything") && glob("a*c", "abc") && glob("a*", "a"));
        assert!(!glob("a*c", "abd") && !glob("b*", "ab"));
    }
}
