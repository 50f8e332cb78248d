//! Binaries whose truth is the flags that they were made with, held against every rule.

mod build;
mod patches;
mod peers;
mod readelf;
mod sources;
mod survive;
mod table;
mod wrong_answers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use hardpan_checksec::rules::RULES;
use hardpan_checksec::{Elf, Scan, ScanOptions, scan};
use hardpan_image::{Index, MemoryTree};
use hardpan_report::Judgement;

use crate::support::short;
use table::{Binary, NOT_YET, RULE_NAMES};

/// The binaries by name, built once for all tests.
static BINARIES: LazyLock<BTreeMap<&str, Vec<u8>>> = LazyLock::new(|| build::build(&table::table()));

/// Verdicts that differ from the table for now, with the letter found and the reason: binary, rule, letter, reason.
/// One that no longer differs fails the test, so that the list only gets shorter.
const PENDING: &[(&str, &str, char, &str)] = &[];

#[test]
fn verdicts_are_what_the_flags_say() {
    let table = table::table();
    assert!(table.len() >= 180, "{} binaries", table.len());
    let scan = scan_of(BINARIES.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    let mut wrong = Vec::new();
    for binary in table.iter().filter(|binary| BINARIES.contains_key(binary.name)) {
        let found = judgements(&scan, binary.name);
        wrong.extend(differences(binary, &found));
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// The columns that wait for their rules, so that none is forgotten when its rule arrives.
#[test]
fn columns_that_wait_are_those_without_a_rule() {
    let known: BTreeSet<&str> = RULES.iter().map(|rule| &*rule.meta().name).collect();
    let waiting: BTreeSet<&str> = RULE_NAMES.into_iter().filter(|name| !known.contains(name)).collect();
    assert_eq!(waiting, NOT_YET.iter().copied().collect());
    let without_column: Vec<_> = known.iter().filter(|name| !RULE_NAMES.contains(name)).collect();
    assert!(without_column.is_empty(), "no column for {without_column:?}");
}

/// The table can tell right from wrong: for every rule that exists it has files that pass and files that must not.
#[test]
fn every_column_has_both_sides() {
    let table = table::table();
    for (column, name) in RULE_NAMES.iter().enumerate() {
        let letters: BTreeSet<char> = table.iter().map(|binary| binary.verdicts[column]).collect();
        // No compiler makes a malformed file, and nothing but flags can fail the last.
        let bad = if *name == "well-formed" { "+" } else { "-%!" };
        assert!(
            letters.contains(&'+') && letters.iter().any(|letter| bad.contains(*letter)),
            "{name}: {letters:?}"
        );
    }
    let names: BTreeSet<_> = table.iter().map(|binary| binary.name).collect();
    assert_eq!(names.len(), table.len());
    let built: BTreeSet<_> = table.iter().map(|binary| binary.how).collect();
    assert_eq!(built.len(), table.len(), "two names for one binary");
}

/// Judges files as those of one image, with a directory that everyone can write to.
fn scan_of<'b>(files: impl Iterator<Item = (&'b str, &'b [u8])>) -> Scan {
    let mut tree = MemoryTree::new().directory("/open", 0o777).directory("/usr/lib", 0o755);
    for (name, bytes) in files {
        tree = tree.file(&format!("/usr/bin/{name}"), 0o755, bytes.to_vec());
    }
    let index = Index::build(&tree, &|_| true).unwrap().unwrap();
    scan(&index, &ScanOptions::default(), &|_| true).unwrap()
}

/// The judgements on a file of [`scan_of`] by the rules' names.
fn judgements<'s>(scan: &'s Scan, name: &str) -> BTreeMap<&'static str, &'s Judgement> {
    let path = format!("/usr/bin/{name}");
    let elf: &Elf = scan.elves.iter().find(|elf| elf.path == path.as_bytes()).unwrap();
    assert!(elf.facts.is_ok(), "{name}: {:?}", elf.facts.as_ref().err());
    RULES.iter().map(|rule| &*rule.meta().name).zip(&elf.judgements).collect()
}

fn differences(binary: &Binary, found: &BTreeMap<&'static str, &Judgement>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (rule, wanted) in RULE_NAMES.iter().zip(&binary.verdicts) {
        let Some(judgement) = found.get(rule) else { continue };
        let seen = letter(judgement);
        let pending = PENDING.iter().find(|(name, of, ..)| *name == binary.name && of == rule);
        let is_right = fits(*wanted, seen);
        let is_expected = pending.map_or(is_right, |(_, _, now, _)| !is_right && *now == seen);
        if !is_expected {
            let label = &judgement.label;
            wrong.push(format!(
                "{}: {rule} is {seen} ({label}), should be {wanted}{}: {}\n    {}",
                binary.name,
                if pending.is_some() { ", and is listed as pending" } else { "" },
                binary.how,
                judgement.message
            ));
        }
    }
    for (rule, wanted) in &binary.labels {
        let label = found.get(rule).map(|judgement| &*judgement.label);
        if label.is_some_and(|label| label != *wanted) {
            wrong.push(format!("{}: {rule} is labelled {label:?}, should be {wanted}", binary.name));
        }
    }
    wrong
}

/// The letter of an outcome in the table.
fn letter(judgement: &Judgement) -> char {
    short(judgement).chars().next().unwrap()
}

/// Whether an outcome is one that a letter of the table allows.
fn fits(wanted: char, seen: char) -> bool {
    match wanted {
        '.' => "?~".contains(seen),
        '!' => seen != '+',
        '*' => !"-%".contains(seen),
        'o' => true,
        exact => exact == seen,
    }
}
