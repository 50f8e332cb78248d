//! Text to a tree. Faults do not end the parsing, so that one run tells of many.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

use super::{Fault, LIST, MAX_DEPTH, MAX_FAULTS, Node};

/// A file as it was parsed: atoms are numbered by their place in `names`.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) nodes: Vec<Node>,
    /// Where in the text each name stands first: from, to.
    pub(super) names: Vec<(u32, u32)>,
    pub(super) faults: Vec<Fault>,
}

/// Parses a text of less than 2 GiB.
pub(super) fn parse(text: &[u8]) -> Parsed {
    let mut parser = Parser {
        text,
        place: 0,
        parsed: Parsed::default(),
        open: Vec::new(),
        parentheses: 0,
        marks: Vec::new(),
        table: vec![0; 1024],
        is_given_up: false,
    };
    // A token has five bytes and more where text was measured; growing is cheap against parsing.
    parser.parsed.nodes.reserve(text.len() / 8);
    parser.run();
    parser.parsed
}

struct Parser<'a> {
    text: &'a [u8],
    place: usize,
    parsed: Parsed,
    /// The lists that are open, by index: the file itself first.
    open: Vec<u32>,
    parentheses: usize,
    /// How many lists were open before each line mark that is.
    marks: Vec<usize>,
    /// Names by hash with open addressing: one more than their number, or 0.
    table: Vec<u32>,
    /// Whether the rest of the text was left out.
    is_given_up: bool,
}

impl Parser<'_> {
    fn run(&mut self) {
        self.open_list(0);
        while let Some(byte) = self.text.get(self.place) {
            match CLASS[*byte as usize] {
                Class::Space => self.place += 1,
                Class::Symbol => self.symbol(),
                Class::Open => self.parenthesis(),
                Class::Close => self.close(),
                Class::Comment => self.comment(),
                Class::Quote => self.string(),
                Class::Other => self.stray_byte(),
            }
        }
        self.end();
    }

    fn symbol(&mut self) {
        let start = self.place;
        let end = self.symbol_end();
        self.place = end;
        self.atom(start, start, end);
    }

    fn symbol_end(&self) -> usize {
        let rest = &self.text[self.place..];
        let length =
            rest.iter().position(|byte| CLASS[*byte as usize] != Class::Symbol).unwrap_or(rest.len());
        self.place + length
    }

    fn string(&mut self) {
        let start = self.place;
        let rest = &self.text[start + 1..];
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\n' | 0)) {
            Some(length) if rest[length] == b'"' => {
                self.place = start + length + 2;
                self.atom(start, start + 1, start + 1 + length);
            }
            other => {
                let end = start + 1 + other.unwrap_or(rest.len());
                self.place = end;
                self.fault("unclosed-string", "this string is not closed on its line", start, end);
            }
        }
    }

    /// Adds an atom at `offset` that spells `start..end`.
    fn atom(&mut self, offset: usize, start: usize, end: usize) {
        if self.parentheses == 0 {
            self.fault("stray-word", "this stands outside of any statement", offset, self.place);
            return;
        }
        let name = self.name(start, end);
        self.push(offset, name);
    }

    fn parenthesis(&mut self) {
        let start = self.place;
        self.place += 1;
        if self.parentheses >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} parentheses are open here");
            self.fault("too-deep", &message, start, start + 1);
            // What is behind would be a fault by each of its parentheses, and that all are open was just said.
            self.place = self.text.len();
            self.is_given_up = true;
            return;
        }
        self.parentheses += 1;
        self.open_list(start);
    }

    fn close(&mut self) {
        let start = self.place;
        self.place += 1;
        let marked = self.marks.last().is_some_and(|open| self.open.len() == open + 1);
        if self.parentheses == 0 || marked {
            let message =
                if marked { "this closes a statement that is not open here" } else { "nothing is open here" };
            self.fault("unmatched-parenthesis", message, start, start + 1);
            return;
        }
        self.parentheses -= 1;
        self.close_list();
    }

    fn comment(&mut self) {
        let start = self.place;
        let is_line_start = start.checked_sub(1).is_none_or(|before| self.text[before] == b'\n');
        if is_line_start && self.text[start..].starts_with(b";;*") {
            self.place += 3;
            self.line_mark(start);
        }
        let rest = &self.text[self.place..];
        self.place += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    /// Behind `;;*`: `lms` or `lmx` with line and file open a stretch, `lme` closes it.
    fn line_mark(&mut self, start: usize) {
        let end = self.place
            + memchr::memchr2(b'\n', b'\r', &self.text[self.place..]).unwrap_or(self.text.len() - self.place);
        let line = &self.text[self.place..end];
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        let is_known = match words.next() {
            Some(b"lme") => words.next().is_none() && self.close_mark(),
            Some(b"lms" | b"lmx") => {
                let number = words.next().is_some_and(is_line_number);
                // Names of files may hold spaces if they are quoted, so that only their presence is checked.
                let named = words.next().is_some();
                number && named && self.open_mark(start)
            }
            _ => false,
        };
        if !is_known {
            self.fault("line-mark", "this line mark has no meaning here", start, end);
        }
    }

    fn open_mark(&mut self, start: usize) -> bool {
        if self.open.len() >= 2 * MAX_DEPTH {
            return false;
        }
        self.marks.push(self.open.len());
        self.open_list(start);
        let word = MARK;
        self.push(start, word);
        true
    }

    fn close_mark(&mut self) -> bool {
        let Some(open) = self.marks.pop() else { return false };
        let closes = self.open.len() == open + 1;
        while self.open.len() > open {
            self.close_list();
        }
        closes
    }

    fn stray_byte(&mut self) {
        let start = self.place;
        let rest = &self.text[start..];
        let length = rest.iter().position(|byte| CLASS[*byte as usize] != Class::Other).unwrap_or(rest.len());
        self.place += length;
        self.fault("stray-byte", "this may stand in quoted strings and comments only", start, self.place);
    }

    fn end(&mut self) {
        if self.parsed.faults.len() < MAX_FAULTS && self.open.len() > 1 && !self.is_given_up {
            let list = self.open[1..].iter().find(|list| self.is_parenthesis(**list));
            let (offset, message) = match list {
                Some(list) => (self.parsed.nodes[*list as usize].offset, "this is never closed"),
                None => (self.parsed.nodes[self.open[1] as usize].offset, "this line mark has no end"),
            };
            self.fault("unclosed", message, offset as usize, offset as usize + 1);
            self.note_where_it_likely_ends(offset);
        }
        while !self.open.is_empty() {
            self.close_list();
        }
    }

    /// A statement that starts in the first column while others are open shows where a parenthesis was forgotten.
    fn note_where_it_likely_ends(&mut self, offset: u32) {
        let is_outermost =
            |place: usize| place.checked_sub(1).is_none_or(|before| self.text[before] == b'\n');
        if !is_outermost(offset as usize) {
            return;
        }
        let behind = self.parsed.nodes.iter().filter(|node| node.value & LIST != 0 && node.offset > offset);
        let next = behind.map(|node| node.offset).find(|inner| is_outermost(*inner as usize));
        if let (Some(next), Some(fault)) = (next, self.parsed.faults.last_mut()) {
            fault.note = Some((next, "the next statement seems to start here".to_owned()));
        }
    }

    fn is_parenthesis(&self, list: u32) -> bool {
        self.text.get(self.parsed.nodes[list as usize].offset as usize) == Some(&b'(')
    }

    fn open_list(&mut self, offset: usize) {
        self.open.push(as_u32(self.parsed.nodes.len()));
        self.push(offset, LIST);
    }

    fn close_list(&mut self) {
        let end = as_u32(self.parsed.nodes.len());
        if let Some(list) = self.open.pop() {
            self.parsed.nodes[list as usize].value = LIST | end;
        }
    }

    fn push(&mut self, offset: usize, value: u32) {
        self.parsed.nodes.push(Node { offset: as_u32(offset), value });
    }

    /// The number of a name.
    fn name(&mut self, start: usize, end: usize) -> u32 {
        if (self.parsed.names.len() + 1) * 2 > self.table.len() {
            self.grow();
        }
        let mask = self.table.len() - 1;
        let mut slot = hash(&self.text[start..end]) & mask;
        while let Some(known) = self.table[slot].checked_sub(1) {
            let (from, to) = self.parsed.names[known as usize];
            if self.text[from as usize..to as usize] == self.text[start..end] {
                return known;
            }
            slot = (slot + 1) & mask;
        }
        let number = as_u32(self.parsed.names.len());
        self.parsed.names.push((as_u32(start), as_u32(end)));
        self.table[slot] = number + 1;
        number
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![0; mask + 1];
        for (number, (start, end)) in (1..).zip(&self.parsed.names) {
            let mut slot = hash(&self.text[*start as usize..*end as usize]) & mask;
            while table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = number;
        }
        self.table = table;
    }

    fn fault(&mut self, code: &'static str, message: &str, start: usize, end: usize) {
        if self.parsed.faults.len() < MAX_FAULTS {
            let (start, end) = (as_u32(start), as_u32(end.min(self.text.len())));
            let fault = Fault { code, message: message.to_owned(), start, end, note: None, help: None };
            self.parsed.faults.push(fault);
        }
    }
}

/// What the word of a line mark is numbered before the words have their numbers.
pub(super) const MARK: u32 = LIST - 1;

/// Texts have less than 2 GiB, which the caller checks.
fn as_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Digits, and no more than the reference compiler has room for.
fn is_line_number(word: &[u8]) -> bool {
    let number = std::str::from_utf8(word).ok().filter(|_| word.iter().all(u8::is_ascii_digit));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[expect(clippy::cast_possible_truncation, reason = "any bits of a hash are as good as others")]
fn hash(name: &[u8]) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write(name);
    hasher.finish() as usize
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Symbol,
    Open,
    Close,
    Comment,
    Quote,
    Other,
}

const CLASS: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Other; 256];
    let symbols = b"[].@=/*-_$%+!|&^:~`#{}'<>?,";
    let mut place = 0;
    while place < symbols.len() {
        classes[symbols[place] as usize] = Class::Symbol;
        place += 1;
    }
    let mut byte = 0;
    while byte < 128_u8 {
        if byte.is_ascii_alphanumeric() {
            classes[byte as usize] = Class::Symbol;
        }
        byte += 1;
    }
    classes[b' ' as usize] = Class::Space;
    classes[b'\t' as usize] = Class::Space;
    classes[b'\n' as usize] = Class::Space;
    classes[b'\r' as usize] = Class::Space;
    classes[b'(' as usize] = Class::Open;
    classes[b')' as usize] = Class::Close;
    classes[b';' as usize] = Class::Comment;
    classes[b'"' as usize] = Class::Quote;
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(&'static str, u32)> {
        parse(text.as_bytes()).faults.iter().map(|fault| (fault.code, fault.start)).collect()
    }

    #[test]
    fn all_faults_are_told() {
        assert_eq!(
            faults("(a) b) (c \"d\n) (\x01) \"e\""),
            [
                ("stray-word", 4),
                ("unmatched-parenthesis", 5),
                ("unclosed-string", 10),
                ("stray-byte", 16),
                ("stray-word", 19),
            ]
        );
        assert_eq!(faults("(a (b)"), [("unclosed", 0)]);
        assert_eq!(faults("(a)\n; (((\n;\"\r(b)"), []);
    }

    #[test]
    fn a_forgotten_parenthesis_is_found_by_columns() {
        let parsed = parse(b"(a)\n(block b\n  (c)\n(d)\n(e)\n");
        assert_eq!(parsed.faults[0].start, 4);
        assert_eq!(parsed.faults[0].note.as_ref().map(|(offset, _)| *offset), Some(19));
    }

    #[test]
    fn depth_has_a_limit() {
        let deep = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(faults(&deep(MAX_DEPTH)), []);
        assert_eq!(faults(&deep(MAX_DEPTH + 1)), [("too-deep", u32::try_from(MAX_DEPTH).expect("small"))]);
        assert_eq!(faults(&"(".repeat(1_000_000)).len(), 1);
        assert!(faults(&")".repeat(1_000_000)).len() <= MAX_FAULTS);
    }

    #[test]
    fn line_marks_come_in_pairs() {
        assert_eq!(faults("(a)\n;;* lmx 3 a b.te\n(b)\n;;* lms 4 \"c\"\n(d)\n;;* lme\n;;* lme\n"), []);
        assert_eq!(faults(";;* lmx x y\n"), [("line-mark", 0)]);
        assert_eq!(faults(";;* lmx 4294967295 y\n;;* lme\n"), []);
        assert_eq!(faults(";;* lmx 4294967296 y\n"), [("line-mark", 0)]);
        assert_eq!(faults(";;* lme\n"), [("line-mark", 0)]);
        assert_eq!(faults("(a\n;;* lms 1 x\n)"), [("unmatched-parenthesis", 15), ("unclosed", 0)]);
        assert_eq!(faults(";;* lms 1 x\n(a)\n"), [("unclosed", 0)]);
        assert_eq!(faults(" ;;* what\n;;;* else"), []);
    }
}
