//! Binaries made with the compilers' and linkers' rarer defences, by the flags that make them, and what follows from each.

use hardpan_checksec::Scan;

use crate::samples::{SAMPLE, compile, row};
use crate::support::{Root, has_peers, run};

/// A line of [`TABLE`].
struct Feature {
    name: &'static str,
    compiler: &'static str,
    source: &'static str,
    arguments: &'static str,
    verdicts: Vec<(&'static str, &'static str)>,
}

fn features() -> Vec<Feature> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let feature = |line: &'static str| {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [name, compiler, source, arguments, verdicts] = fields[..] else { panic!("{line}") };
        let verdicts = verdicts.split(", ").map(|verdict| verdict.split_once(' ').unwrap()).collect();
        Feature { name, compiler, source, arguments, verdicts }
    };
    lines.map(feature).collect()
}

/// Every verdict that the table expects, with its rule.
pub(crate) fn verdicts() -> impl Iterator<Item = (&'static str, String)> {
    let all = features().into_iter().flat_map(|feature| feature.verdicts);
    all.map(|(rule, verdict)| (rule, verdict.to_string()))
}

#[test]
fn features_follow_from_the_flags() {
    let peers = ["gcc", "clang", "ld.lld", "aarch64-linux-gnu-gcc"];
    if !has_peers("features", &peers) {
        return;
    }
    let (_root, scan) = built(|_| true);
    let mut wrong = Vec::new();
    for feature in features() {
        let found = row(&scan, feature.name);
        for (rule, wanted) in feature.verdicts {
            if found[rule] != wanted {
                wrong.push(format!("{}: {rule} is {}, not {wanted}", feature.name, found[rule]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What no compiler makes by a flag, but tools do to finished files.
#[test]
fn features_of_files_that_were_changed() {
    if !has_peers("changed features", &["gcc", "objcopy", "strip"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    compile(&root, "gcc", "made", &["-g".into()], &source);
    let bin = root.path().join("bin");
    run("objcopy", &["--only-keep-debug", "made", "made.debug"], &bin);
    run("strip", &["-s", "made", "-o", "stripped"], &bin);
    run("strip", &["-g", "made", "-o", "names"], &bin);
    run("objcopy", &["--add-gnu-debuglink=made.debug", "stripped", "linked"], &bin);
    // Whatever is in it: nothing here reads it.
    run("objcopy", &["--add-section", ".gnu_debugdata=made.debug", "stripped", "mini"], &bin);
    run("objcopy", &["-R", ".note.gnu.build-id", "made", "nameless"], &bin);
    run("objcopy", &["--set-section-flags", ".fini=alloc,readonly,data,contents", "made", "data"], &bin);
    let scan = root.scan();
    let cases = [
        ("made", "symbols", "-debug"),
        ("names", "symbols", "%symbols"),
        ("stripped", "symbols", "+stripped"),
        ("linked", "symbols", "+stripped"),
        ("mini", "symbols", "%minidebug"),
        ("made.debug", "symbols", "~n/a"),
        ("made", "build-id", "+yes"),
        ("data", "separate-code", "-data"),
    ];
    for (name, rule, wanted) in cases {
        assert_eq!(row(&scan, name)[rule], wanted, "{name} {rule}");
    }
    // A debug file is found by the id of the file that it was split from.
    let id = |name: &str| crate::support::find(&scan, &format!("/bin/{name}")).traits().build_id;
    assert!(id("made").is_some());
    assert_eq!(id("made"), id("made.debug"));
    assert_eq!(id("made"), id("stripped"));
}

#[test]
fn every_note_of_the_evidence_has_its_place() {
    if !has_peers("places of features", &["gcc", "clang", "ld.lld", "aarch64-linux-gnu-gcc"]) {
        return;
    }
    let cases = [
        ("cet-shared", "cet"),
        ("bti-shared", "branch-protection"),
        ("cfi", "cfi"),
        ("safe-stack", "safe-stack"),
    ];
    let (root, scan) = built(|name| cases.iter().any(|(wanted, _)| *wanted == name));
    for (name, rule) in cases {
        let bytes = std::fs::read(root.path().join("bin").join(name)).unwrap();
        let elf = crate::support::find(&scan, &format!("/bin/{name}"));
        let rules = hardpan_checksec::rules::RULES.iter();
        let index = rules.into_iter().position(|known| known.meta().name == rule).unwrap();
        let evidence = &elf.judgements[index].evidence[0];
        let offset = usize::try_from(evidence.location.as_ref().unwrap().offset.unwrap()).unwrap();
        let field = |at: usize| u32::from_le_bytes(bytes[offset + at..offset + at + 4].try_into().unwrap());
        if evidence.what == "symbol" {
            // st_name is in the string table, and no symbol that is looked for is the empty one.
            assert!(field(0) > 0 && (field(0) as usize) < bytes.len(), "{name}");
        } else {
            assert_eq!(
                (field(0), field(8), &bytes[offset + 12..offset + 16]),
                (4, 5, &b"GNU\0"[..]),
                "{name}"
            );
        }
    }
}

fn built(wanted: impl Fn(&str) -> bool) -> (Root, Scan) {
    let root = Root::new();
    root.write("src/sample.c", SAMPLE);
    for (name, source) in SOURCES {
        root.write(&format!("src/{name}"), source);
    }
    for feature in features().into_iter().filter(|feature| wanted(feature.name)) {
        let arguments: Vec<_> = feature.arguments.split_whitespace().map(Into::into).collect();
        compile(
            &root,
            feature.compiler,
            feature.name,
            &arguments,
            &root.path().join("src").join(feature.source),
        );
    }
    let scan = root.scan();
    (root, scan)
}

const SOURCES: &[(&str, &[u8])] = &[
    // Functions that are called through pointers, one of which calls another file's.
    (
        "table.c",
        b"int other(int); int add(int a) { return a + 1; } int call(int a) { return other(a) + 1; }\n\
          int (*table[2])(int) = {add, call}; int through(int a) { return table[a & 1](a) + 2; }\n",
    ),
    (
        "calls.c",
        b"#include <stdio.h>\n#include <string.h>\ntypedef int (*function)(int);\n\
          int add(int a) { return a + 1; } int sub(int a) { return a - 1; }\n\
          function volatile table[2] = {add, sub};\n\
          int main(int c, char **v) { char b[64]; strcpy(b, v[0]); puts(b); return table[c & 1](c); }\n",
    ),
    (
        "through.c",
        b"__attribute__((visibility(\"default\"))) int apply(int (*by)(int), int x) { return by(x) + x; }\n",
    ),
    ("padded.s", b".text\n.irp name, a1, a2, a3, a4, a5, a6, a7, a8\n.globl \\name\n.type \\name, @function\n\\name: endbr64\nret\n.endr\n.section .note.GNU-stack,\"\",@progbits\n"),
    // Functions that call others sign their return addresses, and the others have no reason to.
    (
        "many.c",
        b"void other(void);\n\
          #define BOTH(a, b) int a(int x) { return x + 1; } int b(int x) { other(); return x; }\n\
          BOTH(a1, b1) BOTH(a2, b2) BOTH(a3, b3) BOTH(a4, b4) BOTH(a5, b5) BOTH(a6, b6) BOTH(a7, b7)\n",
    ),
    ("unmarked.s", b".text\nret\n.section .note.GNU-stack,\"\",@progbits\n"),
    ("module.c", b"const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\nint init_module(void) { return 0; }\n"),
    (
        "kcfi.c",
        b"const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\n\
          __asm__(\".text\\n__cfi_init_module: movl $1, %eax\\n\"); int init_module(void) { return 0; }\n",
    ),
    (
        "old-cfi.c",
        b"const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\n\
          __asm__(\".text\\ninit_module.cfi_jt: nop\\n\"); int init_module(void) { return 0; }\n",
    ),
    ("data.c", b"const int table[4] = {1, 2, 3, 4};\n"),
    ("plain.c", b"#include <stdlib.h>\nint main(int c, char **v) { return atoi(v[0]) + c; }\n"),
    // A frame of more than two pages.
    (
        "frames.c",
        b"__attribute__((noinline)) void fill(char *b) { __asm__(\"\" : : \"r\"(b) : \"memory\"); }\n\
          int main(int c, char **v) { char b[9000]; fill(b); return b[c]; }\n",
    ),
];

/// Name, compiler, source, arguments, and verdicts.
const TABLE: &str = r"
clash-gcc | gcc | frames.c | -O2 -fstack-clash-protection | stack-clash +yes, build-flags ~none
clash-clang | clang | frames.c | -O2 -fstack-clash-protection | stack-clash +yes
clash-off | gcc | frames.c | -O2 -g -fno-stack-clash-protection | stack-clash -no, build-flags +agree
clash-no-sign | gcc | frames.c | -O2 -fno-stack-clash-protection | stack-clash ?no sign
clash-object | gcc | frames.c | -O2 -fstack-clash-protection -c | stack-clash +yes
flags-position | gcc | sample.c | -O2 -g -fPIE -no-pie | build-flags -denied, pie -no
flags-cet-lost | gcc | sample.c | -O2 -g -fcf-protection=full ../src/unmarked.s | build-flags -denied, cet -no
flags-no-effect | clang | sample.c | -O0 -frecord-command-line -D_FORTIFY_SOURCE=2 | build-flags -denied, fortify --O0
flags-agree | clang | sample.c | -O2 -frecord-command-line -D_FORTIFY_SOURCE=3 -fstack-protector-strong | build-flags +agree, fortify +3
canary-off | gcc | sample.c | -O2 -g -fno-stack-protector | stack-protector -off, build-flags +agree
canary-idle | gcc | plain.c | -O2 -g -fstack-protector-strong | stack-protector +strong
cet-shared | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=full | cet +marked, branch-protection ~not arm64, safe-stack ~shadow
cet-shared-clang | clang | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=full | cet +marked
cet-shared-lld | clang | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=full -fuse-ld=lld | cet +marked
cet-shared-sysv | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=full -Wl,--hash-style=sysv | cet +marked
cet-branch | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=branch | cet %IBT only
cet-return | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=return | cet %SHSTK only
cet-none | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=none | cet -no
cet-one-unmarked | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=full ../src/unmarked.s | cet -no
cet-forced | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=none -Wl,-z,ibt,-z,shstk | cet %mark only
cet-forced-in-part | gcc | table.c | -O2 -shared -fPIC -nostdlib -fcf-protection=none -Wl,-z,ibt,-z,shstk ../src/padded.s | cet %partly
cet-program-forced | gcc | sample.c | -O2 -fcf-protection=none -Wl,-z,ibt,-z,shstk | cet %mark only
cet-fixed-forced | gcc | sample.c | -O2 -no-pie -fno-pie -fcf-protection=none -Wl,-z,ibt,-z,shstk | cet %mark only
cet-program | gcc | sample.c | -O2 -fcf-protection=full -Wl,-z,ibt,-z,shstk | cet +marked
cet-fixed | gcc | sample.c | -O2 -no-pie -fno-pie -fcf-protection=full -Wl,-z,ibt,-z,shstk | cet +marked
cet-object | gcc | table.c | -O2 -c -fcf-protection=full | cet +marked, safe-stack ~n/a
cet-object-none | gcc | table.c | -O2 -c -fcf-protection=none | cet -no
cet-object-data | gcc | data.c | -O2 -c | cet ~no code, branch-protection ~not arm64
cet-i386-object | gcc | table.c | -m32 -O2 -c -fcf-protection=full | cet +marked
cet-i386-shared | gcc | table.c | -m32 -O2 -shared -fPIC -nostdlib -fcf-protection=full | cet +marked
cet-i386-forced | gcc | table.c | -m32 -O2 -shared -fPIC -nostdlib -fcf-protection=none -Wl,-z,ibt,-z,shstk | cet %mark only
bti-shared | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=standard | branch-protection +marked, cet ~not x86
bti-only | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=bti | branch-protection %BTI only
pac-only | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=pac-ret | branch-protection %PAC only
bti-none | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=none | branch-protection -no
bti-forced | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=none -Wl,-z,force-bti | branch-protection %mark only
bti-forced-on-pac | aarch64-linux-gnu-gcc | many.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=pac-ret -Wl,-z,force-bti | branch-protection %partly
bti-forced-pac | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=standard -Wl,-z,force-bti ../src/unmarked.s | branch-protection %BTI+PAC?
bti-one-unmarked | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -mbranch-protection=standard ../src/unmarked.s | branch-protection %PAC?
bti-object | aarch64-linux-gnu-gcc | table.c | -O2 -c -mbranch-protection=standard | branch-protection +marked, cet ~not x86
cfi | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fuse-ld=lld | cfi +yes, safe-stack -no
cfi-diagnostics | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fno-sanitize-trap=cfi -fuse-ld=lld | cfi +yes
cfi-stripped | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fuse-ld=lld -s | cfi +yes, safe-stack ?stripped
cfi-cross | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fsanitize-cfi-cross-dso -fuse-ld=lld | cfi +cross-DSO
cfi-cross-stripped | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fsanitize-cfi-cross-dso -fuse-ld=lld -s | cfi +cross-DSO
cfi-cross-sysv | clang | calls.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fsanitize-cfi-cross-dso -fuse-ld=lld -s -Wl,--hash-style=sysv | cfi +cross-DSO
cfi-cross-shared | clang | calls.c | -O2 -flto -fPIC -shared -fvisibility=hidden -fsanitize=cfi -fsanitize-cfi-cross-dso -fuse-ld=lld -s | cfi +cross-DSO
cfi-trap-only | clang | through.c | -O2 -flto -fvisibility=hidden -fsanitize=cfi -fuse-ld=lld -shared -fPIC -nostdlib | cfi +yes
cfi-trap-stripped-i386 | clang | through.c | -m32 -O2 -flto -fvisibility=hidden -fsanitize=cfi -fuse-ld=lld -shared -fPIC -nostdlib -s | cfi +yes
cfi-trap-aarch64 | clang | through.c | --target=aarch64-linux-gnu -O2 -flto -fvisibility=hidden -fsanitize=cfi -fuse-ld=lld -shared -fPIC -nostdlib -s | cfi +yes
other-trap | clang | through.c | -O2 -fsanitize=undefined -fsanitize-trap=undefined -fuse-ld=lld -shared -fPIC -nostdlib | cfi -no
cfi-none | clang | calls.c | -O2 | cfi -no, safe-stack -no
cfi-none-stripped | clang | calls.c | -O2 -s | cfi ?stripped, safe-stack ?stripped
cfi-none-gcc | gcc | calls.c | -O2 -s | cfi -no, safe-stack ~GCC
cfi-module | gcc | kcfi.c | -O2 -c | cfi +kCFI
cfi-module-old | gcc | old-cfi.c | -O2 -c | cfi +kCFI
cfi-module-none | gcc | module.c | -O2 -c | cfi -no, symbols +stripped, build-id -none, separate-code ~n/a
safe-stack | clang | calls.c | -O2 -fsanitize=safe-stack | safe-stack +yes, cfi -no
safe-stack-stripped | clang | calls.c | -O2 -fsanitize=safe-stack -s | safe-stack +yes
safe-stack-shared | clang | calls.c | -O2 -fsanitize=safe-stack -fPIC -shared -s | safe-stack +yes
symbols-debug | gcc | sample.c | -O2 -g | symbols -debug
symbols-compressed | gcc | sample.c | -O2 -g -gz=zlib | symbols -debug
symbols-zdebug | gcc | sample.c | -O2 -g -gz=zlib-gnu | symbols -debug
symbols-plain | gcc | sample.c | -O2 | symbols %symbols
symbols-stripped | clang | sample.c | -O2 -g -s | symbols +stripped
symbols-module | gcc | module.c | -O2 -c -g | symbols -debug
build-id-sha1 | gcc | sample.c | -O2 -Wl,--build-id=sha1 | build-id +yes
build-id-lld | clang | sample.c | -O2 -fuse-ld=lld -Wl,--build-id=fast | build-id +yes
build-id-none | gcc | sample.c | -O2 -Wl,--build-id=none | build-id -none
build-id-blank | gcc | sample.c | -O2 -Wl,--build-id=0x0000000000000000 | build-id -blank
build-id-module | gcc | module.c | -O2 -r -nostdlib -Wl,--build-id=sha1 | build-id +yes
separate | gcc | sample.c | -O2 -Wl,-z,separate-code | separate-code +yes
separate-fixed | gcc | sample.c | -O2 -no-pie -fno-pie -static -Wl,-z,separate-code | separate-code +yes
separate-not | gcc | sample.c | -O2 -Wl,-z,noseparate-code | separate-code -no
separate-lld | clang | sample.c | -O2 -fuse-ld=lld -Wl,-z,separate-code | separate-code +yes
separate-lld-loadable | clang | sample.c | -O2 -fuse-ld=lld -Wl,-z,separate-loadable-segments | separate-code +yes
separate-lld-not | clang | sample.c | -O2 -fuse-ld=lld -Wl,-z,noseparate-code | separate-code %border
separate-lld-one | clang | sample.c | -O2 -fuse-ld=lld -Wl,--no-rosegment | separate-code -no
separate-omagic | gcc | table.c | -O2 -no-pie -fno-pie -static -nostdlib -Wl,-N,--unresolved-symbols=ignore-all | separate-code -writable
separate-arm-not | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -Wl,-z,noseparate-code | separate-code -no
separate-arm | aarch64-linux-gnu-gcc | table.c | -O2 -shared -fPIC -nostdlib -Wl,-z,separate-code | separate-code +yes
";
