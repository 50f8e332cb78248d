//! Paths as URI references.

use std::fmt::Write as _;

use crate::BytePath;

/// The path as a reference that is relative to the subject's root (RFC 3986, 4.2), byte by byte.
///
/// Only the unreserved characters and the slash stay: a colon in the first segment would read as a scheme, a second
/// slash as an authority, and dot segments would climb out of the subject, so the dots of those are encoded too. A
/// reader that decodes before it resolves gets them back; no file system hands out such names.
pub fn relative(path: &BytePath) -> String {
    let segments = path.as_bytes().split(|byte| *byte == b'/').filter(|segment| !segment.is_empty());
    let encoded: Vec<String> = segments.map(encode).collect();
    if encoded.is_empty() { ROOT.to_owned() } else { encoded.join("/") }
}

/// The subject's root itself.
pub(super) const ROOT: &str = "./";

fn encode(segment: &[u8]) -> String {
    let are_dots = matches!(segment, b"." | b"..");
    let mut out = String::with_capacity(segment.len());
    for byte in segment {
        let stays = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~')
            || (*byte == b'.' && !are_dots);
        if stays {
            out.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_means_something_is_encoded() {
        let of = |path: &[u8]| relative(&path.into());
        assert_eq!(of(b"/usr/bin/env"), "usr/bin/env");
        assert_eq!(of(b"//a//b/"), "a/b");
        assert_eq!(of(b"/a b/c:d?e#f%20\\\xff\x1b<"), "a%20b/c%3Ad%3Fe%23f%2520%5C%FF%1B%3C");
        assert_eq!(of("/größe".as_bytes()), "gr%C3%B6%C3%9Fe");
        assert_eq!(of(b"/a/../.x"), "a/%2E%2E/.x");
        assert_eq!(of(b"/"), "./");
        assert_eq!(of(b""), "./");
    }
}
