//! The table itself against readelf: where binutils can see what the flags did, both must agree, so that an error in the
//! table is not taken for one of the rules.

use std::process::Command;

use super::BINARIES;
use super::table::{Binary, RULE_NAMES, table};
use crate::support::has_peers;

#[test]
fn marks_build_ids_and_symbols_of_the_table() {
    if !has_peers("truth by readelf", &["readelf"]) {
        return;
    }
    let mut wrong = Vec::new();
    for binary in table() {
        let Some(bytes) = BINARIES.get(binary.name) else { continue };
        let text = readelf(bytes);
        let seen = [
            ("cet", marks(&text, "x86 feature:", ["IBT", "SHSTK"])),
            ("branch-protection", marks(&text, "AArch64 feature:", ["BTI", "PAC"])),
            ("build-id", if text.contains("Build ID: ") { '+' } else { '-' }),
            ("symbols", if text.contains(" .symtab ") { '!' } else { '+' }),
        ];
        wrong.extend(
            seen.into_iter().filter(|(rule, seen)| disagree(&binary, rule, *seen)).map(|(rule, seen)| {
                format!("{}: readelf says {seen} of {rule}: {}", binary.name, binary.how)
            }),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn readelf(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = Command::new("readelf").args(["-nSW"]).arg(file.path()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Both marks, one of them or none.
fn marks(text: &str, feature: &str, names: [&str; 2]) -> char {
    let line = text.lines().find_map(|line| line.split_once(feature)).map_or("", |(_, rest)| rest);
    let named = |name: &&str| line.split([' ', ',']).any(|word| word == *name);
    ['-', '%', '+'][names.iter().filter(|name| named(name)).count()]
}

/// Whether the table says otherwise. What does not apply, is open, or says more than the mark is no matter for readelf.
fn disagree(binary: &Binary, rule: &str, seen: char) -> bool {
    let column = RULE_NAMES.iter().position(|name| *name == rule).unwrap();
    match binary.verdicts[column] {
        '~' | 'o' | '?' | '.' | '*' => false,
        '!' if rule == "symbols" => seen != '!',
        // The mark is there, but on code that does not keep what it promises; or it is none that counts.
        '!' if rule == "build-id" => seen == '+',
        '!' => seen == '-',
        wanted => wanted != seen,
    }
}
