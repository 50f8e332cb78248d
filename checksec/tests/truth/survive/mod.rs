//! What a checker must survive: 38 kinds of damaged or hostile input, each with its number and a test of its own. What
//! Linux still runs is run here, too, and must be judged as it runs.

pub(super) mod dynamic;
pub(super) mod header;
pub(super) mod inputs;
pub(super) mod names;
mod other;
mod sections;

use std::collections::{BTreeMap, BTreeSet};

use hardpan_checksec::rules::RULES;
use hardpan_checksec::{ElfError, verdicts};
use hardpan_report::{Cause, Judgement, Outcome};

use super::{BINARIES, scan_of};
use crate::support::{Patch, assert_runs, short};

/// Makes a test of each numbered case, and lists the numbers.
macro_rules! cases {
    ($($number:literal $name:ident => $body:expr;)*) => {
        $(#[test]
        pub(crate) fn $name() {
            $body;
        })*

        /// The numbers and names of the cases in this file.
        pub(super) const NUMBERS: &[(u8, &str)] = &[$(($number, stringify!($name))),*];
    };
}
use cases;

#[test]
fn all_numbers_are_there() {
    let all =
        [header::NUMBERS, sections::NUMBERS, dynamic::NUMBERS, other::NUMBERS, inputs::NUMBERS].concat();
    let numbers: BTreeSet<u8> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=38).collect());
    let named: BTreeSet<&str> = all.iter().map(|(_, name)| *name).collect();
    assert_eq!((named.len(), all.len()), (38, 38), "one case for each number");
}

/// A change of some bytes.
#[derive(Clone)]
struct Damage {
    what: &'static str,
    at: usize,
    bytes: Vec<u8>,
}

fn damage(what: &'static str, at: usize, bytes: &[u8]) -> Damage {
    Damage { what, at, bytes: bytes.to_vec() }
}

/// Damage to eight bytes.
fn wide(what: &'static str, at: usize, value: u64) -> Damage {
    damage(what, at, &value.to_le_bytes())
}

/// Whether the rule about the form must see the damage: not all of it is in what Hardpan reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Malformed,
    Any,
}

/// Whether Linux still runs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linux {
    Runs,
    Refuses,
}

/// The program that is damaged: with symbols and debugging information, so that everything is there to be damaged. `None`
/// if its compiler is missing.
fn program() -> Option<Patch> {
    BINARIES.get("canary-recorded").map(|bytes| Patch(bytes.clone()))
}

/// Damage of what kernel and loader do not look at changes no verdict on what they do look at.
fn unchanged(linux: Linux, form: Form, damages: impl FnOnce(&Patch) -> Vec<Damage>) {
    let Some(whole) = program() else { return };
    let sound = judge(&whole.0).unwrap();
    assert_eq!(sound["well-formed"], "+yes");
    for damage in damages(&whole) {
        let bytes = damaged(&whole, &damage);
        let found = judge(&bytes).unwrap_or_else(|error| panic!("{}: {error}", damage.what));
        for (rule, verdict) in &found {
            // Recorded flags are in sections, so that without them the same verdict has another reason.
            let has_same_letter = verdict[..1] == sound[rule][..1];
            let is_same = *verdict == sound[rule] || (BY_SYMBOLS_TOO.contains(rule) && has_same_letter);
            let is_form = *rule == "well-formed" && (form == Form::Any || verdict.starts_with('-'));
            // What only section headers tell may be unknown without them, but not better than it was.
            let is_lost = BY_SECTIONS.contains(rule) && (!verdict.starts_with('+') || *rule == "symbols");
            assert!(
                is_form || is_lost || (is_same && *rule != "well-formed"),
                "{}: {rule} {verdict}",
                damage.what
            );
        }
        if linux == Linux::Runs {
            assert_runs(damage.what, &bytes);
        }
    }
}

/// Damage to one part makes unknown what depends on it, and nothing else.
fn unknown(damages: impl FnOnce(&Patch) -> Vec<(Damage, &'static [&'static str])>) {
    let Some(whole) = program() else { return };
    let sound = judge(&whole.0).unwrap();
    for (damage, unknown) in damages(&whole) {
        let found = judge(&damaged(&whole, &damage)).unwrap();
        for (rule, verdict) in &found {
            let wanted = if unknown.contains(rule) { "?unknown" } else { &sound[rule] };
            let is_open = LATER.contains(rule) && (*verdict == sound[rule] || verdict.starts_with('?'));
            let is_form = *rule == "well-formed" && verdict == "-malformed";
            assert!(is_form || is_open || verdict == wanted, "{}: {rule} {verdict}", damage.what);
        }
        assert_eq!(found["well-formed"], "-malformed", "{}", damage.what);
    }
}

/// Nothing passes that did not pass before, and what came first is judged as before unless it is unknown.
fn no_better(base: &str, damages: impl FnOnce(&Patch) -> Vec<Damage>) {
    let Some(whole) = BINARIES.get(base).map(|bytes| Patch(bytes.clone())) else { return };
    let sound = judge(&whole.0).unwrap();
    for damage in damages(&whole) {
        for (rule, verdict) in judge(&damaged(&whole, &damage)).unwrap() {
            let is_form = rule == "well-formed" && verdict == "-malformed";
            let is_worse = LATER.contains(&rule) && !verdict.starts_with('+');
            let is_fair = verdict == sound[rule] || verdict.starts_with('?') || is_form || is_worse;
            assert!(is_fair, "{base}: {}: {rule} {verdict}", damage.what);
        }
    }
}

/// Damage after which nothing can be told: one finding, of the rule about the form, and no pass of any rule.
fn hopeless(damages: impl FnOnce(&Patch) -> Vec<Damage>) {
    let Some(whole) = program() else { return };
    for damage in damages(&whole) {
        let error = judge(&damaged(&whole, &damage)).expect_err(damage.what);
        assert_eq!(error.cause(), Cause::Malformed, "{}", damage.what);
        assert_one_finding(damage.what, &damaged(&whole, &damage));
    }
}

fn assert_one_finding(what: &str, bytes: &[u8]) {
    let scan = scan_of([("damaged", bytes)].into_iter());
    for (meta, verdict) in verdicts(&scan) {
        assert_eq!(verdict.outcome(), Outcome::Unknown, "{what}: {}", meta.name);
        let wanted = usize::from(meta.name == "well-formed");
        assert_eq!(verdict.findings.len(), wanted, "{what}: {}", meta.name);
    }
}

fn damaged(whole: &Patch, damage: &Damage) -> Vec<u8> {
    let mut patch = Patch(whole.0.clone());
    patch.put(damage.at, &damage.bytes);
    assert!(patch.0 != whole.0, "{} changes nothing", damage.what);
    patch.0
}

/// The verdicts in short words by the rules' names, after what must hold of any.
fn judge(bytes: &[u8]) -> Result<BTreeMap<&'static str, String>, ElfError> {
    let scan = scan_of([("damaged", bytes)].into_iter());
    let [elf] = &scan.elves[..] else { panic!("{} rows", scan.elves.len()) };
    if let Err(error) = &elf.facts {
        return Err(error.clone());
    }
    let names = RULES.iter().map(|rule| &*rule.meta().name);
    Ok(names.zip(&elf.judgements).map(|(name, judgement)| (name, sane(name, judgement))).collect())
}

fn sane(rule: &str, judgement: &Judgement) -> String {
    assert_eq!(judgement.outcome == Outcome::Unknown, judgement.cause.is_some(), "{rule}");
    let must_prove = matches!(judgement.outcome, Outcome::Pass | Outcome::Partial | Outcome::Fail);
    assert!(!must_prove || !judgement.evidence.is_empty(), "{rule}");
    let seen = judgement.evidence.iter().map(|evidence| &*evidence.seen);
    for text in seen.chain([&*judgement.message]) {
        assert!(!text.contains(|letter: char| letter.is_control()), "{rule}: {text:?}");
    }
    short(judgement)
}

/// The offset of the header of a section with this name.
fn section(file: &Patch, name: &str) -> usize {
    let start = usize::try_from(file.u64(40)).unwrap();
    let names = start + usize::from(file.u16(62)) * 64;
    let names = usize::try_from(file.u64(names + 24)).unwrap();
    let headers = (0..usize::from(file.u16(60))).map(|index| start + index * 64);
    let is_named = |header: &usize| {
        let at = names + file.u32(*header) as usize;
        file.0[at..].starts_with(name.as_bytes()) && file.0[at + name.len()] == 0
    };
    headers.into_iter().find(is_named).unwrap_or_else(|| panic!("no {name}"))
}

/// The offset of the content of a section, and its size.
fn content(file: &Patch, name: &str) -> (usize, usize) {
    let header = section(file, name);
    (usize::try_from(file.u64(header + 24)).unwrap(), usize::try_from(file.u64(header + 32)).unwrap())
}

/// What these rules go by is in sections only.
const BY_SECTIONS: &[&str] = &["stack-clash", "cfi", "safe-stack", "symbols", "build-flags"];
/// What these rules go by is in symbols, too.
const BY_SYMBOLS_TOO: &[&str] = &["stack-protector", "fortify"];
/// Rules that came after the table of damages; which of them a damage reaches is theirs to decide, but never for the better.
const LATER: &[&str] = &[
    "cet",
    "branch-protection",
    "stack-clash",
    "cfi",
    "safe-stack",
    "symbols",
    "build-id",
    "separate-code",
    "build-flags",
];
