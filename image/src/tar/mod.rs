//! Tar archives: what `docker export`, `tar` and `mkosi` write, what packages hold, and layers of container images.

mod header;
mod member;
mod sparse;

use crate::archive::{Builder, Content, Extent, Member, clean};
use crate::{Error, FileKind, ReadAt};
use member::Members;
pub(crate) use member::{End, Member as TarMember};

/// Whether a file that begins with these bytes begins with a tar header.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|block| header::Header::parse(block, 0).is_ok())
}

/// Adds every member to a tree. What is odd is recorded there, and ends it where the next header cannot be found.
///
/// `is_cut` says that the archive is known to end early, which then needs no second mention.
pub(crate) fn read(archive: Box<dyn ReadAt>, builder: &mut Builder, is_cut: bool) {
    let source = builder.next_source();
    if let Err(error) = for_each(&*archive, End::Marker, |member| adopt(&member, source, builder))
        && !is_cut
    {
        builder.odd(b"", error.to_string(), true);
    }
    builder.add_source(archive);
}

/// Every member up to the end or the first damage.
pub(crate) fn for_each(archive: &dyn ReadAt, end: End, mut each: impl FnMut(TarMember)) -> Result<(), Error> {
    let mut members = Members::new(archive, end);
    while let Some(member) = members.next()? {
        each(member);
    }
    Ok(())
}

/// Adds one member, whose bytes are in the source of this number.
pub(crate) fn adopt(member: &TarMember, source: usize, builder: &mut Builder) {
    if let Err(reason) = try_adopt(member, source, builder) {
        let what =
            format!("tar header at offset {}, `{}`: {reason}", member.offset, member.name.escape_ascii());
        // A name that means no place in the tree may stand for any.
        builder.odd(&clean(&member.name).unwrap_or_default(), what, true);
    }
}

fn try_adopt(member: &TarMember, source: usize, builder: &mut Builder) -> Result<(), String> {
    let path = clean(&member.name)?;
    if member.header.kind == b'1' {
        return builder.hard_link(&path, &clean(&member.link)?);
    }
    let (kind, content) = content(member, source)?;
    let header = &member.header;
    builder.put(
        &path,
        Member {
            kind,
            mode: u32::try_from(header.mode & 0o7777).unwrap_or(0),
            uid: u32::try_from(header.uid).map_err(|_| "a user id over 32 bits")?,
            gid: u32::try_from(header.gid).map_err(|_| "a group id over 32 bits")?,
            mtime: header.mtime,
            rdev: device(member, kind),
            content,
            xattrs: member.xattrs.clone(),
        },
    )?;
    Ok(())
}

fn content(member: &TarMember, source: usize) -> Result<(FileKind, Content), String> {
    let extent = Extent { source, start: member.data, len: member.stored };
    Ok(match (member.header.kind, &member.sparse) {
        (_, Some(map)) => (FileKind::File, Content::Sparse(extent, map.clone())),
        // Before ustar a directory was a file whose name ended with a slash.
        (b'\0', None) if member.name.ends_with(b"/") => (FileKind::Directory, Content::Empty),
        // GNU tar makes a directory of it, others a file.
        (b'0' | b'7', None) if member.name.ends_with(b"/") => {
            return Err("a regular file whose name ends with a slash".into());
        }
        (b'0' | b'\0' | b'7', None) => (FileKind::File, Content::Bytes(extent)),
        (b'2', None) => (FileKind::Symlink, Content::Target(member.link.clone().into())),
        (b'3', None) => (FileKind::CharDevice, Content::Empty),
        (b'4', None) => (FileKind::BlockDevice, Content::Empty),
        (b'5', None) => (FileKind::Directory, Content::Empty),
        (b'6', None) => (FileKind::Fifo, Content::Empty),
        (kind, None) => {
            return Err(format!("a member of unknown type `{}`", char::from(kind).escape_default()));
        }
    })
}

fn device(member: &TarMember, kind: FileKind) -> Option<(u32, u32)> {
    if !matches!(kind, FileKind::CharDevice | FileKind::BlockDevice) {
        return None;
    }
    let (major, minor) = member.header.device;
    Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
}
