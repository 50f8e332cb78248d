//! GRUB's configuration: what its scripts set, and the kernels that they start.

use super::{LoaderError, LoaderFault};

/// A command that starts a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrubLine {
    /// The line of the command.
    pub line: u32,
    /// The kernel's path, as it is written.
    pub kernel: String,
    /// What follows it, in which variables may stand.
    pub arguments: String,
}

/// The kernels that a script starts: `linux PATH ARGUMENTS` in its spellings.
pub fn grub(text: &str) -> Result<Vec<GrubLine>, LoaderError> {
    let mut found = Vec::new();
    for statement in statements(text)? {
        let mut words = statement.text.splitn(3, |character: char| character.is_ascii_whitespace());
        if !matches!(words.next(), Some("linux" | "linux16" | "linuxefi")) {
            continue;
        }
        let rest = statement.text.split_once(|character: char| character.is_ascii_whitespace());
        let rest = rest.map_or("", |(_, rest)| rest.trim());
        let (kernel, arguments) =
            rest.split_once(|character: char| character.is_ascii_whitespace()).unwrap_or((rest, ""));
        if kernel.is_empty() {
            let (line, column) = (statement.line, statement.column);
            return Err(LoaderError { line, column, fault: LoaderFault::NoKernel });
        }
        let (kernel, arguments) = (kernel.to_owned(), arguments.trim().to_owned());
        found.push(GrubLine { line: statement.line, kernel, arguments });
    }
    Ok(found)
}

/// The statements of a script that may set a variable.
pub fn settings(text: &str) -> Result<Vec<String>, LoaderError> {
    Ok(statements(text)?.into_iter().map(|statement| statement.text).collect())
}

/// The settings of an environment block: `name=value` lines behind its first line, and `#` up to its end.
pub fn environment(text: &str) -> Result<Vec<String>, LoaderError> {
    if !text.starts_with("# GRUB Environment Block\n") {
        return Err(LoaderError { line: 1, column: 1, fault: LoaderFault::NoBlock });
    }
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

struct Statement {
    line: u32,
    column: usize,
    text: String,
}

/// Lines without comments; a backslash at the end of one joins the next to it, and so does a quote that is open.
fn statements(text: &str) -> Result<Vec<Statement>, LoaderError> {
    let mut statements = Vec::new();
    let mut open: Option<(Statement, Option<char>)> = None;
    for (line, content) in (1..).zip(text.lines()) {
        let (mut statement, quote) = open.take().unwrap_or_else(|| {
            let column = content.len() - content.trim_start().len() + 1;
            (Statement { line, column, text: String::new() }, None)
        });
        let is_fresh = statement.text.is_empty() && quote.is_none();
        if is_fresh && content.trim_start().starts_with('#') {
            continue;
        }
        let quote = quote_after(content, quote);
        match (content.strip_suffix('\\'), quote) {
            (Some(before), None) => {
                statement.text.push_str(before);
                open = Some((statement, None));
            }
            (_, Some(quote)) => {
                statement.text.push_str(content);
                statement.text.push(' ');
                open = Some((statement, Some(quote)));
            }
            (None, None) => {
                statement.text.push_str(content);
                let text = statement.text.trim().to_owned();
                if !text.is_empty() {
                    statements.push(Statement { text, ..statement });
                }
            }
        }
    }
    match open {
        Some((Statement { line, column, .. }, Some(_))) => {
            Err(LoaderError { line, column, fault: LoaderFault::Quote })
        }
        Some((statement, None)) => {
            statements.push(statement);
            Ok(statements)
        }
        None => Ok(statements),
    }
}

/// The quote that is open behind a line, if one is. In single quotes a backslash is a letter.
fn quote_after(line: &str, before: Option<char>) -> Option<char> {
    let mut quote = before;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => drop(characters.next()),
            ('#', None) => return None,
            ('"' | '\'', None) => quote = Some(character),
            (close, Some(open)) if close == open => quote = None,
            _ => {}
        }
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Vec<String> {
        grub(text).unwrap().into_iter().map(|line| line.arguments).collect()
    }

    #[test]
    fn kernels_are_found_in_every_spelling() {
        let text = "menuentry 'it isn''t' {\n\tlinux\t/vmlinuz root=/dev/sda1 ro\n}\n# linux /x y\nlinuxefi /v a\\\n b\nlinuxes /no no\nlinux /v\n";
        assert_eq!(arguments(text), ["root=/dev/sda1 ro", "a b", ""]);
        assert_eq!(grub(text).unwrap()[1].line, 5);
    }

    #[test]
    fn what_grub_would_not_take_is_told_with_its_place() {
        assert_eq!(
            grub("set a=b\n  linux\n").unwrap_err().to_string(),
            "line 2, column 3: the command that starts a kernel does not name one"
        );
        assert_eq!(
            grub("\necho \"open\nlinux /v\n").unwrap_err().to_string(),
            "line 2, column 1: the quote is not closed"
        );
        assert!(environment("saved_entry=0\n").is_err());
        assert_eq!(environment("# GRUB Environment Block\nkernelopts=ro\n####").unwrap(), ["kernelopts=ro"]);
    }
}
