//! Binaries of the table changed by hand into what no linker makes.

use std::collections::BTreeSet;

use object::elf::{
    DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DF_TEXTREL, DT_BIND_NOW, DT_DEBUG, DT_FLAGS, DT_FLAGS_1, DT_TEXTREL,
    PF_W, PF_X, PT_GNU_PROPERTY, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD, PT_NOTE,
};

use super::table::{RULE_NAMES, table};
use super::{BINARIES, differences, judgements, scan_of};
use crate::support::{Patch, assert_runs};

/// A line of [`PATCHES`].
pub(crate) struct Patched {
    pub(crate) name: &'static str,
    /// The binary of the table that it was.
    pub(super) base: &'static str,
    patch: fn(&mut Patch),
    /// Rules and the letters that differ from the base's.
    pub(super) differs: &'static [(&'static str, char)],
    /// Whether this machine's Linux still runs it.
    runs: bool,
}

const fn line(
    name: &'static str,
    base: &'static str,
    patch: fn(&mut Patch),
    differs: &'static [(&'static str, char)],
) -> Patched {
    Patched { name, base, patch, differs, runs: false }
}

/// A patched file that is run, too: what it is judged for is what really happens.
const fn runs(
    name: &'static str,
    base: &'static str,
    patch: fn(&mut Patch),
    differs: &'static [(&'static str, char)],
) -> Patched {
    Patched { name, base, patch, differs, runs: true }
}

#[rustfmt::skip]
pub(crate) const PATCHES: &[Patched] = &[
    // Flags and layout of RELRO.
    runs("fakenow", "gcc-pie-lazy", |file| { flags(file, BIND_NOW); flags_1(file, NOW | PIE); }, &[("bind-now", '+')]),
    runs("fakenow-old-tag", "gcc-pie-lazy", |file| retag(file, DEBUG, BIND_NOW_TAG), &[("bind-now", '+')]),
    runs("now-by-df-bind-now", "gcc-pie", |file| flags_1(file, PIE), &[]),
    runs("now-by-df-1-now", "gcc-pie", |file| flags(file, 0), &[]),
    runs("now-by-old-tag", "gcc-pie", |file| { flags_1(file, PIE); retag(file, FLAGS, BIND_NOW_TAG); }, &[]),
    line("now-by-nothing", "gcc-pie", |file| { flags(file, 0); flags_1(file, PIE); }, &[("relro", '-'), ("bind-now", '-')]),
    runs("relro-one-byte-less", "gcc-pie", |file| shrink(file, 1), &[("relro", '%')]),
    runs("relro-one-page-less", "go-cgo-pie", |file| shrink(file, 0x1000), &[("relro", '%')]),
    runs("relro-empty", "gcc-pie", |file| resize(file, PT_GNU_RELRO.0, 0), &[("relro", '%')]),
    runs("relro-empty-no-plt", "gcc-pie-no-plt", |file| resize(file, PT_GNU_RELRO.0, 0), &[("relro", '%')]),
    runs("relro-elsewhere", "gcc-pie", over_the_headers, &[("relro", '%')]),
    runs("relro-twice", "go-cgo-pie", two_relros, &[("relro", '%'), ("nx-stack", '-')]),
    line("relro-without-a-datum", "gcc-pie", datum_outside, &[("relro", '%')]),
    // Programs and libraries.
    runs("pie-by-dt-debug", "gcc-pie", |file| flags_1(file, NOW), &[]),
    runs("library-with-interpreter", "gcc-pie", |file| { flags_1(file, NOW); retag(file, DEBUG, UNKNOWN_TAG); }, &[("pie", '~')]),
    // The stack.
    runs("stacks-last-executable", "gcc-pie", |file| two_stacks(file, 6, 7), &[("nx-stack", '-'), ("cet", 'o')]),
    runs("stacks-first-executable", "gcc-pie", |file| two_stacks(file, 7, 6), &[("nx-stack", '-'), ("cet", 'o')]),
    runs("no-stack-x86-64", "gcc-pie", no_stack, &[("nx-stack", '-')]),
    line("no-stack-i386", "i386", no_stack, &[("nx-stack", '-')]),
    line("no-stack-aarch64", "aarch64", no_stack, &[("nx-stack", '?')]),
    line("no-stack-armhf", "armhf", no_stack, &[("nx-stack", '?')]),
    line("no-stack-riscv64", "riscv64", no_stack, &[("nx-stack", '?')]),
    line("no-stack-static", "gcc-static", no_stack, &[("nx-stack", '-')]),
    // Segments.
    runs("wx-code", "gcc-pie", |file| permit(file, PF_X.0, PF_W.0), &[("wx-segments", '-'), ("separate-code", '-')]),
    runs("wx-data", "gcc-pie", |file| permit(file, PF_W.0, PF_X.0), &[("wx-segments", '-'), ("separate-code", 'o')]),
    line("wx-data-aarch64", "aarch64", |file| permit(file, PF_W.0, PF_X.0), &[("wx-segments", '-')]),
    line("wx-data-i386", "i386", |file| permit(file, PF_W.0, PF_X.0), &[("wx-segments", '-'), ("separate-code", 'o')]),
    line("less-memory-than-file", "gcc-pie", |file| resize(file, PT_LOAD.0, 1), &[("well-formed", '-'), ("separate-code", 'o')]),
    // Relocations in code, by either encoding.
    line("textrel-by-df-textrel", "gcc-pie", |file| flags(file, BIND_NOW | TEXTREL), &[("textrel", '-')]),
    line("textrel-by-old-tag", "gcc-pie", |file| retag(file, FLAGS, TEXTREL_TAG), &[("textrel", '-')]),
    // Section headers are nothing that the loader needs.
    runs("no-sections", "gcc-pie", no_sections, &[("symbols", 'o')]),
    runs("no-sections-lazy", "gcc-pie-lazy", no_sections, &[("symbols", 'o')]),
    runs("no-sections-static", "gcc-static", no_sections, &[("relro", '?'), ("symbols", 'o')]),
    line("no-sections-aarch64", "aarch64", no_sections, &[("symbols", 'o'), ("branch-protection", '-')]),
    runs("no-sections-execstack", "gcc-execstack", no_sections, &[("symbols", 'o')]),
    runs("sections-of-a-debug-file", "gcc-execstack", all_nobits, &[("symbols", 'o'), ("build-id", 'o'), ("well-formed", 'o')]),
    // Marks that no compiler set.
    line("marks-without-code", "gcc-pie", forge_marks, &[("cet", '!')]),
    line("marks-taken-away", "cet-full", forge_marks_away, &[("cet", '-')]),
];

#[test]
fn patched_binaries() {
    let patched: Vec<(&Patched, Vec<u8>)> = PATCHES
        .iter()
        .filter_map(|patched| Some((patched, apply(patched, BINARIES.get(patched.base)?))))
        .collect();
    let scan = scan_of(patched.iter().map(|(patched, bytes)| (patched.name, bytes.as_slice())));
    let mut wrong = Vec::new();
    for (patched, bytes) in &patched {
        let mut expected = table().into_iter().find(|binary| binary.name == patched.base).unwrap();
        expected.name = patched.name;
        expected.labels.clear();
        for (rule, letter) in patched.differs {
            expected.verdicts[RULE_NAMES.iter().position(|name| name == rule).unwrap()] = *letter;
        }
        wrong.extend(differences(&expected, &judgements(&scan, patched.name)));
        if patched.runs {
            assert_runs(patched.name, bytes);
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    let names: BTreeSet<_> = PATCHES.iter().map(|patched| patched.name).collect();
    assert_eq!(names.len(), PATCHES.len());
}

/// What all tools that were looked at call full RELRO is told apart with the reason.
#[test]
fn a_flag_that_contradicts_the_layout_is_named() {
    let fakenow = PATCHES.iter().find(|patched| patched.name == "fakenow").unwrap();
    let Some(base) = BINARIES.get(fakenow.base) else { return };
    let bytes = apply(fakenow, base);
    let scan = scan_of([("fakenow", bytes.as_slice())].into_iter());
    let relro = judgements(&scan, "fakenow")["relro"];
    assert_eq!(relro.label, "partial");
    assert!(relro.message.contains("3 of 3 PLT slots"), "{}", relro.message);
    assert!(relro.message.contains("though the file says that it is bound at start"), "{}", relro.message);
    assert!(relro.evidence.iter().any(|evidence| evidence.what == "DF_BIND_NOW"), "{:?}", relro.evidence);
}

/// Where one letter has several reasons, the label tells which it was.
#[test]
fn labels_of_patched_binaries() {
    for (name, rule, label) in [
        ("stacks-last-executable", "nx-stack", "exec"),
        ("stacks-first-executable", "nx-stack", "ambiguous"),
        ("no-stack-x86-64", "nx-stack", "missing"),
        ("no-stack-aarch64", "nx-stack", "missing"),
        ("now-by-nothing", "relro", "broken"),
        ("relro-one-byte-less", "relro", "partial"),
        ("relro-empty-no-plt", "relro", "partial"),
        ("pie-by-dt-debug", "pie", "PIE"),
        ("library-with-interpreter", "pie", "DSO"),
        ("no-sections-static", "relro", "unknown"),
    ] {
        let patched = PATCHES.iter().find(|patched| patched.name == name).unwrap();
        let Some(base) = BINARIES.get(patched.base) else { continue };
        let scan = scan_of([(name, apply(patched, base).as_slice())].into_iter());
        assert_eq!(judgements(&scan, name)[rule].label, label, "{name}");
    }
}

fn apply(patched: &Patched, base: &[u8]) -> Vec<u8> {
    let mut file = Patch(base.to_vec());
    (patched.patch)(&mut file);
    assert!(file.0 != base, "{} changes nothing", patched.name);
    file.0
}

fn set(file: &mut Patch, tag: u64, value: u64) {
    let entry = file.dynamic(tag);
    file.put(entry + 8, &value.to_le_bytes());
}

fn flags(file: &mut Patch, value: u64) {
    if file.find_dynamic(FLAGS).is_none() {
        // A lazily bound program has no DT_FLAGS; the entry for debuggers is one that nobody misses.
        retag(file, DEBUG, FLAGS);
    }
    set(file, FLAGS, value);
}

fn flags_1(file: &mut Patch, value: u64) {
    set(file, DT_FLAGS_1.0.cast_unsigned(), value);
}

fn retag(file: &mut Patch, from: u64, to: u64) {
    let entry = file.dynamic(from);
    file.put(entry, &to.to_le_bytes());
}

fn resize(file: &mut Patch, kind: u32, memory_size: u64) {
    let header = file.headers(kind)[0];
    file.put(header + 40, &memory_size.to_le_bytes());
}

fn shrink(file: &mut Patch, by: u64) {
    let header = file.headers(PT_GNU_RELRO.0)[0];
    let size = file.u64(header + 40);
    resize(file, PT_GNU_RELRO.0, size - by);
}

/// Puts RELRO over the first page, which is read-only anyway.
fn over_the_headers(file: &mut Patch) {
    let header = file.headers(PT_GNU_RELRO.0)[0];
    file.put(header + 16, &0_u64.to_le_bytes());
    resize(file, PT_GNU_RELRO.0, 0x1000);
}

/// Puts an empty RELRO behind the other, in the place of the stack header, which comes first.
fn two_relros(file: &mut Patch) {
    let (stack, relro) = (file.headers(PT_GNU_STACK.0)[0], file.headers(PT_GNU_RELRO.0)[0]);
    assert!(stack < relro);
    let first = file.0[relro..relro + 56].to_vec();
    let mut spare = file.0[stack..stack + 56].to_vec();
    file.put(stack, &first);
    spare[..4].copy_from_slice(&PT_GNU_RELRO.0.to_le_bytes());
    file.put(relro, &spare);
}

/// Sends the first `GLOB_DAT` relocation behind RELRO, where no linker puts a slot, while those of calls stay inside.
fn datum_outside(file: &mut Patch) {
    let relro = file.headers(PT_GNU_RELRO.0)[0];
    let (start, size) = (file.u64(relro + 16), file.u64(relro + 40));
    let is_slot = |at: &usize| {
        file.u64(at + 8) & 0xffff_ffff == 6
            && file.u64(at + 8) >> 32 != 0
            && (start..start + size).contains(&file.u64(*at))
    };
    let at = (0..file.0.len() - 24).step_by(8).find(is_slot).unwrap();
    file.put(at, &(start + size).to_le_bytes());
}

/// Makes the first note header a second stack header, which comes before the other.
pub(super) fn two_stacks(file: &mut Patch, first: u32, last: u32) {
    let (note, stack) = (file.headers(PT_NOTE.0)[0], file.headers(PT_GNU_STACK.0)[0]);
    assert!(note < stack);
    file.put(note, &PT_GNU_STACK.0.to_le_bytes());
    file.put(note + 4, &first.to_le_bytes());
    file.put(stack + 4, &last.to_le_bytes());
}

/// Makes the stack header a `PT_NULL`, which nobody looks at.
fn no_stack(file: &mut Patch) {
    let stack = file.headers(PT_GNU_STACK.0)[0];
    file.put(stack, &0_u32.to_le_bytes());
}

/// Gives the first `PT_LOAD` with one flag another flag.
fn permit(file: &mut Patch, of: u32, more: u32) {
    let at = if file.0[4] == 2 { 4 } else { 24 };
    let header = file.headers(PT_LOAD.0).into_iter().find(|header| file.u32(header + at) & of != 0).unwrap();
    let flags = file.u32(header + at) | more;
    file.put(header + at, &flags.to_le_bytes());
}

fn no_sections(file: &mut Patch) {
    *file = Patch(file.0.clone()).without_sections();
}

fn all_nobits(file: &mut Patch) {
    let sections = usize::try_from(file.u64(40)).unwrap();
    for index in 1..usize::from(file.u16(60)) {
        file.put(sections + index * 64 + 4, &8_u32.to_le_bytes());
    }
}

/// Turns the property that says which instructions are needed, which code is free to have, into marks for IBT and SHSTK.
fn forge_marks(file: &mut Patch) {
    let note = file.headers(PT_GNU_PROPERTY.0)[0];
    let property = usize::try_from(file.u64(note + 8)).unwrap() + 16;
    file.put(property, &0xc000_0002_u32.to_le_bytes());
    file.put(property + 8, &3_u32.to_le_bytes());
}

fn forge_marks_away(file: &mut Patch) {
    let note = file.headers(PT_GNU_PROPERTY.0)[0];
    let property = usize::try_from(file.u64(note + 8)).unwrap() + 16;
    assert_eq!(file.u32(property), 0xc000_0002);
    file.put(property + 8, &0_u32.to_le_bytes());
}

const BIND_NOW: u64 = DF_BIND_NOW.0;
const TEXTREL: u64 = DF_TEXTREL.0;
const NOW: u64 = DF_1_NOW.0;
const PIE: u64 = DF_1_PIE.0;
const FLAGS: u64 = DT_FLAGS.0.cast_unsigned();
const BIND_NOW_TAG: u64 = DT_BIND_NOW.0.cast_unsigned();
const TEXTREL_TAG: u64 = DT_TEXTREL.0.cast_unsigned();
const DEBUG: u64 = DT_DEBUG.0.cast_unsigned();
/// In the range for operating systems, where loaders skip what they do not know.
const UNKNOWN_TAG: u64 = 0x6000_1234;
