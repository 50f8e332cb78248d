//! The notes of every ELF file of this machine, as binutils' readelf sees them: by section headers, where we take
//! program headers.

use hardpan_checksec::Kind;
use hardpan_checksec::facts::ElfFacts;

use crate::readelf::{ROOTS, elves, paths, readelf};
use crate::support::{has_peers, scan_directory};

/// What both tell of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct View {
    build_id: Option<String>,
    abi: Option<String>,
    features: Option<String>,
    is_damaged: bool,
}

#[test]
fn notes_of_all_files() {
    if !has_peers("readelf notes", &["readelf", "aarch64-linux-gnu-gcc"]) {
        return;
    }
    let (mut compared, mut ids, mut marked, mut differences) = (0, 0, 0, Vec::new());
    // The cross compiler's libraries are those of another machine.
    for root in ROOTS.into_iter().chain(["/usr/aarch64-linux-gnu"]) {
        let scan = scan_directory(root.as_ref());
        let has_notes = |facts: &ElfFacts| facts.kind != Kind::Core;
        let theirs = readelf(&["-nW"], &paths(root, &scan, has_notes));
        for (path, facts) in elves(root, &scan) {
            let Ok(facts) = facts else { continue };
            // It does not look into archives, whose members are named in brackets.
            let text = theirs.get(&path);
            assert!(text.is_some() || path.ends_with(')'), "readelf says nothing of {path}");
            let Some(text) = text else { continue };
            compared += 1;
            let (ours, theirs) = (of_facts(facts), of_text(text));
            ids += u64::from(ours.build_id.is_some());
            marked += u64::from(ours.features.is_some());
            if ours != theirs {
                differences.push(format!("{path}\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    assert!(compared > 500 && ids > 400 && marked > 0, "{compared} files, {ids} ids, {marked} marks");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
}

fn of_facts(facts: &ElfFacts) -> View {
    let abi = facts.notes.abi.map(|tag| {
        let [major, minor, patch] = tag.version;
        let system = match tag.system {
            0 => "Linux",
            1 => "GNU",
            2 => "Solaris",
            3 => "FreeBSD",
            _ => "other",
        };
        format!("{system} {major}.{minor}.{patch}")
    });
    let names: &[&str] = match facts.header.machine {
        3 | 62 => &["IBT", "SHSTK"],
        183 => &["BTI", "PAC"],
        _ => &[],
    };
    let features =
        facts.notes.properties.as_ref().ok().and_then(|found| *found).map_or(0, |found| found.features);
    let names = names.iter().enumerate().filter(|(bit, _)| features >> bit & 1 == 1).map(|(_, name)| *name);
    let names: Vec<_> = names.collect();
    View {
        build_id: facts.build_id().map(hardpan_checksec::facts::BuildId::hex),
        abi,
        features: (!names.is_empty()).then(|| names.join(", ")),
        is_damaged: facts.notes.build_id.is_err() || facts.notes.properties.is_err(),
    }
}

fn of_text(text: &str) -> View {
    let mut view = View::default();
    let after = |line: &str, mark: &str| line.split_once(mark).map(|(_, rest)| rest.trim().to_string());
    for line in text.lines() {
        view.build_id = view.build_id.or_else(|| after(line, "Build ID: "));
        let abi = after(line, "OS: ").map(|abi| abi.replace(", ABI:", ""));
        view.abi = view.abi.or(abi);
        for mark in ["x86 feature: ", "AArch64 feature: "] {
            let names = after(line, mark).map(|rest| {
                let names = rest.split(", ").take_while(|name| ["IBT", "SHSTK", "BTI", "PAC"].contains(name));
                names.collect::<Vec<_>>().join(", ")
            });
            view.features = view.features.or(names.filter(|names| !names.is_empty()));
        }
        view.is_damaged |= line.contains("<corrupt") || line.contains("Warning");
    }
    view
}
