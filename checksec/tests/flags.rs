//! How files were built, as compilers, linkers and Go record it.

use std::path::Path;
use std::process::Command;

use hardpan_checksec::facts::Flags;
use hardpan_checksec::facts::flags::{
    Answer, ControlFlow, GoBuild, Optimisation, Position, Protector, Recorded, Source,
};

use hardpan_checksec::rules::RULES;
use hardpan_report::{Confidence, Outcome};

use crate::support::{Patch, Root, facts, has_peers, run};

const MAIN: &[u8] = b"int other(int); int main(int c, char **v) { return other(c); }\n";
const OTHER: &[u8] = b"int other(int c) { char b[64]; b[c & 63] = c; return b[(c + 1) & 63]; }\n";

/// Builds `main.c` and `other.c`, each with options of its own, and links them with a third set.
fn build(compiler: &str, main: &str, other: &str, link: &str) -> Flags {
    let root = Root::new();
    root.write("main.c", MAIN);
    root.write("other.c", OTHER);
    for (name, options) in [("main", main), ("other", other)] {
        let (object, source) = (format!("{name}.o"), format!("{name}.c"));
        let mut all: Vec<&str> = options.split_whitespace().collect();
        all.extend(["-c", &source, "-o", &object]);
        run(compiler, &all, root.path());
    }
    let mut all: Vec<&str> = link.split_whitespace().collect();
    all.extend(["main.o", "other.o", "-o", "program"]);
    run(compiler, &all, root.path());
    flags_of(&root.path().join("program"))
}

fn flags_of(path: &Path) -> Flags {
    let facts = facts(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(facts.flags.gap(), None, "{}", path.display());
    facts.flags
}

fn of(flags: &Flags, source: Source) -> &Recorded {
    flags
        .recorded
        .iter()
        .find(|recorded| recorded.source == source)
        .unwrap_or_else(|| panic!("no {source:?}: {flags:?}"))
}

/// The one value that all agree on.
fn agreed<T: Copy>(answer: &Answer<'_, T>) -> Option<T> {
    match answer {
        Answer::Agreed(value, _) => Some(*value),
        _ => None,
    }
}

const ON: &str = "-O2 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE";

#[test]
fn gcc_records_options_in_every_form_of_dwarf() {
    if !has_peers("DWARF producers", &["gcc", "objcopy"]) {
        return;
    }
    for form in [
        "-g",
        "-gdwarf-4",
        "-gdwarf-5",
        "-gdwarf-4 -gz=zlib",
        "-gdwarf-5 -gz=zlib",
        "-gz=zlib-gnu -gdwarf-4",
        "-gdwarf-4 -gstrict-dwarf",
    ] {
        let options = format!("{form} {ON}");
        let flags = build("gcc", &options, &options, form);
        let dwarf = of(&flags, Source::Dwarf);
        assert_eq!((dwarf.claims.units, dwarf.claims.recorded), (2, 2), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.protector)), Some(Protector::Strong), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.clash)), Some(true), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.control_flow)), Some(ControlFlow::Full), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.optimisation)), Some(Optimisation::Some), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.position)), Some(Position::Program), "{form}");
        assert_eq!(flags.answer(|claims| &claims.fortify), Answer::Silent, "{form}");
        let (_, group) = &dwarf.claims.protector.said[0];
        assert_eq!((group.units, &*group.example), (2, "main.c"), "{form}");
    }
    let none = build("gcc", &format!("-g0 {ON}"), &format!("-g0 {ON}"), "");
    assert_eq!(none.answer(|claims| &claims.protector), Answer::Silent);
    assert!(!none.has_options());
    let hidden =
        build("gcc", "-g -gno-record-gcc-switches -fstack-protector-all", "-g -gno-record-gcc-switches", "");
    assert_eq!((of(&hidden, Source::Dwarf).claims.units, hidden.has_options()), (2, false));
}

#[test]
fn units_that_disagree_are_named() {
    if !has_peers("units that disagree", &["gcc"]) {
        return;
    }
    let flags = build("gcc", &format!("-g {ON}"), &format!("-g {ON} -fno-stack-protector -O0"), "");
    let Answer::Mixed(mut said) = flags.answer(|claims| &claims.protector) else { panic!("{flags:?}") };
    said.sort_by_key(|(value, _)| *value);
    let said: Vec<_> =
        said.iter().map(|(value, told)| (*value, &*told.group.example, told.group.units)).collect();
    assert_eq!(said, [(Some(Protector::Off), "other.c", 1), (Some(Protector::Strong), "main.c", 1)]);
    assert!(matches!(flags.answer(|claims| &claims.optimisation), Answer::Mixed(_)));
    assert_eq!(agreed(&flags.answer(|claims| &claims.clash)), Some(true));
    // What one leaves to the compiler is not what the other says.
    let flags = build("gcc", "-g -O2 -fstack-clash-protection", "-g -O2", "");
    let Answer::Mixed(said) = flags.answer(|claims| &claims.clash) else { panic!("{flags:?}") };
    assert_eq!(said.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [Some(true), None]);
}

#[test]
fn command_lines_are_read() {
    if !has_peers("recorded command lines", &["gcc", "clang"]) {
        return;
    }
    let options = format!("-frecord-gcc-switches {ON} -D_FORTIFY_SOURCE=2");
    let flags = build("gcc", &options, &options, "");
    // Equal lines are merged.
    assert_eq!(of(&flags, Source::CommandLine).claims.units, 1);
    assert_eq!(agreed(&flags.answer(|claims| &claims.protector)), Some(Protector::Strong));
    assert_eq!(flags.answer(|claims| &claims.fortify), Answer::Silent, "GCC leaves macros out");

    let options = format!("-frecord-command-line {ON} -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3");
    let flags = build("clang", &options, &options.replace("=3", "=2"), "");
    let Answer::Mixed(said) = flags.answer(|claims| &claims.fortify) else { panic!("{flags:?}") };
    assert_eq!(said.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [Some(3), Some(2)]);
    assert_eq!(agreed(&flags.answer(|claims| &claims.control_flow)), Some(ControlFlow::Full));
    assert_eq!(of(&flags, Source::CommandLine).claims.linking, None, "it was compiled only");
}

#[test]
fn clang_records_its_command_line_in_dwarf_if_asked() {
    if !has_peers("clang's producers", &["clang"]) {
        return;
    }
    for form in ["-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gz"] {
        let silent = build("clang", &format!("{form} {ON}"), &format!("{form} {ON}"), "");
        assert_eq!((of(&silent, Source::Dwarf).claims.units, silent.has_options()), (2, false), "{form}");
        let options = format!("{form} -grecord-command-line {ON} -D_FORTIFY_SOURCE=2");
        let flags = build("clang", &options, &options, "");
        assert_eq!(agreed(&flags.answer(|claims| &claims.fortify)), Some(2), "{form}");
        assert_eq!(agreed(&flags.answer(|claims| &claims.protector)), Some(Protector::Strong), "{form}");
    }
}

#[test]
fn object_files_are_read_with_their_relocations() {
    let peers = [
        "gcc",
        "clang",
        "i686-linux-gnu-gcc",
        "aarch64-linux-gnu-gcc",
        "riscv64-linux-gnu-gcc",
        "s390x-linux-gnu-gcc",
    ];
    if !has_peers("object files of many machines", &peers) {
        return;
    }
    let root = Root::new();
    root.write("other.c", OTHER);
    for compiler in peers {
        for form in ["-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gz"] {
            let record = if compiler == "clang" { "-grecord-command-line" } else { "-g" };
            let mut all: Vec<&str> = form.split(' ').collect();
            all.extend([record, "-O2", "-fstack-protector-all", "-c", "other.c", "-o", "other.o"]);
            run(compiler, &all, root.path());
            let flags = flags_of(&root.path().join("other.o"));
            let Answer::Agreed(Protector::All, told) = flags.answer(|claims| &claims.protector) else {
                panic!("{compiler} {form}: {flags:?}")
            };
            assert_eq!((&*told.group.example, told.of), ("other.c", 1), "{compiler} {form}");
        }
    }
}

#[test]
fn link_time_optimisation_keeps_the_units() {
    if !has_peers("LTO", &["gcc"]) {
        return;
    }
    let options = format!("-g -flto {ON}");
    let flags = build("gcc", &options, &options, &options);
    assert_eq!(of(&flags, Source::Dwarf).claims.units, 2, "the linker's own does not count: {flags:?}");
    assert_eq!(agreed(&flags.answer(|claims| &claims.protector)), Some(Protector::Strong));
    let options = format!("-frecord-gcc-switches -flto {ON}");
    let flags = build("gcc", &options, &options, &options);
    assert_eq!(
        agreed(&flags.answer(|claims| &claims.protector)),
        Some(Protector::Strong),
        "where nothing else is, it does"
    );
}

#[test]
fn units_of_rust_and_assemblers_do_not_count() {
    if !has_peers("rustc's units", &["rustc", "gcc"]) {
        return;
    }
    let root = Root::new();
    root.write("main.rs", b"unsafe extern \"C\" { fn other(c: i32) -> i32; }\nfn main() { println!(\"{}\", unsafe { other(1) }); }\n");
    root.write("other.c", OTHER);
    root.write("plain.rs", b"fn main() { println!(\"x\"); }\n");
    run("gcc", &["-g", "-O2", "-fstack-protector-strong", "-c", "other.c"], root.path());
    run("rustc", &["-g", "-Clink-arg=other.o", "main.rs"], root.path());
    run("rustc", &["-g", "plain.rs"], root.path());
    let flags = flags_of(&root.path().join("main"));
    let dwarf = of(&flags, Source::Dwarf);
    assert_eq!(dwarf.claims.units, 1);
    assert!(dwarf.skipped > 3, "{}", dwarf.skipped);
    assert_eq!(agreed(&flags.answer(|claims| &claims.protector)), Some(Protector::Strong));
    let facts = |name: &str| facts(&std::fs::read(root.path().join(name)).unwrap()).unwrap();
    assert!(facts("main").origin.mixes_c && !facts("plain").origin.mixes_c);
    assert!(flags.tools.rustc && flags.tools.names.iter().any(|name| name.starts_with("rustc version")));
    root.write("code.s", b".text\n.globl f\nf: ret\n.section .note.GNU-stack,\"\",@progbits\n");
    run("gcc", &["-g", "-c", "code.s"], root.path());
    let flags = flags_of(&root.path().join("code.o"));
    assert_eq!((of(&flags, Source::Dwarf).claims.units, of(&flags, Source::Dwarf).skipped), (0, 1));
}

/// What `go version -m` prints of a file.
fn of_go(path: &Path) -> (String, Vec<(String, String)>) {
    let output = Command::new("go").args(["version", "-m"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.lines().next().unwrap().rsplit(": ").next().unwrap().to_string();
    let settings = text.lines().filter_map(|line| line.trim_start().strip_prefix("build\t"));
    let settings = settings.filter_map(|line| line.split_once('='));
    (version, settings.map(|(key, value)| (key.into(), value.trim_matches('"').into())).collect())
}

fn compare_with_go(path: &Path, build: &GoBuild) {
    let (version, settings) = of_go(path);
    assert_eq!(&*build.version, version);
    let ours: Vec<_> =
        build.settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    assert_eq!(ours, settings);
}

#[test]
fn go_build_information_is_what_go_says() {
    if !has_peers("Go", &["go", "gcc", "objcopy"]) {
        return;
    }
    let root = Root::new();
    root.write("pure/go.mod", b"module example.org/pure\ngo 1.19\n");
    root.write("pure/main.go", b"package main\nfunc main() { println(1) }\n");
    root.write("cgo/go.mod", b"module example.org/cgo\ngo 1.19\n");
    root.write("cgo/main.go", b"package main\n// #cgo CFLAGS: -fstack-protector-strong\n// static int f(void) { return 1; }\nimport \"C\"\nfunc main() { println(C.f()) }\n");
    let cases = [
        ("pure", "0", "amd64", vec!["-ldflags=-s -w"]),
        ("pure", "0", "s390x", vec![]),
        ("cgo", "1", "amd64", vec!["-ldflags=-X 'main.a=b c'"]),
        // cgo could have been used, and was not.
        ("pure", "1", "amd64", vec![]),
    ];
    for (index, (module, cgo, machine, options)) in cases.into_iter().enumerate() {
        let name = format!("program-{index}");
        go(&root, module, &name, &[("CGO_ENABLED", cgo), ("GOARCH", machine)], &options);
        let path = root.path().join(&name);
        let facts = facts(&std::fs::read(&path).unwrap()).unwrap();
        let build = facts.flags.go().unwrap();
        compare_with_go(&path, build);
        assert_eq!(build.cgo(), Some(cgo == "1"), "{name}");
        assert_eq!(&*build.path, format!("example.org/{module}"));
        assert_eq!(facts.origin.mixes_c, module == "cgo", "{name}");
    }
}

fn go(root: &Root, module: &str, output: &str, environment: &[(&str, &str)], options: &[&str]) {
    let mut command = Command::new("go");
    command
        .current_dir(root.path().join(module))
        .args(["build", "-o"])
        .arg(root.path().join(output))
        .args(options);
    command.envs(environment.iter().copied()).env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local");
    let result = command.output().unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
}

/// Before Go 1.18 the block had pointers. No such Go is at hand; Go's own reader is the judge of what we write.
#[test]
fn go_build_information_by_pointers() {
    if !has_peers("Go's pointers", &["go", "gcc", "i686-linux-gnu-gcc", "s390x-linux-gnu-gcc"]) {
        return;
    }
    let source = br#"
static const char marks[] = "0123456789abcdef" "path\texample.org/old\nmod\texample.org/old\tv1.2.3\nbuild\tCGO_ENABLED=1\n" "0123456789abcdef";
struct string { const char *at; unsigned long length; };
struct string version = { "go1.13.5", 8 };
struct string module = { marks, sizeof marks - 1 };
struct block { char magic[14]; unsigned char size, order; struct string *version, *module; char rest[32 - 16 - 2 * sizeof(void *)]; };
__attribute__((section(".go.buildinfo"), aligned(16), used)) struct block block = {
    "\xff Go buildinf:", sizeof(void *), __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, &version, &module };
void _start(void) { for (;;) {} }
"#;
    let root = Root::new();
    root.write("old.c", source);
    for compiler in ["gcc", "i686-linux-gnu-gcc", "s390x-linux-gnu-gcc"] {
        run(
            compiler,
            &["-w", "-nostdlib", "-static", "-no-pie", "-fno-pie", "old.c", "-o", "old"],
            root.path(),
        );
        let path = root.path().join("old");
        let facts = facts(&std::fs::read(&path).unwrap()).unwrap();
        let build = facts.flags.go().unwrap_or_else(|| panic!("{compiler}: {:?}", facts.flags.go));
        compare_with_go(&path, build);
        assert_eq!(
            (&*build.version, &*build.path, build.cgo()),
            ("go1.13.5", "example.org/old", Some(true)),
            "{compiler}"
        );
        assert_eq!(build.module, Some(("example.org/old".into(), "v1.2.3".into())));
    }
}

/// A note of annobin's for an assembler. The plugin itself is in no Debian; readelf knows its notes.
fn note(kind: u32, name: &[u8], range: Option<(&str, &str)>) -> String {
    let bytes: Vec<String> = name.iter().map(ToString::to_string).collect();
    let size = if range.is_some() { 16 } else { 0 };
    let range = range.map(|(start, end)| format!(".8byte {start}, {end}\n")).unwrap_or_default();
    let head = format!(".4byte {}, {size}, {kind:#x}\n", name.len());
    format!("{head}.byte {}\n.balign 4\n{range}", bytes.join(","))
}

#[test]
fn notes_of_annobin_are_as_readelf_prints_them() {
    if !has_peers("annobin notes", &["gcc", "readelf"]) {
        return;
    }
    let root = Root::new();
    let code = ".text\n.globl f\nf: nop\nnop\n.Lend:\n.section .note.GNU-stack,\"\",@progbits\n";
    let mut source = format!("{code}.section .gnu.build.attributes, \"\", %note\n");
    let all = Some(("f", ".Lend"));
    source += &note(0x100, b"GA$\x013p1256\0", all);
    for name in [
        &b"GA*FORTIFY\0\x02\0"[..],
        b"GA+stack_clash\0",
        b"GA*cf_protection\0\x08\0",
        b"GA*\x02\x03\0",
        b"GA*\x07\x04\0",
        b"GA*GOW\0\x2b\x05\0",
    ] {
        source += &note(0x100, name, None);
    }
    source += &note(0x100, b"GA$\x013p1256\0", Some(("f", "f")));
    source += &note(0x100, b"GA*\x02\0\0", None);
    source += &note(0x101, b"GA*\x02\x02\0", Some(("f + 1", ".Lend")));
    root.write("notes.s", source.as_bytes());
    run("gcc", &["-shared", "-nostdlib", "notes.s", "-o", "notes"], root.path());
    let path = root.path().join("notes");
    let output = Command::new("readelf").arg("-nW").arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "GA*FORTIFY:0x2",
        "GA+stack_clash:true",
        "GA*cf_protection:0x8",
        "GA*<stack prot>strong",
        "GA*<PIC>PIE",
        "GA*GOW:0x52b",
        "GA*<stack prot>off",
        "GA*<stack prot>all",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let flags = flags_of(&path);
    assert_eq!(agreed(&flags.answer(|claims| &claims.fortify)), Some(2));
    assert_eq!(agreed(&flags.answer(|claims| &claims.clash)), Some(true));
    assert_eq!(agreed(&flags.answer(|claims| &claims.control_flow)), Some(ControlFlow::Full));
    assert_eq!(agreed(&flags.answer(|claims| &claims.position)), Some(Position::Program));
    assert_eq!(agreed(&flags.answer(|claims| &claims.optimisation)), Some(Optimisation::Some));
    // The range without code does not count, and that of one function is a range of its own.
    let said: Vec<_> = of(&flags, Source::Annobin)
        .claims
        .protector
        .said
        .iter()
        .map(|(value, group)| (*value, group.units))
        .collect();
    assert_eq!(said, [(Protector::Strong, 1), (Protector::All, 1)]);
}

#[test]
fn strings_of_annobin_are_read() {
    if !has_peers("annobin strings", &["gcc"]) {
        return;
    }
    let root = Root::new();
    root.write(
        "notes.s",
        b".text\nnop\n.section .annobin.notes,\"MS\",%3,1\n.asciz \"AV:4p1227\"\n.asciz \"FL:3\"\n.asciz \"SP:3\"\n\
          .asciz \"SP:0 bad.c:main\"\n.asciz \"SC:1\"\n.asciz \"CF:8\"\n.asciz \"PI:4\"\n.asciz \"GW:0x52b\"\n.asciz \"FL:-2\"\n\
          .asciz \"SP:\"\n.asciz \"ZZ:1\"\n.section .note.GNU-stack,\"\",%progbits\n",
    );
    run("gcc", &["-shared", "-nostdlib", "notes.s", "-o", "notes"], root.path());
    let flags = flags_of(&root.path().join("notes"));
    assert_eq!(agreed(&flags.answer(|claims| &claims.fortify)), Some(3));
    assert_eq!(agreed(&flags.answer(|claims| &claims.clash)), Some(true));
    let Answer::Mixed(said) = flags.answer(|claims| &claims.protector) else { panic!("{flags:?}") };
    let off = said.iter().find(|(value, _)| *value == Some(Protector::Off)).unwrap();
    assert_eq!(&*off.1.group.example, "bad.c:main");
}

/// What the command asked of the linker, in a file from which a tool took it.
#[test]
fn what_the_linker_was_asked_for_and_the_file_lacks_is_told() {
    if !has_peers("denied link flags", &["clang"]) {
        return;
    }
    let root = Root::new();
    root.write("main.c", b"#include <stdio.h>\nint main(void) { return puts(\"x\"); }\n");
    run(
        "clang",
        &[
            "-O2",
            "-frecord-command-line",
            "-pie",
            "-fPIE",
            "-Wl,-z,relro,-z,now,-z,noexecstack",
            "main.c",
            "-o",
            "main",
        ],
        root.path(),
    );
    let whole = Patch(std::fs::read(root.path().join("main")).unwrap());
    let denied = |bytes: &[u8]| {
        let facts = facts(bytes).unwrap();
        let rule = RULES.iter().find(|rule| rule.meta().name == "build-flags").unwrap();
        let judgement = rule.judge(&facts);
        (judgement.outcome, judgement.message.into_owned())
    };
    assert_eq!(denied(&whole.0), (Outcome::Pass, String::new()));
    let mut lazy = Patch(whole.0.clone());
    for tag in [DT_FLAGS, DT_FLAGS_1] {
        let entry = lazy.dynamic(tag);
        let pie = if tag == DT_FLAGS_1 { DF_1_PIE } else { 0 };
        lazy.put(entry + 8, &u64::to_le_bytes(pie));
    }
    assert_eq!(denied(&lazy.0), (Outcome::Fail, "-z now was given, but symbols are bound lazily".into()));
    let mut executable = Patch(whole.0.clone());
    let stack = executable.headers(0x6474_e551)[0];
    executable.put(stack + 4, &7_u32.to_le_bytes());
    assert_eq!(
        denied(&executable.0).1,
        "-z noexecstack was given, but PT_GNU_STACK asks for an executable stack"
    );
    let mut without = Patch(whole.0);
    let relro = without.headers(0x6474_e552)[0];
    without.put(relro, &0_u32.to_le_bytes());
    assert_eq!(denied(&without.0).1, "-z relro was given, but there is no PT_GNU_RELRO");
}

const DT_FLAGS: u64 = 30;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;

/// What could not be read may be the units that are without.
#[test]
fn what_was_read_before_damage_is_no_proof_of_all() {
    if !has_peers("damaged debugging information", &["gcc", "objcopy"]) {
        return;
    }
    let root = Root::new();
    root.write("main.c", b"#include <string.h>\nint main(int c, char **v) { char *volatile p = v[c]; return *strcpy(p, v[0]); }\n");
    run("gcc", &["-g", "-O2", "-fstack-protector-strong", "-fstack-clash-protection", "main.c"], root.path());
    run(
        "objcopy",
        &[
            "-O",
            "binary",
            "--only-section=.debug_info",
            "--set-section-flags=.debug_info=alloc",
            "a.out",
            "info",
        ],
        root.path(),
    );
    let mut info = std::fs::read(root.path().join("info")).unwrap();
    info.extend([0xee; 8]);
    root.write("info", &info);
    run("objcopy", &["--update-section", ".debug_info=info", "a.out", "cut"], root.path());
    for (name, is_cut) in [("a.out", false), ("cut", true)] {
        let facts = facts(&std::fs::read(root.path().join(name)).unwrap()).unwrap();
        assert_eq!(facts.flags.gap().is_some(), is_cut);
        for rule in RULES.iter().filter(|rule| ["ELF-005", "ELF-013"].contains(&&*rule.meta().id)) {
            let wanted = if is_cut { Outcome::Unknown } else { Outcome::Pass };
            assert_eq!(rule.judge(&facts).outcome, wanted, "{name} {}", rule.meta().id);
        }
    }
}

/// A mebibyte of units whose strings overlap would otherwise take minutes.
#[test]
fn strings_of_units_that_overlap_have_an_end() {
    if !has_peers("units with overlapping strings", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let unit = ".4byte 12\n.2byte 4\n.4byte 0\n.byte 8, 1\n.4byte .Ls + \\+ % 512\n";
    let text = format!(
        ".section .debug_abbrev,\"\",@progbits\n.byte 1, 0x11, 0, 0x25, 0x0e, 0, 0, 0\n\
         .section .debug_info,\"\",@progbits\n.rept 2048\n{unit}.endr\n\
         .section .debug_str,\"MS\",@progbits,1\n.Ls: .fill 66048, 1, 120\n.byte 0\n\
         .section .note.GNU-stack,\"\",@progbits\n"
    );
    // Assemblers before 2.43 do not count repetitions.
    let units = (0..2048).map(|at| unit.replace("\\+ % 512", &(at % 512).to_string())).collect::<String>();
    root.write("units.s", text.replace(&format!(".rept 2048\n{unit}.endr\n"), &units).as_bytes());
    run("gcc", &["-shared", "-nostdlib", "units.s", "-o", "units.so"], root.path());
    let facts = facts(&std::fs::read(root.path().join("units.so")).unwrap()).unwrap();
    let gap = facts.flags.gap().unwrap();
    assert_eq!(gap.cause(), hardpan_report::Cause::Limit, "{gap}");
}

/// What is recorded of one object file says nothing of another that records nothing, whose functions may be the very ones
/// that needed it.
#[test]
fn what_some_object_files_record_is_no_proof_of_all() {
    if !has_peers("options of some object files", &["gcc", "clang"]) {
        return;
    }
    let root = Root::new();
    root.write(
        "main.c",
        b"int fill(char *, char *); int main(int c, char **v) { return fill(v[0], v[c]); }\n",
    );
    root.write("fill.c", b"#include <string.h>\nint fill(char *a, char *b) { char c[64]; strcpy(c, a); strcat(c, b); return c[1]; }\n");
    let on = "-O2 -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2";
    for (compiler, record) in
        [("gcc", "-g"), ("gcc", "-frecord-gcc-switches"), ("clang", "-frecord-command-line")]
    {
        for (name, options) in
            [("main", format!("{on} {record}")), ("fill", "-O2 -fno-stack-protector".into())]
        {
            let (object, source) = (format!("{name}.o"), format!("{name}.c"));
            let options = options.split_whitespace().chain(["-c", &source, "-o", &object]);
            run(compiler, &options.collect::<Vec<_>>(), root.path());
        }
        run(compiler, &["main.o", "fill.o", "-o", "program"], root.path());
        let facts = facts(&std::fs::read(root.path().join("program")).unwrap()).unwrap();
        for rule in RULES.iter().filter(|rule| ["ELF-005", "ELF-006", "ELF-013"].contains(&&*rule.meta().id))
        {
            let judgement = rule.judge(&facts);
            let is_proof = judgement.outcome == Outcome::Pass && judgement.confidence == Confidence::Proven;
            assert!(!is_proof, "{compiler} {record}: {judgement:?}");
        }
    }
}
