//! How evidence of build flags is put into words.

use hardpan_report::{Cause, Evidence, Judgement};

use crate::ElfFacts;
use crate::facts::flags::Told;
use crate::rules::at;

/// One value and who said it.
pub(super) fn evidence(option: &str, told: &Told<'_>) -> Evidence {
    let mut seen = format!("{option} in {} of {} {}", told.group.units, told.of, told.source.noun());
    if !told.group.example.is_empty() {
        seen.push_str(", the first of them ");
        seen.push_str(&told.group.example);
    }
    Evidence::new(told.source.as_str(), seen, "").at(at(told.group.offset))
}

/// What to say instead of a pass by options where not all that is recorded could be read; `None` if all was.
pub(super) fn cut(facts: &ElfFacts, seen: &Evidence) -> Option<Judgement> {
    let gap = facts.flags.gap()?;
    let reason = format!("what was read has it on, but not all that is recorded could be: {gap}");
    Some(Judgement::unknown(Cause::Undecided, "cut", reason).with(seen.clone()))
}

/// Several values and who said them; `silence` is what is said of who said nothing.
pub(super) fn all<T: Copy>(
    said: &[(Option<T>, Told<'_>)],
    option: impl Fn(T) -> String,
    silence: &str,
) -> Vec<Evidence> {
    let line = |(value, told): &(Option<T>, Told<'_>)| match value {
        Some(value) => evidence(&option(*value), told),
        None => evidence(silence, told),
    };
    said.iter().map(line).collect()
}

/// The same in a sentence, with an example of each.
pub(super) fn sentence<T: Copy>(
    said: &[(Option<T>, Told<'_>)],
    option: impl Fn(T) -> String,
    silence: &str,
) -> String {
    let part = |(value, told): &(Option<T>, Told<'_>)| {
        let option = value.map_or_else(|| silence.to_string(), &option);
        let unit = if told.group.example.is_empty() { "some" } else { &told.group.example };
        format!("{unit} has {option}")
    };
    let parts: Vec<String> = said.iter().map(part).collect();
    parts.join(", ")
}
