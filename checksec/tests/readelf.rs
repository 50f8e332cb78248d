//! Every ELF file of this machine's programs and libraries, as binutils' readelf sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::support::{has_peers, scan_directory};
use hardpan_checksec::facts::{CHECKED_FUNCTIONS, ElfFacts};
use hardpan_checksec::{Kind, Scan};
use object::elf::{PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD};

/// What both tell of a file.
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are what readelf prints")]
struct View {
    kind: String,
    is_pie: bool,
    interpreter: Option<String>,
    has_relro: bool,
    binds_now: bool,
    stacks: Vec<String>,
    loads: Vec<String>,
    rpath: Option<String>,
    runpath: Option<String>,
    soname: Option<String>,
    needed: Vec<String>,
    has_textrel: bool,
}

pub(crate) const ROOTS: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/lib"];

#[test]
fn headers_and_dynamic_segments_of_all_files() {
    if !has_peers("readelf differential", &["readelf"]) {
        return;
    }
    let (mut compared, mut differences) = (0, Vec::new());
    for root in ROOTS {
        let scan = scan_directory(Path::new(root));
        let theirs = readelf(&["-hlWd"], &paths(root, &scan, |_| true));
        for (path, elf) in elves(root, &scan) {
            // Nothing of a debug file but its header means anything: its tables are those of another file.
            let facts = elf.as_ref().unwrap_or_else(|error| panic!("{path}: {error}"));
            if facts.kind == Kind::Debug {
                continue;
            }
            compared += 1;
            let their_view = view_of_text(&theirs[&path]);
            let our_view = view_of_facts(facts);
            if our_view != their_view {
                differences.push(format!("{path}\n  ours   {our_view:?}\n  theirs {their_view:?}"));
            }
        }
    }
    assert!(compared > 500, "only {compared} files");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
}

/// readelf finds symbols by section headers, we find them by the dynamic segment.
#[test]
fn undefined_symbols_of_all_files() {
    if !has_peers("readelf symbols", &["readelf"]) {
        return;
    }
    let (mut compared, mut found, mut differences) = (0, 0, Vec::new());
    for root in ROOTS {
        let scan = scan_directory(Path::new(root));
        let is_dynamic = |facts: &ElfFacts| facts.dynamic().is_some();
        let theirs = readelf(&["--dyn-syms", "-W"], &paths(root, &scan, is_dynamic));
        for (path, elf) in elves(root, &scan) {
            let facts = elf.as_ref().unwrap();
            if !is_dynamic(facts) {
                continue;
            }
            compared += 1;
            let symbols = facts.symbols.as_ref().unwrap();
            let ours: BTreeSet<String> = symbols
                .checked
                .iter()
                .map(|name| format!("__{name}_chk"))
                .chain(symbols.plain.iter().map(ToString::to_string))
                .chain(symbols.guard.map(|_| "guard".to_string()))
                .collect();
            let wanted = undefined_of_text(&theirs[&path]);
            found += ours.len();
            if ours != wanted {
                differences.push(format!("{path}\n  ours   {ours:?}\n  theirs {wanted:?}"));
            }
        }
    }
    assert!(compared > 500 && found > compared, "{found} symbols in {compared} files");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
}

pub(crate) type Facts = Result<ElfFacts, hardpan_checksec::ElfError>;

pub(crate) fn elves<'s>(root: &'s str, scan: &'s Scan) -> impl Iterator<Item = (String, &'s Facts)> {
    // Members of archives and compressed modules are no files that readelf could be given by their paths.
    let files = scan.elves.iter().filter(|elf| elf.id.is_some());
    files.map(move |elf| (format!("{root}{}", String::from_utf8_lossy(&elf.path)), &elf.facts))
}

pub(crate) fn paths(root: &str, scan: &Scan, wanted: impl Fn(&ElfFacts) -> bool) -> Vec<String> {
    let wanted = elves(root, scan).filter(|(_, facts)| facts.as_ref().is_ok_and(&wanted));
    wanted.map(|(path, _)| path).collect()
}

/// Output by file. Several files in one process make readelf name each.
pub(crate) fn readelf(options: &[&str], paths: &[String]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for paths in paths.chunks(400) {
        // A second file makes it print names even if the chunk has one.
        let output =
            Command::new("readelf").args(options).args(paths).arg(&paths[0]).env("LC_ALL", "C").output();
        let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
        for part in text.split("\nFile: ").filter(|part| !part.is_empty()) {
            let (path, rest) = part.split_once('\n').unwrap();
            texts.insert(path.to_string(), rest.to_string());
        }
    }
    texts
}

fn view_of_facts(facts: &ElfFacts) -> View {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let names = facts.dynamic().map(|dynamic| dynamic.names.clone().unwrap()).unwrap_or_default();
    let flags = |flags: u32| {
        let flag = |bit: u32, letter: &'static str| if flags & bit != 0 { letter } else { "" };
        [flag(4, "R"), flag(2, "W"), flag(1, "E")].concat()
    };
    View {
        kind: match facts.header.file_type {
            1 => "REL",
            2 => "EXEC",
            3 => "DYN",
            _ => "other",
        }
        .into(),
        is_pie: facts.dynamic().is_some_and(|dynamic| dynamic.pie_flag().is_some()),
        interpreter: facts.interpreter.as_ref().unwrap().as_ref().map(|interpreter| text(&interpreter.path)),
        has_relro: facts.segments.last(PT_GNU_RELRO).is_some(),
        binds_now: facts.dynamic().is_some_and(|dynamic| dynamic.bind_now().is_some()),
        stacks: facts.segments.of(PT_GNU_STACK).map(|(_, segment)| flags(segment.flags)).collect(),
        loads: facts.segments.of(PT_LOAD).map(|(_, segment)| flags(segment.flags)).collect(),
        rpath: names.rpath.as_ref().map(|(_, list)| text(list)),
        runpath: names.runpath.as_ref().map(|(_, list)| text(list)),
        soname: names.soname.as_deref().map(text),
        needed: names.needed.iter().map(|(_, name)| text(name)).collect(),
        has_textrel: facts.dynamic().is_some_and(|dynamic| dynamic.textrel().is_some()),
    }
}

fn view_of_text(text: &str) -> View {
    let mut view = View::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["Type:", kind, ..] if view.kind.is_empty() => {
                view.kind = if matches!(kind, "REL" | "EXEC" | "DYN") { kind } else { "other" }.into();
            }
            ["GNU_RELRO", ..] if words.len() >= 7 => view.has_relro = true,
            ["GNU_STACK", ..] if words.len() >= 7 => view.stacks.push(words[6..words.len() - 1].concat()),
            ["LOAD", ..] if words.len() >= 7 => view.loads.push(words[6..words.len() - 1].concat()),
            ["[Requesting", "program", "interpreter:", ..] => {
                view.interpreter = line.split_once(": ").map(|(_, rest)| rest.trim_end_matches(']').into());
            }
            [_, tag, ..] if tag.starts_with('(') => dynamic_entry(&mut view, tag, line, &words[2..]),
            _ => {}
        }
    }
    view
}

fn dynamic_entry(view: &mut View, tag: &str, line: &str, values: &[&str]) {
    let text = || line.split_once('[').map(|(_, rest)| rest.strip_suffix(']').unwrap_or(rest).to_string());
    match tag {
        "(FLAGS)" => {
            view.binds_now |= values.contains(&"BIND_NOW");
            view.has_textrel |= values.contains(&"TEXTREL");
        }
        "(FLAGS_1)" => {
            view.binds_now |= values.contains(&"NOW");
            view.is_pie |= values.contains(&"PIE");
        }
        "(BIND_NOW)" => view.binds_now = true,
        "(TEXTREL)" => view.has_textrel = true,
        "(RPATH)" => view.rpath = text(),
        "(RUNPATH)" => view.runpath = text(),
        "(SONAME)" => view.soname = text(),
        "(NEEDED)" => view.needed.extend(text()),
        _ => {}
    }
}

/// Of the undefined symbols those that are looked for, in the form that the test gives ours.
fn undefined_of_text(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, _, _, "UND", name, ..] = words[..] else { continue };
        let name = name.split('@').next().unwrap();
        let guards =
            ["__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard", "__intel_security_cookie"];
        let openers = ["__open_2", "__open64_2", "__openat_2", "__openat64_2", "__mq_open_2"];
        let longjmps = ["longjmp", "_longjmp", "siglongjmp"];
        let inner = name.strip_prefix("__").and_then(|name| name.strip_suffix("_chk"));
        if guards.contains(&name) {
            names.insert("guard".into());
        } else if openers.contains(&name) {
            names.insert(format!("__{}_chk", name.trim_start_matches('_').trim_end_matches("_2")));
        } else if longjmps.contains(&name) {
            names.insert("longjmp".into());
        } else if CHECKED_FUNCTIONS.contains(&inner.unwrap_or(name)) {
            names.insert(name.into());
        }
    }
    names
}
