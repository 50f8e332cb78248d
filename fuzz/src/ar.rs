//! Archives of `ar`.

use hardpan_image::{Ar, ReadAt, read_exact_at};
use object::read::archive::ArchiveFile;

/// Members lie within the archive, one after another; and where the reader of `object` takes an archive too, a
/// member that both find has one size and one name.
pub fn check(bytes: &[u8]) {
    let archive = bytes.to_vec();
    let Ok(mut members) = Ar::new(&archive) else { return };
    let is_thin = members.is_thin();
    let mut ours = Vec::new();
    let mut end = 8;
    loop {
        match members.next() {
            Ok(Some(member)) => {
                assert!(member.header >= end);
                end = member.header + 60;
                if let Some(start) = member.start {
                    assert!(start >= end);
                    end = start + member.len;
                    assert!(end <= archive.len() as u64);
                    let mut content = vec![0; usize::try_from(member.len).expect("it is in the input")];
                    read_exact_at(&archive, &mut content, start).expect("it is in the archive");
                }
                ours.push((member.name, member.start.unwrap_or_default(), member.len));
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert!(ReadAt::len(&archive) >= end || ours.is_empty());
    if is_thin {
        return;
    }
    let Ok(theirs) = ArchiveFile::parse(bytes) else { return };
    let theirs: Result<Vec<_>, _> = theirs.members().collect();
    // What it refuses we may read: it wants fields of the header that decide nothing.
    let Ok(theirs) = theirs else { return };
    // It ends at the first header that is cut, and by the first member it decides which of the others are tables of symbols or
    // of names, so that either reader may have members that the other has not.
    for member in theirs {
        let (start, len) = member.file_range();
        let Some((name, _, size)) = ours.iter().find(|(_, ours, _)| *ours == start) else { continue };
        assert_eq!(len, *size);
        // It ends a name at the first blank or slash, which names may have before their end.
        let is_plain = |name: &[u8]| !name.contains(&b' ') && !name.contains(&b'/');
        if is_plain(name) && is_plain(member.name()) {
            assert_eq!(member.name(), &name[..]);
        }
    }
}

/// An archive with every way to write a name.
pub fn seeds() -> Vec<Vec<u8>> {
    let member = |name: &str, data: &[u8]| {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len());
        let pad: &[u8] = if data.len() % 2 == 1 { b"\n" } else { b"" };
        [header.as_bytes(), data, pad].concat()
    };
    let gnu = [
        member("/", b"\0\0\0\0"),
        member("//", b"a long name.o/\n"),
        member("/0", b"abc"),
        member("b.o/", b""),
    ];
    let bsd =
        [member("__.SYMDEF", b"\0\0\0\0"), member("#1/12", b"long name.o\0xyz"), member("short.o", b"12")];
    [&b"!<arch>\n"[..], b"!<thin>\n"]
        .iter()
        .flat_map(|magic| [&gnu[..], &bsd[..]].map(|members| [magic, &members.concat()[..]].concat()))
        .collect()
}
