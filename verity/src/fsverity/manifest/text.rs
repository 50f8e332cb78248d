//! The text form of a manifest.

use std::fmt;

use super::{Entry, Escaped, Kind, Manifest, ManifestError};
use crate::fsverity::descriptor::FileDigest;
use crate::fsverity::params::Params;
use crate::hex;

impl Manifest {
    /// The text form. Bytes of paths and targets that are not printable ASCII, the space and the backslash are `\xNN`.
    pub fn encode(&self) -> String {
        let mut text = format!("{}\n", Header(&self.params));
        for entry in &self.entries {
            text.push_str(&entry.to_string());
            text.push('\n');
        }
        text + &format!("end {}\n", self.entries.len())
    }

    /// Reads the text form, and nothing that [`Manifest::encode`] would write in another way.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if !bytes.starts_with(MAGIC.as_bytes()) {
            return Err(ManifestError::NotOne);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            ManifestError::Line { line, what: "it is no UTF-8".to_owned() }
        })?;
        let mut lines = text.split_terminator('\n');
        let params = lines.next().and_then(header).ok_or(ManifestError::NotOne)??;
        let mut entries = Vec::new();
        let mut end = None;
        for (index, line) in lines.enumerate() {
            let number = index + 2;
            if end.is_some() {
                return Err(ManifestError::Line { line: number, what: "it comes after the end".to_owned() });
            }
            match line.strip_prefix("end ") {
                Some(count) => end = Some((number, count)),
                None => entries
                    .push(entry(line, &params).map_err(|what| ManifestError::Line { line: number, what })?),
            }
        }
        let count = entries.len();
        match end {
            Some((_, said)) if said == count.to_string() => {}
            other => {
                let line = other.map_or(count + 2, |(number, _)| number);
                return Err(ManifestError::Cut { line, entries: count });
            }
        }
        let manifest = Self::new(params, entries)?;
        manifest.is_written_as(text)?;
        Ok(manifest)
    }

    fn is_written_as(&self, text: &str) -> Result<(), ManifestError> {
        let wanted = self.encode();
        if wanted == text {
            return Ok(());
        }
        let pairs = wanted.lines().zip(text.split('\n')).enumerate();
        let (line, wanted) =
            pairs.into_iter().find(|(_, (wanted, is))| wanted != is).map_or(
                (self.entries.len() + 2, "a newline at the end".to_owned()),
                |(index, (wanted, _))| (index + 1, wanted.to_owned()),
            );
        Err(ManifestError::NotCanonical { line, wanted })
    }
}

struct Header<'a>(&'a Params);

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAGIC}{} {} {}", self.0.algorithm, self.0.block_size, self.0.salt)
    }
}

/// The parameters in the first line; `None` if it is not that of a manifest.
fn header(line: &str) -> Option<Result<Params, ManifestError>> {
    let fields: Vec<&str> = line.strip_prefix(MAGIC)?.split(' ').collect();
    let wrong = |what: String| ManifestError::Line { line: 1, what };
    let [algorithm, block_size, salt] = fields[..] else {
        return Some(Err(wrong("algorithm, block size and salt are wanted".to_owned())));
    };
    let parse = || Ok(Params::new(algorithm.parse()?, block_size.parse()?, salt.parse()?));
    Some(parse().map_err(|error: crate::fsverity::ParamError| wrong(error.to_string())))
}

impl fmt::Display for Entry {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:04o} ", self.kind.name(), self.mode)?;
        match self.owner {
            None => f.write_str("- ")?,
            Some((user, group)) => write!(f, "{user}:{group} ")?,
        }
        match &self.kind {
            Kind::Directory | Kind::Fifo | Kind::Socket => {}
            Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
                write!(f, "{major}:{minor} ")?;
            }
            Kind::File { size, digest } => write!(f, "{size} {} ", digest.to_hex())?,
            Kind::Symlink { target } => write!(f, "{} ", Escaped(target))?,
        }
        write!(f, "{}", Escaped(&self.path))
    }
}

/// The entry that a line tells of, or what is wrong with the line.
fn entry(line: &str, params: &Params) -> Result<Entry, String> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, mode, owner, more @ .., path] = &fields[..] else {
        return Err("fewer fields than any entry has".to_owned());
    };
    let kind = match (*name, more) {
        ("directory", []) => Kind::Directory,
        ("fifo", []) => Kind::Fifo,
        ("socket", []) => Kind::Socket,
        ("file", [size, digits]) => Kind::File { size: number(size)?, digest: digest(params, digits)? },
        ("symlink", [target]) => Kind::Symlink { target: unescape(target)? },
        ("block" | "char", [device]) => device_kind(name, device)?,
        _ => return Err("no kind of entry with so many fields".to_owned()),
    };
    let mode = u32::from_str_radix(mode, 8).map_err(|_| format!("`{}` is no mode", mode.escape_debug()))?;
    let owner = if *owner == "-" { None } else { Some(pair(owner)?) };
    Ok(Entry { path: unescape(path)?, mode, owner, kind })
}

fn device_kind(name: &str, device: &str) -> Result<Kind, String> {
    let (major, minor) = pair(device)?;
    Ok(if name == "block" { Kind::BlockDevice { major, minor } } else { Kind::CharDevice { major, minor } })
}

fn digest(params: &Params, digits: &str) -> Result<FileDigest, String> {
    format!("{}:{digits}", params.algorithm)
        .parse()
        .map_err(|error: crate::fsverity::ParamError| error.to_string())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{}` is no number that fits", text.escape_debug()))
}

fn pair(text: &str) -> Result<(u32, u32), String> {
    let (first, second) =
        text.split_once(':').ok_or_else(|| format!("`{}` is no pair of numbers", text.escape_debug()))?;
    Ok((number(first)?, number(second)?))
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("`{}` has a backslash that is not followed by xNN", text.escape_debug());
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.strip_prefix('x').and_then(|part| part.split_at_checked(2)).ok_or_else(wrong)?;
        bytes.extend(hex::decode(digits.0).ok_or_else(wrong)?);
        bytes.extend(digits.1.as_bytes());
    }
    Ok(bytes)
}

/// The name of the format and its version.
const MAGIC: &str = "hardpan-manifest 1 ";

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let params = Params::default();
        let digest = || digest(&params, &"0a".repeat(32)).unwrap();
        let entry =
            |path: &[u8], kind| Entry { path: path.to_vec(), mode: 0o4755, owner: Some((0, 7)), kind };
        let entries = vec![
            entry(b"/z\xff \\\n", Kind::File { size: 1 << 40, digest: digest() }),
            entry(b"/", Kind::Directory),
            entry(b"/a-b", Kind::Symlink { target: b"a b\\".to_vec() }),
            entry(b"/a/b", Kind::Symlink { target: Vec::new() }),
            Entry { owner: None, mode: 1, ..entry(b"/a", Kind::Fifo) },
            entry(b"/s", Kind::Socket),
            entry(b"/c", Kind::CharDevice { major: 1, minor: 3 }),
            entry("/b\u{e9}".as_bytes(), Kind::BlockDevice { major: 8, minor: u32::MAX }),
        ];
        Manifest::new(params.clone(), entries).unwrap()
    }

    #[test]
    fn the_text_is_as_it_is_documented_and_reads_back() {
        let text = manifest().encode();
        let wanted = [
            "hardpan-manifest 1 sha256 4096 -",
            "directory 4755 0:7 /",
            "fifo 0001 - /a",
            r"symlink 4755 0:7 a\x20b\x5c /a-b",
            "symlink 4755 0:7  /a/b",
            r"block 4755 0:7 8:4294967295 /b\xc3\xa9",
            "char 4755 0:7 1:3 /c",
            "socket 4755 0:7 /s",
            &format!(r"file 4755 0:7 1099511627776 {} /z\xff\x20\x5c\x0a", "0a".repeat(32)),
            "end 8",
        ];
        assert_eq!(text, wanted.join("\n") + "\n");
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest());
    }

    #[test]
    fn every_cut_is_refused() {
        let text = manifest().encode();
        for len in 0..text.len() {
            assert!(Manifest::parse(&text.as_bytes()[..len]).is_err(), "{len}");
        }
    }

    /// One text for each manifest: whatever else is read says something else.
    #[test]
    fn every_flipped_bit_is_refused_or_says_something_else() {
        let text = manifest().encode();
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Manifest::parse(&bytes) {
                assert_ne!(read, manifest(), "bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_written_in_another_way_is_refused() {
        let text = manifest().encode();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Manifest::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
        };
        for (from, to, says) in [
            ("0a0a", "0A0a", "line 9"),
            ("0001", "1", "line 3"),
            ("0001", "+001", "line 3"),
            ("0:7", "00:7", "line 2"),
            (r"\xc3", r"\xC3", "line 6"),
            ("/s", r"/\x73", "line 8"),
            ("end 8\n", "end 8", "newline"),
            ("end 8", "end 08", "end 8"),
            ("end 8\n", "end 8\n\n", "after the end"),
            ("end 8", "end 7", "line 10"),
            ("\n", "\r\n", "line 1"),
            ("manifest 1", "manifest 2", "version"),
            ("sha256", "sha1", "sha1"),
            ("4096", "4097", "4097"),
            (" -\n", " 0g\n", "0g"),
            ("/c", "/c/", "no absolute path"),
            ("/c", "c", "no absolute path"),
            ("/c", "/../c", "no absolute path"),
            ("/c", r"/c\x00", "no absolute path"),
            ("/c", "/s", "twice"),
            ("/c", r"/c\", "backslash"),
            ("/c", r"/c\x0", "backslash"),
            ("4755 0:7 /\n", "14755 0:7 /\n", "14755"),
            ("1:3", "4294967296:3", "line 7"),
            ("socket", "door", "line 8"),
            ("1099511627776", "99999999999999999999", "line 9"),
            ("fifo 0001 - /a\nsymlink 4755 0:7 a", "symlink 4755 0:7 a", "end 7"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(says), "{from} -> {to}: {error}");
        }
        let mut swapped: Vec<&str> = text.lines().collect();
        swapped.swap(2, 3);
        assert!(Manifest::parse((swapped.join("\n") + "\n").as_bytes()).is_err());
        assert_eq!(Manifest::parse(b"\xff"), Err(ManifestError::NotOne));
        let error = Manifest::parse(&[text.as_bytes(), b"\xff"].concat()).unwrap_err().to_string();
        assert!(error.contains("line 11") && error.contains("UTF-8"), "{error}");
    }
}
