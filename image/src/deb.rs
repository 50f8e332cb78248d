//! Debian packages: an `ar` archive with the files that are installed in `data.tar`, as deb(5) has it.
//!
//! The files of `control.tar` are scripts and lists for the package manager, and no part of the tree; that they can be read
//! is made sure of all the same.

use std::sync::Arc;

use crate::ar::{Ar, ArMember};
use crate::archive::{ArchiveTree, Builder};
use crate::compression::{Compression, unpack};
use crate::open::OpenError;
use crate::read_at::Stream;
use crate::{Error, ReadAt, Section, TreeKind, read_to_vec, tar};

/// Whether an `ar` archive that begins with these bytes is a package.
pub(crate) fn is_package(head: &[u8]) -> bool {
    head.starts_with(b"!<arch>\ndebian-binary")
}

/// Reads a package, whose parts are at most `limit` bytes when they are unpacked.
pub(crate) fn open(source: Box<dyn ReadAt>, limit: u64) -> Result<ArchiveTree, OpenError> {
    let source: Arc<dyn ReadAt> = Arc::from(source);
    let mut builder = Builder::new();
    let parts = Parts::find(&*source, &mut builder)?;
    check_version(&*source, &parts.version)?;
    if let Some(control) = &parts.control {
        check_control(&source, control, &mut builder, limit)?;
    } else {
        builder.odd(b"", "the package has no control.tar", false);
    }
    let (part, damage) = unpacked(&source, &parts.data, limit)?;
    let is_cut = damage.is_some();
    if let Some(damage) = damage {
        builder.odd(b"", format!("{}: {damage}", parts.data.name.escape_ascii()), true);
    }
    tar::read(part, &mut builder, is_cut);
    Ok(builder.finish(TreeKind::Deb))
}

struct Parts {
    version: ArMember,
    control: Option<ArMember>,
    data: ArMember,
}

impl Parts {
    fn find(source: &dyn ReadAt, builder: &mut Builder) -> Result<Self, OpenError> {
        let mut archive = Ar::new(source)?;
        let version = archive.next()?.ok_or_else(|| malformed(8, "the package is empty"))?;
        let mut control = None;
        loop {
            let member = archive.next()?.ok_or_else(|| malformed(8, "the package has no data.tar"))?;
            if member.name.starts_with(b"data.tar") {
                // dpkg looks no further. What it does not install is not in the tree, and is mentioned.
                if archive.next().ok().flatten().is_some_and(|more| !more.name.starts_with(b"_")) {
                    builder.odd(
                        b"",
                        "the package has members after data.tar, which are not installed",
                        false,
                    );
                }
                return Ok(Self { version, control, data: member });
            }
            match &member.name[..] {
                name if name.starts_with(b"control.tar") && control.is_none() => control = Some(member),
                // Room for extensions, which every reader skips.
                [b'_', ..] => {}
                name => {
                    let reason = format!("a member `{}` before data.tar", name.escape_ascii());
                    return Err(malformed(member.header, reason).into());
                }
            }
        }
    }
}

fn check_version(source: &dyn ReadAt, member: &ArMember) -> Result<(), Error> {
    let start = member.start.unwrap_or_default();
    let text = read_to_vec(&Section { source, start, len: member.len }, 64).map_err(Error::io("read"))?;
    if text.starts_with(b"2.") && text.ends_with(b"\n") {
        return Ok(());
    }
    Err(malformed(start, format!("its format is `{}`, not 2.x", text.escape_ascii())))
}

/// Damage there hides nothing of the files, and is reported.
fn check_control(
    source: &Arc<dyn ReadAt>,
    member: &ArMember,
    builder: &mut Builder,
    limit: u64,
) -> Result<(), OpenError> {
    let (part, damage) = unpacked(source, member, limit)?;
    let damage = damage.or_else(|| tar::for_each(&*part, tar::End::Marker, |_| {}).err());
    if let Some(damage) = damage {
        builder.odd(b"", format!("{}: {damage}", member.name.escape_ascii()), false);
    }
    Ok(())
}

/// A part of the package out of its compression, which its name tells, and what was wrong with that.
fn unpacked(
    source: &Arc<dyn ReadAt>,
    member: &ArMember,
    limit: u64,
) -> Result<(Box<dyn ReadAt>, Option<Error>), OpenError> {
    let start = member.start.unwrap_or_default();
    let section = Section { source: Arc::clone(source), start, len: member.len };
    let ending = member.name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let compression = match ending {
        b"tar" => return Ok((Box::new(section), None)),
        b"gz" => Compression::Gzip,
        b"xz" => Compression::Xz,
        b"zst" => Compression::Zstd,
        b"bz2" => return Err(OpenError::Compression("bzip2")),
        b"lzma" => return Err(OpenError::Compression("lzma")),
        _ => {
            let reason = format!("`{}` is compressed in an unknown way", member.name.escape_ascii());
            return Err(malformed(member.header, reason).into());
        }
    };
    let unpacked = unpack(Some(compression), Stream::new(&section), limit)
        .map_err(|source| OpenError::Io { operation: "write a temporary file", source })?;
    Ok((Box::new(unpacked.bytes), unpacked.damage))
}

fn malformed(offset: u64, reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "Debian package", offset, reason: reason.into() }
}
