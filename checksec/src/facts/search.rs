//! The places outside the file from which code is loaded, and whether others can put code there.

use crate::ElfError;
use crate::facts::{Dynamic, Interpreter};

/// A place that the file names, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `DT_RPATH`, `DT_RUNPATH`, `DT_NEEDED` or another entry that names libraries, or `PT_INTERP`.
    pub source: &'static str,
    /// File offset of the entry that names it.
    pub offset: u64,
    /// One element of the list, or the whole path.
    pub path: Box<[u8]>,
    /// Whether it is safe.
    pub safety: Safety,
}

/// Whether code from a place can be trusted as much as the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Only the image decides what is there.
    Safe,
    /// Somebody else may put code there, and how.
    Unsafe(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// What the image says of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// Nobody but its owner can change it or anything above it.
    Sound,
    /// Any user can create files in this directory, which is it or one on the way to it.
    WorldWritable(Vec<u8>),
    /// Whether it exists is not known, and why.
    NotRead(String),
}

/// What facts need to know of the image around a file.
pub trait Environment {
    /// Looks at an absolute path of a directory, which need not exist, and at each directory on the way to it.
    fn directory(&self, path: &[u8]) -> Directory;
}

/// Every place that the file names. The interpreter is given apart because it is known without a dynamic segment.
pub(crate) fn places(
    dynamic: Option<&Dynamic>,
    interpreter: Option<&Interpreter>,
    file: &[u8],
    environment: &dyn Environment,
) -> Result<Box<[Place]>, ElfError> {
    let mut places = Vec::new();
    if let Some(interpreter) = interpreter {
        let safety = judge_file(&interpreter.path, environment);
        places.push(Place {
            source: "PT_INTERP",
            offset: interpreter.offset,
            path: interpreter.path.clone(),
            safety,
        });
    }
    let Some(dynamic) = dynamic else { return Ok(places.into()) };
    let names = dynamic.names.as_ref().map_err(Clone::clone)?;
    let needed = names.needed.iter().map(|(offset, name)| ("DT_NEEDED", *offset, &**name));
    let asked = names.asked.iter().flat_map(|(source, offset, list)| {
        list.split(|byte| *byte == b':').map(|name| (*source, *offset, name))
    });
    for (source, offset, name) in needed.chain(asked).filter(|(.., name)| name.contains(&b'/')) {
        let path = expand(name, file);
        let safety = path.map_or_else(|unknown| unknown, |path| judge_file(&path, environment));
        places.push(Place { source, offset, path: name.into(), safety });
    }
    // Where both are, glibc and musl ignore DT_RPATH.
    let list = names.runpath.as_ref().map(|list| ("DT_RUNPATH", list));
    let list = list.or_else(|| names.rpath.as_ref().map(|list| ("DT_RPATH", list)));
    if let Some((source, (offset, list))) = list.filter(|(_, (_, list))| !list.is_empty()) {
        for element in list.split(|byte| *byte == b':') {
            let safety = judge_element(element, file, environment);
            places.push(Place { source, offset: *offset, path: element.into(), safety });
        }
    }
    Ok(places.into())
}

fn judge_element(element: &[u8], file: &[u8], environment: &dyn Environment) -> Safety {
    if element.is_empty() {
        return Safety::Unsafe("an empty element is the working directory".into());
    }
    let path = match expand(element, file) {
        Ok(path) => path,
        Err(unknown) => return unknown,
    };
    judge_directory(&path, environment)
}

fn judge_file(path: &[u8], environment: &dyn Environment) -> Safety {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    match path.first() {
        Some(b'/') => judge_directory(&path[..=end], environment),
        _ => Safety::Unsafe("a relative path depends on the working directory".into()),
    }
}

fn judge_directory(path: &[u8], environment: &dyn Environment) -> Safety {
    if path.first() != Some(&b'/') {
        return Safety::Unsafe("a relative path depends on the working directory".into());
    }
    if climbs_out(path) {
        return Safety::Unsafe("it leads above the root".into());
    }
    match environment.directory(path) {
        Directory::Sound => Safety::Safe,
        Directory::WorldWritable(at) => {
            Safety::Unsafe(format!("any user can write to {}", hardpan_report::escape(&at)))
        }
        Directory::NotRead(reason) => Safety::Unknown(reason),
    }
}

/// Puts in the loader's tokens. `$LIB` and `$PLATFORM` depend on how the loader was built and on the processor, which
/// nothing in the image states.
fn expand(path: &[u8], file: &[u8]) -> Result<Vec<u8>, Safety> {
    let end = file.iter().rposition(|byte| *byte == b'/').filter(|end| *end > 0);
    let directory = end.map_or(&b"/"[..], |end| &file[..end]);
    let mut expanded = Vec::with_capacity(path.len() + directory.len());
    let mut rest = path;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        expanded.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let token = |name: &[u8]| {
            let braced = [b"${", name, b"}"].concat();
            let plain = [b"$", name].concat();
            [braced, plain].iter().find(|token| rest.starts_with(token)).map(Vec::len)
        };
        if let Some(length) = token(b"ORIGIN") {
            expanded.extend_from_slice(directory);
            rest = &rest[length..];
        } else if token(b"LIB").or_else(|| token(b"PLATFORM")).is_some() {
            return Err(Safety::Unknown("$LIB and $PLATFORM depend on the loader and the processor".into()));
        } else {
            expanded.push(b'$');
            rest = &rest[1..];
        }
    }
    expanded.extend_from_slice(rest);
    Ok(expanded)
}

/// Whether the `..` in a path are more than the directories before them.
fn climbs_out(path: &[u8]) -> bool {
    let mut depth = 0_u32;
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Writable(&'static [u8]);

    impl Environment for Writable {
        fn directory(&self, path: &[u8]) -> Directory {
            let path = path.strip_suffix(b"/").unwrap_or(path);
            if path == self.0 { Directory::WorldWritable(path.to_vec()) } else { Directory::Sound }
        }
    }

    fn is_safe(element: &[u8]) -> bool {
        judge_element(element, b"/usr/bin/tool", &Writable(b"/srv/open")) == Safety::Safe
    }

    #[test]
    fn elements() {
        for safe in ["/usr/lib", "$ORIGIN", "${ORIGIN}/../lib", "$ORIGIN/../../opt/x", "/opt/$NAME"] {
            assert!(is_safe(safe.as_bytes()), "{safe}");
        }
        for bad in [
            "",
            ".",
            "lib",
            "../lib",
            "$ORIGIN/../../..",
            "/srv/open",
            "/srv/open/",
            "$ORIGINS/x/../../../../y",
        ] {
            assert!(!is_safe(bad.as_bytes()), "{bad}");
        }
        let unknown = judge_element(b"/opt/$LIB", b"/usr/bin/tool", &Writable(b""));
        assert!(matches!(unknown, Safety::Unknown(_)));
    }

    #[test]
    fn an_interpreter_is_judged_by_its_directory() {
        let judge = |path: &[u8]| judge_file(path, &Writable(b"/srv/open")) == Safety::Safe;
        assert!(judge(b"/lib64/ld-linux-x86-64.so.2"));
        assert!(!judge(b"/srv/open/ld.so"));
        assert!(!judge(b"./evil.sh"));
    }
}
