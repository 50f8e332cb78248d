//! Programs that are cut and damaged: thousands of them, in one run.

use std::collections::BTreeSet;

use crate::util::{Dir, Numbers, elf, lacks};

/// The magic number. What has less is no ELF file; what has it and no whole header is a damaged one.
const SHORTEST: usize = 4;

#[test]
fn every_beginning_of_a_program_is_judged_or_said_to_be_damaged() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    let mut written = BTreeSet::new();
    for (kind, bytes) in [("hardened", elf::hardened()), ("library", elf::library()), ("fixed", elf::fixed())]
    {
        for length in (SHORTEST..bytes.len()).step_by(7).chain([bytes.len()]) {
            let name = format!("{kind}-{length:06}");
            dir.write(format!("all/{name}"), &bytes[..length]);
            written.insert(name);
        }
    }
    assert!(written.len() > 4000, "{}", written.len());
    let report = dir.report(&["checksec", "all"]);
    assert_eq!(report.exit_code(), 2);
    assert_eq!(accounted_for(&report), written);
    // The section headers end the file: without the last of them something is missing, and nothing is taken for whole.
    // What is only told by the way, such as marks that the system's start files lack, is no matter here.
    let is_grave = |finding: &serde_json::Value| {
        !matches!(finding["severity"].as_str(), Some("info" | "low"))
            || finding.get("cause").is_some_and(is_damage)
    };
    let passing = |name: &str| {
        let mut findings = report.findings();
        findings.all(|(_, finding)| !is_grave(finding) || !ends_with(&finding["location"]["path"], name))
    };
    assert!(passing(&format!("hardened-{:06}", elf::hardened().len())));
    assert!(!passing("hardened-000060"));
}

#[test]
fn damaged_programs_do_no_harm() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    let mut numbers = Numbers::seeded(500);
    let mut written = BTreeSet::new();
    for number in 0..500 {
        let mut bytes = [elf::hardened(), elf::weak(), elf::library(), elf::fixed()][number % 4].to_vec();
        for _ in 0..=numbers.below(8) {
            // Half of the damage is where it hurts: the header, the program headers and the tables after them. The
            // magic stays, or the file would be none of ours.
            let reach = if numbers.below(2) == 0 { 1024 } else { bytes.len() };
            let at = 4 + numbers.below(reach - 4);
            bytes[at] = [0, 0xff, 0x7f, 0x80, bytes[at] ^ 1, u8::try_from(numbers.below(256)).unwrap()]
                [numbers.below(6)];
        }
        let name = format!("{number:03}");
        dir.write(format!("all/{name}"), bytes);
        written.insert(name);
    }
    let report = dir.report(&["checksec", "all"]);
    assert!(matches!(report.exit_code(), 1 | 2));
    assert_eq!(accounted_for(&report), written);
    // The same bytes a second time, in another number of threads, are judged the same.
    let mut command = dir.hardpan(&["checksec", "all", "--format=json"]);
    let again = crate::util::report::Report::of(&command.env("RAYON_NUM_THREADS", "1").output().unwrap());
    assert_eq!(report, again);
}

#[test]
fn a_file_is_a_program_from_its_magic_on() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    for length in 0..10 {
        dir.write(format!("all/{length}"), &elf::hardened()[..length]);
    }
    let names: BTreeSet<String> = (SHORTEST..10).map(|length| length.to_string()).collect();
    assert_eq!(accounted_for(&dir.report(&["checksec", "all"])), names);
}

/// The names of the files that the report has a row or a problem for.
fn accounted_for(report: &crate::util::report::Report) -> BTreeSet<String> {
    let paths = report.executables().into_iter().chain(report.problems());
    paths.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
}

fn ends_with(path: &serde_json::Value, name: &str) -> bool {
    path.as_str().is_some_and(|path| path.ends_with(name))
}

fn is_damage(cause: &serde_json::Value) -> bool {
    cause != "undecided" && cause != "no-facts"
}
