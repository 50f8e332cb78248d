//! Files that are no cross of flags: search paths, object files, other languages and C libraries.

use std::path::Path;

use hardpan_checksec::{Scan, matrix};
use hardpan_report::Language;

use crate::matrix::BASE;
use crate::samples::{SOURCES, compile, difference, good_pie, row, with};
use crate::support::{Patch, Root, find, has_peers, run};

/// A line of [`TABLE`].
pub(crate) struct Special {
    name: &'static str,
    compiler: &'static str,
    source: &'static str,
    arguments: &'static str,
    /// Rules and verdicts that differ from a good PIE.
    pub(crate) differs: Vec<(&'static str, &'static str)>,
}

pub(crate) fn table() -> Vec<Special> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<_> = line.split('|').map(str::trim).collect();
            let [name, compiler, source, arguments, differs] = fields[..] else { panic!("{line}") };
            let differs = differs.split(", ").filter(|verdict| !verdict.is_empty());
            let differs = differs.map(|verdict| verdict.split_once(' ').unwrap()).collect();
            Special { name, compiler, source, arguments, differs }
        })
        .collect()
}

#[test]
fn special_files() {
    let Some((_root, scan)) = specials() else { return };
    let mut wrong = Vec::new();
    for special in table() {
        let expected = with(&good_pie(), special.differs);
        wrong.extend(difference(special.name, &row(&scan, special.name), &expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn languages_are_told_with_evidence() {
    let Some((_root, scan)) = specials() else { return };
    let table = matrix(&scan);
    let row = |name: &str| {
        let path = format!("/bin/{name}");
        table.rows.iter().find(|row| row.path.as_bytes() == path.as_bytes()).unwrap()
    };
    let expected = [
        ("runpath-absolute", Language::CFamily, "GCC's name in .comment"),
        ("cplusplus", Language::CFamily, "needs a C++ standard library"),
        ("rust", Language::Rust, "rustc's name in .comment"),
        ("rust-stripped", Language::Rust, "rustc's name in .comment"),
        ("rust-cdylib", Language::Rust, "rustc's name in .comment"),
        ("go", Language::Go, "Go build information"),
        ("no-note", Language::Unknown, ""),
    ];
    for (name, language, evidence) in expected {
        assert_eq!((row(name).language, &*row(name).language_evidence), (language, evidence), "{name}");
    }
    let shares = hardpan_checksec::languages(&scan);
    let files: u64 = shares.iter().map(|share| share.files).sum();
    let loaded = scan.elves.iter().filter(|elf| elf.facts.as_ref().unwrap().kind.is_loaded()).count();
    assert_eq!(files, loaded as u64);
    let percent: f64 = shares.iter().map(|share| share.files_percent).sum();
    assert!((99.7..=100.3).contains(&percent), "{percent}");
}

#[test]
fn a_language_is_told_of_stripped_files() {
    if !has_peers("stripped languages", &["gcc", "rustc", "objcopy"]) {
        return;
    }
    let root = Root::new();
    for (name, source) in SOURCES {
        root.write(&format!("src/{name}"), source);
    }
    let source = |name: &str| root.path().join("src").join(name);
    compile(&root, "rustc", "rust", &["-O".into()], &source("sample.rs"));
    compile(&root, "gcc", "c", &BASE.arguments(), &source("sample.c"));
    let mut go = BASE.arguments();
    go.extend(["-nostdlib".into(), "-static-pie".into(), "-fno-ident".into()]);
    compile(&root, "gcc", "go", &go, &source("go.c"));
    let mut object = BASE.arguments();
    object.push("-c".into());
    compile(&root, "gcc", "part.o", &object, &source("part.c"));
    compile(&root, "rustc", "mixed", &["-O".into(), "-Clink-arg=part.o".into()], &source("mixed.rs"));
    let bin = root.path().join("bin");
    for name in ["rust", "c", "mixed"] {
        run("objcopy", &["-R", ".comment", "-S", name, &format!("{name}-bare")], &bin);
    }
    let bare = Patch(std::fs::read(bin.join("go")).unwrap()).without_sections();
    root.write("bin/go-bare", &bare.0);
    let scan = root.scan();
    let origin = |name: &str| find(&scan, &format!("/bin/{name}")).facts.as_ref().unwrap().origin;
    assert_eq!(origin("rust-bare").evidence, "paths of Rust's standard library in .rodata");
    assert_eq!(origin("rust-bare").language, Language::Rust);
    assert_eq!(origin("c-bare").language, Language::CFamily);
    assert_eq!(origin("mixed").language, Language::Rust);
    assert_eq!(origin("mixed-bare").language, Language::Unknown);
    assert_eq!(origin("mixed-bare").evidence, "Rust's standard library beside C's defences");
    assert_eq!(origin("go-bare").language, Language::Go);
}

fn specials() -> Option<(Root, Scan)> {
    let peers = ["gcc", "g++", "clang", "clang++", "musl-gcc", "rustc"];
    if !has_peers("specials", &peers) {
        return None;
    }
    let root = Root::new();
    for (name, source) in SOURCES {
        root.write(&format!("src/{name}"), source);
    }
    for (directory, mode) in
        [("open", 0o777), ("open/below", 0o755), ("sticky", 0o1777), ("sticky/mine", 0o755)]
    {
        make_directory(&root.path().join(directory), mode);
    }
    std::os::unix::fs::symlink("open", root.path().join("link")).unwrap();
    for special in table() {
        let mut arguments: Vec<String> = match special.name {
            "bpf" => ["--target=bpf", "-O2", "-c"].map(Into::into).into(),
            _ if special.compiler == "rustc" => vec!["-O".into()],
            _ => BASE.arguments(),
        };
        arguments.extend(special.arguments.split_whitespace().map(Into::into));
        let source = root.path().join("src").join(special.source);
        compile(&root, special.compiler, special.name, &arguments, &source);
    }
    let scan = root.scan();
    Some((root, scan))
}

fn make_directory(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Name, compiler, source, arguments, and the verdicts that differ from a good PIE.
const TABLE: &str = r"
rpath-absolute | gcc | sample.c | -Wl,-rpath,/usr/lib,--disable-new-dtags | rpath +safe RPATH
runpath-absolute | gcc | sample.c | -Wl,-rpath,/usr/lib,--enable-new-dtags | rpath +safe RUNPATH
runpath-origin | clang | sample.c | -Wl,-rpath,$ORIGIN/../lib,--enable-new-dtags | rpath +safe RUNPATH, safe-stack -no
rpath-origin-escapes | gcc | sample.c | -Wl,-rpath,$ORIGIN/../../lib,--disable-new-dtags | rpath -unsafe
rpath-empty | gcc | sample.c | -Wl,-rpath,/usr/lib::/lib,--disable-new-dtags | rpath -unsafe
runpath-relative | gcc | sample.c | -Wl,-rpath,lib,--enable-new-dtags | rpath -unsafe
runpath-open | gcc | sample.c | -Wl,-rpath,/open,--enable-new-dtags | rpath -unsafe
runpath-below-open | gcc | sample.c | -Wl,-rpath,/open/below,--enable-new-dtags | rpath -unsafe
runpath-link-to-open | gcc | sample.c | -Wl,-rpath,/link,--enable-new-dtags | rpath -unsafe
runpath-sticky-missing | gcc | sample.c | -Wl,-rpath,/sticky/none,--enable-new-dtags | rpath -unsafe
runpath-sticky-there | gcc | sample.c | -Wl,-rpath,/sticky/mine,--enable-new-dtags | rpath +safe RUNPATH
runpath-missing | gcc | sample.c | -Wl,-rpath,/srv/none,--enable-new-dtags | rpath +safe RUNPATH
runpath-lib-token | gcc | sample.c | -Wl,-rpath,/usr/$LIB,--enable-new-dtags | rpath ?unknown
interpreter-relative | gcc | sample.c | -Wl,--dynamic-linker=evil.sh | rpath -unsafe
interpreter-open | gcc | sample.c | -Wl,--dynamic-linker=/open/ld.so | rpath -unsafe
textrel | gcc | textrel.c | -Wl,-z,notext | textrel -yes
textrel-shared | clang | textrel.c | -shared -Wl,-z,notext | textrel -yes, pie ~DSO, safe-stack -no
omagic | musl-gcc | sample.c | -static -no-pie -fno-pie -Wl,-N | wx-segments -no, relro ~no GOT, bind-now ~static, pie -no, stack-protector ?no sign, fortify ?static, rpath ~static, textrel ~static, symbols -debug, separate-code -writable
nothing-protected | gcc | plain.c |  | stack-protector ?no sign, fortify ~nothing
undecided-fortify | gcc | reads.c |  | stack-protector ?no sign, fortify ?no sign
no-plt | gcc | plain.c | -fno-plt -Wl,-z,lazy | bind-now +no PLT, stack-protector ?no sign, fortify ~nothing
data-only | gcc | data.c | -shared -nostdlib -Wl,-z,norelro,-z,lazy | relro ~no GOT, bind-now +no PLT, pie ~DSO, stack-protector ~no code, fortify ~no glibc, cet ~no code, cfi ~no code, safe-stack ~no code, separate-code ~no code, stack-clash ~no code
module | gcc | module.c | -c | relro ~n/a, bind-now ~n/a, pie ~n/a, nx-stack ~n/a, fortify ~n/a, rpath ~n/a, textrel ~n/a, wx-segments ~n/a, cet ~n/a, branch-protection ~n/a, safe-stack ~n/a, symbols +stripped, build-id -none, separate-code ~n/a, stack-clash ~n/a
no-note | gcc | no-note.s | -c | relro ~n/a, bind-now ~n/a, pie ~n/a, nx-stack -missing, stack-protector ?no sign, fortify ~nothing, rpath ~n/a, textrel ~n/a, wx-segments ~n/a, cfi ~n/a, safe-stack ~n/a, symbols ~n/a, build-id ~n/a, separate-code ~n/a
exec-note | gcc | exec-note.s | -c | relro ~n/a, bind-now ~n/a, pie ~n/a, nx-stack -exec, stack-protector ?no sign, fortify ~nothing, rpath ~n/a, textrel ~n/a, wx-segments ~n/a, cfi ~n/a, safe-stack ~n/a, symbols ~n/a, build-id ~n/a, separate-code ~n/a
# Debian's start files for musl have debug information.
musl | musl-gcc | sample.c | -Wl,-z,lazy | relro %partial, fortify ~musl, symbols -debug
musl-now | musl-gcc | sample.c |  | fortify ~musl, symbols -debug
musl-static | musl-gcc | sample.c | -static -no-pie | pie -no, bind-now ~static, stack-protector ?no sign, fortify ?static, rpath ~static, textrel ~static, symbols -debug
cplusplus | g++ | sample.cc |  | fortify +2+
# clang does not replace printf in C++, so nothing tells whether the level was 2.
clang-cplusplus | clang++ | prints.cc |  | stack-protector ?no sign, fortify ?no sign, safe-stack -no
go | gcc | go.c | -nostdlib -static-pie -fno-ident | bind-now ~static, pie +static PIE, stack-protector ~Go, fortify ~Go, cfi ~Go, safe-stack ~Go, stack-clash ~Go
# rustc links with LLD, which packs segments into neighbouring pages.
rust | rustc | sample.rs |  | stack-protector ~Rust, fortify ~Rust, cfi ~Rust, safe-stack ~Rust, symbols -debug, separate-code %border, stack-clash +yes
rust-stripped | rustc | sample.rs | -C strip=symbols -C panic=abort | stack-protector ~Rust, fortify ~Rust, cfi ~Rust, safe-stack ~Rust, symbols +stripped, separate-code %border, stack-clash +yes
rust-fixed | rustc | sample.rs | -C relocation-model=static -C relro-level=off | pie -no, relro -none, bind-now -lazy, stack-protector ~Rust, fortify ~Rust, cfi ~Rust, safe-stack ~Rust, symbols -debug, separate-code %border, stack-clash +yes
# A program of C in which Rust is a library, without defences.
rust-in-c | rustc | mixed.rs | -Clink-arg=../src/prints.c -Clink-arg=-O2 -Clink-arg=-fno-stack-protector | stack-protector ?no sign, fortify -no, cfi ~Rust, safe-stack ~Rust, symbols -debug, separate-code %border, stack-clash +yes
rust-cdylib | rustc | sample.rs | --crate-type=cdylib | pie ~DSO, stack-protector ~Rust, fortify ~Rust, cfi ~Rust, safe-stack ~Rust, symbols -debug, separate-code %border, stack-clash +yes
# Only a C library may define the guard itself.
libc | gcc | libc.c | -shared -nostdlib -Wl,-soname,libc.so.9 | pie ~DSO, fortify ~no glibc
not-libc-sysv | gcc | libc.c | -shared -nostdlib -Wl,-soname,libd.so.9 -Wl,--hash-style=sysv | pie ~DSO, stack-protector ?no sign, fortify ~no glibc
not-libc-object | gcc | libc.c | -c | relro ~n/a, bind-now ~n/a, pie ~n/a, stack-protector ?no sign, fortify ~nothing, rpath ~n/a, textrel ~n/a, wx-segments ~n/a, cfi ~n/a, safe-stack ~n/a, symbols ~n/a, build-id ~n/a, separate-code ~n/a
not-libc | gcc | libc.c | -shared -nostdlib -Wl,-soname,libd.so.9 | pie ~DSO, stack-protector ?no sign, fortify ~no glibc
bpf | clang | bpf.c |  | relro ~n/a, bind-now ~n/a, pie ~n/a, nx-stack ~n/a, stack-protector ~n/a, fortify ~n/a, rpath ~n/a, textrel ~n/a, wx-segments ~n/a, cet ~n/a, branch-protection ~n/a, cfi ~n/a, safe-stack ~n/a, symbols ~n/a, build-id ~n/a, separate-code ~n/a, stack-clash ~n/a, build-flags ~n/a
";
