//! Archives that are cut, damaged, or lie.

use std::fs;

use crate::util::report::Report;
use crate::util::{Dir, Numbers, elf, lacks, root, text};

/// A tree's archives: plain, gzip, Zstandard.
fn archives() -> Dir {
    let dir = Dir::new();
    root::build(&dir);
    fs::remove_file(dir.path("root/run/socket")).unwrap();
    dir.tool("tar", &["--format=pax", "--sparse", "-cf", "whole.tar", "-C", "root", "."]);
    dir.tool("gzip", &["--keep", "whole.tar"]);
    dir.tool("zstd", &["--quiet", "--keep", "whole.tar"]);
    dir
}

#[test]
fn a_cut_archive_is_never_a_whole_one() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = archives();
    let whole = dir.report(&["audit", "whole.tar"]);
    for name in ["whole.tar", "whole.tar.gz", "whole.tar.zst"] {
        let bytes = fs::read(dir.path(name)).unwrap();
        // Two blocks of zeros end an archive, and readers agree that one is enough; what follows fills up a record.
        let needed = if name == "whole.tar" { end_of(&bytes) } else { bytes.len() };
        for step in 0..=50 {
            let cut = needed * step / 50;
            let cut = if step == 50 { needed - 1 } else { cut };
            dir.write("cut", &bytes[..cut]);
            let output = dir.run(&["audit", "cut", "--format=json"]);
            assert_eq!(output.status.code(), Some(2), "{name} cut at {cut}: {}", text(&output));
            if let Ok(report) = Report::parse(&output.stdout) {
                assert!(!report.problems().is_empty(), "{name} cut at {cut} has no problem");
                let entries = |report: &Report| report.0["coverage"]["entries"].as_u64().unwrap();
                assert!(entries(&report) <= entries(&whole));
            } else {
                // Nothing could be read at all.
                assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{name} cut at {cut}");
            }
        }
        dir.write("cut", &bytes[..needed]);
        let report = dir.report(&["audit", "cut"]);
        assert_eq!((report.exit_code(), report.problems().len()), (1, 0), "{name} up to its end");
    }
}

#[test]
fn a_damaged_archive_is_never_a_reason_to_fall_over() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = archives();
    let mut numbers = Numbers::seeded(42);
    for name in ["whole.tar", "whole.tar.gz", "whole.tar.zst"] {
        let bytes = fs::read(dir.path(name)).unwrap();
        for step in 0..50 {
            let mut bytes = bytes.clone();
            let at = bytes.len() * step / 50;
            bytes[at] ^= 1 << numbers.below(8);
            dir.write("damaged", bytes);
            let output = dir.run(&["audit", "damaged", "--format=json"]);
            let code = output.status.code();
            // A plain archive has checksums of headers only; compressed ones have them over everything, and their own
            // programs know whether a bit matters.
            let accepts = |program: &str| {
                let damaged = fs::File::open(dir.path("damaged")).unwrap();
                dir.command(program, &["--test"]).stdin(damaged).output().unwrap().status.success()
            };
            let whole = match name {
                "whole.tar.gz" => accepts("gzip"),
                "whole.tar.zst" => accepts("zstd"),
                _ => code == Some(1),
            };
            let expected = if whole { 1 } else { 2 };
            assert_eq!(code, Some(expected), "{name} at {at}: {}", text(&output));
            assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{name} at {at} says nothing");
        }
    }
}

#[test]
fn names_that_lead_outside_are_refused_and_absolute_ones_are_inside() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("outside", "not to be seen");
    let mut archive = Vec::new();
    member(&mut archive, "etc/passwd", b"root:x:0:0::/:/bin/false\n");
    member(&mut archive, "/opt/absolute", elf::weak());
    member(&mut archive, "../outside", b"x");
    member(&mut archive, "opt/../../../etc/shadow", b"root::1::::::\n");
    archive.extend([0; 1024]);
    dir.write("a.tar", archive);
    let report = dir.report(&["audit", "a.tar"]);
    assert_eq!(report.exit_code(), 2);
    assert!(report.executables().contains("/opt/absolute"));
    // Where such a name would end up is for whoever extracts it to choose, so the problem has no path but the name.
    let problems = report.0["coverage"]["problems"].as_array().unwrap();
    let reasons: Vec<&str> = problems.iter().map(|problem| problem["reason"].as_str().unwrap()).collect();
    for name in ["`../outside`", "`opt/../../../etc/shadow`"] {
        assert!(reasons.iter().any(|reason| reason.contains(name)), "{name} is not in {reasons:?}");
    }
    assert_eq!(problems.len(), 2, "{reasons:?}");
    assert_eq!(report.0["coverage"]["files"], 2);
    assert_eq!(fs::read(dir.path("outside")).unwrap(), b"not to be seen");
}

#[test]
fn what_is_no_root_file_system_is_refused_by_name() {
    if lacks(&["cc", "gzip"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("empty", "");
    dir.write("text", "hello\n".repeat(1000));
    dir.write("program", elf::hardened());
    dir.tool("gzip", &["--keep", "text"]);
    for name in ["empty", "text", "program", "text.gz"] {
        let message = dir.fails(2, &["audit", name]);
        assert!(message.contains(&format!("{name} is neither a directory nor a tar")), "{message}");
    }
}

/// A gigabyte of zeros is some kilobytes in an archive; what it claims to hold is not held in memory.
#[test]
fn a_compressed_hole_does_not_fill_the_memory() {
    if lacks(&["tar", "bash"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    fs::File::create(dir.path("root/hole")).unwrap().set_len(1 << 30).unwrap();
    dir.tool("tar", &["--sparse", "-czf", "hole.tar.gz", "-C", "root", "."]);
    let limited = format!("ulimit -v 1500000; exec {} audit hole.tar.gz --format=json", crate::util::HARDPAN);
    let report = Report::of(&dir.command("bash", &["-c", &limited]).output().unwrap());
    assert_eq!((report.exit_code(), report.problems().len()), (1, 0), "{}", report.0["coverage"]);
}

/// Where the first of the two blocks of zeros ends that end a plain archive.
fn end_of(archive: &[u8]) -> usize {
    let blocks = archive.chunks(512).collect::<Vec<_>>();
    let last = blocks.iter().rposition(|block| block.iter().any(|byte| *byte != 0)).unwrap();
    (last + 2) * 512
}

/// Appends a file under a name that no well-meant program would write.
fn member(archive: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o755);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    archive.extend(header.as_bytes());
    archive.extend(bytes);
    archive.resize(archive.len().next_multiple_of(512), 0);
}
