//! The kernel command line, split as the kernel splits it.

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name, with dashes as underscores: the kernel treats them alike.
    pub name: String,
    /// What follows the `=`, unquoted.
    pub value: Option<String>,
}

/// The parameters that the kernel itself gets to see.
///
/// They end at a bare `--`: what follows belongs to init. A double quote groups blanks, before the name or within the
/// value. Blanks are those of the C locale.
pub fn parameters(line: &str) -> Vec<Parameter> {
    words(line).into_iter().take_while(|word| word != "--").map(|word| parameter(&word)).collect()
}

/// Whether any parameter has this name and, if one is given, this value.
pub fn has(parameters: &[Parameter], name: &str, value: Option<&str>) -> bool {
    let name = normal(name);
    parameters.iter().any(|have| have.name == name && (value.is_none() || have.value.as_deref() == value))
}

/// The value of the last parameter of this name, which is the one that counts for most parameters.
pub fn last<'p>(parameters: &'p [Parameter], name: &str) -> Option<&'p Parameter> {
    let name = normal(name);
    parameters.iter().rev().find(|have| have.name == name)
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.push('"');
            }
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A quote that opens the whole word, or the value, goes together with one at the word's end; others stay.
fn parameter(word: &str) -> Parameter {
    let (word, whole) = match word.strip_prefix('"') {
        Some(rest) => (rest, true),
        None => (word, false),
    };
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let unquoted = |text: &str| {
        let (text, opened) = match text.strip_prefix('"') {
            Some(rest) => (rest, true),
            None => (text, whole),
        };
        if opened { text.strip_suffix('"').unwrap_or(text).to_owned() } else { text.to_owned() }
    };
    let name = if value.is_none() && whole { name.strip_suffix('"').unwrap_or(name) } else { name };
    Parameter { name: normal(name), value: value.map(unquoted) }
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, Option<String>)> {
        parameters(line).into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
    }

    #[test]
    fn names_values_and_quotes() {
        let own = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            read("ro  quiet\tpanic=1\n"),
            [own("ro", None), own("quiet", None), own("panic", Some("1"))]
        );
        assert_eq!(read("dm-mod.create=\"a b\""), [own("dm_mod.create", Some("a b"))]);
        assert_eq!(read("\"dm-mod.create=a b\""), [own("dm_mod.create", Some("a b"))]);
        assert_eq!(read("a=b=c"), [own("a", Some("b=c"))]);
        assert_eq!(read("\"quiet\""), [own("quiet", None)]);
    }

    #[test]
    fn what_follows_two_dashes_is_inits() {
        let parameters = parameters("quiet -- lockdown=confidentiality");
        assert!(!has(&parameters, "lockdown", None));
        assert_eq!(parameters.len(), 1);
    }

    #[test]
    fn dashes_and_underscores_are_alike_and_the_last_counts() {
        let parameters = parameters("page-alloc.shuffle=0 page_alloc.shuffle=1");
        assert_eq!(last(&parameters, "page-alloc.shuffle").unwrap().value.as_deref(), Some("1"));
        assert!(has(&parameters, "page_alloc.shuffle", Some("0")));
    }
}
