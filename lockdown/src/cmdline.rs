//! The kernel command line, split as the kernel splits it (`next_arg` in its lib/cmdline.c).

#[cfg(feature = "check")]
pub mod parameters;

/// One word of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What stands before the first `=`.
    pub name: String,
    /// What stands behind it, without quotes around it.
    pub value: Option<String>,
    /// Whether the kernel itself looks at it: what follows a lone `--` is for init only.
    pub for_kernel: bool,
}

impl Word {
    /// Whether it has this name; the kernel takes `-` and `_` for the same letter.
    pub fn is(&self, name: &str) -> bool {
        let same = |(a, b): (u8, u8)| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
        self.name.len() == name.len() && self.name.bytes().zip(name.bytes()).all(same)
    }

    /// The word as it would be written without quotes.
    pub fn text(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Whether any word that the kernel looks at has this name and, if one is given, this value.
pub fn has(words: &[Word], name: &str, value: Option<&str>) -> bool {
    let mut own = words.iter().filter(|word| word.for_kernel && word.is(name));
    own.any(|word| value.is_none() || word.value.as_deref() == value)
}

/// The last word of this name that the kernel looks at, which is the one that counts for most parameters.
pub fn last<'w>(words: &'w [Word], name: &str) -> Option<&'w Word> {
    words.iter().rfind(|word| word.for_kernel && word.is(name))
}

/// Splits at blanks outside of double quotes. A quote at the start of a word or of a value is dropped together with the
/// one at the end; quotes elsewhere stay.
pub fn words(text: &str) -> Vec<Word> {
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

    #[test]
    fn the_last_word_counts_and_inits_words_do_not() {
        let words = words("page-alloc.shuffle=0 page_alloc.shuffle=1 quiet -- lockdown=confidentiality");
        assert_eq!(last(&words, "page-alloc.shuffle").unwrap().value.as_deref(), Some("1"));
        assert!(has(&words, "page_alloc.shuffle", Some("0")));
        assert!(has(&words, "quiet", None));
        assert!(!has(&words, "lockdown", None));
    }
}
