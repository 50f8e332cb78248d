//! Whether glibc's checked functions are used.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::{Kind, Symbols};
use crate::rules::{ElfRule, damaged, not_loaded};

/// ELF-006.
#[doc = include_str!("fortify.md")]
pub(super) struct Fortify;

static META: RuleMeta = RuleMeta::new(
    "ELF-006",
    "fortify",
    "Calls into the C library are checked for buffer sizes",
    Pillar::HardenedExecutables,
    Severity::Low,
    include_str!("fortify.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"),
    Fix::new(Toolchain::Clang, "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"),
];

impl ElfRule for Fortify {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "FORTIFY"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| facts.kind != Kind::Object) {
            return judgement;
        }
        let symbols = match &facts.symbols {
            Err(error) => return damaged(error),
            Ok(symbols) => symbols,
        };
        if !symbols.checked.is_empty() {
            return checked(symbols);
        }
        if let Some(judgement) = without_glibc(facts) {
            return judgement;
        }
        if symbols.plain.is_empty() {
            return Judgement::not_applicable("nothing", "it calls no function that has a checked form");
        }
        let plain = Evidence::new("unchecked functions", list(&symbols.plain), "");
        let telling: Vec<_> = symbols.plain.iter().copied().filter(|name| is_telling(name, facts)).collect();
        if facts.kind == Kind::Object {
            let reason = "an object file does not tell which C library it is compiled for";
            return Judgement::unknown(Cause::Undecided, "no sign", reason).with(plain);
        }
        if telling.is_empty() {
            let reason = "the functions called are replaced only where the compiler knows a buffer's size";
            return Judgement::unknown(Cause::Undecided, "no sign", reason).with(plain);
        }
        let message = format!("_FORTIFY_SOURCE was below 2: {} would have been replaced", list(&telling));
        Judgement::fail("no", message, vec![plain])
    }
}

fn checked(symbols: &Symbols) -> Judgement {
    let (checked, all) = (symbols.checked.len(), symbols.checked.len() + symbols.plain.len());
    let evidence = Evidence::new("checked functions", list(&symbols.checked), "");
    Judgement::pass(format!("{checked} of {all}"), evidence)
}

/// Why there is nothing to expect; `None` if glibc's headers were used.
fn without_glibc(facts: &ElfFacts) -> Option<Judgement> {
    let not_applicable = |label, reason| Some(Judgement::not_applicable(label, reason));
    if facts.kind.is_static() {
        return match facts.origin.language {
            Language::Go => not_applicable("Go", "Go does not call the C library"),
            Language::Rust => not_applicable("Rust", "Rust calls the C library through no header"),
            _ => {
                let reason = "static: the C library's own calls are not to be told from the program's";
                Some(Judgement::unknown(Cause::Undecided, "static", reason))
            }
        };
    }
    match facts.origin.language {
        Language::Rust => return not_applicable("Rust", "Rust calls the C library through no header"),
        Language::Go => return not_applicable("Go", "Go calls the C library through stubs without buffers"),
        _ => {}
    }
    if facts.kind == Kind::Object {
        return None;
    }
    let names = facts.dynamic()?.names.as_ref().ok()?;
    let is_musl = names.needs(b"libc.musl") || names.needed.iter().any(|(_, name)| **name == *b"libc.so");
    if is_musl {
        return not_applicable("musl", "musl has no checked functions");
    }
    if !names.needs(b"libc.so.6") && !names.needs(b"ld-linux") {
        return not_applicable("no glibc", "it is not linked against glibc, which has the checked functions");
    }
    None
}

/// Whether glibc's headers replace the function at level 2 whatever the compiler knows of a buffer's size, so that a
/// plain use shows that they did not. A function whose address is taken looks the same, which is rare for these.
fn is_telling(name: &str, facts: &ElfFacts) -> bool {
    // glibc forwards variable arguments by a GCC built-in, or in C by macros; for C++ by clang it does neither.
    let forwards = !(facts.origin.has_clang && facts.origin.needs_cpp);
    ALWAYS.contains(&name) || (forwards && ALWAYS_VARIADIC.contains(&name))
}

fn list(names: &[&str]) -> String {
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

const ALWAYS: [&str; 9] = [
    "longjmp",
    "obstack_vprintf",
    "vasprintf",
    "vdprintf",
    "vfprintf",
    "vfwprintf",
    "vprintf",
    "vsyslog",
    "vwprintf",
];
const ALWAYS_VARIADIC: [&str; 8] =
    ["asprintf", "dprintf", "fprintf", "fwprintf", "obstack_printf", "printf", "syslog", "wprintf"];
/// Enough to recognise the program by.
const SHOWN: usize = 6;
