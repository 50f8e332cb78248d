//! Archives of `ar`: static libraries, Rust libraries, and Debian packages.
//!
//! Written from the description in ar(5) of System V, GNU and BSD. Members are found by position, and nothing but headers and
//! names is read.

use crate::{Error, ReadAt, read_exact_at};

/// The members of an archive, one after another.
pub struct Ar<'a> {
    source: &'a dyn ReadAt,
    next: u64,
    is_thin: bool,
    /// Where the table of long names is.
    names: Option<(u64, u64)>,
    count: u64,
}

/// A member that is no symbol table and no table of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArMember {
    /// Its name, without the padding and the closing slash.
    pub name: Vec<u8>,
    /// Where its bytes are; `None` in a thin archive, whose members are files of their own beside it.
    pub start: Option<u64>,
    /// Bytes.
    pub len: u64,
    /// Where its header is.
    pub header: u64,
}

/// What the name field of a header says.
enum Name {
    /// A table that linkers use.
    Symbols,
    /// The table of long names.
    Table,
    /// The name itself.
    Short(Vec<u8>),
    /// At this offset in the table of long names.
    InTable(u64),
    /// This many bytes before the data.
    BeforeData(u64),
}

impl<'a> Ar<'a> {
    /// Whether a file that begins with these bytes is an archive, thin ones included.
    pub fn is_archive(head: &[u8]) -> bool {
        head.starts_with(MAGIC) || head.starts_with(THIN_MAGIC)
    }

    /// Begins with the first member.
    pub fn new(source: &'a dyn ReadAt) -> Result<Self, Error> {
        let mut magic = [0; 8];
        read_exact_at(source, &mut magic, 0).map_err(|_| malformed(0, "there is no magic number"))?;
        let is_thin = magic == *THIN_MAGIC;
        if !is_thin && magic != *MAGIC {
            return Err(malformed(0, "there is no magic number"));
        }
        Ok(Self { source, next: 8, is_thin, names: None, count: 0 })
    }

    /// Whether it holds names only.
    pub fn is_thin(&self) -> bool {
        self.is_thin
    }

    /// The next member; `None` at the end. After an error, where the next member would be cannot be told.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<ArMember>, Error> {
        while self.next < self.source.len() {
            let at = self.next;
            if self.count == MAX_MEMBERS {
                return Err(Error::Limit { what: "members of an archive", limit: MAX_MEMBERS });
            }
            self.count += 1;
            if let Some(member) = self.member(at)? {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }

    fn member(&mut self, at: u64) -> Result<Option<ArMember>, Error> {
        let mut header = [0; HEADER];
        read_exact_at(self.source, &mut header, at).map_err(|error| self.cut(at, error))?;
        if header[58..] != *b"`\n" {
            return Err(malformed(at + 58, "a header does not end as headers do"));
        }
        let size = decimal(&header[48..58])
            .ok_or_else(|| malformed(at + 48, format!("`{}` is no size", header[48..58].escape_ascii())))?;
        let name = name(&header[..16]).ok_or_else(|| malformed(at, "a name that cannot be read"))?;
        let data = at + HEADER as u64;
        let is_elsewhere = self.is_thin && !matches!(name, Name::Symbols | Name::Table);
        self.next = if is_elsewhere { data } else { self.end(data, size)? };
        let start = (!is_elsewhere).then_some(data);
        let member = |name, start, len| Ok(Some(ArMember { name, start, len, header: at }));
        match name {
            Name::Symbols => Ok(None),
            Name::Table if self.names.is_some() => Err(malformed(at, "a second table of names")),
            Name::Table => {
                self.names = Some((data, size));
                Ok(None)
            }
            Name::Short(name) => member(name, start, size),
            Name::InTable(offset) => member(self.long_name(at, offset)?, start, size),
            Name::BeforeData(_) if is_elsewhere => Err(malformed(at, "a BSD name in a thin archive")),
            Name::BeforeData(len) => {
                let name = self.name_before(at, data, len.min(size))?;
                let rest =
                    size.checked_sub(len).ok_or_else(|| malformed(at, "a name longer than its member"))?;
                if is_symbols(&name) { Ok(None) } else { member(name, Some(data + len), rest) }
            }
        }
    }

    /// Where the next header is. The byte that pads the last member may be missing.
    fn end(&self, data: u64, size: u64) -> Result<u64, Error> {
        let end = data.checked_add(size).filter(|end| *end <= self.source.len());
        let end =
            end.ok_or_else(|| malformed(data, format!("the archive ends within a member of {size} bytes")))?;
        Ok(end + (end - 8) % 2)
    }

    /// A name from the table ends with a slash and a newline, or with NUL as Microsoft's tools write it.
    fn long_name(&self, at: u64, offset: u64) -> Result<Vec<u8>, Error> {
        let (start, len) =
            self.names.ok_or_else(|| malformed(at, "a long name before the table of names"))?;
        let rest = len.checked_sub(offset).filter(|rest| *rest > 0);
        let rest = rest.ok_or_else(|| malformed(at, "a long name past the table of names"))?;
        let mut bytes = vec![0; usize::try_from(rest).unwrap_or(MAX_NAME).min(MAX_NAME)];
        read_exact_at(self.source, &mut bytes, start + offset).map_err(|error| self.cut(at, error))?;
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
        let end = end.ok_or_else(|| malformed(start + offset, "a long name does not end"))?;
        let is_line = bytes[end] == b'\n';
        bytes.truncate(end);
        if is_line && bytes.ends_with(b"/") {
            bytes.pop();
        }
        Ok(bytes)
    }

    /// BSD pads names with NUL, and takes the first for the end.
    fn name_before(&self, at: u64, data: u64, len: u64) -> Result<Vec<u8>, Error> {
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_NAME);
        let mut bytes = vec![0; len.ok_or(Error::Limit { what: "bytes of a name", limit: MAX_NAME as u64 })?];
        read_exact_at(self.source, &mut bytes, data).map_err(|error| self.cut(at, error))?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Ok(bytes)
    }

    fn cut(&self, at: u64, error: std::io::Error) -> Error {
        if error.kind() == std::io::ErrorKind::UnexpectedEof && self.source.len() - at < HEADER as u64 {
            return malformed(at, "the archive ends within a header");
        }
        Error::Io { operation: "read", source: error }
    }
}

fn name(field: &[u8]) -> Option<Name> {
    let field = unpadded(field);
    Some(match field {
        b"/" | b"/SYM64/" | b"/<ECSYMBOLS>/" => Name::Symbols,
        b"//" => Name::Table,
        field if is_symbols(field) => Name::Symbols,
        [b'/', offset @ ..] => {
            // In a thin archive within a thin archive its place in that one follows after a colon, and after blanks GNU's
            // writer leaves the end of the short name that it had written first.
            Name::InTable(decimal(offset.split(|byte| matches!(byte, b':' | b' ')).next()?)?)
        }
        [b'#', b'1', b'/', len @ ..] => Name::BeforeData(decimal(len)?),
        field => Name::Short(field.strip_suffix(b"/").unwrap_or(field).to_vec()),
    })
}

/// The names that BSD gives its symbol tables.
fn is_symbols(name: &[u8]) -> bool {
    let names: [&[u8]; 4] = [b"__.SYMDEF", b"__.SYMDEF SORTED", b"__.SYMDEF_64", b"__.SYMDEF_64 SORTED"];
    names.contains(&name)
}

/// A field without the blanks that fill it up.
fn unpadded(field: &[u8]) -> &[u8] {
    &field[..field.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1)]
}

/// Digits, with blanks after them.
fn decimal(field: &[u8]) -> Option<u64> {
    let digits = unpadded(field);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn malformed(offset: u64, reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "ar archive", offset, reason: reason.into() }
}

const MAGIC: &[u8; 8] = b"!<arch>\n";
const THIN_MAGIC: &[u8; 8] = b"!<thin>\n";
const HEADER: usize = 60;
/// `PATH_MAX` of Linux: names in thin archives are paths.
const MAX_NAME: usize = 4096;
/// The largest static libraries have some ten thousand, and what is known of each is kept until all are judged.
const MAX_MEMBERS: u64 = 1 << 17;
