//! The text that tells programs which context files have: a line for each `filecon`.
//!
//! Programs take the last line that matches, so that lines go from the general to the particular: paths with
//! metacharacters first, then by the length of what stands before the first of them, then by length.

use super::faults::Faults;
use super::sort::sorted;
use super::tables::Tables;
use crate::ir::{CategoryId, ContextId, FileCon, FileKind, LevelId};

/// How many bytes the text may have. Real ones have half a million; a level can name all categories in each of thousands of
/// lines.
const MAX_TEXT: usize = 64 << 20;

/// The text.
pub(crate) fn text(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<u8> {
    let names = &tables.ir.names;
    let order = |a: &FileCon, b: &FileCon| {
        let (a_path, b_path) = (names.get(a.path), names.get(b.path));
        // Those with metacharacters go first.
        Shape::of(a_path).cmp(&Shape::of(b_path)).then(a.kind.cmp(&b.kind)).then_with(|| a_path.cmp(b_path))
    };
    let describe = |filecon: &FileCon| {
        (format!("files {}", names.text(filecon.path)), [filecon.context, None], filecon.origin)
    };
    let mut text = Vec::new();
    for filecon in sorted(tables, &tables.ir.filecons, order, describe, faults) {
        text.extend(names.get(filecon.path));
        text.extend(kind(filecon.kind).as_bytes());
        match filecon.context {
            Some(context) => add_context(tables, context, &mut text),
            None => text.extend(b"\t<<none>>"),
        }
        text.push(b'\n');
        if text.len() > MAX_TEXT {
            let message = format!("the file contexts up to this one have over {MAX_TEXT} bytes");
            faults.error("too-large", filecon.origin, message);
            break;
        }
    }
    text
}

/// What the order of paths depends on, in the order in which it does.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    is_plain: bool,
    /// How many characters stand before the first metacharacter.
    stem: usize,
    /// How many characters there are.
    length: usize,
}

impl Shape {
    /// A backslash and what follows are one character, which is no metacharacter; a backslash at the end is one too.
    fn of(path: &[u8]) -> Self {
        let mut shape = Self { is_plain: true, stem: 0, length: 0 };
        let mut bytes = path.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' | b'^' | b'$' | b'?' | b'*' | b'+' | b'|' | b'[' | b'(' | b'{' => shape.is_plain = false,
                b'\\' => _ = bytes.next(),
                _ => {}
            }
            shape.stem += usize::from(shape.is_plain);
            shape.length += 1;
        }
        shape
    }
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Any => "",
        FileKind::File => "\t--",
        FileKind::Dir => "\t-d",
        FileKind::Char => "\t-c",
        FileKind::Block => "\t-b",
        FileKind::Socket => "\t-s",
        FileKind::Pipe => "\t-p",
        FileKind::Symlink => "\t-l",
    }
}

fn add_context(tables: &Tables<'_>, id: ContextId, text: &mut Vec<u8>) {
    let (ir, names) = (tables.ir, &tables.ir.names);
    let context = &ir.contexts[id.index()];
    let parts = [
        ir.users[context.user.index()].name,
        ir.roles[context.role.index()].name,
        ir.types[context.type_.index()].name,
    ];
    for (place, part) in parts.into_iter().enumerate() {
        text.push(if place == 0 { b'\t' } else { b':' });
        text.extend(names.get(part));
    }
    if tables.mls {
        let range = &ir.ranges[context.range.index()];
        text.push(b':');
        add_level(tables, range.low, text);
        let (low, high) = (tables.levels.get(range.low), tables.levels.get(range.high));
        if low.level != high.level {
            text.push(b'-');
            add_level(tables, range.high, text);
        }
    }
}

fn add_level(tables: &Tables<'_>, id: LevelId, text: &mut Vec<u8>) {
    let evaluated = tables.levels.get(id);
    let sensitivity = &tables.ir.sensitivities[evaluated.level.sensitivity as usize - 1];
    text.extend(tables.ir.names.get(sensitivity.name));
    if evaluated.has_categories {
        text.push(b':');
        add_categories(tables, &evaluated.listed(), text);
    }
}

/// Categories, runs of three or more by their ends. libsepol writes the category that ends a run together with the run, and
/// does not begin a new run with it.
fn add_categories(tables: &Tables<'_>, categories: &[CategoryId], text: &mut Vec<u8>) {
    let name = |category: CategoryId| tables.ir.names.get(tables.ir.categories[category.index()].name);
    let add_run = |first: CategoryId, last: CategoryId, text: &mut Vec<u8>| {
        text.extend(name(first));
        if first != last {
            text.push(if last.0 == first.0 + 1 { b',' } else { b'.' });
            text.extend(name(last));
        }
    };
    let mut run: Option<(CategoryId, CategoryId)> = None;
    for (place, category) in categories.iter().enumerate() {
        match &mut run {
            None => run = Some((*category, *category)),
            Some((_, last)) if category.0 == last.0 + 1 => *last = *category,
            Some((first, last)) => {
                add_run(*first, *last, text);
                text.push(b',');
                text.extend(name(*category));
                run = None;
                if place + 1 < categories.len() {
                    text.push(b',');
                }
            }
        }
    }
    if let Some((first, last)) = run {
        add_run(first, last, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_characters_count_once_and_are_no_metacharacters() {
        let shape = |path: &str| {
            let shape = Shape::of(path.as_bytes());
            (shape.is_plain, shape.stem, shape.length)
        };
        assert_eq!(shape("/a/b"), (true, 4, 4));
        assert_eq!(shape("/a.*/b"), (false, 2, 6));
        assert_eq!(shape(r"/a\.b"), (true, 4, 4));
        assert_eq!(shape("/a\\"), (true, 3, 3));
        assert!(Shape::of(b"/very/long/x?") < Shape::of(b"/a"));
    }
}
