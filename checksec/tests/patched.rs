//! Files changed by hand into what no linker makes.

use hardpan_checksec::rules::RULES;

use crate::matrix::{BASE, Flags, Link, Relro};
use crate::samples::{GOOD_PIE, SAMPLE, compile};
use crate::support::{Patch, Root, has_peers, run, short};

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
    expect("fakenow", &with_flags(&lazy, None, Some(DF_1_NOW | DF_1_PIE)), &[(0, "%partial")]);
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

    expect("PLT slots outside", &with_size(&now, PT_GNU_RELRO, 40, 1), &[(0, "%partial")]);
    let no_plt = made(Flags { extra: &["-fno-plt"], ..BASE }).0;
    expect("no PLT", &no_plt, &[]);
    expect("GOT slots outside", &with_size(&no_plt, PT_GNU_RELRO, 40, 1), &[(0, "%partial")]);
    expect("less memory than file", &with_size(&now, PT_LOAD, 40, 1), &[(9, "-malformed")]);

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

/// Puts a 64-bit field of the first program header of a type.
fn with_size(bytes: &[u8], kind: u32, field: usize, value: u64) -> Vec<u8> {
    let mut patch = Patch(bytes.to_vec());
    let header = patch.headers(kind)[0];
    patch.put(header + field, &value.to_le_bytes());
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

const DF_TEXTREL: u64 = 4;
const DF_BIND_NOW: u64 = 8;
const DF_1_NOW: u64 = 1;
const DF_1_PIE: u64 = 0x0800_0000;
const DT_TEXTREL: u64 = 22;
const DT_BIND_NOW: u64 = 24;
const DT_FLAGS: u64 = 30;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const PT_LOAD: u32 = 1;
const PT_GNU_RELRO: u32 = 0x6474_e552;
const PT_NOTE: u32 = 4;
const PT_GNU_STACK: u32 = 0x6474_e551;
