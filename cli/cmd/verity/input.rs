//! Small files that describe images, from a path or from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;

/// The bytes of a file, or of standard input for `-`, of which there are at most `max`. `role` is what it is called in
/// messages.
pub(super) fn read_bytes(path: &Path, role: &str, max: usize) -> anyhow::Result<Vec<u8>> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        // A directory opens, and only reading fails.
        Box::new(File::open(path).with_context(|| format!("cannot open {role} {}", path.display()))?)
    };
    let mut bytes = Vec::new();
    let read = source.take(max as u64 + 1).read_to_end(&mut bytes);
    let read = read.and_then(|len| if len > max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) });
    read.with_context(|| format!("cannot read {role} {} (of at most {max} bytes)", path.display()))?;
    Ok(bytes)
}

/// The same for text.
pub(super) fn read_text(path: &Path, role: &str, max: usize) -> anyhow::Result<String> {
    let bytes = read_bytes(path, role, max)?;
    String::from_utf8(bytes).with_context(|| format!("{role} {} is not UTF-8 text", path.display()))
}

/// More than any command line, table or descriptor has: the longest command line of any architecture is 65536 bytes.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// More than any veritytab or certificate has.
pub(super) const MAX_FILE: usize = 1 << 20;
