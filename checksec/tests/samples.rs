//! Sources of the programs that the tests build, and how they are built.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Root, find, run, short};
use hardpan_checksec::Scan;
use hardpan_checksec::rules::RULES;

pub(crate) fn compile(root: &Root, compiler: &str, name: &str, arguments: &[String], source: &Path) {
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    all.extend([source.to_str().unwrap(), "-o", name]);
    run(compiler, &all, &bin);
}

/// Verdicts by the names of the rules.
pub(crate) type Row = BTreeMap<&'static str, String>;

/// The verdicts on a built file.
pub(crate) fn row(scan: &Scan, name: &str) -> Row {
    let judgements = &find(scan, &format!("/bin/{name}")).judgements;
    RULES.iter().zip(judgements).map(|(rule, judgement)| (&*rule.meta().name, short(judgement))).collect()
}

/// The verdicts on a file in memory.
pub(crate) fn row_of(bytes: &[u8]) -> Row {
    let facts = crate::support::facts(bytes).unwrap();
    RULES.iter().map(|rule| (&*rule.meta().name, short(&rule.judge(&facts)))).collect()
}

/// A row with some verdicts changed.
pub(crate) fn with<'v>(row: &Row, changes: impl IntoIterator<Item = (&'static str, &'v str)>) -> Row {
    let mut row = row.clone();
    for (rule, verdict) in changes {
        assert!(row.insert(rule, verdict.to_string()).is_some(), "no rule {rule}");
    }
    row
}

/// The rules of which two rows differ, for a message.
pub(crate) fn difference(name: &str, found: &Row, expected: &Row) -> Option<String> {
    let rules = RULES.iter().map(|rule| &*rule.meta().name);
    let wrong = rules.filter(|rule| found.get(rule) != expected.get(rule));
    let wrong: Vec<_> =
        wrong.map(|rule| format!("{rule}: {:?}, not {:?}", found.get(rule), expected.get(rule))).collect();
    (!wrong.is_empty()).then(|| format!("{name}: {}", wrong.join("; ")))
}

/// What the rules say of a program that GCC made well, as far as the matrix of flags goes.
pub(crate) fn good_pie() -> Row {
    let verdicts = [
        ("relro", "+full"),
        ("bind-now", "+now"),
        ("pie", "+PIE"),
        ("nx-stack", "+NX"),
        ("stack-protector", "+yes"),
        ("fortify", "+2+"),
        ("rpath", "+none"),
        ("textrel", "+none"),
        ("wx-segments", "+yes"),
        ("well-formed", "+yes"),
        ("cet", "-no"),
        ("branch-protection", "~not arm64"),
        ("cfi", "-no"),
        ("safe-stack", "~GCC"),
        ("symbols", "%symbols"),
        ("build-id", "+yes"),
        ("separate-code", "+yes"),
        // No frame of it is large, and nothing records the flags.
        ("stack-clash", "?no sign"),
        ("build-flags", "~none"),
    ];
    verdicts.into_iter().map(|(rule, verdict)| (rule, verdict.to_string())).collect()
}

/// A function with an array, one call that level 1 checks and one that level 2 checks.
pub(crate) const SAMPLE: &[u8] = br#"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char buffer[64];
    strcpy(buffer, argv[0]);
    printf("%s %d\n", buffer, argc);
    return 0;
}
"#;

pub(crate) const SOURCES: &[(&str, &[u8])] = &[
    ("sample.c", SAMPLE),
    ("sample.cc", b"#include <iostream>\n#include <cstdio>\n#include <cstring>\nint main(int c, char **v) { char b[64]; std::strcpy(b, v[0]); std::printf(\"%s %d\\n\", b, c); std::cout << c; }\n"),
    ("prints.cc", b"#include <iostream>\n#include <cstdio>\nint main(int c, char **v) { std::printf(\"%s %d\\n\", v[0], c); std::cout << c; }\n"),
    ("textrel.c", b"#include <stdio.h>\n#include <string.h>\n__asm__(\".text\\n.quad main\\n\");\nint main(int c, char **v) { char b[64]; strcpy(b, v[0]); printf(\"%s %d\\n\", b, c); return 0; }\n"),
    ("plain.c", b"#include <stdlib.h>\nint main(int c, char **v) { return atoi(v[0]) + c; }\n"),
    ("reads.c", b"#include <unistd.h>\nchar *at; int main(int c, char **v) { return read(c, v[0], 1); }\n"),
    ("data.c", b"const int table[4] = {1, 2, 3, 4};\n"),
    ("module.c", b"const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\nvoid fill(char *); int init_module(void) { char b[64]; fill(b); return b[0]; }\n"),
    ("part.c", b"void fill(char *);\nint c_part(void) { char b[64]; fill(b); return b[0]; }\n"),
    ("prints.c", b"#include <stdio.h>\n#include <string.h>\nchar *at; int c_part(void) { char b[64]; strcpy(b, at); return printf(\"%s %d\\n\", b, 1); }\n"),
    (
        "mixed.rs",
        b"unsafe extern \"C\" { fn c_part() -> i32; }\n#[unsafe(no_mangle)] extern \"C\" fn fill(at: *mut u8) { unsafe { *at = 1 } }\nfn main() { println!(\"{}\", unsafe { c_part() }); }\n",
    ),
    ("libc.c", b"void __stack_chk_fail(void) { for (;;) {} }\n"),
    ("bpf.c", b"int filter(void *packet) { return packet != 0; }\n"),
    ("no-note.s", b".text\n.globl f\nf: ret\n"),
    ("exec-note.s", b".text\n.globl f\nf: ret\n.section .note.GNU-stack,\"x\",@progbits\n"),
    ("go.c", b"__attribute__((section(\".go.buildinfo\"), aligned(16), used)) char info[32] = \"\\xff Go buildinf:\\x08\\x02\";\nvoid _start(void) { for (;;) {} }\n"),
    ("sample.rs", b"fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }\n#[unsafe(no_mangle)] pub extern \"C\" fn answer() -> usize { std::env::args().count() }\n"),
];
