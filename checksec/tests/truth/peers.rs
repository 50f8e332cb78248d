//! scanelf and hardening-check over the same binaries. Where they say otherwise, the reason stands in one list.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use hardpan_checksec::rules::RULES;

use super::{BINARIES, judgements, letter, scan_of};
use crate::support::{Root, has_peers};

/// What is claimed of a property: that it is there, that it is not, or nothing, for either reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Yes,
    No,
    Unknown,
    NotApplicable,
}

use Claim::{No, NotApplicable, Unknown, Yes};

/// Binaries of which a tool and Hardpan say different things of one property, for one reason.
struct Difference {
    tool: &'static str,
    property: &'static str,
    theirs: Claim,
    ours: Claim,
    reason: &'static str,
    /// Their names. Where Hardpan claims nothing, `*` for all of which both say so; at least one must be there.
    binaries: &'static str,
}

const fn differ(
    tool: &'static str,
    property: &'static str,
    claims: (Claim, Claim),
    reason: &'static str,
    binaries: &'static str,
) -> Difference {
    Difference { tool, property, theirs: claims.0, ours: claims.1, reason, binaries }
}

/// Tool, property and binary.
type Place<'b> = (&'static str, &'static str, &'b str);
type Claims<'b> = BTreeMap<Place<'b>, Claim>;

#[test]
fn differences_from_peers_have_reasons() {
    if !has_peers("peers", &["scanelf", "hardening-check", "objdump"]) {
        return;
    }
    let root = Root::new();
    // hardening-check disassembles all of a file, which is most of the test's time for what Go and static linking make.
    let binaries: BTreeMap<&str, &[u8]> = BINARIES
        .iter()
        .filter(|(_, bytes)| bytes.len() < 1 << 20)
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    for (name, bytes) in &binaries {
        root.write(name, bytes);
    }
    let names: Vec<&str> = binaries.keys().copied().collect();
    let (mut theirs, mut other) = (Claims::new(), Claims::new());
    std::thread::scope(|scope| {
        let (first, second) = names.split_at(names.len() / 2);
        scope.spawn(|| hardening_check(root.path(), second, &mut other));
        hardening_check(root.path(), first, &mut theirs);
        scanelf(root.path(), &names, &mut theirs);
    });
    theirs.extend(other);
    assert!(theirs.len() > 8 * names.len(), "{} claims on {} files", theirs.len(), names.len());
    compare(&theirs, &ours(&binaries));
}

fn compare(theirs: &Claims<'_>, ours: &Claims<'_>) {
    let mut wrong = Vec::new();
    let mut open: BTreeMap<Place<'_>, (Claim, Claim)> = theirs
        .iter()
        .filter_map(|(place, claim)| Some((*place, (*claim, *ours.get(place)?))))
        // They do not say why they claim nothing.
        .filter(|(_, claims)| claims.0 != claims.1 && *claims != (Unknown, NotApplicable))
        .collect();
    for difference in DIFFERENCES.iter().filter(|difference| is_known(difference.property)) {
        assert!(difference.reason.len() > 20 && difference.theirs != difference.ours);
        let claims = (difference.theirs, difference.ours);
        let is_of = |place: &Place<'_>| place.0 == difference.tool && place.1 == difference.property;
        let places: Vec<Place<'_>> = if difference.binaries == "*" {
            assert!(matches!(difference.ours, Unknown | NotApplicable), "{}", difference.reason);
            open.iter()
                .filter(|(place, found)| is_of(place) && **found == claims)
                .map(|(place, _)| *place)
                .collect()
        } else {
            let names = difference.binaries.split_whitespace().filter(|name| BINARIES.contains_key(name));
            names.map(|name| (difference.tool, difference.property, name)).collect()
        };
        if places.is_empty() {
            wrong.push(format!("{claims:?} of {} no longer occurs", difference.property));
        }
        for place in places {
            let found = open.remove(&place);
            if found != Some(claims) {
                wrong.push(format!("{place:?} is listed as {claims:?}, found {found:?}"));
            }
        }
    }
    wrong.extend(open.iter().map(|(place, found)| format!("{place:?} is not listed: {found:?}")));
    assert!(wrong.is_empty(), "(theirs, ours)\n{}", wrong.join("\n"));
}

/// Whether the rule that a property belongs to is there yet.
fn is_known(property: &str) -> bool {
    let rule = if property == "full relro" { "relro" } else { property };
    RULES.iter().any(|known| known.meta().name == rule)
}

/// What Hardpan claims, in the words of both tools.
fn ours<'b>(binaries: &BTreeMap<&'b str, &'b [u8]>) -> Claims<'b> {
    let scan = scan_of(binaries.iter().map(|(name, bytes)| (*name, *bytes)));
    let mut claims = Claims::new();
    for name in binaries.keys() {
        let found = judgements(&scan, name);
        let claim = |rule: &str| match found.get(rule).map_or('?', |judgement| letter(judgement)) {
            '+' => Yes,
            '-' | '%' => No,
            '~' => NotApplicable,
            _ => Unknown,
        };
        // Both tools tell of the segment only.
        let relro = if found["relro"].label == "partial" { Yes } else { claim("relro") };
        for (tool, property, claim) in [
            ("scanelf", "relro", relro),
            ("scanelf", "nx-stack", claim("nx-stack")),
            ("scanelf", "bind-now", claim("bind-now")),
            ("scanelf", "textrel", claim("textrel")),
            ("scanelf", "wx-segments", claim("wx-segments")),
            ("scanelf", "rpath", claim("rpath")),
            ("hardening-check", "relro", relro),
            ("hardening-check", "bind-now", claim("bind-now")),
            ("hardening-check", "full relro", claim("relro")),
            ("hardening-check", "pie", claim("pie")),
            ("hardening-check", "stack-protector", claim("stack-protector")),
            ("hardening-check", "fortify", claim("fortify")),
            ("hardening-check", "stack-clash", claim("stack-clash")),
            ("hardening-check", "cet", claim("cet")),
        ] {
            if is_known(property) {
                claims.insert((tool, property, *name), claim);
            }
        }
    }
    claims
}

/// A line a file: flags of the stack, of RELRO and of the worst segment, TEXTREL, binding, search path.
fn scanelf<'b>(root: &Path, names: &[&'b str], claims: &mut Claims<'b>) {
    let mut command = Command::new("scanelf");
    command.args(["-B", "-y", "-F", "%f|%e|%t|%b|%r"]).args(names).current_dir(root);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let lines: BTreeMap<&str, Vec<&str>> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(name, rest)| (name, rest.split('|').map(str::trim).collect()))
        .collect();
    for name in names {
        let Some(fields) = lines.get(name) else { panic!("scanelf says nothing of {name}") };
        let [flags, textrel, binding, rpath] = fields[..] else { panic!("{fields:?}") };
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let [stack, relro, worst] = flags[..] else { panic!("{flags:?}") };
        let is = |holds: bool| if holds { Yes } else { No };
        for (property, claim) in [
            ("nx-stack", if stack == "---" { Unknown } else { is(!stack.contains('X')) }),
            ("relro", is(relro != "---")),
            ("wx-segments", is(!(worst.contains('W') && worst.contains('X')))),
            ("textrel", is(textrel == "-")),
            (
                "bind-now",
                if binding == "STATIC" || binding.is_empty() { Unknown } else { is(binding == "NOW") },
            ),
            ("rpath", is(rpath == "-")),
        ] {
            claims.insert(("scanelf", property, *name), claim);
        }
    }
}

/// A paragraph a file: its name, then a line for each property.
fn hardening_check<'b>(root: &Path, names: &[&'b str], claims: &mut Claims<'b>) {
    let output = Command::new("hardening-check").args(names).current_dir(root).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut name = None;
    for line in text.lines() {
        if let Some((property, says)) = line.strip_prefix(' ').and_then(|line| line.split_once(": ")) {
            let Some((_, property)) = PROPERTIES.iter().find(|(title, _)| *title == property) else {
                continue;
            };
            let claim = match says.split([',', ' ']).next() {
                Some("yes") => Yes,
                Some("no") => No,
                _ => Unknown,
            };
            claims.insert(("hardening-check", property, name.unwrap()), claim);
        } else {
            name = names.iter().find(|name| Some(**name) == line.strip_suffix(':')).copied().or(name);
        }
    }
    for name in names {
        let of = |property: &'static str| claims.get(&("hardening-check", property, *name)).copied();
        let (Some(relro), Some(now)) = (of("relro"), of("bind-now")) else { continue };
        let full = if relro == Yes && now == Yes { Yes } else { No };
        claims.insert(("hardening-check", "full relro", *name), full);
    }
}

const PROPERTIES: &[(&str, &str)] = &[
    ("Position Independent Executable", "pie"),
    ("Stack protected", "stack-protector"),
    ("Fortify Source functions", "fortify"),
    ("Read-only relocations", "relro"),
    ("Immediate binding", "bind-now"),
    ("Stack clash protection", "stack-clash"),
    ("Control flow integrity", "cet"),
];

/// Every difference. What is not listed fails the test, and so does what no longer occurs.
#[rustfmt::skip]
const DIFFERENCES: &[Difference] = &[
    // hardening-check: what it asks of every file alike.
    differ("hardening-check", "pie", (No, NotApplicable), "it calls a shared object no program", "*"),
    differ("hardening-check", "pie", (Yes, NotApplicable), "it takes any file with PT_PHDR for a program, which lld gives libraries, too; and debug files", "*"),
    differ("hardening-check", "pie", (No, Yes), "it takes a static PIE for a library, since it has no PT_PHDR", "aarch64-static-pie clang-static-pie gcc-static-pie gcc-static-pie-lazy"),
    differ("hardening-check", "relro", (No, NotApplicable), "it asks object files, modules and files without GOT for the segment", "*"),
    differ("hardening-check", "relro", (Yes, NotApplicable), "it judges a debug file by the headers of the program", "debug-file"),
    differ("hardening-check", "full relro", (No, NotApplicable), "as with the segment alone, above", "*"),
    differ("hardening-check", "full relro", (No, Yes), "a file that relocates itself needs no flag; neither does one without PLT", "aarch64-static clang-static gcc-pie-no-plt gcc-static gcc-static-execstack go-pie-stripped i386-static musl-static s390x-static stripped-static"),
    differ("hardening-check", "full relro", (Yes, No), "the flags are there, but the GOT lies outside the segment", "riscv64"),
    differ("hardening-check", "relro", (Yes, Unknown), "the segment is there; whether the GOT is inside is not to be told", "riscv64-no-plt"),
    differ("hardening-check", "full relro", (Yes, Unknown), "the segment is there; whether the GOT is inside is not to be told", "riscv64-no-plt"),
    differ("hardening-check", "bind-now", (No, NotApplicable), "it asks static files and object files for the flag", "*"),
    differ("hardening-check", "bind-now", (Yes, NotApplicable), "a static PIE binds nothing, whatever its flags", "*"),
    differ("hardening-check", "bind-now", (No, Yes), "nothing is bound lazily without PLT, or by musl's loader", "gcc-pie-no-plt go-pie-stripped musl-lazy"),
    differ("hardening-check", "stack-protector", (No, NotApplicable), "Go and Rust need none, and files without code", "*"),
    differ("hardening-check", "stack-protector", (Yes, NotApplicable), "it judges a debug file by the symbols of the program", "debug-file"),
    differ("hardening-check", "stack-protector", (No, Unknown), "without the symbol either the flag was off or nothing had to be protected", "*"),
    differ("hardening-check", "fortify", (No, NotApplicable), "it compares with the C library of this machine, which musl and Rust do not use", "*"),
    differ("hardening-check", "fortify", (Yes, NotApplicable), "it judges a debug file by the symbols of the program", "debug-file"),
    differ("hardening-check", "fortify", (No, Unknown), "plain functions that are replaced only where a size is known show nothing", "*"),
    differ("hardening-check", "cet", (No, NotApplicable), "it asks machines without CET for it", "*"),
    differ("hardening-check", "cet", (Yes, No), "it believes a mark on code that was compiled without", "cet-mark-only cet-program-mark-only"),
    // scanelf: what it prints is there or not, whatever it means.
    differ("scanelf", "nx-stack", (Unknown, Yes), "it tells .note.GNU-stack of an object file only if it asks for an executable stack", "aarch64-object cet-object cet-object-none fortify-object-off object object-clang object-soft"),
    differ("scanelf", "nx-stack", (Yes, NotApplicable), "it judges a debug file by the headers of the program", "debug-file"),
    differ("scanelf", "relro", (No, NotApplicable), "it asks object files, modules and files without GOT for the segment", "*"),
    differ("scanelf", "relro", (Yes, Unknown), "the segment is there; whether the GOT is inside is not to be told", "riscv64-no-plt"),
    differ("scanelf", "relro", (Yes, NotApplicable), "it judges a debug file by the headers of the program", "debug-file"),
    differ("scanelf", "relro", (No, Yes), "Go writes the header with no flags at all, which is neither readable nor what glibc looks at", "go-pie-stripped"),
    differ("scanelf", "bind-now", (No, NotApplicable), "a static PIE and the loader bind nothing, whatever their flags", "*"),
    differ("scanelf", "bind-now", (Yes, NotApplicable), "a static PIE binds nothing, whatever its flags", "*"),
    differ("scanelf", "bind-now", (No, Yes), "nothing is bound lazily without PLT, or by musl's loader", "gcc-pie-no-plt go-pie-stripped musl-lazy"),
    differ("scanelf", "textrel", (Yes, NotApplicable), "no flag in a file that nothing relocates", "*"),
    differ("scanelf", "wx-segments", (Yes, NotApplicable), "no segment in a file that is not loaded", "*"),
    differ("scanelf", "rpath", (Yes, NotApplicable), "no path in a file that loads nothing", "*"),
    differ("scanelf", "rpath", (No, Yes), "a path that only its owner can write to is no fault", "rpath-absolute runpath-absolute runpath-origin"),
    differ("scanelf", "rpath", (Yes, No), "it does not ask where the interpreter and libraries are that other entries name", "interpreter-open interpreter-relative needed-open audit-open audit-list-open filter-relative auxiliary-open"),
    // Flags that compilers record, which neither tool reads.
    differ("hardening-check", "stack-protector", (No, Yes), "the flag is recorded, and nothing had to be protected", "canary-recorded-plain fortify-recorded fortify-recorded-off"),
    differ("hardening-check", "stack-protector", (Yes, No), "one of two units is recorded to be without", "canary-mixed"),
    differ("hardening-check", "fortify", (No, Yes), "the flag is recorded, and no call was of a kind that it changes", "fortify-recorded"),
    differ("hardening-check", "stack-clash", (Unknown, Yes), "the flag is recorded, or the probes are those of LLVM", "aarch64-clash clash-clang clash-recorded rust-stripped"),
    differ("hardening-check", "stack-clash", (Unknown, No), "the flag is recorded to be off", "clash-recorded-off"),
];
