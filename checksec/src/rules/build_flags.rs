//! Whether recorded flags agree with each other and with the file.

use hardpan_report::{Cause, Evidence, Judgement, Pillar, RuleMeta, Severity};
use object::elf::{PT_GNU_RELRO, PT_GNU_STACK};

use crate::ElfFacts;
use crate::facts::flags::{Answer, Claims, ControlFlow, Linking, Optimisation, Position, Protector, Votes};
use crate::facts::{Kind, Properties};
use crate::rules::{ElfRule, at, not_loaded, told};

/// ELF-019.
#[doc = include_str!("build_flags.md")]
pub(super) struct BuildFlags;

static META: RuleMeta = RuleMeta::new(
    "ELF-019",
    "build-flags",
    "The recorded build flags agree with each other and with the file",
    Pillar::HardenedExecutables,
    Severity::Info,
    include_str!("build_flags.md"),
);

impl ElfRule for BuildFlags {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn column(&self) -> &'static str {
        "FLAGS"
    }

    fn judge(&self, facts: &ElfFacts) -> Judgement {
        let is_linked_later = matches!(facts.kind, Kind::Object | Kind::KernelModule);
        if let Some(judgement) = not_loaded(facts.kind).filter(|_| !is_linked_later) {
            return judgement;
        }
        let recorded = recorded(facts);
        if recorded.is_empty() {
            return without_flags(facts);
        }
        let (contradictions, evidence): (Vec<String>, Vec<Evidence>) =
            contradictions(facts).into_iter().unzip();
        if !contradictions.is_empty() {
            return Judgement::fail("denied", contradictions.join("; "), evidence);
        }
        if let Some(judgement) = disagreement(facts) {
            return judgement;
        }
        if let Some(gap) = facts.flags.gap() {
            let reason = format!("what was read agrees, but not all could be: {gap}");
            return recorded
                .into_iter()
                .fold(Judgement::unknown(Cause::Undecided, "cut", reason), Judgement::with);
        }
        let mut recorded = recorded.into_iter();
        let first = recorded.next().unwrap_or_else(|| Evidence::new("build flags", "none", ""));
        recorded.fold(Judgement::pass("agree", first), Judgement::with)
    }
}

/// What is recorded, for the reader: each protection that options say something of, and Go's settings.
fn recorded(facts: &ElfFacts) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    for property in PROPERTIES {
        evidence.extend((property.said)(facts));
    }
    for recorded in &facts.flags.recorded {
        let linking = recorded.claims.linking.iter();
        evidence.extend(linking.map(|(linking, group)| {
            Evidence::new(recorded.source.as_str(), asked(*linking), "").at(at(group.offset))
        }));
    }
    if evidence.is_empty() {
        let sources = facts.flags.recorded.iter().filter(|recorded| recorded.claims.recorded > 0);
        evidence.extend(sources.map(|recorded| {
            let (of, noun) = (recorded.claims.recorded, recorded.source.noun());
            Evidence::new(recorded.source.as_str(), format!("{of} {noun}, without options to protect"), "")
        }));
    }
    if let Some(build) = facts.flags.go().filter(|build| !build.settings.is_empty()) {
        let settings = build.settings.iter().filter(|(key, _)| GO_SETTINGS.contains(&&**key));
        let settings = settings.map(|(key, value)| format!(" {key}={value}"));
        let seen = format!("{}{}", build.version, settings.collect::<String>());
        evidence.push(Evidence::new("Go build information", seen, "").at(at(build.offset)));
    }
    if !evidence.is_empty() && !facts.flags.tools.names.is_empty() {
        let tools = &facts.flags.tools;
        evidence.push(Evidence::new(".comment", tools.names.join(", "), "").at(at(tools.offset)));
    }
    evidence
}

fn without_flags(facts: &ElfFacts) -> Judgement {
    let unread = match &facts.flags.go {
        Some(Err(error)) => Some(error),
        _ => facts.flags.gap(),
    };
    match unread {
        Some(error) => {
            let evidence = Evidence::new("damage", error.to_string(), "").at(at(error.offset()));
            let reason = format!("what it records of its build cannot be read: {error}");
            // Nothing runs by it, so that it is no failure of the scan.
            Judgement::unknown(Cause::Undecided, "unread", reason).with(evidence)
        }
        None => Judgement::not_applicable("none", "it records no options of its compilers"),
    }
}

/// In a sentence, as evidence, and whether it is proven.
type Difference = (String, Vec<Evidence>, bool);

/// A protection that units can disagree on.
struct Property {
    /// What is said of it, if all say the same.
    said: fn(&ElfFacts) -> Vec<Evidence>,
    /// If they do not, how they differ.
    mixed: fn(&ElfFacts) -> Option<Difference>,
}

macro_rules! property {
    ($field:ident, $option:expr) => {
        Property {
            said: |facts| said(facts, |claims| &claims.$field, $option),
            mixed: |facts| mixed(facts, |claims| &claims.$field, $option),
        }
    };
}

/// Whether code is optimised is no protection by itself, and a program may be of any position.
static PROPERTIES: &[Property] = &[
    property!(protector, |level| level.option().to_string()),
    property!(fortify, |level| format!("_FORTIFY_SOURCE at {level}")),
    property!(clash, |is_on| format!("-f{}stack-clash-protection", if is_on { "" } else { "no-" })),
    property!(control_flow, |mode| mode.option().to_string()),
];

/// What the linker was asked for.
fn asked(linking: Linking) -> String {
    let choice = |value: Option<bool>, on: &'static str, off: &'static str| {
        value.map(|is_on| if is_on { on } else { off })
    };
    let all = [
        choice(linking.now, "-z now", "-z lazy"),
        choice(linking.relro, "-z relro", "-z norelro"),
        choice(linking.no_exec_stack, "-z noexecstack", "-z execstack"),
        choice(linking.pie, "-pie", "no -pie"),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn said<T: Copy + PartialEq + 'static>(
    facts: &ElfFacts,
    pick: fn(&Claims) -> &Votes<T>,
    option: fn(T) -> String,
) -> Vec<Evidence> {
    match facts.flags.answer(pick) {
        Answer::Silent => Vec::new(),
        Answer::Agreed(value, told) => vec![told::evidence(&option(value), &told)],
        Answer::Mixed(values) => told::all(&values, option, SILENCE),
    }
}

fn mixed<T: Copy + PartialEq + 'static>(
    facts: &ElfFacts,
    pick: fn(&Claims) -> &Votes<T>,
    option: fn(T) -> String,
) -> Option<Difference> {
    let Answer::Mixed(values) = facts.flags.answer(pick) else { return None };
    let is_proven = values.iter().filter(|(value, _)| value.is_some()).count() > 1;
    Some((told::sentence(&values, option, SILENCE), told::all(&values, option, SILENCE), is_proven))
}

fn disagreement(facts: &ElfFacts) -> Option<Judgement> {
    let mut sentences = Vec::new();
    let mut all = Vec::new();
    let mut is_proven = false;
    for (sentence, evidence, proven) in PROPERTIES.iter().filter_map(|property| (property.mixed)(facts)) {
        sentences.push(sentence);
        all.extend(evidence);
        is_proven |= proven;
    }
    if sentences.is_empty() {
        return None;
    }
    let message = format!("its units were compiled differently: {}", sentences.join("; "));
    let judgement = Judgement::partial("differ", message, all);
    Some(if is_proven { judgement } else { judgement.heuristic() })
}

type Contradiction = (String, Evidence);

/// Options that the file itself denies.
fn contradictions(facts: &ElfFacts) -> Vec<Contradiction> {
    let mut found = Vec::new();
    found.extend(protector(facts));
    found.extend(fortify(facts));
    found.extend(control_flow(facts));
    found.extend(position(facts));
    found.extend(go(facts));
    for recorded in &facts.flags.recorded {
        if let Some((linking, group)) = &recorded.claims.linking {
            let denied = linking_denied(facts, *linking);
            let evidence = |option| Evidence::new(recorded.source.as_str(), option, "").at(at(group.offset));
            found.extend(
                denied
                    .into_iter()
                    .map(|(option, but)| (format!("{option} was given, but {but}"), evidence(option))),
            );
        }
    }
    found
}

fn protector(facts: &ElfFacts) -> Option<Contradiction> {
    let Answer::Agreed(Protector::All, told) = facts.flags.answer(|claims| &claims.protector) else {
        return None;
    };
    let symbols = facts.symbols.as_ref().ok()?;
    let is_absent = symbols.guard.is_none() && !symbols.defines_guard;
    let is_telling = is_absent && facts.has_code && !facts.kind.is_static();
    let evidence = told::evidence("-fstack-protector-all", &told);
    is_telling.then(|| ("-fstack-protector-all was given, but no function checks its frame".into(), evidence))
}

fn fortify(facts: &ElfFacts) -> Option<Contradiction> {
    let votes = facts.flags.recorded.iter().find_map(|recorded| {
        let (level, group) = recorded.claims.fortify_unoptimised.said.first()?;
        Some((level, group, recorded.source))
    });
    // Notes say both apart from each other: there the whole file must be without.
    let (level, offset, source) = match votes {
        Some((level, group, source)) => (*level, group.offset, source),
        None => match (
            facts.flags.answer(|claims| &claims.fortify),
            facts.flags.answer(|claims| &claims.optimisation),
        ) {
            (Answer::Agreed(level @ 1.., told), Answer::Agreed(Optimisation::None, _)) => {
                (level, told.group.offset, told.source)
            }
            _ => return None,
        },
    };
    let seen = format!("-D_FORTIFY_SOURCE={level} without -O");
    let message = format!("-D_FORTIFY_SOURCE={level} was given, but without optimisation it does nothing");
    Some((message, Evidence::new(source.as_str(), seen, "-O2").at(at(offset))))
}

/// Linkers leave the mark out if any part lacks it, and the files that start programs lack it in many distributions.
fn control_flow(facts: &ElfFacts) -> Option<Contradiction> {
    let Answer::Agreed(mode, told) = facts.flags.answer(|claims| &claims.control_flow) else { return None };
    let wanted = match mode {
        ControlFlow::Off => return None,
        ControlFlow::Branch => Properties::IBT,
        ControlFlow::Return => Properties::SHSTK,
        ControlFlow::Full => Properties::IBT | Properties::SHSTK,
    };
    let properties = facts.notes.properties.as_ref().ok()?;
    if properties.as_ref().is_some_and(|properties| properties.has(wanted)) {
        return None;
    }
    let option = mode.option();
    let message = format!(
        "{option} was given, but the file is not marked for it: a part that it was linked with is not"
    );
    Some((message, told::evidence(option, &told)))
}

fn position(facts: &ElfFacts) -> Option<Contradiction> {
    let Answer::Agreed(Position::Program, told) = facts.flags.answer(|claims| &claims.position) else {
        return None;
    };
    is_fixed(facts.kind).then(|| {
        (
            "-fPIE was given, but the program is linked to a fixed address".into(),
            told::evidence("-fPIE", &told),
        )
    })
}

fn go(facts: &ElfFacts) -> Option<Contradiction> {
    let build = facts.flags.go()?;
    let is_denied = build.setting("-buildmode") == Some("pie") && is_fixed(facts.kind);
    let evidence = || Evidence::new("Go build information", "-buildmode=pie", "").at(at(build.offset));
    is_denied.then(|| {
        ("-buildmode=pie was given, but the program is linked to a fixed address".into(), evidence())
    })
}

fn linking_denied(facts: &ElfFacts, linking: Linking) -> Vec<(&'static str, &'static str)> {
    let mut denied = Vec::new();
    if not_loaded(facts.kind).is_some() {
        return denied;
    }
    let has_plt = matches!(&facts.slots, Ok(Some(slots)) if slots.calls > 0);
    if linking.now == Some(true)
        && has_plt
        && facts.dynamic().is_some_and(|dynamic| dynamic.bind_now().is_none())
    {
        denied.push(("-z now", "symbols are bound lazily"));
    }
    if linking.relro == Some(true) && facts.needs_relro && facts.segments.last(PT_GNU_RELRO).is_none() {
        denied.push(("-z relro", "there is no PT_GNU_RELRO"));
    }
    let stack = facts.segments.last(PT_GNU_STACK);
    if linking.no_exec_stack == Some(true) && stack.is_some_and(|(_, segment)| segment.is_executable()) {
        denied.push(("-z noexecstack", "PT_GNU_STACK asks for an executable stack"));
    }
    if linking.pie == Some(true) && is_fixed(facts.kind) {
        denied.push(("-pie", "the program is linked to a fixed address"));
    }
    denied
}

fn is_fixed(kind: Kind) -> bool {
    matches!(kind, Kind::Executable | Kind::StaticExecutable)
}

const SILENCE: &str = "no option for it";
/// Those that change how the program can be attacked.
const GO_SETTINGS: [&str; 6] =
    ["CGO_ENABLED", "CGO_CFLAGS", "CGO_LDFLAGS", "-buildmode", "-ldflags", "-tags"];
