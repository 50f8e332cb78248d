//! From text to tree.

use super::Node;
use super::error::{BootConfigError, BootConfigFault};

/// The nodes; the first has no name, and the first words of keys below it.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Node>, BootConfigError> {
    let mut parser = Parser {
        // A zero ends the text, as it does in the kernel.
        text: text.split(|byte| *byte == 0).next().unwrap_or_default(),
        at: 0,
        nodes: vec![Node::new("", 0)],
        count: 0,
        open: Vec::new(),
    };
    match parser.all() {
        Ok(()) => Ok(parser.nodes),
        Err((at, fault)) => Err(parser.error(at, fault)),
    }
}

type Fault = (usize, BootConfigFault);

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Words and values, as the kernel counts them.
    count: usize,
    /// Where braces were opened, and for which node.
    open: Vec<(usize, usize)>,
}

impl Parser<'_> {
    fn error(&self, at: usize, fault: BootConfigFault) -> BootConfigError {
        let before = &self.text[..at.min(self.text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        BootConfigError { line: u32::try_from(line).unwrap_or(u32::MAX), column: at - start + 1, fault }
    }

    fn all(&mut self) -> Result<(), Fault> {
        if self.text.len() > MAX_SIZE {
            return Err((MAX_SIZE, BootConfigFault::TooBig));
        }
        while self.statement()? {}
        if let Some((at, _)) = self.open.pop() {
            return Err((at, BootConfigFault::Open));
        }
        if self.nodes.len() == 1 { Err((0, BootConfigFault::Empty)) } else { Ok(()) }
    }

    /// A key with what follows it; false at the end.
    fn statement(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        let is_end = |byte: &u8| b"{}=+;:\n#".contains(byte);
        let Some(length) = self.text[start..].iter().position(is_end) else {
            let key = start + blanks(&self.text[start..]);
            return if key == self.text.len() { Ok(false) } else { Err((key, BootConfigFault::Unended)) };
        };
        let end = start + length;
        let operator = self.text[end];
        self.at = end + 1;
        match operator {
            b'=' => self.assign(start..end, b'=')?,
            b'+' | b':' if self.text.get(end + 1) == Some(&b'=') => {
                self.at = end + 2;
                self.assign(start..end, operator)?;
            }
            b'+' | b':' => return Err((end, BootConfigFault::Operator)),
            b'{' => self.open_brace(start..end, end)?,
            b'}' => {
                self.bare_key(start..end)?;
                self.close_brace(end)?;
            }
            b'#' => {
                self.bare_key(start..end)?;
                self.skip_comment();
            }
            _ => self.bare_key(start..end)?,
        }
        Ok(true)
    }

    fn parent(&self) -> usize {
        self.open.last().map_or(0, |(_, node)| *node)
    }

    fn bare_key(&mut self, span: std::ops::Range<usize>) -> Result<(), Fault> {
        if blanks(&self.text[span.clone()]) < span.len() {
            self.key(span)?;
        }
        Ok(())
    }

    fn open_brace(&mut self, span: std::ops::Range<usize>, at: usize) -> Result<(), Fault> {
        let node = self.key(span)?;
        self.open.push((at, node));
        if self.open.len() >= MAX_DEPTH { Err((at, BootConfigFault::TooDeep)) } else { Ok(()) }
    }

    fn close_brace(&mut self, at: usize) -> Result<(), Fault> {
        self.open.pop().map(|_| ()).ok_or((at, BootConfigFault::Closing))
    }

    /// The node of a key below the open braces, made if it is not there.
    fn key(&mut self, span: std::ops::Range<usize>) -> Result<usize, Fault> {
        let text = &self.text[span.clone()];
        let start = span.start + blanks(text);
        let (mut node, mut at) = (self.parent(), start);
        for word in text.trim_ascii().split(|byte| *byte == b'.') {
            let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if word.is_empty() || !word.iter().all(is_letter) {
                return Err((at, BootConfigFault::Key));
            }
            node = self.child(node, &String::from_utf8_lossy(word), at)?;
            at += word.len() + 1;
        }
        self.within_limits(node, start)?;
        Ok(node)
    }

    fn child(&mut self, parent: usize, name: &str, at: usize) -> Result<usize, Fault> {
        let known = self.nodes[parent].children.iter().copied().find(|child| self.nodes[*child].name == name);
        if let Some(child) = known {
            return Ok(child);
        }
        self.one_more(at)?;
        self.nodes.push(Node::new(name, parent));
        let child = self.nodes.len() - 1;
        self.nodes[parent].children.push(child);
        Ok(child)
    }

    fn one_more(&mut self, at: usize) -> Result<(), Fault> {
        self.count += 1;
        if self.count > MAX_NODES { Err((at, BootConfigFault::TooMany)) } else { Ok(()) }
    }

    /// The kernel counts the words of a key with a dot or an end behind each.
    fn within_limits(&self, node: usize, at: usize) -> Result<(), Fault> {
        let (mut depth, mut length, mut word) = (0, 0, node);
        while word != 0 {
            depth += 1;
            length += self.nodes[word].name.len() + 1;
            word = self.nodes[word].parent;
        }
        match (depth > MAX_DEPTH, length > MAX_KEY) {
            (true, _) => Err((at, BootConfigFault::TooDeep)),
            (_, true) => Err((at, BootConfigFault::TooLong)),
            _ => Ok(()),
        }
    }

    fn assign(&mut self, span: std::ops::Range<usize>, operator: u8) -> Result<(), Fault> {
        let key_at = span.start + blanks(&self.text[span.clone()]);
        let node = self.key(span)?;
        let mut values = Vec::new();
        let ended = loop {
            let (value, at, ended) = self.value()?;
            self.one_more(at)?;
            values.push(value);
            if ended != Some(b',') {
                break ended;
            }
        };
        match (&mut self.nodes[node].values, operator) {
            (Some(_), b'=') => return Err((key_at, BootConfigFault::Redefined)),
            (Some(known), b'+') => known.append(&mut values),
            (known, _) => *known = Some(values),
        }
        match ended {
            Some(b'}') => self.close_brace(self.at - 1),
            _ => Ok(()),
        }
    }

    /// A value, where it stands, and what ended it; the text goes on behind that. Blanks before it may be line ends.
    fn value(&mut self) -> Result<(String, usize, Option<u8>), Fault> {
        self.at += blanks(&self.text[self.at..]);
        while self.text.get(self.at) == Some(&b'#') {
            self.skip_comment();
            self.at += blanks(&self.text[self.at..]);
        }
        let start = self.at;
        let quote = self.text.get(start).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let from = start + usize::from(quote.is_some());
        let is_end = |byte: &u8| match quote {
            Some(quote) => *byte == quote,
            None => b",;\n#}".contains(byte),
        };
        let end = self.text[from..].iter().position(is_end).map_or(self.text.len(), |length| from + length);
        let is_odd = |byte: &u8| !(is_blank(*byte) || matches!(byte, b' '..=b'~' | 0xa0..));
        if let Some(at) = self.text[from..end].iter().position(is_odd) {
            return Err((from + at, BootConfigFault::NotPrintable));
        }
        let raw = &self.text[from..end];
        if quote.is_none() {
            // Where the text ends, the kernel leaves the blanks at the end of the value.
            let value = if end < self.text.len() { raw.trim_ascii_end() } else { raw };
            let value = String::from_utf8_lossy(value).into_owned();
            self.at = end;
            return Ok((value, start, self.delimiter()));
        }
        if end == self.text.len() {
            return Err((start, BootConfigFault::Quote));
        }
        let value = String::from_utf8_lossy(raw).into_owned();
        let is_space = |byte: &&u8| is_blank(**byte) && **byte != b'\n';
        self.at = end + 1 + self.text[end + 1..].iter().take_while(is_space).count();
        match self.text.get(self.at) {
            Some(byte) if !b",;\n#}".contains(byte) => Err((self.at, BootConfigFault::Behind)),
            _ => Ok((value, start, self.delimiter())),
        }
    }

    /// Goes behind what ends a value. A comment ends it as the line's end would.
    fn delimiter(&mut self) -> Option<u8> {
        let delimiter = self.text.get(self.at).copied()?;
        self.at += 1;
        if delimiter == b'#' {
            self.skip_comment();
            return Some(b'\n');
        }
        Some(delimiter)
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |length| length + 1);
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_blank(**byte)).count()
}

/// As the kernel's `isspace`, with the vertical tab.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// `XBC_DATA_MAX`.
const MAX_SIZE: usize = (32 << 10) - 1;
/// `XBC_NODE_MAX`.
const MAX_NODES: usize = 8192;
/// `XBC_DEPTH_MAX`.
const MAX_DEPTH: usize = 16;
/// `XBC_KEYLEN_MAX`, which includes a byte for the end.
const MAX_KEY: usize = 256;
