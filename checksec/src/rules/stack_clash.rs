//! Whether large stack frames are touched page by page.

use hardpan_report::{Cause, Evidence, Fix, Judgement, Language, Pillar, RuleMeta, Severity, Toolchain};

use crate::ElfFacts;
use crate::facts::flags::{Answer, Told};
use crate::facts::{Kind, Probes};
use crate::rules::{ElfRule, at, damaged, not_loaded, told};

/// ELF-013.
#[doc = include_str!("stack_clash.md")]
pub(super) struct StackClash;

static META: RuleMeta = RuleMeta::new(
    "ELF-013",
    "stack-clash",
    "Large stack frames cannot step over the guard page",
    Pillar::HardenedExecutables,
    Severity::Low,
    include_str!("stack_clash.md"),
)
.with_fixes(FIXES);

static FIXES: &[Fix] = &[
    Fix::new(Toolchain::Gcc, "-fstack-clash-protection"),
    Fix::new(Toolchain::Clang, "-fstack-clash-protection"),
];

impl ElfRule for StackClash {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "CLASH"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| facts.kind != Kind::Object) {
            return judgement;
        }
        if !facts.has_code {
            return Judgement::not_applicable("no code", "it holds no machine code");
        }
        if facts.origin.language == Language::Go && !facts.origin.mixes_c {
            return Judgement::not_applicable(
                "Go",
                "each function of Go compares its frame with the stack that is left",
            );
        }
        match facts.flags.answer(|claims| &claims.clash) {
            Answer::Agreed(true, told) => by_flags(facts, told::evidence(&option(true), &told)),
            Answer::Agreed(false, told) => {
                let message = "compiled with -fno-stack-clash-protection";
                Judgement::fail("no", message, vec![told::evidence(&option(false), &told)])
            }
            Answer::Mixed(said) => mixed(&said),
            Answer::Silent => by_probes(facts),
        }
    }
}

/// What was compiled without recording anything leaves no trace.
fn by_flags(facts: &ElfFacts, flags: Evidence) -> Judgement {
    if let Some(judgement) = told::cut(facts, &flags) {
        return judgement;
    }
    let mut judgement = Judgement::pass("yes", flags).heuristic();
    judgement.message = "it is on in all code that records its options".into();
    judgement
}

fn mixed(said: &[(Option<bool>, Told<'_>)]) -> Judgement {
    let message = format!("not all of it is protected: {}", told::sentence(said, option, SILENCE));
    let judgement = Judgement::partial("mixed", message, told::all(said, option, SILENCE));
    // A compiler may have been built to protect by default, which is then recorded nowhere.
    if said.iter().any(|(value, _)| *value == Some(false)) { judgement } else { judgement.heuristic() }
}

/// The absence of probes is no failure: most programs have no frame that needs one.
fn by_probes(facts: &ElfFacts) -> Judgement {
    let probes = match &facts.probes {
        Err(error) => return damaged(error),
        Ok(None) => {
            let reason = format!("what probes look like on {} is not known", facts.header.machine_name());
            return Judgement::unknown(Cause::Undecided, "no sign", reason);
        }
        Ok(Some(probes)) => probes,
    };
    if let Some((offset, instructions)) = probes.first {
        let probe = Evidence::new("stack probe", instructions, "").at(at(offset));
        let is_pure_rust = facts.origin.language == Language::Rust && !facts.origin.mixes_c;
        if facts.kind.is_static() && !is_pure_rust {
            let reason = "static: a probe in the program and one in its C library look alike";
            return Judgement::unknown(Cause::Undecided, "static", reason).with(probe);
        }
        // One frame is seen, and other code may be compiled otherwise.
        return Judgement::pass("yes", probe).heuristic();
    }
    let reason = "no frame is seen to be probed: either none is larger than a page or the protection was off";
    Judgement::unknown(Cause::Undecided, "no sign", reason).with(searched(probes))
}

fn searched(probes: &Probes) -> Evidence {
    let Probes { searched, code, .. } = probes;
    Evidence::new("code searched", format!("{searched} of {code} bytes, no stack probe"), "")
}

fn option(is_on: bool) -> String {
    if is_on { "-fstack-clash-protection".into() } else { "-fno-stack-clash-protection".into() }
}

const SILENCE: &str = "no option for it, so the compiler's default,";
