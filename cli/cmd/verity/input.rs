//! Small files that describe images, from a path or from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;

/// The bytes of a file, or of standard input for `-`, of which there are at most `max`. `role` is what it is called in
/// messages.
pub(super) fn read_bytes(path: &Path, role: &str, max: usize) -> anyhow::Result<Vec<u8>> {
    let read = if path == Path::new("-") {
        first_bytes(io::stdin().lock(), max as u64)
    } else {
        // A directory opens, and only reading fails.
        let file = File::open(path).with_context(|| format!("cannot open {role} {}", path.display()))?;
        first_bytes(file, max as u64)
    };
    let fits =
        |bytes: Vec<u8>| if bytes.len() > max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) };
    let of_file = || format!("cannot read {role} {} (of at most {max} bytes)", path.display());
    read.and_then(fits).with_context(of_file)
}

/// The first bytes of a file, one more than it can have, so that who knows why says that it is too long.
pub(super) fn read_file(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).context("cannot open it")?;
    first_bytes(file, most).context("cannot read it")
}

fn first_bytes(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes)?;
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
