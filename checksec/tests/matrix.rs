//! Binaries made with known flags, and the verdicts that follow from the flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::{Patch, Root, find, has_peers, run, short};
use hardpan_checksec::rules::RULES;
use hardpan_checksec::{Scan, matrix, verdicts};
use hardpan_report::{Language, Outcome, PAGE_SECTIONS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Pie,
    Fixed,
    Static,
    StaticPie,
    Shared,
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relro {
    Off,
    Lazy,
    Now,
}

/// What a binary is made with.
#[derive(Clone, Copy, Debug)]
struct Flags {
    compiler: &'static str,
    link: Link,
    relro: Relro,
    exec_stack: bool,
    protector: bool,
    fortify: u8,
    extra: &'static [&'static str],
}

const BASE: Flags = Flags {
    compiler: "gcc",
    link: Link::Pie,
    relro: Relro::Now,
    exec_stack: false,
    protector: true,
    fortify: 2,
    extra: &[],
};

impl Flags {
    fn name(&self) -> String {
        let Self { compiler, link, relro, exec_stack, protector, fortify, extra } = self;
        let extra = extra.join("").replace(['/', '$'], "_");
        format!("{compiler}-{link:?}-{relro:?}-x{exec_stack}-p{protector}-f{fortify}{extra}")
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-O2".to_string(), "-w".into(), "-U_FORTIFY_SOURCE".into()];
        let mut add = |all: &[&str]| arguments.extend(all.iter().map(ToString::to_string));
        add(match self.link {
            Link::Pie => &["-fPIE", "-pie"],
            Link::Fixed => &["-fno-pie", "-no-pie"],
            Link::Static => &["-fno-pie", "-no-pie", "-static"],
            Link::StaticPie => &["-fPIE", "-static-pie"],
            Link::Shared => &["-fPIC", "-shared"],
            Link::Object => &["-fPIC", "-c"],
        });
        if self.link != Link::Object {
            add(match self.relro {
                Relro::Off => &["-Wl,-z,norelro,-z,lazy"],
                Relro::Lazy => &["-Wl,-z,relro,-z,lazy"],
                Relro::Now => &["-Wl,-z,relro,-z,now"],
            });
            add(if self.exec_stack { &["-Wl,-z,execstack"] } else { &["-Wl,-z,noexecstack"] });
        }
        add(if self.protector { &["-fstack-protector-strong"] } else { &["-fno-stack-protector"] });
        match self.fortify {
            0 => {}
            level => add(&[&format!("-D_FORTIFY_SOURCE={level}")]),
        }
        add(self.extra);
        arguments
    }

    /// The verdicts in the order of the rules. What the flags decide comes from the flags; the tests below say what
    /// `extra` changes.
    fn expected(&self) -> [&'static str; 10] {
        let is_static = matches!(self.link, Link::Static | Link::StaticPie);
        if self.link == Link::Object {
            let canary = if self.protector { "+yes" } else { "?no sign" };
            let fortify = if self.fortify > 0 { "+2 of 2" } else { "?no sign" };
            return ["~n/a", "~n/a", "~n/a", "+NX", canary, fortify, "~n/a", "~n/a", "~n/a", "+yes"];
        }
        [
            match self.relro {
                Relro::Off => "-none",
                Relro::Lazy => "-partial",
                Relro::Now => "+full",
            },
            match self.relro {
                _ if is_static => "~static",
                Relro::Now => "+now",
                _ => "-lazy",
            },
            match self.link {
                Link::Pie => "+PIE",
                Link::StaticPie => "+static PIE",
                Link::Shared => "~DSO",
                _ => "-no",
            },
            if self.exec_stack { "-exec" } else { "+NX" },
            match self.protector {
                _ if is_static => "?no sign",
                true => "+yes",
                false => "?no sign",
            },
            match self.fortify {
                _ if is_static => "?static",
                0 => "-no",
                _ => "+2 of 2",
            },
            if self.link == Link::Static { "~static" } else { "+none" },
            if self.link == Link::Static { "~static" } else { "+none" },
            "+yes",
            "+yes",
        ]
    }
}

/// Every way to link with every kind of RELRO, then each other flag by itself.
fn cases() -> Vec<Flags> {
    let mut cases = Vec::new();
    for compiler in ["gcc", "clang"] {
        let base = Flags { compiler, ..BASE };
        for link in [Link::Pie, Link::Fixed, Link::Static, Link::StaticPie, Link::Shared] {
            for relro in [Relro::Off, Relro::Lazy, Relro::Now] {
                cases.push(Flags { link, relro, ..base });
            }
            cases.push(Flags { link, exec_stack: true, ..base });
            cases.push(Flags { link, protector: false, fortify: 0, ..base });
        }
        for protector in [false, true] {
            cases.push(Flags { link: Link::Object, protector, ..base });
            cases.push(Flags { link: Link::Object, protector, fortify: 0, ..base });
        }
        cases.push(Flags { extra: &["-s"], ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], relro: Relro::Lazy, ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], link: Link::Shared, ..base });
        cases.push(Flags { extra: &["-Wl,--hash-style=sysv"], ..base });
        cases.push(Flags { extra: &["-Wl,--hash-style=gnu"], fortify: 0, ..base });
    }
    cases.push(Flags { fortify: 1, ..BASE });
    cases.push(Flags { fortify: 3, ..BASE });
    cases
}

#[test]
fn verdicts_follow_from_the_flags() {
    if !has_peers("matrix", &["gcc", "clang", "ld.lld"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for case in &cases {
        compile(&root, case.compiler, &case.name(), &case.arguments(), &source);
    }
    let scan = root.scan();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut expected = case.expected();
        if case.fortify == 1 {
            // Level 1 leaves printf alone.
            expected[5] = "+1 of 2";
        }
        let found = row(&scan, &case.name());
        if found != expected {
            wrong.push(format!("{}\n  found    {found:?}\n  expected {expected:?}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not a cross of flags: the file's name, how to make it, and the rules that differ from a good PIE.
struct Special {
    name: &'static str,
    compiler: &'static str,
    source: &'static str,
    arguments: &'static str,
    differs: &'static [(&'static str, &'static str)],
}

const SPECIALS: &[Special] = &[
    Special {
        name: "rpath-absolute",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/usr/lib,--disable-new-dtags",
        differs: &[("rpath", "+safe RPATH")],
    },
    Special {
        name: "runpath-absolute",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/usr/lib,--enable-new-dtags",
        differs: &[("rpath", "+safe RUNPATH")],
    },
    Special {
        name: "runpath-origin",
        compiler: "clang",
        source: "sample.c",
        arguments: "-Wl,-rpath,$ORIGIN/../lib,--enable-new-dtags",
        differs: &[("rpath", "+safe RUNPATH")],
    },
    Special {
        name: "rpath-origin-escapes",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,$ORIGIN/../../lib,--disable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "rpath-empty",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/usr/lib::/lib,--disable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-relative",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,lib,--enable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-open",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/open,--enable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-below-open",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/open/below,--enable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-link-to-open",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/link,--enable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-sticky-missing",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/sticky/none,--enable-new-dtags",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "runpath-sticky-there",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/sticky/mine,--enable-new-dtags",
        differs: &[("rpath", "+safe RUNPATH")],
    },
    Special {
        name: "runpath-missing",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/srv/none,--enable-new-dtags",
        differs: &[("rpath", "+safe RUNPATH")],
    },
    Special {
        name: "runpath-lib-token",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,-rpath,/usr/$LIB,--enable-new-dtags",
        differs: &[("rpath", "?unknown")],
    },
    Special {
        name: "interpreter-relative",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,--dynamic-linker=evil.sh",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "interpreter-open",
        compiler: "gcc",
        source: "sample.c",
        arguments: "-Wl,--dynamic-linker=/open/ld.so",
        differs: &[("rpath", "-unsafe")],
    },
    Special {
        name: "textrel",
        compiler: "gcc",
        source: "textrel.c",
        arguments: "-Wl,-z,notext",
        differs: &[("textrel", "-yes")],
    },
    Special {
        name: "textrel-shared",
        compiler: "clang",
        source: "textrel.c",
        arguments: "-shared -Wl,-z,notext",
        differs: &[("textrel", "-yes"), ("pie", "~DSO")],
    },
    Special {
        name: "omagic",
        compiler: "musl-gcc",
        source: "sample.c",
        arguments: "-static -no-pie -fno-pie -Wl,-N",
        differs: &[
            ("wx-segments", "-no"),
            ("relro", "~no GOT"),
            ("bind-now", "~static"),
            ("pie", "-no"),
            ("stack-protector", "?no sign"),
            ("fortify", "?static"),
            ("rpath", "~static"),
            ("textrel", "~static"),
        ],
    },
    Special {
        name: "nothing-protected",
        compiler: "gcc",
        source: "plain.c",
        arguments: "",
        differs: &[("stack-protector", "?no sign"), ("fortify", "~nothing")],
    },
    Special {
        name: "undecided-fortify",
        compiler: "gcc",
        source: "reads.c",
        arguments: "",
        differs: &[("stack-protector", "?no sign"), ("fortify", "?no sign")],
    },
    Special {
        name: "no-plt",
        compiler: "gcc",
        source: "plain.c",
        arguments: "-fno-plt -Wl,-z,lazy",
        differs: &[("bind-now", "+no PLT"), ("stack-protector", "?no sign"), ("fortify", "~nothing")],
    },
    Special {
        name: "data-only",
        compiler: "gcc",
        source: "data.c",
        arguments: "-shared -nostdlib -Wl,-z,norelro,-z,lazy",
        differs: &[
            ("relro", "~no GOT"),
            ("bind-now", "+no PLT"),
            ("pie", "~DSO"),
            ("stack-protector", "~no code"),
            ("fortify", "~no glibc"),
        ],
    },
    Special {
        name: "module",
        compiler: "gcc",
        source: "module.c",
        arguments: "-c",
        differs: &[
            ("relro", "~n/a"),
            ("bind-now", "~n/a"),
            ("pie", "~n/a"),
            ("nx-stack", "~n/a"),
            ("fortify", "~n/a"),
            ("rpath", "~n/a"),
            ("textrel", "~n/a"),
            ("wx-segments", "~n/a"),
        ],
    },
    Special {
        name: "no-note",
        compiler: "gcc",
        source: "no-note.s",
        arguments: "-c",
        differs: &[
            ("relro", "~n/a"),
            ("bind-now", "~n/a"),
            ("pie", "~n/a"),
            ("nx-stack", "-missing"),
            ("stack-protector", "?no sign"),
            ("fortify", "~nothing"),
            ("rpath", "~n/a"),
            ("textrel", "~n/a"),
            ("wx-segments", "~n/a"),
        ],
    },
    Special {
        name: "exec-note",
        compiler: "gcc",
        source: "exec-note.s",
        arguments: "-c",
        differs: &[
            ("relro", "~n/a"),
            ("bind-now", "~n/a"),
            ("pie", "~n/a"),
            ("nx-stack", "-exec"),
            ("stack-protector", "?no sign"),
            ("fortify", "~nothing"),
            ("rpath", "~n/a"),
            ("textrel", "~n/a"),
            ("wx-segments", "~n/a"),
        ],
    },
    Special {
        name: "musl",
        compiler: "musl-gcc",
        source: "sample.c",
        arguments: "-Wl,-z,lazy",
        differs: &[("relro", "-partial"), ("fortify", "~musl")],
    },
    Special {
        name: "musl-now",
        compiler: "musl-gcc",
        source: "sample.c",
        arguments: "",
        differs: &[("fortify", "~musl")],
    },
    Special {
        name: "musl-static",
        compiler: "musl-gcc",
        source: "sample.c",
        arguments: "-static -no-pie",
        differs: &[
            ("pie", "-no"),
            ("bind-now", "~static"),
            ("stack-protector", "?no sign"),
            ("fortify", "?static"),
            ("rpath", "~static"),
            ("textrel", "~static"),
        ],
    },
    Special {
        name: "cplusplus",
        compiler: "g++",
        source: "sample.cc",
        arguments: "",
        differs: &[("fortify", "+2 of 2")],
    },
    // clang does not replace printf in C++, so nothing tells whether the level was 2.
    Special {
        name: "clang-cplusplus",
        compiler: "clang++",
        source: "prints.cc",
        arguments: "",
        differs: &[("stack-protector", "?no sign"), ("fortify", "?no sign")],
    },
    Special {
        name: "go",
        compiler: "gcc",
        source: "go.c",
        arguments: "-nostdlib -static-pie",
        differs: &[
            ("bind-now", "~static"),
            ("pie", "+static PIE"),
            ("stack-protector", "~Go"),
            ("fortify", "~Go"),
        ],
    },
    Special {
        name: "rust",
        compiler: "rustc",
        source: "sample.rs",
        arguments: "",
        differs: &[("stack-protector", "~Rust"), ("fortify", "~Rust")],
    },
    Special {
        name: "rust-stripped",
        compiler: "rustc",
        source: "sample.rs",
        arguments: "-C strip=symbols -C panic=abort",
        differs: &[("stack-protector", "~Rust"), ("fortify", "~Rust")],
    },
    Special {
        name: "rust-fixed",
        compiler: "rustc",
        source: "sample.rs",
        arguments: "-C relocation-model=static -C relro-level=off",
        differs: &[
            ("pie", "-no"),
            ("relro", "-none"),
            ("bind-now", "-lazy"),
            ("stack-protector", "~Rust"),
            ("fortify", "~Rust"),
        ],
    },
    Special {
        name: "rust-cdylib",
        compiler: "rustc",
        source: "sample.rs",
        arguments: "--crate-type=cdylib",
        differs: &[("pie", "~DSO"), ("stack-protector", "~Rust"), ("fortify", "~Rust")],
    },
    Special {
        name: "bpf",
        compiler: "clang",
        source: "bpf.c",
        arguments: "",
        differs: &[
            ("relro", "~n/a"),
            ("bind-now", "~n/a"),
            ("pie", "~n/a"),
            ("nx-stack", "~n/a"),
            ("stack-protector", "~n/a"),
            ("fortify", "~n/a"),
            ("rpath", "~n/a"),
            ("textrel", "~n/a"),
            ("wx-segments", "~n/a"),
        ],
    },
];

const GOOD_PIE: [&str; 10] =
    ["+full", "+now", "+PIE", "+NX", "+yes", "+2 of 2", "+none", "+none", "+yes", "+yes"];

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
    for special in SPECIALS {
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

#[test]
fn special_files() {
    let Some((_root, scan)) = specials() else { return };
    let mut wrong = Vec::new();
    for special in SPECIALS {
        let mut expected = GOOD_PIE;
        for (rule, wanted) in special.differs {
            expected[RULES.iter().position(|known| known.meta().name == *rule).unwrap()] = wanted;
        }
        let found = row(&scan, special.name);
        if found != expected {
            wrong.push(format!("{}\n  found    {found:?}\n  expected {expected:?}", special.name));
        }
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
    go.extend(["-nostdlib".into(), "-static-pie".into()]);
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

#[test]
fn patched_files() {
    if !has_peers("patched files", &["gcc", "objcopy"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    let made = |flags: Flags| {
        compile(&root, flags.compiler, "made", &flags.arguments(), &source);
        Patch(std::fs::read(root.path().join("bin/made")).unwrap())
    };
    let (lazy, now) = (made(Flags { relro: Relro::Lazy, ..BASE }).0, made(BASE).0);
    let fixed = made(Flags { link: Link::Static, ..BASE });
    let judge = |bytes: &[u8]| {
        let facts = crate::support::facts(bytes).unwrap();
        RULES.iter().map(|rule| short(&rule.judge(&facts))).collect::<Vec<_>>()
    };
    let expect = |name: &str, bytes: &[u8], differs: &[(usize, &str)]| {
        let mut expected = GOOD_PIE;
        for (rule, wanted) in differs {
            expected[*rule] = wanted;
        }
        assert_eq!(judge(bytes), expected, "{name}");
    };

    expect("untouched", &now, &[]);
    expect("fakenow", &with_flags(&lazy, None, Some(DF_1_NOW | DF_1_PIE)), &[(0, "-partial")]);
    expect("DF_BIND_NOW alone", &with_flags(&now, Some(DF_BIND_NOW), Some(DF_1_PIE)), &[]);
    expect("DF_1_NOW alone", &with_flags(&now, Some(0), Some(DF_1_NOW | DF_1_PIE)), &[]);
    let mut old = Patch(with_flags(&now, Some(0), Some(DF_1_PIE)));
    let entry = old.dynamic(DT_FLAGS);
    old.put(entry, &DT_BIND_NOW.to_le_bytes());
    expect("DT_BIND_NOW alone", &old.0, &[]);
    expect("no flag", &with_flags(&now, Some(0), Some(DF_1_PIE)), &[(0, "-broken"), (1, "-lazy")]);
    expect("PIE by DT_DEBUG", &with_flags(&now, None, Some(DF_1_NOW)), &[]);

    expect("DF_TEXTREL alone", &with_flags(&now, Some(DF_BIND_NOW | DF_TEXTREL), None), &[(7, "-yes")]);
    let mut old = Patch(now.clone());
    let entry = old.dynamic(DT_FLAGS);
    old.put(entry, &DT_TEXTREL.to_le_bytes());
    expect("DT_TEXTREL alone", &old.0, &[(7, "-yes")]);

    expect("last stack header is executable", &two_stacks(&now, 6, 7), &[(3, "-exec")]);
    expect("first stack header is executable", &two_stacks(&now, 7, 6), &[(3, "-ambiguous")]);
    let mut none = Patch(now.clone());
    let stack = none.headers(PT_GNU_STACK)[0];
    none.put(stack, &0_u32.to_le_bytes());
    expect("no stack header", &none.0, &[(3, "-missing")]);

    expect("no section headers", &Patch(now.clone()).without_sections().0, &[]);
    let found = judge(&fixed.without_sections().0);
    assert_eq!((&*found[0], &*found[9]), ("?unknown", "+yes"));

    run("objcopy", &["--only-keep-debug", "made", "debug"], &root.path().join("bin"));
    let debug = judge(&std::fs::read(root.path().join("bin/debug")).unwrap());
    assert!(debug[..9].iter().all(|verdict| verdict == "~n/a") && debug[9] == "+yes", "{debug:?}");
}

/// Section headers alone must not make a program look like a debug file, which no rule judges.
#[test]
fn code_cannot_hide_behind_section_types() {
    if !has_peers("hiding", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    compile(&root, "gcc", "made", &Flags { exec_stack: true, ..BASE }.arguments(), &source);
    let mut file = Patch(std::fs::read(root.path().join("bin/made")).unwrap());
    let sections = usize::try_from(file.u64(40)).unwrap();
    for index in 1..usize::from(file.u16(60)) {
        file.put(sections + index * 64 + 4, &8_u32.to_le_bytes());
    }
    let facts = crate::support::facts(&file.0).unwrap();
    assert_eq!(short(&RULES[3].judge(&facts)), "-exec");
}

#[test]
fn findings_have_path_offset_and_key() {
    if !has_peers("findings", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    compile(&root, "gcc", "lazy", &Flags { relro: Relro::Lazy, ..BASE }.arguments(), &source);
    compile(&root, "gcc", "good", &BASE.arguments(), &source);
    let scan = root.scan();
    let all = verdicts(&scan);
    let (meta, relro) = &all[0];
    assert_eq!(relro.outcome(), Outcome::Fail);
    assert_eq!(relro.summary, "1 of 2 pass; 1 fail");
    let [finding] = &relro.findings[..] else { panic!("{:?}", relro.findings) };
    assert_eq!(finding.fingerprint(&meta.id), "ELF-001:/bin/lazy:relro");
    assert!(finding.message.starts_with("partial RELRO: 3 of 3 PLT slots"), "{}", finding.message);
    let place = finding.evidence[0].location.as_ref().unwrap();
    assert_eq!(place.path.as_bytes(), b"/bin/lazy");
    let bytes = std::fs::read(root.path().join("bin/lazy")).unwrap();
    assert_eq!(place.offset, Some(Patch(bytes).headers(PT_GNU_RELRO)[0] as u64));
    let coverage = relro.evidence.iter().map(|evidence| &*evidence.seen).collect::<Vec<_>>();
    assert_eq!(coverage, ["2 ELF files judged, 3 files opened, 0 of them unreadable"]);
    assert_eq!(all[3].1.outcome(), Outcome::Pass);
}

#[test]
fn every_rule_is_documented_and_has_its_name_for_good() {
    let ids: Vec<_> = RULES.iter().map(|rule| (&*rule.meta().id, &*rule.meta().name)).collect();
    let known = [
        ("ELF-001", "relro"),
        ("ELF-002", "bind-now"),
        ("ELF-003", "pie"),
        ("ELF-004", "nx-stack"),
        ("ELF-005", "stack-protector"),
        ("ELF-006", "fortify"),
        ("ELF-007", "rpath"),
        ("ELF-008", "textrel"),
        ("ELF-009", "wx-segments"),
        ("ELF-010", "well-formed"),
    ];
    assert_eq!(ids, known);
    let names: BTreeSet<_> = ids.iter().map(|(_, name)| name).collect();
    let columns: BTreeSet<_> = RULES.iter().map(|rule| rule.column()).collect();
    assert_eq!((names.len(), columns.len()), (RULES.len(), RULES.len()));
    for rule in RULES {
        let meta = rule.meta();
        assert!(rule.column().len() <= 10, "{}", rule.column());
        assert_eq!(meta.page.lines().next(), Some(&*format!("# {}", meta.title)), "{}", meta.id);
        for section in PAGE_SECTIONS {
            assert!(meta.section(section).len() > 40, "{} {section}", meta.id);
        }
        for compiler in ["gcc", "clang", "rustc", "go"] {
            assert!(meta.remedy().contains(compiler), "{} {compiler}", meta.id);
        }
    }
}

#[test]
fn every_rule_has_a_passing_and_a_failing_sample() {
    let samples = cases().into_iter().map(|case| case.expected().map(str::to_string));
    let mut signs: BTreeMap<&str, BTreeSet<char>> = BTreeMap::new();
    for sample in samples {
        for (rule, verdict) in RULES.iter().zip(&sample) {
            signs.entry(&rule.meta().name).or_default().extend(verdict.chars().next());
        }
    }
    for (rule, verdict) in SPECIALS.iter().flat_map(|special| special.differs) {
        signs.entry(rule).or_default().extend(verdict.chars().next());
    }
    // Its failing samples are in adversarial.rs: no compiler makes one.
    signs.entry("well-formed").or_default().insert('-');
    for (rule, signs) in signs {
        // Nothing proves that code was compiled without the stack protector, so its rule never fails.
        let bad = if rule == "stack-protector" { '?' } else { '-' };
        assert!(signs.contains(&'+') && signs.contains(&bad), "{rule}: {signs:?}");
    }
}

fn row(scan: &Scan, name: &str) -> Vec<String> {
    find(scan, &format!("/bin/{name}")).judgements.iter().map(short).collect()
}

fn compile(root: &Root, compiler: &str, name: &str, arguments: &[String], source: &Path) {
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    all.extend([source.to_str().unwrap(), "-o", name]);
    run(compiler, &all, &bin);
}

fn make_directory(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn with_flags(bytes: &[u8], flags: Option<u64>, flags_1: Option<u64>) -> Vec<u8> {
    let mut patch = Patch(bytes.to_vec());
    for (tag, value) in [(DT_FLAGS, flags), (DT_FLAGS_1, flags_1)] {
        if let Some(value) = value {
            let entry = patch.dynamic(tag);
            patch.put(entry + 8, &value.to_le_bytes());
        }
    }
    patch.0
}

/// Makes the first note header a second stack header, which comes before the other.
fn two_stacks(bytes: &[u8], first: u32, last: u32) -> Vec<u8> {
    let mut patch = Patch(bytes.to_vec());
    let (note, stack) = (patch.headers(PT_NOTE)[0], patch.headers(PT_GNU_STACK)[0]);
    assert!(note < stack);
    patch.put(note, &PT_GNU_STACK.to_le_bytes());
    patch.put(note + 4, &first.to_le_bytes());
    patch.put(stack + 4, &last.to_le_bytes());
    patch.0
}

const SAMPLE: &[u8] = br#"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char buffer[64];
    strcpy(buffer, argv[0]);
    printf("%s %d\n", buffer, argc);
    return 0;
}
"#;

const SOURCES: &[(&str, &[u8])] = &[
    ("sample.c", SAMPLE),
    ("sample.cc", b"#include <iostream>\n#include <cstdio>\n#include <cstring>\nint main(int c, char **v) { char b[64]; std::strcpy(b, v[0]); std::printf(\"%s %d\\n\", b, c); std::cout << c; }\n"),
    ("prints.cc", b"#include <iostream>\n#include <cstdio>\nint main(int c, char **v) { std::printf(\"%s %d\\n\", v[0], c); std::cout << c; }\n"),
    ("textrel.c", b"#include <stdio.h>\n#include <string.h>\n__asm__(\".text\\n.quad main\\n\");\nint main(int c, char **v) { char b[64]; strcpy(b, v[0]); printf(\"%s %d\\n\", b, c); return 0; }\n"),
    ("plain.c", b"#include <stdlib.h>\nint main(int c, char **v) { return atoi(v[0]) + c; }\n"),
    ("reads.c", b"#include <unistd.h>\nchar *at; int main(int c, char **v) { return read(c, v[0], 1); }\n"),
    ("data.c", b"const int table[4] = {1, 2, 3, 4};\n"),
    ("module.c", b"const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\nvoid fill(char *); int init_module(void) { char b[64]; fill(b); return b[0]; }\n"),
    ("part.c", b"void fill(char *);\nint c_part(void) { char b[64]; fill(b); return b[0]; }\n"),
    (
        "mixed.rs",
        b"unsafe extern \"C\" { fn c_part() -> i32; }\n#[unsafe(no_mangle)] extern \"C\" fn fill(at: *mut u8) { unsafe { *at = 1 } }\nfn main() { println!(\"{}\", unsafe { c_part() }); }\n",
    ),
    ("bpf.c", b"int filter(void *packet) { return packet != 0; }\n"),
    ("no-note.s", b".text\n.globl f\nf: ret\n"),
    ("exec-note.s", b".text\n.globl f\nf: ret\n.section .note.GNU-stack,\"x\",@progbits\n"),
    ("go.c", b"__attribute__((section(\".go.buildinfo\"), aligned(16), used)) char info[32] = \"\\xff Go buildinf:\\x08\\x02\";\nvoid _start(void) { for (;;) {} }\n"),
    ("sample.rs", b"fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }\n#[unsafe(no_mangle)] pub extern \"C\" fn answer() -> usize { std::env::args().count() }\n"),
];

const DF_TEXTREL: u64 = 4;
const DF_BIND_NOW: u64 = 8;
const DF_1_NOW: u64 = 1;
const DF_1_PIE: u64 = 0x0800_0000;
const DT_TEXTREL: u64 = 22;
const DT_BIND_NOW: u64 = 24;
const DT_FLAGS: u64 = 30;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const PT_NOTE: u32 = 4;
const PT_GNU_STACK: u32 = 0x6474_e551;
const PT_GNU_RELRO: u32 = 0x6474_e552;
