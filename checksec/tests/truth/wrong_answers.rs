//! What other checkers answered wrongly, measured on ten of them: each is a case here.

use std::collections::BTreeSet;

use super::patches::PATCHES;
use super::survive::{dynamic, header, inputs, names};
use super::table::{RULE_NAMES, table};

/// Where the right answer is tested.
enum Case {
    /// A binary, a rule, and the letter that its verdict must have.
    File(&'static str, &'static str, char),
    /// A test of its own, in whose place the function stands so that it cannot get lost.
    Test(#[expect(dead_code, reason = "that it is there is all")] fn()),
}

use Case::{File, Test};

/// Number, what was wrong, and the cases.
#[rustfmt::skip]
const WRONG_ANSWERS: &[(u8, &str, &[Case])] = &[
    (1, "the interpreter that a scanned file names was run", &[Test(names::a_hostile_interpreter_does_not_run), File("interpreter-open", "rpath", '-'), File("interpreter-relative", "rpath", '-')]),
    (2, "a FIFO blocked the scan for ever", &[Test(inputs::fifo_socket_device)]),
    (3, "a name that is no UTF-8 ended the scan without a word", &[Test(names::odd_names)]),
    (4, "damaged files fell out of the report, with exit code 0", &[Test(names::nothing_falls_silent)]),
    (5, "268 bytes that start CAFEBABE took eleven seconds", &[Test(inputs::cafebabe)]),
    (6, "sizes of 2^40 and counts of 65535 were believed", &[Test(dynamic::extent_of_pt_dynamic), Test(header::pn_xnum)]),
    (7, "a writable GOT was called full RELRO because of a flag", &[File("fakenow", "relro", '%'), File("fakenow-old-tag", "relro", '%'), File("riscv64", "relro", '%')]),
    (8, "of two PT_GNU_STACK the first was taken", &[File("stacks-last-executable", "nx-stack", '-'), File("stacks-first-executable", "nx-stack", '-')]),
    (9, "a file without RELRO was called partial", &[File("gcc-soft", "relro", '-'), File("gcc-shared-norelro", "relro", '-'), File("rust-norelro", "relro", '-')]),
    (10, "binding at start was called RELRO, and a library a program", &[File("gcc-pie-now-norelro", "relro", '-'), File("gcc-shared", "pie", '~')]),
    (11, "the C library's own protector was taken for the program's", &[File("gcc-static-soft", "stack-protector", '?'), File("musl-static-off", "stack-protector", '?'), File("clang-static", "stack-protector", '?')]),
    (12, "nothing to check was called FORTIFY, and Go's functab CFI", &[File("go-static", "fortify", '~'), File("gcc-static-soft", "fortify", '?'), File("object-soft", "fortify", '?'), File("go-pie", "cfi", '!')]),
    (13, "memory that is writable and executable was not seen", &[File("wx-script", "wx-segments", '-'), File("wx-omagic", "wx-segments", '-'), File("wx-code", "wx-segments", '-'), File("wx-data", "wx-segments", '-')]),
    (14, "marks were looked for at the wrong offset", &[File("cet-full", "cet", '+'), File("aarch64-standard", "branch-protection", '+'), File("cet-mark-only", "cet", '!'), File("cfi-cross", "cfi", '+')]),
    (15, "only one or two of three encodings of binding at start were known", &[File("now-by-old-tag", "bind-now", '+'), File("now-by-df-1-now", "relro", '+'), File("now-by-df-bind-now", "relro", '+')]),
    (16, "static files and files without PLT were called partial", &[File("gcc-static", "relro", '+'), File("gcc-static-pie", "relro", '+'), File("gcc-pie-no-plt", "relro", '+')]),
    (17, "few of the checked functions were known, and musl's and Rust's lack of them was a failure", &[File("fortify-read", "fortify", '+'), File("fortify-poll", "fortify", '+'), File("rust", "fortify", '~'), File("musl", "fortify", '~'), File("s390x", "fortify", '+'), File("object", "fortify", '+')]),
    (18, "no sign of the protector was called no protector", &[File("canary-plain", "stack-protector", '?'), File("canary-libc-itself", "stack-protector", '+'), File("no-sections", "stack-protector", '+'), File("rust", "stack-protector", '~')]),
    (19, "the probes of fixed frames were missed", &[File("clash", "stack-clash", '+'), File("clash-clang", "stack-clash", '+'), File("rust-frames", "stack-clash", '+'), File("clash-off", "stack-clash", '?')]),
    (20, "object files and debug files were judged as programs", &[File("object", "nx-stack", '+'), File("module", "nx-stack", '~'), File("debug-file", "pie", '~'), File("debug-file", "relro", '~')]),
    (21, "programs and libraries were mistaken for each other", &[File("gcc-static-pie", "pie", '+'), File("canary-libc-itself", "pie", '~'), File("rust-cdylib", "pie", '~'), File("pie-by-dt-debug", "pie", '+')]),
    (22, "an executable stack was called a missing mark, or not seen", &[File("gcc-execstack", "nx-stack", '-'), File("gcc-shared-execstack", "nx-stack", '-'), File("no-stack-x86-64", "nx-stack", '-'), File("textrel", "textrel", '-')]),
    (23, "files of 32 bits fell through", &[File("i386", "stack-protector", '+'), File("armhf", "stack-protector", '+'), File("i386-soft", "stack-protector", '?')]),
];

#[test]
fn every_wrong_answer_has_a_case() {
    let numbers: BTreeSet<u8> = WRONG_ANSWERS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=23).collect());
    let table = table();
    for (number, what, cases) in WRONG_ANSWERS {
        assert!(!cases.is_empty(), "{number}: {what}");
        for case in *cases {
            let File(name, rule, letter) = case else { continue };
            let patched = PATCHES.iter().find(|patched| patched.name == *name);
            let base = patched.map_or(*name, |patched| patched.base);
            let binary = table.iter().find(|binary| binary.name == base);
            let column = RULE_NAMES.iter().position(|known| known == rule).unwrap();
            let of_base = binary.unwrap_or_else(|| panic!("{number}: no {name}")).verdicts[column];
            let changed = patched.and_then(|patched| patched.differs.iter().find(|(of, _)| of == rule));
            assert_eq!(changed.map_or(of_base, |(_, letter)| *letter), *letter, "{number}: {name}: {rule}");
        }
    }
}
