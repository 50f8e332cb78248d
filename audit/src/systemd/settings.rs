//! The settings of a unit, its drop-ins included, as systemd.syntax(7) and systemd.unit(5) describe them.

use std::collections::BTreeMap;

use hardpan_image::{EntryId, ResolveError};
use hardpan_report::{Cause, Finding, Location, escape};

use super::{is_masking, template_of, unit_directories};
use crate::{Context, Text, TextFile};

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The section: `Service`.
    pub(crate) section: Vec<u8>,
    /// The key: `ExecStart`.
    pub(crate) key: Vec<u8>,
    /// The value, continued lines put together.
    pub(crate) value: Vec<u8>,
    /// The line it begins at.
    pub(crate) location: Location,
}

/// The settings of a unit in the order in which systemd applies them: those of its file, then those of its drop-ins.
pub(crate) fn settings(
    context: &Context<'_>,
    name: &[u8],
    file: EntryId,
) -> Result<Vec<Setting>, Box<Finding>> {
    let mut all = Vec::new();
    for id in std::iter::once(file).chain(drop_ins(context, name)?) {
        match context.text_of(id) {
            Text::Present(text) => all.extend(parse(&text)),
            Text::Absent => {}
            Text::Unread(finding) => return Err(finding),
        }
    }
    Ok(all)
}

/// The values of a list: an empty assignment takes back the ones before it.
pub(crate) fn list<'s>(settings: &'s [Setting], section: &str, key: &str) -> Vec<&'s Setting> {
    let mut values = Vec::new();
    for setting in settings {
        if setting.section == section.as_bytes() && setting.key == key.as_bytes() {
            if setting.value.is_empty() {
                values.clear();
            } else {
                values.push(setting);
            }
        }
    }
    values
}

/// A value split as systemd splits it: at blanks, quotes taken off and escapes resolved. `None` if a quote is not closed
/// or the value ends within an escape.
pub(crate) fn words(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = value.trim_ascii_start();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// The first word, and what follows it.
pub(crate) fn word(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, quote) {
            (b'\\', _) => {
                let (bytes, length) = unescape(text.get(at..)?)?;
                word.extend(bytes);
                at += length;
            }
            (byte, Some(open)) if *byte == open => quote = None,
            (b'\'' | b'"', None) => quote = Some(*byte),
            (byte, None) if byte.is_ascii_whitespace() => return Some((word, &text[at..])),
            (byte, _) => word.push(*byte),
        }
    }
    quote.is_none().then_some((word, &[]))
}

/// What stands behind a backslash, and how long it is. An escape that means nothing stays as it is written.
fn unescape(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let first = *text.first()?;
    let byte = match first {
        b's' => b' ',
        b't' => b'\t',
        b'n' => b'\n',
        b'\\' | b'"' | b'\'' => first,
        b'x' => {
            let digits = text.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok())?;
            return Some((vec![u8::from_str_radix(digits, 16).ok()?], 3));
        }
        _ => return Some((vec![b'\\', first], 1)),
    };
    Some((vec![byte], 1))
}

/// The drop-ins of a unit by name. Of two that have the same name the one in the stronger directory counts, and one
/// that is masked takes the others away.
fn drop_ins(context: &Context<'_>, name: &[u8]) -> Result<Vec<EntryId>, Box<Finding>> {
    let mut found: BTreeMap<Vec<u8>, Option<EntryId>> = BTreeMap::new();
    let kind = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default().to_vec();
    for names in [drop_in_names(name), vec![kind]] {
        for units in unit_directories(context) {
            for name in &names {
                add_drop_ins(context, units, &[name, b".d".as_slice()].concat(), &mut found)?;
            }
        }
    }
    Ok(found.into_values().flatten().collect())
}

fn add_drop_ins(
    context: &Context<'_>,
    units: EntryId,
    directory: &[u8],
    found: &mut BTreeMap<Vec<u8>, Option<EntryId>>,
) -> Result<(), Box<Finding>> {
    let drop_ins = match context.index.resolve_from(units, directory) {
        Ok(id) => id,
        Err(error) => return absent_or_unread(context, units, directory, &error),
    };
    for entry in context.index.children(drop_ins).filter(|entry| entry.name.ends_with(b".conf")) {
        let file = match context.index.resolve_from(drop_ins, entry.name) {
            _ if is_masking(context, entry.id) => None,
            Ok(file) => Some(file),
            Err(error) => {
                absent_or_unread(context, drop_ins, entry.name, &error)?;
                None
            }
        };
        found.entry(entry.name.to_vec()).or_insert(file);
    }
    Ok(())
}

fn absent_or_unread(
    context: &Context<'_>,
    directory: EntryId,
    name: &[u8],
    error: &ResolveError,
) -> Result<(), Box<Finding>> {
    if matches!(error, ResolveError::NotFound | ResolveError::NotADirectory) {
        return Ok(());
    }
    let reason = format!("what {} in {} sets is unknown: it {error}", escape(name), {
        escape(&context.index.path(directory))
    });
    let location = Some(context.location(directory));
    Err(Box::new(Finding::unknown(Cause::Unreadable, location, format!("drop-in:{}", escape(name)), reason)))
}

/// The names that drop-ins of a unit may be for, the closest first: `a-b@c.service`, `a-b@.service`, `a-.service`.
fn drop_in_names(name: &[u8]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [Some(name.to_vec()), template_of(name)].into_iter().flatten().collect();
    let dot = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    let stem = &name[..name.iter().position(|byte| *byte == b'@').unwrap_or(dot)];
    for at in (1..stem.len()).rev().filter(|at| stem[*at] == b'-' && at + 1 < stem.len()) {
        names.push([&stem[..=at], &name[dot..]].concat());
    }
    names
}

fn parse(text: &TextFile) -> Vec<Setting> {
    let mut section = Vec::new();
    let mut found = Vec::new();
    for (number, line) in joined_lines(text) {
        let line = line.trim_ascii();
        if let Some(name) = line.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
            section = name.to_vec();
        } else if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            let (key, value) = (line[..at].trim_ascii().to_vec(), line[at + 1..].trim_ascii().to_vec());
            found.push(Setting { section: section.clone(), key, value, location: text.line(number) });
        }
    }
    found
}

/// The lines, those put together that end in a backslash. Comments between them are passed over.
fn joined_lines(text: &TextFile) -> Vec<(u32, Vec<u8>)> {
    let mut whole = Vec::new();
    let mut pending: Option<(u32, Vec<u8>)> = None;
    for (number, line) in text.lines() {
        let line = line.trim_ascii_start();
        if matches!(line.first(), Some(b'#' | b';')) {
            continue;
        }
        let (first, mut joined) = pending.take().unwrap_or((number, Vec::new()));
        let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            joined.extend_from_slice(&line[..line.len() - 1]);
            joined.push(b' ');
            pending = Some((first, joined));
        } else {
            joined.extend_from_slice(line);
            whole.push((first, joined));
        }
    }
    whole.extend(pending);
    whole
}

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

    use super::*;
    use crate::systemd::{UnitFile, unit_file};

    fn values(tree: &MemoryTree, name: &str, key: &str) -> Result<Vec<String>, Box<Finding>> {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let context = Context::new(&index);
        let Ok(UnitFile::At(id)) = unit_file(&context, name.as_bytes()) else { panic!("no unit") };
        let settings = settings(&context, name.as_bytes(), id)?;
        Ok(list(&settings, "Service", key).iter().map(|setting| escape(&setting.value)).collect())
    }

    const UNIT: &str = "/usr/lib/systemd/system/a-b@.service";

    #[test]
    fn lines_are_continued_and_comments_in_them_passed_over() {
        let text = "[Unit]\nExecStart=/no\n[Service]\nExecStart=/a \\\n# no\n  b\\\\\nExecStart = /c\\\n";
        let tree = MemoryTree::new().file(UNIT, 0o644, text);
        assert_eq!(values(&tree, "a-b@x.service", "ExecStart").unwrap(), ["/a  b\\\\\\\\", "/c"]);
    }

    #[test]
    fn drop_ins_are_applied_by_name_the_strongest_of_each() {
        let usr = "/usr/lib/systemd/system";
        let tree = MemoryTree::new()
            .file(UNIT, 0o644, "[Service]\nExecStart=/a\n")
            .file(
                "/etc/systemd/system/a-b@.service.d/20.conf",
                0o644,
                "[Service]\nExecStart=\nExecStart=/b\n",
            )
            .file(&format!("{usr}/a-b@x.service.d/20.conf"), 0o644, "[Service]\nExecStart=/no\n")
            .file(&format!("{usr}/a-.service.d/30.conf"), 0o644, "[Service]\nExecStart=/c\n")
            .file(&format!("{usr}/service.d/10.conf"), 0o644, "[Service]\nExecStart=/taken-back\n")
            .file(&format!("{usr}/a-b@x.service.d/40.conf"), 0o644, "[Service]\nExecStart=/no\n")
            .symlink("/etc/systemd/system/a-b@x.service.d/40.conf", "/dev/null");
        assert_eq!(values(&tree, "a-b@x.service", "ExecStart").unwrap(), ["/b", "/c"]);
        let unread = tree.unreadable("/etc/systemd/system/a-b@.service.d/20.conf");
        assert!(values(&unread, "a-b@x.service", "ExecStart").is_err());
    }

    #[test]
    fn words_lose_quotes_and_escapes() {
        let words =
            |text: &str| words(text.as_bytes()).map(|words| words.iter().map(|w| escape(w)).collect());
        let found: Option<Vec<String>> = words(" \"/a b\"  c'd e'\\x41\\s \\;");
        assert_eq!(found.unwrap(), ["/a b", "cd eA ", "\\\\;"]);
        assert_eq!(words("'a"), None);
        assert_eq!(words("a\\"), None);
        assert_eq!(words("\\xg1"), None);
    }
}
