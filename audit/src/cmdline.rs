//! The words of a kernel command line, split as the kernel splits them (`next_arg` in its lib/cmdline.c).

use hardpan_report::{Evidence, Finding};

use crate::{CommandLine, Context};

/// One word of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What stands before the first `=`.
    pub(crate) name: String,
    /// What stands behind it, without quotes around it.
    pub(crate) value: Option<String>,
    /// Whether the kernel itself looks at it: what follows a lone `--` is for init only.
    pub(crate) for_kernel: bool,
}

impl Word {
    /// Whether it has this name; the kernel takes `-` and `_` for the same letter.
    pub(crate) fn is(&self, name: &str) -> bool {
        let same = |(a, b): (u8, u8)| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
        self.name.len() == name.len() && self.name.bytes().zip(name.bytes()).all(same)
    }

    /// The word as it would be written without quotes.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

impl CommandLine {
    /// Its words, in order.
    pub(crate) fn words(&self) -> Vec<Word> {
        words(&self.text)
    }

    /// The value of the last word of this name that the kernel looks at.
    pub(crate) fn kernel_value(&self, name: &str) -> Option<String> {
        let last = self.words().into_iter().rfind(|word| word.for_kernel && word.is(name))?;
        Some(last.value.unwrap_or_default())
    }

    /// The fact that the line says something.
    pub(crate) fn evidence(&self, seen: &str, wanted: &'static str) -> Evidence {
        let what = if self.live { "running kernel's command line" } else { "configured command line" };
        Evidence::new(what, hardpan_report::escape(seen.as_bytes()), wanted).at(self.origin.clone())
    }
}

impl Context<'_> {
    /// The running command line if there is one, otherwise all that are configured.
    pub(crate) fn command_lines_in_force(&self) -> Vec<&CommandLine> {
        let has_live = self.command_lines.iter().any(|line| line.live);
        self.command_lines.iter().filter(|line| line.live == has_live).collect()
    }

    /// What kept configured command lines from being read, where those are what decides.
    pub(crate) fn troubles_in_force(&self) -> &[Finding] {
        let has_live = self.command_lines.iter().any(|line| line.live);
        if has_live { &[] } else { &self.command_line_troubles }
    }
}

/// Splits at blanks outside of double quotes. A quote at the start of a word or of a value is dropped together with the
/// one at the end; quotes elsewhere stay.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut for_kernel = true;
    let mut words = Vec::new();
    for raw in split(text) {
        let (quoted, body) = match raw.strip_prefix('"') {
            Some(body) => (true, body),
            None => (false, raw),
        };
        if body == "--" && for_kernel {
            for_kernel = false;
            continue;
        }
        words.push(word(body, quoted, for_kernel));
    }
    words
}

fn word(body: &str, quoted: bool, for_kernel: bool) -> Word {
    let without_end = |text: &str| text.strip_suffix('"').unwrap_or(text).to_owned();
    let Some((name, value)) = body.split_once('=') else {
        let name = if quoted { without_end(body) } else { body.to_owned() };
        return Word { name, value: None, for_kernel };
    };
    let value = match value.strip_prefix('"') {
        Some(value) => without_end(value),
        None if quoted => without_end(value),
        None => value.to_owned(),
    };
    Word { name: name.to_owned(), value: Some(value), for_kernel }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut in_quotes = false;
    text.split(move |character: char| {
        in_quotes ^= character == '"';
        !in_quotes && character.is_ascii_whitespace()
    })
    .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).iter().map(Word::text).collect()
    }

    #[test]
    fn quotes_hold_words_together() {
        let line = "ro  dm-mod.create=\"root,,,ro,0 8 verity 1\" \"a b=c d\" quiet";
        assert_eq!(texts(line), ["ro", "dm-mod.create=root,,,ro,0 8 verity 1", "a b=c d", "quiet"]);
    }

    #[test]
    fn words_after_two_dashes_are_not_the_kernels() {
        let words = words("a -- b=--");
        assert_eq!((words[0].for_kernel, words[1].for_kernel, words.len()), (true, false, 2));
    }

    #[test]
    fn dash_and_underscore_are_one_letter() {
        let word = &words("dm_mod.create=x")[0];
        assert!(word.is("dm-mod.create"));
        assert!(!word.is("dm.mod.create"));
    }
}
