//! From text to trees, and the form that each statement must have.

mod expressions;
mod grammar;
mod nesting;
mod parser;
mod words;

use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Source, Span};
use crate::names::{Names, Symbol};

pub(crate) use expressions::{MAX_PERMISSIONS, argument_fault};
pub(crate) use grammar::{Dialect, Statement, statements};
pub(crate) use nesting::{Nesting, forbidden};
pub(crate) use words::{Word, all as all_words};

/// All sources together, in bytes. Places are 32-bit numbers with one bit to spare; the largest known policies have 25 MiB.
pub(crate) const MAX_SOURCES: usize = 1 << 30;
/// How many parentheses may be open, as many as secilc takes. Policies made by machines have been seen with 60.
pub(crate) const MAX_DEPTH: usize = 4096;
/// Faults of one file that are told; what follows is mostly their consequence.
const MAX_FAULTS: usize = 100;

/// A file as a tree of lists and atoms, as one array in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

/// A list or an atom. Lists have the top bit of `value` set, the rest of it is the index behind their last descendant;
/// the `value` of atoms is their symbol.
#[derive(Clone, Copy, Debug)]
struct Node {
    offset: u32,
    value: u32,
}

const LIST: u32 = 1 << 31;

impl Tree {
    /// The list of all that the file has.
    pub(crate) const ROOT: u32 = 0;

    /// Whether a node is a list.
    pub(crate) fn is_list(&self, node: u32) -> bool {
        self.nodes[node as usize].value & LIST != 0
    }

    /// What an atom spells; `None` for lists.
    pub(crate) fn symbol(&self, node: u32) -> Option<Symbol> {
        let value = self.nodes[node as usize].value;
        (value & LIST == 0).then(|| Symbol::from_index(value))
    }

    /// Where a node starts.
    pub(crate) fn offset(&self, node: u32) -> u32 {
        self.nodes[node as usize].offset
    }

    /// The index behind a node and all below it.
    pub(crate) fn behind(&self, node: u32) -> u32 {
        let value = self.nodes[node as usize].value;
        if value & LIST == 0 { node + 1 } else { value & !LIST }
    }

    /// The nodes of a list; none for atoms.
    pub(crate) fn children(&self, list: u32) -> Children<'_> {
        let end = self.behind(list);
        Children { tree: self, next: list + 1, end }
    }

    /// The first nodes of a list that is known to have so many; the list itself where there are fewer.
    pub(crate) fn parts<const COUNT: usize>(&self, list: u32) -> [u32; COUNT] {
        let mut parts = [list; COUNT];
        for (part, child) in parts.iter_mut().zip(self.children(list)) {
            *part = child;
        }
        parts
    }

    /// Whether a list has nothing in it.
    pub(crate) fn is_empty(&self, list: u32) -> bool {
        self.children(list).next().is_none()
    }

    /// The stretch of a node: that of an atom with its quotes, or the start of a list.
    pub(crate) fn span(&self, node: u32, file: u32, source: &Source, names: &Names) -> Span {
        let start = self.offset(node);
        let Some(symbol) = self.symbol(node) else { return Span { file, start, end: start } };
        let quotes = if source.text.get(start as usize) == Some(&b'"') { 2 } else { 0 };
        let length = u32::try_from(names.get(symbol).len() + quotes).unwrap_or(0);
        Span { file, start, end: start.saturating_add(length) }
    }
}

/// The nodes of a list.
#[derive(Clone)]
pub(crate) struct Children<'a> {
    tree: &'a Tree,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let node = self.next;
        if node >= self.end {
            return None;
        }
        self.next = self.tree.behind(node);
        Some(node)
    }
}

/// Parses all sources, each by itself and at once; names are numbered as one pass over the sources would.
pub(crate) fn parse(sources: &[Source]) -> Result<(Vec<Tree>, Names), Vec<Diagnostic>> {
    let total = sources.iter().try_fold(0_usize, |total, source| total.checked_add(source.text.len()));
    if total.is_none_or(|total| total > MAX_SOURCES) || u32::try_from(sources.len()).is_err() {
        let message = format!("the sources have more than {MAX_SOURCES} bytes together");
        return Err(vec![Diagnostic::error("too-large", message)]);
    }
    let parsed: Vec<_> = sources.par_iter().map(|source| parser::parse(&source.text)).collect();
    let mut names = words::names();
    let mut faults = Vec::new();
    let mut trees = Vec::with_capacity(parsed.len());
    for (file, parsed) in (0..).zip(parsed) {
        faults.extend(parsed.faults.into_iter().map(|fault| fault.diagnostic(file)));
        let text = &sources[file as usize].text;
        let symbols: Vec<u32> = parsed
            .names
            .iter()
            .map(|(start, end)| names.intern(&text[*start as usize..*end as usize]).as_u32())
            .collect();
        trees.push((parsed.nodes, symbols));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let trees = trees.into_par_iter().map(|(nodes, symbols)| renumber(nodes, &symbols)).collect();
    Ok((trees, names))
}

/// A tree whose atoms have the symbols of the whole policy instead of those of their file.
fn renumber(mut nodes: Vec<Node>, symbols: &[u32]) -> Tree {
    for node in &mut nodes {
        if node.value == parser::MARK {
            node.value = Word::Marked as u32;
        } else if node.value & LIST == 0 {
            node.value = symbols[node.value as usize];
        }
    }
    nodes.shrink_to_fit();
    Tree { nodes }
}

/// A fault of one file, before the file has a number.
#[derive(Debug)]
struct Fault {
    code: &'static str,
    message: String,
    start: u32,
    end: u32,
    note: Option<(u32, String)>,
    help: Option<&'static str>,
}

impl Fault {
    fn diagnostic(self, file: u32) -> Diagnostic {
        let span = Span { file, start: self.start, end: self.end };
        let mut diagnostic = Diagnostic::error(self.code, self.message).at(span);
        if let Some((offset, note)) = self.note {
            diagnostic = diagnostic.note(Span { file, start: offset, end: offset + 1 }, note);
        }
        match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: String::new(), text: text.as_bytes().to_vec() }
    }

    #[test]
    fn trees_are_arrays() {
        let (trees, names) = parse(&[source("(a (b c) () \"d e\") ; x\n(f)")]).expect("well-formed");
        let tree = &trees[0];
        let top: Vec<_> = tree.children(Tree::ROOT).collect();
        assert_eq!(top.len(), 2);
        let [a, list, empty, quoted] = tree.parts(top[0]);
        let text = |node| names.text(tree.symbol(node).expect("an atom"));
        assert_eq!((text(a), text(quoted)), ("a".to_owned(), "d e".to_owned()));
        assert!(tree.is_list(list) && tree.is_list(empty) && tree.is_empty(empty) && !tree.is_empty(list));
        assert_eq!(tree.children(list).map(text).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(tree.offset(quoted), 12);
    }

    #[test]
    fn names_have_the_same_symbols_in_all_files() {
        let (trees, _) = parse(&[source("(a b)"), source("(b a)")]).expect("well-formed");
        let symbols = |tree: &Tree| {
            let [list] = tree.parts(Tree::ROOT);
            let [left, right] = tree.parts(list);
            (tree.symbol(left), tree.symbol(right))
        };
        let (first, second) = (symbols(&trees[0]), symbols(&trees[1]));
        assert_eq!(first, (second.1, second.0));
    }
}
