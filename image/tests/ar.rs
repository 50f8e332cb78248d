//! `Ar` against `ar` itself, against the reader of the `object` crate, and against damage.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use hardpan_image::{Ar, ArMember, Error, read_exact_at};

fn members(bytes: &[u8]) -> Result<Vec<ArMember>, Error> {
    let bytes = bytes.to_vec();
    let mut archive = Ar::new(&bytes)?;
    let mut members = Vec::new();
    while let Some(member) = archive.next()? {
        members.push(member);
    }
    Ok(members)
}

fn content(archive: &[u8], member: &ArMember) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(member.len).unwrap()];
    read_exact_at(&archive.to_vec(), &mut bytes, member.start.unwrap()).unwrap();
    bytes
}

fn names(members: &[ArMember]) -> Vec<String> {
    members.iter().map(|member| String::from_utf8(member.name.clone()).unwrap()).collect()
}

fn ar(directory: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ar").args(arguments).current_dir(directory).output().expect("ar");
    assert!(output.status.success(), "ar {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Odd and even lengths, an empty file, and names of 15, 16 and many bytes, which are written in different ways.
fn files(directory: &Path) -> Vec<String> {
    let names = ["a.o", "empty", "exactly15bytes_", "exactly16bytes__", &"long".repeat(40), "with space.o"];
    for (index, name) in names.iter().enumerate() {
        std::fs::write(directory.join(name), vec![b'x'; [3, 0, 4, 5, 7, 100][index]]).unwrap();
    }
    names.map(str::to_owned).to_vec()
}

#[test]
fn names_and_contents_are_those_that_ar_has() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    for options in ["rcs", "rcS", "rcsU", "qcD"] {
        let _ = std::fs::remove_file(dir.path().join("x.a"));
        let mut arguments = vec![options, "x.a"];
        arguments.extend(files.iter().map(String::as_str));
        ar(dir.path(), &arguments);
        let bytes = std::fs::read(dir.path().join("x.a")).unwrap();
        let found = members(&bytes).unwrap();
        assert_eq!(names(&found), files, "{options}");
        for member in &found {
            let name = String::from_utf8(member.name.clone()).unwrap();
            assert_eq!(content(&bytes, member), ar(dir.path(), &["p", "x.a", &name]), "{options} {name}");
        }
    }
}

#[test]
fn members_of_a_thin_archive_are_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let mut arguments = vec!["rcs", "--thin", "x.a"];
    arguments.extend(files.iter().map(String::as_str));
    ar(dir.path(), &arguments);
    let bytes = std::fs::read(dir.path().join("x.a")).unwrap();
    let found = members(&bytes).unwrap();
    assert_eq!(names(&found), files);
    assert!(found.iter().all(|member| member.start.is_none()));
    assert!(Ar::new(&bytes).unwrap().is_thin());
}

/// One header with its data and padding.
fn member(name: &str, size: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).into_bytes();
    bytes.extend_from_slice(data);
    bytes.extend((data.len() % 2 == 1).then_some(b'\n'));
    bytes
}

#[test]
fn names_of_bsd_are_before_the_data() {
    let parts = [
        b"!<arch>\n".to_vec(),
        member("#1/20", "24", b"__.SYMDEF SORTED\0\0\0\0tabl"),
        member("__.SYMDEF", "4", b"tabl"),
        member("short.o", "3", b"abc"),
        member("#1/12", "15", b"long name.o\0xyz"),
    ];
    let bytes = parts.concat();
    let found = members(&bytes).unwrap();
    assert_eq!(names(&found), ["short.o", "long name.o"]);
    assert_eq!(content(&bytes, &found[0]), b"abc");
    assert_eq!(content(&bytes, &found[1]), b"xyz");
}

#[test]
fn sizes_and_names_that_cannot_be_are_refused() {
    let with = |parts: &[Vec<u8>]| members(&[b"!<arch>\n".to_vec(), parts.concat()].concat());
    assert_eq!(with(&[]).unwrap(), []);
    for size in ["-1", "9999999999", "", "0x10", "1 2", "5"] {
        let error = with(&[member("a/", size, b"abcd")]).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{size}: {error}");
    }
    let table = member("//", "12", b"long name/\n ");
    assert_eq!(names(&with(&[table.clone(), member("/0", "1", b"x")]).unwrap()), ["long name"]);
    assert_eq!(names(&with(&[table.clone(), member("/5", "1", b"x")]).unwrap()), ["name"]);
    let no_end = member("//", "12", b"long name/  ");
    for parts in [
        &[member("/0", "1", b"x")][..],
        &[table.clone(), member("/12", "1", b"x")],
        &[table.clone(), member("/11", "1", b"x")],
        &[table.clone(), member("/99999999999999", "1", b"x")],
        &[table.clone(), table.clone()],
        &[no_end, member("/0", "1", b"x")],
        &[member("#1/9", "3", b"abc")],
        &[member("#1/-1", "3", b"abc")],
        &[member("a/", "1", b"x")[..59].to_vec()],
    ] {
        assert!(with(parts).is_err(), "{parts:?}");
    }
    // GNU's writer pads the last member, and no reader asks for it.
    assert_eq!(with(&[member("a/", "3", b"abc")[..63].to_vec()]).unwrap().len(), 1);
    assert!(members(b"!<arch>").is_err() && members(b"").is_err());
}

#[test]
fn damage_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let mut arguments = vec!["rcs", "x.a"];
    arguments.extend(files.iter().map(String::as_str));
    ar(dir.path(), &arguments);
    let whole = std::fs::read(dir.path().join("x.a")).unwrap();
    for at in 0..whole.len() {
        for value in [0, b'9', b'/', 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(found) = members(&bytes) {
                assert!(found.iter().all(|member| member.start.unwrap() + member.len <= bytes.len() as u64));
            }
        }
        let _ = members(&whole[..at]);
    }
}

/// Every static library of this host: the same names and the same places as `object` finds.
#[test]
fn object_finds_the_same_in_every_library_of_the_host() {
    let mut libraries = Vec::new();
    for start in ["/usr/lib", "/usr/local/lib", "/root/.rustup"] {
        find(Path::new(start), &mut libraries);
    }
    let mut count = 0;
    for path in &libraries {
        let file = std::fs::read(path).unwrap();
        let Ok(theirs) = object::read::archive::ArchiveFile::parse(&*file) else { continue };
        if theirs.is_thin() {
            continue;
        }
        let theirs: Vec<(Vec<u8>, u64, u64)> = theirs
            .members()
            .map(|member| member.unwrap())
            .map(|member| (member.name().to_vec(), member.file_range().0, member.file_range().1))
            .collect();
        let ours = members(&file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let ours: Vec<_> =
            ours.into_iter().map(|member| (member.name, member.start.unwrap(), member.len)).collect();
        assert!(ours == theirs, "{}", path.display());
        count += ours.len();
    }
    assert!(libraries.len() > 10 && count > 500, "{} libraries with {count} members", libraries.len());
}

fn find(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in walkdir::WalkDir::new(directory).into_iter().filter_map(Result::ok) {
        let is_library = entry.path().extension().is_some_and(|ending| ending == "a" || ending == "rlib");
        if entry.file_type().is_file() && is_library && entry.metadata().is_ok_and(|data| data.len() < LARGE)
        {
            found.push(entry.into_path());
        }
    }
}

/// Reading the largest for a comparison of headers takes longer than all the others.
const LARGE: u64 = 20 << 20;
