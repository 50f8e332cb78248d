//! Text from untrusted input, made safe to show and lossless to read back.
//!
//! File names are bytes. They may hold control characters that drive a terminal, or bidirectional marks that reorder
//! what a reader sees. Everything that comes from the subject passes through [`escape`] before any renderer sees it.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A path inside the subject: raw bytes, absolute, `/`-separated. Shown and serialised escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytePath(Arc<[u8]>);

impl BytePath {
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for BytePath {
    fn from(bytes: T) -> Self {
        Self(bytes.into().into())
    }
}

impl fmt::Display for BytePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape(&self.0))
    }
}

impl fmt::Debug for BytePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Serialize for BytePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape(&self.0))
    }
}

/// Bytes as printable text: UTF-8 stays, a backslash doubles, and control characters, invisible or reordering
/// characters and bytes that are not UTF-8 become `\xNN`, byte by byte. The original can be read back from it.
pub fn escape(bytes: &[u8]) -> String {
    // Most of what is shown is plain, and a character at a time is slow.
    if let Ok(text) = str::from_utf8(bytes)
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'[' | b']'..=b'~'))
    {
        return text.to_owned();
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_escaped(&mut out, character);
        }
        for byte in chunk.invalid() {
            push_byte(&mut out, *byte);
        }
    }
    out
}

/// [`escape`] for text that is UTF-8 already.
pub fn escape_str(text: &str) -> String {
    escape(text.as_bytes())
}

fn push_escaped(out: &mut String, character: char) {
    if character == '\\' {
        out.push_str("\\\\");
    } else if character.is_control() || is_deceptive(character) {
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            push_byte(out, byte);
        }
    } else {
        out.push(character);
    }
}

fn push_byte(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Characters that are invisible or change the order in which a line is read.
fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_readable_and_nothing_reaches_the_terminal_raw() {
        assert_eq!(escape(b"/usr/bin/env"), "/usr/bin/env");
        assert_eq!(escape("/tmp/größe".as_bytes()), "/tmp/größe");
        assert_eq!(escape(b"/tmp/\x1b[31m\n\xff"), "/tmp/\\x1b[31m\\x0a\\xff");
        assert_eq!(escape(b"a\\x41"), "a\\\\x41");
        assert_eq!(escape("a\u{202e}b".as_bytes()), "a\\xe2\\x80\\xaeb");
    }

    #[test]
    fn escaping_loses_nothing() {
        let every: Vec<u8> = (0..=255).chain("äß\u{200b}🦀".bytes()).collect();
        assert_eq!(unescape(&escape(&every)), every);
    }

    fn unescape(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            if byte != b'\\' {
                out.push(byte);
            } else if tail[0] == b'\\' {
                out.push(b'\\');
                rest = &tail[1..];
            } else {
                let digits = std::str::from_utf8(&tail[1..3]).unwrap();
                out.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &tail[3..];
            }
        }
        out
    }
}
