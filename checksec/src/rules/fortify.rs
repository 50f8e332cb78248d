//! Whether glibc's checked functions are used.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::flags::{Answer, Optimisation, Told};
use crate::facts::{Kind, Libc, Symbols};
use crate::rules::{ElfRule, damaged, not_loaded, told};

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
        if let Answer::Agreed(true, told) = facts.flags.answer(|claims| &claims.address_sanitizer) {
            let reason = "AddressSanitizer checks these calls itself";
            return Judgement::not_applicable("ASan", reason)
                .with(told::evidence("-fsanitize=address", &told));
        }
        let level = facts.flags.answer(|claims| &claims.fortify);
        if !symbols.checked.is_empty() {
            return checked(facts, symbols, &level);
        }
        if let Some(judgement) = without_glibc(facts) {
            return judgement;
        }
        match level {
            Answer::Mixed(said) => mixed(&said, Vec::new()),
            Answer::Agreed(level, told) => by_flags(facts, symbols, level, &told),
            Answer::Silent => by_symbols(facts, symbols),
        }
    }
}

/// Checked functions are called, so that at least some of the code is fortified.
fn checked(facts: &ElfFacts, symbols: &Symbols, level: &Answer<'_, u8>) -> Judgement {
    let (checked, all) = (symbols.checked.len(), symbols.checked.len() + symbols.plain.len());
    let functions = format!("{checked} of {all}: {}", list(&symbols.checked));
    let functions = Evidence::new("checked functions", functions, "");
    match level {
        Answer::Mixed(said) => mixed(said, vec![functions]),
        Answer::Agreed(0, told) => {
            let message = "only code that records no options is fortified: what does has no _FORTIFY_SOURCE";
            Judgement::partial("mixed", message, vec![told::evidence(&option(0), told), functions])
        }
        Answer::Agreed(level, told) => {
            Judgement::pass(level.to_string(), functions).with(told::evidence(&option(*level), told))
        }
        Answer::Silent => Judgement::pass(apparent(facts, symbols), functions),
    }
}

/// The level that the functions tell of: from 2 on, some are replaced always. Level 3 is not to be told from 2.
fn apparent(facts: &ElfFacts, symbols: &Symbols) -> &'static str {
    let is_checked = symbols.checked.iter().any(|name| is_telling(name, facts));
    let is_plain = symbols.plain.iter().any(|name| is_telling(name, facts));
    match (is_checked, is_plain) {
        (true, false) => "2+",
        (true, true) => "mixed",
        (false, true) => "1 or mixed",
        (false, false) => "1+",
    }
}

/// Units that disagree. Where all are fortified the lowest level is what all have.
fn mixed(said: &[(Option<u8>, Told<'_>)], more: Vec<Evidence>) -> Judgement {
    let mut evidence = told::all(said, option, SILENCE);
    evidence.extend(more);
    let is_silent = said.iter().any(|(level, _)| level.is_none());
    let lowest = said.iter().filter_map(|(level, _)| *level).min().unwrap_or(0);
    if !is_silent && lowest > 0 {
        let first = evidence.remove(0);
        return evidence.into_iter().fold(Judgement::pass(lowest.to_string(), first), Judgement::with);
    }
    let message = format!("not all of it is fortified: {}", told::sentence(said, option, SILENCE));
    let judgement = Judgement::partial("mixed", message, evidence);
    // A compiler may have been built to define it, which is then recorded nowhere.
    if lowest > 0 { judgement.heuristic() } else { judgement }
}

/// The options say it, and no function shows it.
fn by_flags(facts: &ElfFacts, symbols: &Symbols, level: u8, told: &Told<'_>) -> Judgement {
    let flags = told::evidence(&option(level), told);
    let plain = Evidence::new("unchecked functions", list(&symbols.plain), "");
    if symbols.plain.is_empty() && !facts.kind.is_static() {
        return Judgement::not_applicable("nothing", "it calls no function that has a checked form")
            .with(flags);
    }
    if level == 0 {
        return Judgement::fail("no", "compiled without _FORTIFY_SOURCE", vec![flags, plain]);
    }
    if let Answer::Agreed(Optimisation::None, told) = facts.flags.answer(|claims| &claims.optimisation) {
        let message = "_FORTIFY_SOURCE was defined, but does nothing without optimisation";
        return Judgement::fail("-O0", message, vec![flags, told::evidence("no -O", &told), plain]);
    }
    let telling = telling(facts, symbols);
    if level > 1 && !telling.is_empty() && facts.origin.language != Language::Go {
        let message = format!("recorded as level {level}, which would have replaced {}", list(&telling));
        return Judgement::fail("no", message, vec![flags, plain]).heuristic();
    }
    if let Some(judgement) = told::cut(facts, &flags) {
        return judgement;
    }
    // What was compiled without recording anything leaves no trace, and may be what makes the calls.
    let mut judgement = Judgement::pass(level.to_string(), flags).heuristic();
    judgement.message = "it is on in all code that records its options".into();
    judgement
}

fn by_symbols(facts: &ElfFacts, symbols: &Symbols) -> Judgement {
    if facts.kind.is_static() {
        let reason = "static: the C library's own calls are not to be told from the program's";
        return Judgement::unknown(Cause::Undecided, "static", reason);
    }
    if symbols.plain.is_empty() {
        return Judgement::not_applicable("nothing", "it calls no function that has a checked form");
    }
    let plain = Evidence::new("unchecked functions", list(&symbols.plain), "");
    if let Answer::Agreed(Optimisation::None, told) = facts.flags.answer(|claims| &claims.optimisation) {
        let message = "compiled without optimisation, and without it _FORTIFY_SOURCE does nothing";
        return Judgement::fail("-O0", message, vec![told::evidence("no -O", &told), plain]);
    }
    if facts.kind == Kind::Object {
        let reason = "an object file does not tell which C library it is compiled for";
        return Judgement::unknown(Cause::Undecided, "no sign", reason).with(plain);
    }
    let telling = telling(facts, symbols);
    if facts.origin.language == Language::Go {
        let reason =
            "Go's own C code calls functions that are replaced always, whatever flags the program's had";
        return Judgement::unknown(Cause::Undecided, "no sign", reason).with(plain);
    }
    if telling.is_empty() {
        let reason = "the functions called are replaced only where the compiler knows a buffer's size";
        return Judgement::unknown(Cause::Undecided, "no sign", reason).with(plain);
    }
    let message = format!("_FORTIFY_SOURCE was below 2: {} would have been replaced", list(&telling));
    Judgement::fail("no", message, vec![plain]).heuristic()
}

/// Why there is nothing to expect; `None` if glibc's headers were used, or may have been.
fn without_glibc(facts: &ElfFacts) -> Option<Judgement> {
    let not_applicable = |label, reason| Some(Judgement::not_applicable(label, reason));
    match facts.origin.language {
        Language::Rust if !facts.origin.mixes_c => {
            let judgement = not_applicable("Rust", "Rust calls the C library through no header");
            // C that was linked into a static program may show nowhere.
            return if facts.kind.is_static() { judgement.map(Judgement::heuristic) } else { judgement };
        }
        Language::Go if !facts.origin.mixes_c => {
            return not_applicable("Go", "Go does not call the C library through its headers");
        }
        _ => {}
    }
    if facts.kind == Kind::Object || facts.kind.is_static() {
        return None;
    }
    // Names that cannot be read tell nothing.
    facts.dynamic()?.names.as_ref().ok()?;
    let (label, reason) = match facts.libc {
        Libc::Glibc(_) => return None,
        Libc::Musl(_) => ("musl", "musl has no checked functions"),
        Libc::Other => ("no glibc", "it is not linked against glibc, which has the checked functions"),
    };
    not_applicable(label, reason)
}

fn telling(facts: &ElfFacts, symbols: &Symbols) -> Vec<&'static str> {
    symbols.plain.iter().copied().filter(|name| is_telling(name, facts)).collect()
}

fn option(level: u8) -> String {
    match level {
        0 => "no _FORTIFY_SOURCE".into(),
        level => format!("-D_FORTIFY_SOURCE={level}"),
    }
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
const SILENCE: &str = "no definition of _FORTIFY_SOURCE";
/// Enough to recognise the program by.
const SHOWN: usize = 6;
