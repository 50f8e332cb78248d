//! Whether the compiler's stack protector was on.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::flags::{Answer, Protector, Told};
use crate::facts::{Kind, Origin};
use crate::rules::{ElfRule, damaged, not_loaded, told};

/// ELF-005.
#[doc = include_str!("stack_protector.md")]
pub(super) struct StackProtector;

static META: RuleMeta = RuleMeta::new(
    "ELF-005",
    "stack-protector",
    "Functions check their stack frames before returning",
    Pillar::HardenedExecutables,
    Severity::Medium,
    include_str!("stack_protector.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fstack-protector-strong"),
    Fix::new(Toolchain::Clang, "-fstack-protector-strong"),
];

impl ElfRule for StackProtector {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "CANARY"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        let is_linked_later = matches!(facts.kind, Kind::Object | Kind::KernelModule);
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| !is_linked_later) {
            return judgement;
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        let symbols = match &facts.symbols {
            Err(error) => return damaged(error),
            Ok(symbols) => symbols,
        };
        let guard = match symbols.guard {
            Some(guard) => Some(Evidence::new("undefined symbol", guard, "")),
            // Inside the C library the calls are bound to its own definition, so no undefined symbol remains.
            None => symbols.defines_guard.then(|| Evidence::new("defined symbol", "__stack_chk_fail", "")),
        };
        match (facts.flags.answer(|claims| &claims.protector), guard) {
            (Answer::Mixed(said), guard) => mixed(&said, guard),
            (Answer::Agreed(level, told), Some(guard)) => with_guard(level, &told, guard),
            (Answer::Agreed(level, told), None) => by_flags(facts, level, &told),
            (Answer::Silent, Some(guard)) => Judgement::pass("yes", guard),
            (Answer::Silent, None) => without_guard(facts, symbols.examined),
        }
    }
}

/// Units that disagree. The weakest that is on is what all have.
fn mixed(said: &[(Option<Protector>, Told<'_>)], guard: Option<Evidence>) -> Judgement {
    let option = |level: Protector| level.option().to_string();
    let mut evidence = told::all(said, option, SILENCE);
    evidence.extend(guard);
    let is_silent = said.iter().any(|(level, _)| level.is_none());
    let weakest = said.iter().filter_map(|(level, _)| *level).min().unwrap_or(Protector::Off);
    if !is_silent && weakest > Protector::Off {
        let first = evidence.remove(0);
        return evidence.into_iter().fold(Judgement::pass(weakest.as_str(), first), Judgement::with);
    }
    let message = format!("not all of it is protected: {}", told::sentence(said, option, SILENCE));
    let judgement = Judgement::partial("mixed", message, evidence);
    // A compiler may have been built to protect by default, which is then recorded nowhere.
    if weakest > Protector::Off { judgement.heuristic() } else { judgement }
}

fn with_guard(level: Protector, told: &Told<'_>, guard: Evidence) -> Judgement {
    let flags = told::evidence(level.option(), told);
    if level > Protector::Off {
        // The mark is in what is loaded, and stays when the options are stripped: so does the label.
        return Judgement::pass("yes", guard).with(flags);
    }
    let message =
        "only code that records no options is protected: what does was compiled with -fno-stack-protector";
    Judgement::partial("mixed", message, vec![flags, guard])
}

/// The options say it, and no function shows it.
fn by_flags(facts: &ElfFacts, level: Protector, told: &Told<'_>) -> Judgement {
    let flags = told::evidence(level.option(), told);
    match level {
        Protector::Off => Judgement::fail("off", "compiled with -fno-stack-protector", vec![flags]),
        Protector::All if !facts.kind.is_static() => {
            let message = "recorded as compiled with -fstack-protector-all, yet no function checks its frame";
            Judgement::fail("none", message, vec![flags]).heuristic()
        }
        level => {
            if let Some(judgement) = told::cut(facts, &flags) {
                return judgement;
            }
            // What was compiled without recording anything leaves no trace, and may be what has the arrays.
            let mut judgement = Judgement::pass(level.as_str(), flags).heuristic();
            judgement.message = if facts.kind.is_static() {
                "it is on in all code that records its options"
            } else {
                "it is on in all code that records its options, and no function has anything to protect"
            }
            .into();
            judgement
        }
    }
}

fn without_guard(facts: &ElfFacts, examined: u64) -> Judgement {
    let Origin { language, mixes_c, .. } = facts.origin;
    match language {
        Language::Rust if !mixes_c => {
            let judgement = Judgement::not_applicable("Rust", "Rust bounds what it writes to the stack");
            // C that was linked into a static program may show nowhere.
            return if facts.kind.is_static() { judgement.heuristic() } else { judgement };
        }
        Language::Go if !mixes_c => {
            return Judgement::not_applicable("Go", "Go bounds what it writes to the stack");
        }
        _ => {}
    }
    let reason = if facts.kind.is_static() {
        "static: a check in the program and one in its C library look alike"
    } else {
        "no function checks its frame: either none has an array to protect or the protector was off"
    };
    let evidence =
        Evidence::new("undefined symbols", format!("{examined} examined, none of the protector's"), "");
    Judgement::unknown(Cause::Undecided, "no sign", reason).with(evidence)
}

const SILENCE: &str = "no option for it, so the compiler's default,";
