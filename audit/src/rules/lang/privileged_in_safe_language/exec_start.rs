//! What a service starts: `ExecStart=`, as systemd.service(5) describes command lines.

use hardpan_image::{EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Finding, escape};

use crate::Context;
use crate::systemd::{Setting, UnitFile, list, settings, unit_file, word};

/// What one command of a service leads to.
pub(super) enum Started {
    /// A file of the tree.
    Program(EntryId),
    /// Nothing: the tree has no such file. The name as the unit has it.
    Missing(Vec<u8>),
    /// It cannot be told.
    Unknown(Box<Finding>),
}

/// The programs of a service's `ExecStart=` lines, drop-ins applied. What those programs start is not followed.
pub(super) fn started_by(context: &Context<'_>, unit: &[u8]) -> Vec<Started> {
    let settings = match unit_file(context, unit) {
        Ok(UnitFile::At(id)) => settings(context, unit, id),
        Ok(UnitFile::Masked | UnitFile::Absent) => return Vec::new(),
        Err(error) => {
            let reason = format!("what {} starts is unknown: its file {error}", escape(unit));
            Err(Box::new(Finding::unknown(Cause::Unreadable, None, format!("unit:{}", escape(unit)), reason)))
        }
    };
    match settings {
        Ok(settings) => {
            let lines = list(&settings, "Service", "ExecStart");
            lines.into_iter().flat_map(|line| started_on(context, unit, line)).collect()
        }
        Err(finding) => vec![Started::Unknown(finding)],
    }
}

/// The programs of one line, which may hold several commands with ` ; ` between them.
fn started_on(context: &Context<'_>, unit: &[u8], line: &Setting) -> Vec<Started> {
    let unknown = |cause: Cause, what: String| {
        let reason = format!("what {} starts is unknown: {what}", escape(unit));
        let key = format!("unit:{}:{}", escape(unit), escape(&line.value));
        Started::Unknown(Box::new(Finding::unknown(cause, Some(line.location.clone()), key, reason)))
    };
    let Some(programs) = programs(&line.value) else {
        return vec![unknown(Cause::Malformed, "a quote or an escape in ExecStart= is not closed".into())];
    };
    let started = |name: Vec<u8>| {
        let Some(path) = expand(&name, unit) else {
            let what = format!("the value of a specifier in {} is not known", escape(&name));
            return unknown(Cause::Undecided, what);
        };
        match resolve(context, &path) {
            Ok(Some(id)) => Started::Program(id),
            Ok(None) if path.first() != Some(&b'/') && path.contains(&b'/') => {
                unknown(Cause::Malformed, format!("{} is no path of a program", escape(&path)))
            }
            Ok(None) => Started::Missing(path),
            Err(error) => unknown(Cause::Unreadable, format!("{} {error}", escape(&path))),
        }
    };
    programs.into_iter().map(started).collect()
}

/// The first word of each command, without the signs that say how to run it; `None` if the line cannot be split.
fn programs(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut programs = Vec::new();
    let mut rest = line.trim_ascii_start();
    let mut is_first = true;
    while !rest.is_empty() {
        // Only a semicolon that stands alone, and bare, ends a command.
        if rest.first() == Some(&b';') && rest.get(1).is_none_or(u8::is_ascii_whitespace) {
            is_first = true;
            rest = rest[1..].trim_ascii_start();
            continue;
        }
        let (word, after) = word(rest)?;
        if is_first {
            let signs = word.iter().take_while(|byte| b"@-:+!|".contains(byte)).count();
            programs.push(word[signs..].to_vec());
        }
        is_first = false;
        rest = after.trim_ascii_start();
    }
    Some(programs)
}

/// The path with the specifiers that the unit's name decides; `None` if there are others.
fn expand(path: &[u8], unit: &[u8]) -> Option<Vec<u8>> {
    let stem = &unit[..unit.iter().rposition(|byte| *byte == b'.').unwrap_or(unit.len())];
    let at = stem.iter().position(|byte| *byte == b'@');
    let mut expanded = Vec::new();
    let mut bytes = path.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            expanded.push(*byte);
            continue;
        }
        match bytes.next()? {
            b'%' => expanded.push(b'%'),
            b'n' => expanded.extend(unit),
            b'N' => expanded.extend(stem),
            b'p' => expanded.extend(&stem[..at.unwrap_or(stem.len())]),
            b'i' => expanded.extend(at.map_or(&[][..], |at| &stem[at + 1..])),
            _ => return None,
        }
    }
    Some(expanded)
}

/// The file at a path, or the first of that name that can be executed in systemd's own search path.
fn resolve(context: &Context<'_>, path: &[u8]) -> Result<Option<EntryId>, ResolveError> {
    let find = |path: &[u8]| match context.index.resolve(path) {
        Ok(id) => Ok(Some(id)),
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    };
    if path.first() == Some(&b'/') {
        return find(path);
    }
    if path.contains(&b'/') {
        return Ok(None);
    }
    for directory in SEARCH_PATH {
        let found = find(&[directory.as_bytes(), b"/", path].concat())?;
        let can_run = |id: &EntryId| {
            let metadata = context.index.entry(*id).metadata;
            metadata.kind == FileKind::File && metadata.is_executable()
        };
        if let Some(id) = found.filter(can_run) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Of a systemd that was built with its own defaults; it does not depend on `PATH`.
const SEARCH_PATH: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
