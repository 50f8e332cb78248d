//! The files that code is mapped from: which they are, and whether the disk still has them.

use std::borrow::Cow;
use std::io;

use hardpan_report::Cause;

use crate::process::relro::is_of;
use crate::process::{Backing, Identity, Loaded, Mapping, Maps, OnDisk, Place, ProcessView, is_gone};

/// Every file that code is mapped from, once, and the program itself.
pub(crate) fn files(view: &dyn ProcessView, maps: &Maps, shares_mounts: Option<bool>) -> Vec<Loaded> {
    let mut firsts: Vec<&Mapping> = Vec::new();
    for mapping in maps.all.iter().filter(|mapping| mapping.executable) {
        let is_file = matches!(mapping.backing(), Backing::File { .. } | Backing::Memory(_));
        if is_file && !firsts.iter().any(|first| is_of(mapping, first)) {
            firsts.push(mapping);
        }
    }
    let program = view.identify(&Place::Program).ok();
    let finder = Finder { view, shares_mounts, program };
    let mut files: Vec<Loaded> = firsts.into_iter().filter_map(|mapping| finder.find(mapping)).collect();
    files.extend(program.and_then(|program| unmapped(view, &files, program)));
    files
}

/// The program, if none of its code is mapped any more: one that unpacks itself puts other code in its place.
fn unmapped(view: &dyn ProcessView, files: &[Loaded], program: Identity) -> Option<Loaded> {
    let is_mapped = |file: &Loaded| file.found.as_ref().is_ok_and(|(identity, _)| identity.is_same(&program));
    // Where files cannot be told apart, the program is one of them.
    if files.iter().any(|file| is_mapped(file) || file.found.is_err()) {
        return None;
    }
    let name = view.program().ok()?.into();
    let on_disk = if program.has_name { OnDisk::Same } else { OnDisk::Deleted };
    Some(Loaded { name, start: 0, found: Ok((program, Place::Program)), on_disk, relro: None })
}

struct Finder<'v> {
    view: &'v dyn ProcessView,
    shares_mounts: Option<bool>,
    program: Option<Identity>,
}

/// What a path leads to.
enum LookUp {
    /// The file that is looked for.
    Same(Identity, Place),
    /// Another file.
    Other,
    /// None.
    Absent,
    /// It cannot be told.
    Failed(io::Error),
}

impl Finder<'_> {
    /// `None` if the mapping is there no more.
    fn find(&self, mapping: &Mapping) -> Option<Loaded> {
        let place = Place::Mapping(mapping.range());
        let direct = self.view.identify(&place);
        if direct.as_ref().is_err_and(is_gone) {
            return None;
        }
        let refusal = direct.as_ref().err().map(ToString::to_string);
        let is_program = |program: &Identity| is_in_maps(program, mapping);
        let known = match direct {
            Ok(identity) => Some((identity, place)),
            Err(_) => self.program.filter(is_program).map(|identity| (identity, Place::Program)),
        };
        let by_name = self.look_up(mapping, known.as_ref().map(|(identity, _)| *identity));
        // A private mapping of /dev/zero is memory by another name; other devices are no disk either.
        let is_device = known.as_ref().is_some_and(|(identity, _)| !identity.is_regular);
        let on_disk = if is_device { OnDisk::Memory } else { on_disk(mapping, &by_name) };
        let found = match (known, by_name) {
            (Some(known), _) => Ok(known),
            (None, LookUp::Same(identity, place)) => Ok((identity, place)),
            (None, _) => Err(not_found(&on_disk, &refusal.unwrap_or_default())),
        };
        Some(Loaded { name: mapping.name.clone(), start: mapping.start, found, on_disk, relro: None })
    }

    /// Looks for the file under its name. The kernel tells paths from our own root if the process has the same mounts, and
    /// else from the root of its mounts, which for a container is that of the process. Only there can another file be a
    /// sign; anywhere else only the same file is.
    fn look_up(&self, mapping: &Mapping, known: Option<Identity>) -> LookUp {
        let is_same = |found: &Identity| match known {
            Some(known) => found.is_same(&known),
            None => is_in_maps(found, mapping),
        };
        let our: fn(Vec<u8>) -> Place = Place::OurRoot;
        let roots =
            if self.shares_mounts == Some(true) { [our, Place::ItsRoot] } else { [Place::ItsRoot, our] };
        let mut first = None;
        for root in roots {
            for name in names(mapping) {
                let place = root(name.into_owned());
                let found = self.view.identify(&place);
                match found {
                    Ok(identity) if is_same(&identity) => return LookUp::Same(identity, place),
                    other => first = first.or(Some(other)),
                }
            }
        }
        match first {
            Some(Ok(_)) if self.shares_mounts.is_some() => LookUp::Other,
            Some(Ok(_)) => LookUp::Failed(io::Error::other("it is not known which mounts the process sees")),
            Some(Err(error)) if !is_gone(&error) => LookUp::Failed(error),
            _ => LookUp::Absent,
        }
    }
}

/// The names that a mapping's file may have, the likely one first: the mark and the escape of the kernel may be part of a
/// real name.
fn names(mapping: &Mapping) -> Vec<Cow<'_, [u8]>> {
    let Backing::File { path, .. } = mapping.backing() else { return Vec::new() };
    let verbatim = Cow::Borrowed(&*mapping.name);
    if path == verbatim { vec![path] } else { vec![path, verbatim] }
}

fn on_disk(mapping: &Mapping, by_name: &LookUp) -> OnDisk {
    let Backing::File { deleted, .. } = mapping.backing() else { return OnDisk::Memory };
    match by_name {
        LookUp::Same(..) => OnDisk::Same,
        LookUp::Other => OnDisk::Replaced,
        // The kernel's mark needs no look-up to be believed: the name with the mark was looked up as well.
        _ if deleted => OnDisk::Deleted,
        LookUp::Absent => {
            let reason = "no file has its name where the process's own paths begin";
            OnDisk::Unknown(Cause::Undecided, reason.into())
        }
        LookUp::Failed(error) => OnDisk::Unknown(Cause::Unreadable, error.to_string()),
    }
}

fn not_found(on_disk: &OnDisk, refusal: &str) -> (Cause, String) {
    let why = match on_disk {
        OnDisk::Deleted => "it was deleted or replaced since it was loaded".into(),
        OnDisk::Replaced => {
            "another file has its name now, or the file system has other device numbers".into()
        }
        OnDisk::Memory => "it is in memory only".into(),
        OnDisk::Unknown(_, reason) => reason.clone(),
        OnDisk::Same => String::new(),
    };
    (
        Cause::Unreadable,
        format!("{why}; reading it where it is mapped: {refusal}; run as root to judge what was loaded"),
    )
}

/// Whether a file is the one that a line of `maps` tells by its numbers.
fn is_in_maps(identity: &Identity, mapping: &Mapping) -> bool {
    let (major, minor) = mapping.device;
    identity.inode == mapping.inode && identity.device == rustix::fs::makedev(major, minor)
}
