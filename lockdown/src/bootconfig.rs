//! Boot configurations: parameters beside the command line, at the end of an initramfs.
//!
//! As Linux 6.x reads them (its Documentation/admin-guide/bootconfig.rst and lib/bootconfig.c). What stands below the key
//! `kernel` becomes words before those of the command line, what stands below `init` words for init. The kernel reads one only
//! if `bootconfig` is on the command line or it is built with `CONFIG_BOOT_CONFIG_FORCE`. It has parsed its early parameters
//! by then, so that these have no effect from here.

mod error;
mod footer;
mod parse;

use std::fmt::Write as _;

use hardpan_report::Location;

pub use error::{BootConfigError, BootConfigFault};
pub use footer::{FooterError, TAIL, find};

use crate::cmdline::{Word, words};

/// A tree of keys with their values.
#[derive(Clone, Debug)]
pub struct BootConfig {
    nodes: Vec<Node>,
    /// Where it was read.
    pub origin: Location,
}

/// One word of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    name: String,
    /// `None` for a key without a value, several for an array.
    values: Option<Vec<String>>,
    children: Vec<usize>,
    /// The node above it; the first is its own.
    parent: usize,
}

impl Node {
    fn new(name: &str, parent: usize) -> Self {
        Self { name: name.to_owned(), values: None, children: Vec::new(), parent }
    }
}

impl BootConfig {
    /// Reads the text of one.
    pub fn parse(text: &[u8], origin: Location) -> Result<Self, BootConfigError> {
        Ok(Self { nodes: parse::parse(text)?, origin })
    }

    /// The words that the kernel puts before those of its command line.
    pub fn kernel_words(&self) -> Vec<Word> {
        words(&self.below("kernel"))
    }

    /// The words that init gets besides its own.
    pub fn init_words(&self) -> Vec<Word> {
        let own = words(&self.below("init"));
        own.into_iter().map(|word| Word { for_kernel: false, ..word }).collect()
    }

    /// Every key with its values, in the order in which the kernel goes through them: keys of one parent stay together.
    pub fn keys(&self) -> Vec<(String, Option<&[String]>)> {
        let mut keys = Vec::new();
        for child in &self.nodes[0].children {
            self.collect(*child, "", &mut keys);
        }
        keys
    }

    /// What stands below one of the first words, as a command line.
    fn below(&self, root: &str) -> String {
        let mut text = String::new();
        for (key, values) in self.keys() {
            let Some(name) = key.strip_prefix(root).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let Some(values) = values else {
                // Writing to a String cannot fail.
                let _ = write!(text, "{name} ");
                continue;
            };
            for value in values {
                let is_blank = |character: char| character.is_ascii_whitespace();
                let quote = if value.contains(is_blank) { "\"" } else { "" };
                let _ = write!(text, "{name}={quote}{value}{quote} ");
            }
        }
        text
    }

    fn collect<'c>(&'c self, at: usize, before: &str, keys: &mut Vec<(String, Option<&'c [String]>)>) {
        let node = &self.nodes[at];
        let key = if before.is_empty() { node.name.clone() } else { format!("{before}.{}", node.name) };
        // A key that has others below it and no value of its own says nothing by itself.
        if node.values.is_some() || node.children.is_empty() {
            keys.push((key.clone(), node.values.as_deref()));
        }
        for child in &node.children {
            self.collect(*child, &key, keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<String, String> {
        let config =
            BootConfig::parse(text.as_bytes(), Location::file("b")).map_err(|error| error.to_string())?;
        let shown = |(key, values): (String, Option<&[String]>)| match values {
            None => key,
            Some(values) => format!("{key}={}", values.join("|")),
        };
        Ok(config.keys().into_iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn keys_values_arrays_and_trees_are_read() {
        assert_eq!(keys("a.b = 1\na.c = 2; d\na.b.e = 3\n").unwrap(), "a.b=1 a.b.e=3 a.c=2 d");
        assert_eq!(keys("a { b = 1; c { d = x } }\na.e\n").unwrap(), "a.b=1 a.c.d=x a.e");
        assert_eq!(keys("a = 1, 'two; {} # 2' , # why\n \"3\"\n").unwrap(), "a=1|two; {} # 2|3");
        assert_eq!(keys("a = 1\na += 2, 3\na := 4\na += 5\n").unwrap(), "a=4|5");
        assert_eq!(keys("a += 1 # comment\n# b = 2\nc = d e  \n").unwrap(), "a=1 c=d e");
        assert_eq!(
            keys("a =\n  1\nb = ;c={x}").unwrap_err(),
            "line 3, column 10: a closing brace that none was opened for"
        );
        assert_eq!(keys("x = a}").unwrap_err(), "line 1, column 6: a closing brace that none was opened for");
        assert_eq!(keys("a = 1").unwrap(), "a=1");
    }

    #[test]
    fn faults_are_told_with_line_and_column() {
        let fault = |text: &str| keys(text).unwrap_err();
        assert_eq!(fault("a = 1\n a = 2\n"), "line 2, column 2: the key has a value already; use += or :=");
        assert_eq!(
            fault("a b = 1\n"),
            "line 1, column 1: a key is words of letters, digits, - and _, with dots between"
        );
        assert_eq!(
            fault("a..b = 1\n"),
            "line 1, column 3: a key is words of letters, digits, - and _, with dots between"
        );
        assert_eq!(fault("a +b\n"), "line 1, column 3: after + or : there must be =");
        assert_eq!(fault("a = 'b\n"), "line 1, column 5: the quote is not closed");
        assert_eq!(
            fault("a = 'b' c\n"),
            "line 1, column 9: behind a value in quotes only , ; # } or the line's end may stand"
        );
        assert_eq!(fault("a {\nb = 1\n"), "line 1, column 3: the brace is not closed");
        assert_eq!(fault("a = 1\nb"), "line 2, column 1: the last key is not ended by a line's end or ;");
        assert_eq!(fault("# nothing\n"), "line 1, column 1: there is no key in it");
        assert_eq!(fault("a = \u{1}\n"), "line 1, column 5: a value has a character that cannot be printed");
        let deep = "a.".repeat(16) + "a = 1\n";
        assert!(fault(&deep).contains("more than 16 words"), "{}", fault(&deep));
        let long = "a".repeat(256) + " = 1\n";
        assert!(fault(&long).contains("longer than 255"));
    }

    #[test]
    fn only_kernel_and_init_become_words() {
        let text =
            "kernel { page_alloc.shuffle = 1; quiet; dm-mod.create = 'a b', c }\ninit.x = y\nother = 1\n";
        let config = BootConfig::parse(text.as_bytes(), Location::file("b")).unwrap();
        let texts: Vec<String> = config.kernel_words().iter().map(Word::text).collect();
        assert_eq!(texts, ["page_alloc.shuffle=1", "quiet", "dm-mod.create=a b", "dm-mod.create=c"]);
        assert_eq!(config.init_words()[0].text(), "x=y");
        assert!(!config.init_words()[0].for_kernel);
    }
}
