//! ELF files inside other files.

use std::path::Path;
use std::process::Command;

use hardpan_checksec::{Scan, ScanOptions, scan};
use hardpan_image::{DirTree, Index};
use hardpan_report::Cause;

use crate::support::{Root, find, has_peers, run};

/// An object file with a function.
fn object(directory: &Path, name: &str, flags: &[&str]) {
    std::fs::write(
        directory.join("x.c"),
        "int f(char *s) { char b[64]; __builtin_strcpy(b, s); return b[0]; }",
    )
    .unwrap();
    run("cc", &[&["-O2", "-c", "x.c", "-o", name], flags].concat(), directory);
}

fn paths(scan: &Scan) -> Vec<String> {
    scan.elves.iter().map(|elf| String::from_utf8_lossy(&elf.path).into_owned()).collect()
}

#[test]
fn members_of_libraries_are_judged_under_their_names() {
    if !has_peers("members_of_libraries_are_judged_under_their_names", &["cc", "ar"]) {
        return;
    }
    let root = Root::new();
    object(root.path(), "good.o", &["-fstack-protector-all"]);
    object(root.path(), "weak.o", &["-fno-stack-protector", "-z", "execstack"]);
    root.write("readme.txt", b"no ELF file");
    // The same name twice, and one that is too long for the header.
    run("ar", &["qc", "libx.a", "good.o", "weak.o", "good.o", "readme.txt"], root.path());
    let scan = root.scan();
    let names =
        ["/good.o", "/libx.a(good.o#2)", "/libx.a(good.o)", "/libx.a(weak.o)", "/weak.o"].map(str::to_owned);
    assert_eq!(paths(&scan), names);
    assert!(scan.unreadable.is_empty());
    for (member, file) in [("/libx.a(good.o)", "/good.o"), ("/libx.a(weak.o)", "/weak.o")] {
        let (member, file) = (find(&scan, member), find(&scan, file));
        assert_eq!(member.facts, file.facts);
        assert_eq!((&member.judgements, member.size), (&file.judgements, file.size));
    }
    assert_ne!(find(&scan, "/good.o").judgements, find(&scan, "/weak.o").judgements);
}

#[test]
fn libraries_that_nobody_named_are_counted_and_left_closed() {
    if !has_peers("libraries_that_nobody_named_are_counted_and_left_closed", &["cc", "ar"]) {
        return;
    }
    let root = Root::new();
    object(root.path(), "x.o", &[]);
    run("ar", &["qc", "named.a", "x.o"], root.path());
    run("ar", &["qc", "other.a", "x.o"], root.path());
    let tree = DirTree::open(root.path()).unwrap();
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    let named = [index.lookup(b"/named.a").unwrap()];
    let found = |libraries, members| {
        scan(&index, &ScanOptions { libraries, members, ..ScanOptions::default() }, &|_| true).unwrap()
    };
    let shown = |scan: Scan| (paths(&scan), scan.closed_libraries);
    let with = |more: &[&str]| more.iter().chain(&["/x.o"]).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(found(&[], false)), (with(&[]), 2));
    assert_eq!(shown(found(&named, false)), (with(&["/named.a(x.o)"]), 1));
    assert_eq!(shown(found(&[], true)), (with(&["/named.a(x.o)", "/other.a(x.o)"]), 0));
}

#[test]
fn damaged_and_thin_libraries_are_unknown() {
    if !has_peers("damaged_and_thin_libraries_are_unknown", &["cc", "ar"]) {
        return;
    }
    let root = Root::new();
    let outside = Root::new();
    object(outside.path(), "outside.o", &[]);
    object(root.path(), "x.o", &[]);
    run("ar", &["qc", "whole.a", "x.o", "x.o"], root.path());
    let whole = std::fs::read(root.path().join("whole.a")).unwrap();
    root.write("cut.a", &whole[..whole.len() - 10]);
    run("ar", &["qc", "--thin", "thin.a", outside.path().join("outside.o").to_str().unwrap()], root.path());
    std::fs::remove_file(root.path().join("whole.a")).unwrap();
    let scan = root.scan();
    // What came before the damage is judged all the same.
    assert_eq!(paths(&scan), ["/cut.a(x.o)", "/x.o"]);
    let unreadable: Vec<_> = scan.unreadable.iter().map(|file| (&file.path[..], file.cause)).collect();
    assert_eq!(unreadable, [(&b"/cut.a"[..], Cause::Malformed), (b"/thin.a", Cause::NoFacts)]);
    assert!(scan.unreadable[1].reason.contains("thin"), "{}", scan.unreadable[1].reason);
}

#[test]
fn members_that_hold_code_in_another_form_are_unknown() {
    if !has_peers("members_that_hold_code_in_another_form_are_unknown", &["cc", "clang", "ar"]) {
        return;
    }
    let root = Root::new();
    object(root.path(), "x.o", &[]);
    run("clang", &["-flto", "-c", "x.c", "-o", "bitcode.o"], root.path());
    run("ar", &["qc", "inner.a", "x.o"], root.path());
    run("ar", &["qcS", "libx.a", "bitcode.o", "inner.a", "x.c"], root.path());
    std::fs::remove_file(root.path().join("inner.a")).unwrap();
    let scan = root.scan();
    assert_eq!(paths(&scan), ["/x.o"]);
    let unreadable: Vec<_> = scan.unreadable.iter().map(|file| (&file.path[..], file.cause)).collect();
    let wanted = [(&b"/libx.a(bitcode.o)"[..], Cause::NoFacts), (b"/libx.a(inner.a)", Cause::Limit)];
    assert_eq!(unreadable, wanted);
}

/// Each of many members can have the same long name.
#[test]
fn names_of_members_take_only_so_much_memory() {
    let header =
        |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
    let mut library = format!("!<arch>\n{}{}/\n\n", header("//", 4002), "n".repeat(3999)).into_bytes();
    for _ in 0..20_000 {
        library.extend(header("/0", 0).into_bytes());
    }
    let root = Root::new();
    root.write("libx.a", &library);
    let scan = root.scan();
    let [file] = &scan.unreadable[..] else { panic!("{:?}", scan.unreadable.len()) };
    assert_eq!((&file.path[..], file.cause), (&b"/libx.a"[..], Cause::Limit));
}

#[test]
fn compressed_modules_are_judged_as_what_is_in_them() {
    if !has_peers("compressed_modules_are_judged_as_what_is_in_them", &["cc", "gzip", "xz", "zstd"]) {
        return;
    }
    let root = Root::new();
    object(root.path(), "m.ko", &["-fstack-protector-all"]);
    for (tool, ending) in [("gzip", "gz"), ("xz", "xz"), ("zstd", "zst")] {
        let packed =
            Command::new(tool).args(["-qc", "m.ko"]).current_dir(root.path()).output().unwrap().stdout;
        root.write(&format!("lib/m.ko.{ending}"), &packed);
        root.write(&format!("cut/m.ko.{ending}"), &packed[..packed.len() - 3]);
        // Other compressed files are data.
        root.write(&format!("share/m.{ending}"), &packed);
    }
    root.write("lib/text.ko.gz", b"this is no gzip file");
    let scan = root.scan();
    assert_eq!(paths(&scan), ["/lib/m.ko.gz", "/lib/m.ko.xz", "/lib/m.ko.zst", "/m.ko"]);
    let plain = find(&scan, "/m.ko");
    for elf in &scan.elves {
        assert_eq!((&elf.facts, elf.size), (&plain.facts, plain.size));
    }
    let unreadable: Vec<_> = scan.unreadable.iter().map(|file| (&file.path[..], file.cause)).collect();
    let damaged = |path: &'static [u8]| (path, Cause::Malformed);
    let wanted = [&b"/cut/m.ko.gz"[..], b"/cut/m.ko.xz", b"/cut/m.ko.zst", b"/lib/text.ko.gz"];
    assert_eq!(unreadable, wanted.map(damaged));
}

/// Two gigabytes of zeros are two megabytes in gzip, and a kernel module has not as many.
#[test]
fn a_module_that_unpacks_to_no_end_is_over_the_limit() {
    let test = "a_module_that_unpacks_to_no_end_is_over_the_limit";
    if !has_peers(test, &["zstd", "truncate"]) {
        return;
    }
    let root = Root::new();
    run("truncate", &["-s", "1073741825", "zeros"], root.path());
    run("zstd", &["-q", "--rm", "zeros", "-o", "bomb.ko.zst"], root.path());
    let scan = root.scan();
    let [file] = &scan.unreadable[..] else { panic!("{:?}", scan.unreadable) };
    assert_eq!((&file.path[..], file.cause), (&b"/bomb.ko.zst"[..], Cause::Limit));
}
